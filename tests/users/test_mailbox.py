"""Messages wait for readers, readers for messages; none is lost."""

import gc
import weakref
from typing import Any

import gevent
import pytest

from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle
from crowsg.users.mailbox import Mailbox


def test_messages_are_taken_in_the_order_they_came() -> None:
    mailbox = Mailbox(ManualClock())
    for message in (1, 2, 3):
        mailbox.put(message)

    assert [mailbox.take(None) for _ in range(3)] == [1, 2, 3]


def test_readers_are_served_in_the_order_they_came() -> None:
    mailbox = Mailbox(ManualClock())
    served: list[tuple[int, Any]] = []
    for reader in (1, 2):
        gevent.spawn(lambda name: served.append((name, mailbox.take(None))), reader)
    settle()

    mailbox.put("a")
    mailbox.put("b")
    settle()

    assert served == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("timeout", [0, -1])
def test_no_time_to_wait_means_a_look(timeout: float) -> None:
    mailbox = Mailbox(ManualClock())

    with pytest.raises(TimeoutError):
        mailbox.take(timeout)


def test_a_message_given_to_a_reader_that_is_killed_stays() -> None:
    mailbox = Mailbox(ManualClock())
    reader = gevent.spawn(mailbox.take, None)
    settle()

    reader.kill(block=False)
    mailbox.put("kept")
    settle()

    assert mailbox.take(0) == "kept"


def test_a_reader_that_is_killed_leaves_the_line() -> None:
    mailbox = Mailbox(ManualClock())
    reader = gevent.spawn(mailbox.take, 5)
    settle()
    reader.kill()

    mailbox.put("next")

    assert mailbox.take(0) == "next"


def test_none_is_a_message_like_any_other() -> None:
    mailbox = Mailbox(ManualClock())
    mailbox.put(None)

    assert mailbox.take(0) is None


@pytest.mark.parametrize("timeout", [float("nan")])
def test_a_timeout_that_is_no_number_loses_no_message(timeout: float) -> None:
    mailbox = Mailbox(ManualClock())

    with pytest.raises(ValueError, match="NaN"):
        mailbox.take(timeout)
    mailbox.put("kept")

    assert mailbox.take(0) == "kept"


def test_an_endless_timeout_waits_for_ever() -> None:
    clock = ManualClock()
    mailbox = Mailbox(clock)
    reader = gevent.spawn(mailbox.take, float("inf"))
    clock.advance(1_000_000)

    mailbox.put("late")
    settle()

    assert reader.value == "late"


def test_the_message_of_a_reader_that_is_killed_goes_to_the_next_reader() -> None:
    mailbox = Mailbox(ManualClock())
    first, second = (gevent.spawn(mailbox.take, None) for _ in range(2))
    settle()

    first.kill(block=False)
    mailbox.put("for the second")
    settle()

    assert second.value == "for the second"


def test_a_timeout_leaves_nothing_to_the_collector() -> None:
    clock = ManualClock()
    mailbox = Mailbox(clock)

    class Large:
        """Something a frame holds."""

    def read() -> Any:
        large = Large()
        with pytest.raises(TimeoutError):
            mailbox.take(1)
        return weakref.ref(large)

    gc.disable()
    try:
        reader = gevent.spawn(read)
        clock.advance(2)
        assert reader.value() is None
    finally:
        gc.enable()
