"""Users that wait: started in order, cancelled from the end."""

import random
from typing import Any

import gevent
import pytest
from gevent.event import Event

from crowsg.testing.manual_clock import settle
from crowsg.throttle.permit import Permit
from crowsg.users.starter import Starter


class Ramp:
    """A starter that is let on by hand."""

    def __init__(self) -> None:
        self.permit = Event()
        self.started: list[int] = []
        self.over = 0
        self.due: list[float] = []
        self.starter = Starter(self._admit, self._begin, self._spawn, self._end)

    def _admit(self) -> Permit:
        self.permit.wait()
        return Permit(due_ns=3_000_000_000, now_ns=3_000_000_000)

    def _begin(self, user_id: int, due: float) -> None:
        self.started.append(user_id)
        self.due.append(due)

    def _spawn(self, function: Any) -> Any:
        return gevent.spawn(function)

    def _end(self) -> None:
        self.over += 1


def test_users_know_when_they_were_due() -> None:
    ramp = Ramp()
    ramp.permit.set()

    ramp.starter.add(1, 2)
    settle()

    assert ramp.due == [3.0, 3.0]


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

    ramp.starter.cancel(cancel)
    assert ramp.starter.waiting == len(left)
    ramp.permit.set()
    settle()

    assert ramp.started == left


@pytest.mark.parametrize(
    ("cancel", "cancelled"),
    [
        pytest.param(0, [], id="nobody"),
        pytest.param(1, [range(11, 12)], id="the last"),
        pytest.param(2, [range(10, 12)], id="a whole range"),
        pytest.param(4, [range(10, 12), range(2, 4)], id="a range and a part"),
        pytest.param(5, [range(10, 12), range(1, 4)], id="all"),
        pytest.param(99, [range(10, 12), range(1, 4)], id="more than there are"),
    ],
)
def test_a_cancellation_tells_whom_it_struck(cancel: int, cancelled: list[range]) -> None:
    ramp = Ramp()
    ramp.starter.add(1, 3)
    ramp.starter.add(10, 11)

    assert ramp.starter.cancel(cancel) == cancelled


def test_a_cancellation_of_nobody_strikes_nobody() -> None:
    assert Ramp().starter.cancel(5) == []


@pytest.mark.parametrize("seed", range(50))
def test_everybody_is_started_or_cancelled_once(seed: int) -> None:
    rng, ramp = random.Random(seed), Ramp()
    last_id = 0
    cancelled: list[int] = []

    for _ in range(rng.randrange(1, 40)):
        if rng.random() < 0.5:
            first_id, last_id = last_id + 1, last_id + rng.randrange(1, 30)
            ramp.starter.add(first_id, last_id)
        else:
            cancelled += [id for ids in ramp.starter.cancel(rng.randrange(40)) for id in ids]
        if rng.random() < 0.3:
            ramp.permit.set()
            settle()
            ramp.permit.clear()
    ramp.permit.set()
    settle()

    assert sorted([*ramp.started, *cancelled]) == list(range(1, last_id + 1))


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

    assert ramp.starter.cancel(10**12) == [range(1, 10**12 + 1)]
