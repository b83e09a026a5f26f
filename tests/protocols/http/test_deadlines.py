"""Deadlines never come early, come at most a tick late, and keep nothing alive."""

import random

import gevent
import pytest

from crowsg.protocols.http.deadlines import TICK_NS, DeadlinePassed, Deadlines
from crowsg.testing import ManualClock

TICK_S = TICK_NS / 1e9


def wait(clock: ManualClock, deadlines: Deadlines, seconds: float) -> tuple[bool, float]:
    """Sleep ten seconds unless a deadline passes before; return whether it did, and how long."""
    began = clock.now()
    deadline = deadlines.arm(clock.now_ns() + round(seconds * 1e9))
    try:
        clock.sleep(10)
    except DeadlinePassed:
        return True, clock.now() - began
    finally:
        deadlines.disarm(deadline)
    return False, clock.now() - began


@pytest.mark.parametrize("start_s", [0, 0.01, 0.049, 1.23])
@pytest.mark.parametrize("seconds", [0.001, 0.05, 0.3, 1.0, 2.49])
def test_a_deadline_comes_within_a_tick_and_never_early(start_s: float, seconds: float) -> None:
    clock = ManualClock(round(start_s * 1e9))
    waiting = gevent.spawn(wait, clock, Deadlines(clock), seconds)

    clock.advance(5)

    passed, after = waiting.get(timeout=1)
    assert passed
    assert seconds - 1e-9 <= after <= seconds + TICK_S + 1e-9


def test_one_that_is_disarmed_does_not_come() -> None:
    clock = ManualClock()
    waiting = gevent.spawn(wait, clock, Deadlines(clock), 30)

    clock.advance(11)

    assert waiting.get(timeout=1) == (False, 10)


def test_one_that_is_used_again_comes_at_its_new_moment() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)

    def start() -> list[float]:
        for _ in range(3):
            deadlines.disarm(deadlines.arm(clock.now_ns() + 1_000_000_000))
            clock.sleep(0.4)
        return [wait(clock, deadlines, seconds)[1] for seconds in (2.0, 0.5, 1.0)]

    waiting = gevent.spawn(start)
    clock.advance(10)

    assert [round(each, 1) for each in waiting.get(timeout=1)] == [2.0, 0.5, 1.0]


@pytest.mark.parametrize("seed", range(20))
def test_many_at_once_each_come_in_time(seed: int) -> None:
    rng = random.Random(seed)
    clock = ManualClock(rng.randrange(10**9))
    deadlines = Deadlines(clock)
    asked = [rng.choice([0.01, 0.5, 1.0, 3.0, 9.0, 20.0]) * rng.random() for _ in range(50)]
    waiting = [gevent.spawn(wait, clock, deadlines, seconds) for seconds in asked]

    clock.advance(12)

    for seconds, each in zip(asked, waiting, strict=True):
        passed, after = each.get(timeout=1)
        assert passed == (seconds < 10 - TICK_S) or abs(seconds - 10) <= TICK_S
        assert not passed or seconds - 1e-9 <= after <= seconds + TICK_S + 1e-9


def test_without_requests_the_timer_ends() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    deadlines.disarm(deadlines.arm(30_000_000_000))

    clock.advance(0.2)

    assert (deadlines.armed, deadlines._timer, deadlines._buckets) == (0, None, {})


def test_after_a_pause_deadlines_still_come() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    deadlines.disarm(deadlines.arm(30_000_000_000))
    clock.advance(0.2)
    waiting = gevent.spawn(wait, clock, deadlines, 1)

    clock.advance(2)

    assert waiting.get(timeout=1)[0]


def test_requests_one_after_the_other_keep_one_deadline() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)

    for _ in range(1000):
        deadlines.disarm(deadlines.arm(clock.now_ns() + 30_000_000_000))

    assert sum(len(bucket) for bucket in deadlines._buckets.values()) == 1


def test_a_shorter_one_behind_a_longer_one_comes_in_time() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    deadlines.disarm(deadlines.arm(30_000_000_000))
    waiting = gevent.spawn(wait, clock, deadlines, 0.5)

    clock.advance(5)

    passed, after = waiting.get(timeout=1)
    assert passed
    assert after <= 0.5 + TICK_S


@pytest.mark.parametrize("again", [True, False])
def test_one_that_is_disarmed_at_the_last_moment_does_not_come(again: bool) -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    deadline = deadlines.arm(TICK_NS)
    clock._now_ns = 2 * TICK_NS
    deadlines._sweep()

    deadlines.disarm(deadline)
    if again:
        deadlines.arm(100 * TICK_NS)

    gevent.sleep(0)
