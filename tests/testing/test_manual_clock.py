"""Time that a test moves: exact, in order, with all consequences. The contract: test_clock.py."""

from functools import partial

import gevent
import pytest
from gevent.event import Event

from crowsg.clock import SECOND
from crowsg.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_time_stands_still_until_it_is_moved(clock: ManualClock) -> None:
    gevent.idle()

    assert (clock.now_ns(), clock.wall()) == (0, 0.0)


def test_time_begins_where_it_is_told_to() -> None:
    clock = ManualClock(start_ns=7)

    assert clock.now_ns() == 7


def test_time_is_moved_exactly(clock: ManualClock) -> None:
    for _ in range(10):
        clock.advance(0.1)

    assert clock.now_ns() == 1_000_000_000


def test_a_callback_sees_the_moment_it_was_due(clock: ManualClock) -> None:
    seen: list[int] = []
    for delay_ns in (300, 100, 200):
        clock.call_later(delay_ns, lambda: seen.append(clock.now_ns()))

    clock.advance(1)

    assert seen == [100, 200, 300]


def test_callbacks_due_together_run_in_the_order_they_were_asked_for(clock: ManualClock) -> None:
    ran: list[int] = []
    for number in range(5):
        clock.call_later(100, partial(ran.append, number))

    clock.advance(1)

    assert ran == [0, 1, 2, 3, 4]


def test_what_is_due_at_the_last_moment_runs(clock: ManualClock) -> None:
    ran: list[int] = []
    clock.call_later(1_000_000_000, lambda: ran.append(1))

    clock.advance(1)

    assert ran == [1]


def test_what_is_due_a_nanosecond_later_waits(clock: ManualClock) -> None:
    ran: list[int] = []
    clock.call_later(1_000_000_001, lambda: ran.append(1))

    clock.advance(1)

    assert ran == []


def test_consequences_happen_before_time_moves_on(clock: ManualClock) -> None:
    seen: list[tuple[str, int]] = []
    woken = Event()

    def wait() -> None:
        woken.wait()
        seen.append(("woken", clock.now_ns()))

    gevent.spawn(wait)
    clock.call_later(100, woken.set)
    clock.call_later(200, lambda: seen.append(("later", clock.now_ns())))
    clock.advance(1)

    assert seen == [("woken", 100), ("later", 200)]


def test_a_sleeper_that_sleeps_again_wakes_within_the_same_move(clock: ManualClock) -> None:
    woken_at: list[int] = []

    def sleep_again_and_again() -> None:
        while True:
            clock.sleep(0.1)
            woken_at.append(clock.now_ns())

    sleeper = gevent.spawn(sleep_again_and_again)
    clock.advance(0.35)
    sleeper.kill()

    assert woken_at == [100_000_000, 200_000_000, 300_000_000]


def test_a_move_of_nothing_lets_everybody_take_their_step(clock: ManualClock) -> None:
    steps: list[int] = []

    def step_by_step() -> None:
        for number in range(3):
            gevent.sleep(0)
            steps.append(number)

    gevent.spawn(step_by_step)
    clock.advance(0)

    assert (steps, clock.now_ns()) == ([0, 1, 2], 0)


def test_a_killed_sleeper_leaves_nothing_behind(clock: ManualClock) -> None:
    sleeper = gevent.spawn(clock.sleep, 1)
    clock.advance(0)
    sleeper.kill()

    clock.advance(2)

    assert clock.now_ns() == 2_000_000_000


def test_an_exception_of_a_callback_reaches_the_test(clock: ManualClock) -> None:
    def fail() -> None:
        raise ValueError("through")

    clock.call_later(100, fail)

    with pytest.raises(ValueError, match="through"):
        clock.advance(1)


def test_time_moves_until_a_condition_holds(clock: ManualClock) -> None:
    clock.advance_until(lambda: clock.now_ns() >= 350_000_000, step=0.1)

    assert clock.now_ns() == 400_000_000


def test_a_condition_that_holds_already_moves_nothing(clock: ManualClock) -> None:
    clock.advance_until(lambda: True)

    assert clock.now_ns() == 0


def test_a_condition_may_come_to_hold_with_the_last_step(clock: ManualClock) -> None:
    clock.advance_until(lambda: clock.now_ns() == 1_000_000_000, step=0.5, steps=2)

    assert clock.now_ns() == 1_000_000_000


@pytest.mark.parametrize("steps", [0, 3])
def test_a_condition_that_never_holds_fails_the_test(clock: ManualClock, steps: int) -> None:
    with pytest.raises(AssertionError, match=f"not so within {steps * 0.5:g} virtual seconds"):
        clock.advance_until(lambda: False, step=0.5, steps=steps)


@pytest.mark.parametrize("seconds", [-1, -1e-9, float("nan")])
def test_time_never_runs_backwards(clock: ManualClock, seconds: float) -> None:
    clock.advance(1)

    with pytest.raises(ValueError, match=r"."):
        clock.advance(seconds)

    assert clock.now_ns() == 1_000_000_000


def test_time_that_went_on_by_itself_is_not_turned_back() -> None:
    clock = ManualClock()

    def go_on() -> None:
        clock._now_ns += 10 * SECOND

    clock.call_later(SECOND // 2, go_on)
    clock.advance(1)

    assert clock.now_ns() == 10 * SECOND + SECOND // 2
