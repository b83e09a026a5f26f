"""Messages wait for readers, readers for messages; none is lost."""

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
