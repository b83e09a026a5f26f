"""A process that stood still is noticed before anything else runs."""

import pytest

from crowsg.clock import SECOND
from crowsg.health.standstill import Attendance, Standstill
from crowsg.testing import ManualClock


class Thread:
    """A thread that notes that it is there, and who asks after it."""

    def __init__(self) -> None:
        self.clock = ManualClock(SECOND)
        self.attendance = Attendance(self.clock.now_ns, 1.0)
        self.attendance.begin()

    def stand_still(self, seconds: float) -> None:
        self.clock.jump(seconds)

    def absence_s(self) -> float:
        return self.attendance.take_absence_ns() / SECOND


@pytest.fixture
def thread() -> Thread:
    return Thread()


def test_who_is_there_is_not_absent(thread: Thread) -> None:
    for _ in range(20):
        thread.stand_still(0.1)
        thread.attendance.note()

    assert thread.absence_s() == 0


@pytest.mark.parametrize("comes_first", [True, False], ids=["the thread", "who asks"])
def test_an_absence_is_known_whoever_comes_first(thread: Thread, comes_first: bool) -> None:
    thread.stand_still(15)
    if comes_first:
        thread.attendance.note()

    assert thread.absence_s() == 15


def test_it_is_told_once(thread: Thread) -> None:
    thread.stand_still(15)
    thread.absence_s()
    thread.attendance.note()

    assert thread.absence_s() == 0


def test_one_that_is_long_over_is_not_told(thread: Thread) -> None:
    thread.stand_still(15)
    for _ in range(20):
        thread.attendance.note()
        thread.stand_still(0.1)

    assert thread.absence_s() == 0


def test_before_it_began_there_is_none() -> None:
    clock = ManualClock(100 * SECOND)

    assert Attendance(clock.now_ns, 1.0).take_absence_ns() == 0


def test_all_are_told_how_long_it_was() -> None:
    told: list[float] = []
    standstill = Standstill(lambda: 15 * SECOND)
    standstill.on_end(told.append)
    standstill.on_end(told.append)

    standstill.look()

    assert told == [15, 15]


def test_nobody_is_told_of_nothing() -> None:
    told: list[float] = []
    standstill = Standstill(lambda: 0)
    standstill.on_end(told.append)

    standstill.look()

    assert told == []
