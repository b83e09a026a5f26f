"""Messages that say who they are from, and what is refused of them."""

import logging
from typing import Any

import gevent
import pytest
from gevent.event import Event

from crowsg.clock import SECOND
from crowsg.cluster.exchange import Exchange, Peer, Sender
from crowsg.cluster.identity import Identity
from crowsg.cluster.limited_log import LINES_PER_SECOND
from crowsg.cluster.link import Link, Origin
from crowsg.cluster.once import MAX_COMMANDS, MAX_SENDERS
from crowsg.cluster.wire_errors import to_wire
from crowsg.errors import (
    CrowsgError,
    InvalidRange,
    NotSendable,
    PartialFailure,
    Refused,
    RemoteFault,
    Unreachable,
)
from crowsg.testing import ManualClock, MemoryNetwork
from crowsg.testing.manual_clock import settle
from tests.cluster.kept_notes import KeptNotes
from tests.cluster.watched_link import Sent, WatchedLink

LOGGER = logging.getLogger("crowsg")
HERE = Identity("a@here", 11, "test", "here:9400")
THERE = Identity("b@there", 22, "test")


class Pair:
    """Two nodes; ``there`` answers, and notes what it was asked."""

    def __init__(self) -> None:
        self.clock = ManualClock(100 * SECOND)
        self.network = MemoryNetwork(self.clock)
        self.sent: list[Sent] = []
        link = self.network.link("here:9400", origin=Origin("key", "a@here"))
        self.here = Exchange(HERE, WatchedLink(link, "here:9400", self.sent), self.clock, LOGGER)
        self.journal = KeptNotes()
        self.there = Exchange(
            THERE, self.network.link("there:9400"), self.clock, LOGGER, self.journal
        )
        self.heard: list[tuple[Sender, Any]] = []
        self.gate = Event()
        self.there.answer("echo", self.echo)
        self.there.answer("wait", self.wait)
        self.there.answer("fail", self.fail)
        self.there.take("news", self.echo)
        self.there.take("odd", self.fail)
        self.here.open()
        self.there.open()
        self.peer = Peer("b@there", "there:9400", 22, 0)
        self.raised: BaseException = ValueError("no")

    def echo(self, sender: Sender, body: Any) -> Any:
        self.heard.append((sender, body))
        return body

    def wait(self, sender: Sender, body: Any) -> Any:
        self.heard.append((sender, body))
        self.gate.wait()
        return len(self.heard)

    def fail(self, sender: Sender, body: Any) -> Any:
        self.heard.append((sender, body))
        raise self.raised

    def raw(self, payload: Any, method: str = "echo", origin: Origin | None = None) -> Any:
        """Return what ``there`` answers to ``payload`` as it is."""
        return self.stranger(origin).call("there:9400", method, payload, 1.0)

    def tell_raw(self, payload: Any, topic: str = "news") -> None:
        self.stranger().tell("there:9400", topic, payload)
        settle()

    def stranger(self, origin: Origin | None = None) -> Link:
        return self.network.link("stranger:1", origin=origin)


@pytest.fixture
def pair() -> Pair:
    return Pair()


def envelope(**changed: Any) -> dict[str, Any]:
    """Return a message to ``there`` that is in order but for what is changed."""
    proper = {
        "v": 1, "cluster": "test", "from": "a@here", "inc": 11, "to": 22, "run": "r1", "id": 7,
        "by": 200 * SECOND, "at": "here:9400", "body": 1,
    }  # fmt: skip
    return proper | changed


def kind_of(answer: Any) -> str:
    """Return the kind of the refusal in a raw answer; "" where there is none."""
    error = answer.get("error")
    return error["attributes"]["kind"]["plain"] if error else ""


def test_a_call_is_answered(pair: Pair) -> None:
    assert pair.here.call(pair.peer, "echo", {"x": [1, 2]}, 1.0) == {"x": [1, 2]}


def test_a_command_that_is_carried_out_is_noted(pair: Pair) -> None:
    pair.raw(envelope(), "fail")
    pair.raw(envelope(id=8, by=0, run=""))

    common = {"sender": "a@here", "sender_incarnation": 11}
    assert pair.journal.kept == [
        ("command", {"method": "fail", "number": 7, "run": "r1", "late": -100.0, **common}),
        ("command", {"method": "echo", "number": 8, "run": "", "late": 0.0, **common}),
    ]


@pytest.mark.parametrize(
    "changed",
    [{"by": 99 * SECOND}, {"to": 23}, {"cluster": "prod"}, {"from": "x"}],
    ids=["late", "former life", "other cluster", "malformed"],
)
def test_a_command_that_is_refused_is_not_noted(pair: Pair, changed: dict[str, Any]) -> None:
    """R16, I10."""
    pair.raw(envelope(**changed))

    assert pair.journal.kept == []


def test_a_command_that_is_repeated_is_noted_once(pair: Pair) -> None:
    """R16, I10."""
    for _ in range(3):
        pair.raw(envelope())

    assert len(pair.journal.kept) == 1


def test_a_beat_is_sealed_like_a_notice(pair: Pair) -> None:
    beat = pair.here.beat(pair.peer, "news", [1])
    pair.here.pulse(lambda: [beat], lambda address: None)
    settle()

    assert pair.heard == [(Sender("a@here", 11, "here:9400", "", Origin("key", "a@here")), [1])]


def test_it_knows_where_nobody_listens(pair: Pair) -> None:
    assert (pair.here.refuses("there:9400"), pair.here.refuses("nowhere:1")) == (False, True)


def test_the_handler_learns_who_asked_and_in_which_run(pair: Pair) -> None:
    pair.here.call(pair.peer, "echo", 1, 1.0, run="r1")

    assert pair.heard == [
        (Sender("a@here", 11, "here:9400", "r1", Origin("key", "a@here")), 1),
    ]


def test_a_notice_arrives(pair: Pair) -> None:
    pair.here.tell(pair.peer, "news", {"x": 1}, run="r1")
    settle()

    assert [(sender.run, body) for sender, body in pair.heard] == [("r1", {"x": 1})]


def test_whoever_is_there_can_be_called(pair: Pair) -> None:
    assert pair.here.call_address("there:9400", "echo", 5, 1.0) == 5


def test_a_node_without_an_address_has_that_of_its_link(pair: Pair) -> None:
    assert pair.there.identity.address == "there:9400"


def test_a_call_without_answer_ends_in_time(pair: Pair) -> None:
    call = gevent.spawn(pair.here.call, pair.peer, "wait", 1, 1.5)
    pair.clock.advance(1.4)
    assert not call.ready()
    pair.clock.advance(0.1)

    assert isinstance(call.exception, Unreachable)
    pair.gate.set()


def test_the_deadline_is_told_in_the_clock_of_the_receiver(pair: Pair) -> None:
    pair.here.call(Peer("b@there", "there:9400", 22, 1000 * SECOND), "echo", 1, 1.5)

    assert pair.sent[-1].payload["by"] == 1101.5 * SECOND


def test_whoever_is_there_gets_no_deadline(pair: Pair) -> None:
    pair.here.call_address("there:9400", "echo", 5, 1.0)

    assert pair.sent[-1].payload["by"] == 0


def test_each_message_has_a_number_of_its_own(pair: Pair) -> None:
    for _ in range(3):
        pair.here.call(pair.peer, "echo", 1, 1.0)
        pair.here.tell(pair.peer, "news", 1)

    numbers = [each.payload["id"] for each in pair.sent]
    assert len(set(numbers)) == 6


@pytest.mark.parametrize(
    "error",
    [
        InvalidRange(3, 1, 10),
        NotSendable("a set"),
        PartialFailure("add", {"c@d": 1}, {"e@f": Refused("stale", "over")}),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_a_handler_is_raised_at_the_caller(pair: Pair, error: CrowsgError) -> None:
    pair.raised = error

    with pytest.raises(type(error)) as caught:
        pair.here.call(pair.peer, "fail", 1, 1.0)

    assert str(caught.value) == str(error)


def test_a_fault_of_a_handler_is_told_by_name_and_logged_here(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(RemoteFault, match=r"^ValueError: no$"):
        pair.here.call(pair.peer, "fail", 1, 1.0)

    assert [record.exc_info is not None for record in caplog.records] == [True]


class TestOnce:
    def test_a_repeated_command_has_one_effect_and_the_same_answer(self, pair: Pair) -> None:
        """R16."""
        answers = [pair.raw(envelope(body=body)) for body in (1, 2, 3)]

        assert answers == [{"ok": 1}] * 3
        assert len(pair.heard) == 1

    @pytest.mark.parametrize("error", [Refused("stale", "over"), ValueError("no")], ids=repr)
    def test_a_repeated_command_that_failed_fails_again_without_effect(
        self, pair: Pair, error: Exception
    ) -> None:
        """R16."""
        pair.raised = error

        answers = [pair.raw(envelope(), "fail") for _ in range(2)]

        assert answers == [{"error": to_wire(error)}] * 2
        assert len(pair.heard) == 1

    def test_a_repeat_waits_for_the_first(self, pair: Pair) -> None:
        calls = [gevent.spawn(pair.raw, envelope(), "wait") for _ in range(3)]
        settle()
        assert len(pair.heard) == 1
        pair.gate.set()
        settle()

        assert [call.value for call in calls] == [{"ok": 1}] * 3

    def test_a_command_that_was_ended_half_way_is_not_begun_again(self, pair: Pair) -> None:
        pair.raised = gevent.GreenletExit()
        with pytest.raises(RemoteFault):
            pair.raw(envelope(), "fail")

        assert "half-way" in pair.raw(envelope(), "fail")["error"]["text"]
        assert len(pair.heard) == 1

    @pytest.mark.parametrize(
        "changed", [{"id": 8}, {"inc": 12}, {"from": "c@here"}], ids=["number", "life", "name"]
    )
    def test_another_command_is_carried_out(self, pair: Pair, changed: dict[str, Any]) -> None:
        pair.raw(envelope())
        pair.raw(envelope(**changed))

        assert len(pair.heard) == 2

    def test_the_last_thousand_of_a_sender_are_remembered(self, pair: Pair) -> None:
        for number in range(1, MAX_COMMANDS + 1):
            pair.raw(envelope(id=number))
        pair.raw(envelope(id=1))
        assert len(pair.heard) == MAX_COMMANDS

        pair.raw(envelope(id=MAX_COMMANDS + 1))
        pair.raw(envelope(id=1))
        assert len(pair.heard) == MAX_COMMANDS + 2

    def test_a_hundred_senders_are_remembered_those_that_spoke_last(self, pair: Pair) -> None:
        for life in range(1, MAX_SENDERS + 1):
            pair.raw(envelope(inc=life))
        pair.raw(envelope(inc=1))
        pair.raw(envelope(inc=MAX_SENDERS + 1))
        heard = len(pair.heard)

        pair.raw(envelope(inc=1))
        assert len(pair.heard) == heard
        pair.raw(envelope(inc=2))
        assert len(pair.heard) == heard + 1

    def test_a_repeat_after_its_deadline_has_no_effect_either(self, pair: Pair) -> None:
        pair.raw(envelope())
        pair.clock.advance(100)
        pair.raw(envelope(id=8, by=0))

        assert kind_of(pair.raw(envelope())) == "stale"
        assert len(pair.heard) == 2


WRONG: dict[str, list[Any]] = {
    "v": [None, "1", True, 1.0, [1]],
    "cluster": [None, 1, "x" * 300, "a\nb", ["test"]],
    "from": [None, 1, "", "nobody", "a@b\n", ["a@here"], {"a": 1}],
    "inc": [None, 0, -1, True, "11", 1.5, 1 << 63, [11]],
    "to": [None, -1, "22", False, 1 << 63, {}],
    "run": [None, 1, "x" * 300, "\x1b[2J", []],
    "id": [None, 0, -7, True, "7", 1 << 63, [7]],
    "by": [None, -1, "x", True, 1.5, 1 << 63],
    "at": [None, 1, "x", "x:0", "x:70000", "a b:1", "x:1\n", []],
}

MALFORMED: dict[str, Any] = {
    "none": None,
    "text": "x",
    "list": [1],
    "empty": {},
    **{
        f"{field}={value!r}": envelope(**{field: value})
        for field, values in WRONG.items()
        for value in values
    },
    **{
        f"no-{field}": {name: value for name, value in envelope().items() if name != field}
        for field in envelope()
    },
}


class TestSad:
    @pytest.mark.parametrize("payload", MALFORMED.values(), ids=MALFORMED)
    def test_what_is_no_message_is_refused(self, pair: Pair, payload: Any) -> None:
        answer = pair.raw(payload)
        pair.tell_raw(payload)

        assert kind_of(answer) == "malformed"
        assert pair.there.refused == {"malformed": 2}
        assert pair.heard == []

    @pytest.mark.parametrize(
        ("kind", "changed"),
        [
            ("other_version", {"v": 2}),
            ("other_version", {"v": 0, "from": None, "inc": None}),
            ("other_cluster", {"cluster": "prod"}),
            ("stale", {"to": 21}),
            ("stale", {"by": 1}),
            ("stale", {"by": 100 * SECOND}),
        ],
        ids=["version", "version-of-another-shape", "cluster", "life", "deadline", "just-over"],
    )
    def test_what_is_not_for_this_node_is_refused(
        self, pair: Pair, kind: str, changed: dict[str, Any]
    ) -> None:
        answer = pair.raw(envelope(**changed))
        pair.tell_raw(envelope(**changed))

        assert kind_of(answer) == kind
        assert pair.there.refused == {kind: 2}
        assert pair.heard == []

    def test_a_name_is_only_taken_from_the_key_it_is_bound_to(self, pair: Pair) -> None:
        assert kind_of(pair.raw(envelope(), origin=Origin("key", "c@here"))) == "wrong_key"
        assert pair.raw(envelope(), origin=Origin("key", "a@here")) == {"ok": 1}

    def test_a_key_that_is_bound_to_no_name_speaks_for_any(self, pair: Pair) -> None:
        assert pair.raw(envelope(), origin=Origin("key")) == {"ok": 1}

    def test_a_command_to_a_former_life_is_never_carried_out(self, pair: Pair) -> None:
        with pytest.raises(Refused, match="former life"):
            pair.here.call(Peer("b@there", "there:9400", 21, 0), "echo", 1, 1.0)

        assert pair.heard == []

    def test_a_command_that_took_too_long_on_its_way_is_never_carried_out(self, pair: Pair) -> None:
        pair.network.delay("here:9400", "there:9400", 2 * SECOND)
        call = gevent.spawn(pair.here.call, pair.peer, "echo", 1, 1.0)
        pair.clock.advance(5)

        assert isinstance(call.exception, Unreachable)
        assert pair.heard == []

    def test_a_clock_thought_to_be_too_early_only_loses_time(self, pair: Pair) -> None:
        with pytest.raises(Refused, match="deadline"):
            pair.here.call(Peer("b@there", "there:9400", 22, -(1 << 62)), "echo", 1, 1.0)

    @pytest.mark.parametrize("answer", [None, [], {}, {"x": 1}, "ok"], ids=repr)
    def test_an_answer_that_is_none_is_a_remote_fault(self, pair: Pair, answer: Any) -> None:
        odd = pair.network.link("odd:9400")
        odd.open({"echo": lambda origin, payload: answer}, {})

        with pytest.raises(RemoteFault, match="cannot be read"):
            pair.here.call_address("odd:9400", "echo", 1, 1.0)

    def test_refusals_fill_no_log(self, pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
        stranger = pair.stranger()
        for _ in range(1000):
            stranger.tell("there:9400", "news", "x")
        settle()

        assert len(caplog.records) == 1
        assert pair.there.refused == {"malformed": 1000}

    def test_faults_of_handlers_fill_no_log(
        self, pair: Pair, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(100):
            with pytest.raises(RemoteFault):
                pair.here.call(pair.peer, "fail", 1, 1.0)

        assert len(caplog.records) == LINES_PER_SECOND

    def test_no_stranger_writes_lines_of_the_log(
        self, pair: Pair, caplog: pytest.LogCaptureFixture
    ) -> None:
        pair.raw(envelope(v=2, **{"from": "x\nERROR all is lost\x1b[2J" * 1000}))

        (record,) = caplog.records
        assert record.getMessage().isprintable()
        assert len(record.getMessage()) < 500

    def test_a_notice_whose_handler_refuses_it_is_counted(self, pair: Pair) -> None:
        pair.raised = Refused("unknown", "who is that")

        pair.here.tell(pair.peer, "odd", 1)
        settle()

        assert pair.there.refused == {"unknown": 1}
