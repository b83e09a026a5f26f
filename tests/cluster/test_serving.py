"""Handlers of calls and notices, whatever carries them."""

import logging
from typing import Any

import gevent
import pytest
from gevent.event import Event

from crowsg.cluster.link import Origin, Payload
from crowsg.cluster.packing import pack
from crowsg.cluster.serving import Answer, Serving, value_of
from crowsg.errors import RemoteFault
from crowsg.testing import ManualClock

ME = Origin("key", "me@host")


def raising(error: BaseException) -> Any:
    def handler(origin: Origin, payload: Payload) -> None:
        raise error

    return handler


@pytest.fixture
def answers() -> list[Answer]:
    return []


def serving(max_calls: int = 10, **handlers: Any) -> Serving:
    made = Serving(gevent.spawn, ManualClock(), max_calls)
    made.begin(handlers, handlers)
    return made


def test_a_handler_gets_who_asks_and_what(answers: list[Answer]) -> None:
    serving(tell=lambda origin, payload: [origin, payload]).answer("tell", ME, 7, answers.append)
    gevent.idle()

    assert answers == [{"ok": [ME, 7]}]


def test_calls_beyond_the_limit_are_refused_at_once(answers: list[Answer]) -> None:
    release = Event()
    served = serving(2, wait=lambda origin, payload: release.wait())
    for _ in range(3):
        served.answer("wait", ME, None, answers.append)

    assert answers == [{"fault": "Busy: 2 calls are being answered already"}]
    release.set()
    gevent.idle()
    assert len(answers) == 3


def test_calls_that_ended_make_room(answers: list[Answer]) -> None:
    served = serving(1, echo=lambda origin, payload: payload)
    for number in range(3):
        served.answer("echo", ME, number, answers.append)
        gevent.idle()

    assert answers == [{"ok": 0}, {"ok": 1}, {"ok": 2}]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("bad\nvalue"), "ValueError: bad value"),
        (SystemExit(1), "SystemExit: 1"),
        (gevent.GreenletExit(), "GreenletExit: "),
        (gevent.Timeout(1), "Timeout: 1 second"),
        (KeyError("x" * 5000), "KeyError: '" + "x" * 511),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_a_handler_raises_is_told_on_one_line(
    answers: list[Answer], error: BaseException, told: str
) -> None:
    serving(fail=raising(error)).answer("fail", ME, None, answers.append)
    gevent.idle()

    assert answers == [{"fault": told}]


def test_the_traceback_stays_in_the_log(
    answers: list[Answer], caplog: pytest.LogCaptureFixture
) -> None:
    serving(fail=raising(ValueError("x"))).answer("fail", ME, None, answers.append)
    gevent.idle()

    assert "Traceback" in caplog.text
    assert "Traceback" not in str(answers)


def test_an_answer_that_cannot_be_packed_is_a_fault(answers: list[Answer]) -> None:
    def reply(answer: Answer) -> None:
        pack(answer)
        answers.append(answer)

    serving(make=lambda origin, payload: {1}).answer("make", ME, None, reply)
    gevent.idle()

    assert answers[0]["fault"].startswith("NotPackable: payload['ok']")


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1), gevent.GreenletExit()])
def test_a_notice_that_raises_is_logged(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    serving(fail=raising(error)).take("fail", ME, None)

    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_handler_that_is_ended_by_the_close_answers_nobody(
    answers: list[Answer], caplog: pytest.LogCaptureFixture
) -> None:
    served = serving(wait=lambda origin, payload: Event().wait())
    served.answer("wait", ME, None, answers.append)
    gevent.idle()

    served.close()

    assert (answers, caplog.records) == ([], [])


def test_the_value_of_an_answer_is_what_was_returned() -> None:
    assert value_of({"ok": None}) is None


@pytest.mark.parametrize("answer", [{}, [], None, "ok", {"fault": 1}, {"fault": ["x"]}, 1])
def test_what_is_no_answer_is_a_fault(answer: Payload) -> None:
    with pytest.raises(RemoteFault, match="BadAnswer"):
        value_of(answer)


def test_the_text_of_a_fault_cannot_move_a_terminal() -> None:
    with pytest.raises(RemoteFault) as caught:
        value_of({"fault": "X: \x1b[2J" + "y" * 10_000})

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) <= 512
