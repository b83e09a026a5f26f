"""Users that wait: started in order, cancelled from the end."""

from typing import Any

import gevent
import pytest
from gevent.event import Event

from crowsg.testing.manual_clock import settle
from crowsg.users.starter import Starter


class Ramp:
    """A starter that is let on by hand."""

    def __init__(self) -> None:
        self.permit = Event()
        self.started: list[int] = []
        self.over = 0
        self.starter = Starter(self._admit, self.started.append, self._spawn, self._end)

    def _admit(self) -> None:
        self.permit.wait()

    def _spawn(self, function: Any) -> Any:
        return gevent.spawn(function)

    def _end(self) -> None:
        self.over += 1


def test_users_start_in_the_order_of_their_ids() -> None:
    ramp = Ramp()
    ramp.permit.set()

    ramp.starter.add(1, 3)
    ramp.starter.add(10, 11)
    settle()

    assert (ramp.started, ramp.starter.waiting, ramp.over) == ([1, 2, 3, 10, 11], 0, 1)


@pytest.mark.parametrize(
    ("cancel", "left"),
    [(0, [1, 2, 3, 10, 11]), (1, [1, 2, 3, 10]), (2, [1, 2, 3]), (4, [1]), (5, []), (99, [])],
)
def test_those_asked_for_last_are_cancelled_first(cancel: int, left: list[int]) -> None:
    ramp = Ramp()
    ramp.starter.add(1, 3)
    ramp.starter.add(10, 11)
    settle()

    assert ramp.starter.cancel(cancel) == min(cancel, 5)
    assert ramp.starter.waiting == len(left)
    ramp.permit.set()
    settle()

    assert ramp.started == left


def test_users_added_after_everybody_was_cancelled_start() -> None:
    ramp = Ramp()
    ramp.starter.add(1, 3)
    settle()
    ramp.starter.cancel(3)

    ramp.starter.add(4, 4)
    ramp.permit.set()
    settle()

    assert ramp.started == [4]


def test_a_permit_that_comes_with_the_cancellation_starts_nobody() -> None:
    ramp = Ramp()
    ramp.starter.add(1, 3)
    settle()

    ramp.permit.set()
    ramp.starter.cancel(3)
    settle()

    assert (ramp.started, ramp.starter.waiting) == ([], 0)


def test_a_million_million_waiting_users_take_no_room() -> None:
    ramp = Ramp()

    ramp.starter.add(1, 10**12)
    settle()

    assert ramp.starter.cancel(10**12) == 10**12
