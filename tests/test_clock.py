"""The contract of every clock, held by both: the real one and the one that tests move."""

import gc
import time
from collections.abc import Callable
from functools import partial

import gevent
import pytest

from crowsg.clock import SECOND, Breather, Clock, MonotonicClock, to_ns
from crowsg.testing import ManualClock
from tests.health.blocked import BlockableClock

MS = SECOND // 1000

Pass = Callable[[int], None]
"""Lets so many milliseconds pass."""


@pytest.fixture(params=[pytest.param("real", marks=pytest.mark.wall_clock), "manual"])
def timed(request: pytest.FixtureRequest) -> tuple[Clock, Pass]:
    """Returns a clock and what lets its time pass."""
    if request.param == "manual":
        manual = ManualClock(start_ns=5 * SECOND)
        return manual, lambda ms: manual.advance(ms / 1000)
    # So that the loop knows what time it is; the last test but two is about when it does not.
    gevent.sleep(0)
    return MonotonicClock(), lambda ms: gevent.sleep(ms / 1000)


def test_time_passes(timed: tuple[Clock, Pass]) -> None:
    clock, let_pass = timed
    before_ns, wall = clock.now_ns(), clock.wall()

    let_pass(5)

    assert clock.now_ns() - before_ns >= 4 * MS
    assert clock.wall() - wall >= 0.004


def test_a_moment_is_a_whole_number(timed: tuple[Clock, Pass]) -> None:
    clock, let_pass = timed

    let_pass(1)

    assert type(clock.now_ns()) is int


def test_a_sleeper_wakes_when_its_time_has_come(timed: tuple[Clock, Pass]) -> None:
    clock, let_pass = timed
    began_ns = clock.now_ns()

    def sleep() -> int:
        clock.sleep(0.005)
        return clock.now_ns()

    sleeper = gevent.spawn(sleep)
    let_pass(10)

    assert sleeper.get(timeout=5) - began_ns >= 4 * MS


@pytest.mark.parametrize("seconds", [0, 0.0, -1])
def test_a_sleep_of_nothing_lets_others_run(timed: tuple[Clock, Pass], seconds: float) -> None:
    clock, _ = timed
    other = gevent.spawn(lambda: None)

    clock.sleep(seconds)

    assert other.dead


def test_a_sleeper_can_be_killed(timed: tuple[Clock, Pass]) -> None:
    clock, _ = timed
    sleeper = gevent.spawn(clock.sleep, 1000)
    gevent.idle()

    sleeper.kill()

    assert sleeper.dead


def test_a_callback_runs_once_when_it_is_due(timed: tuple[Clock, Pass]) -> None:
    clock, let_pass = timed
    ran: list[int] = []
    began_ns = clock.now_ns()

    clock.call_later(5 * MS, lambda: ran.append(clock.now_ns()))
    let_pass(10)
    let_pass(10)

    assert len(ran) == 1
    assert ran[0] - began_ns >= 4 * MS


@pytest.mark.parametrize("delay_ns", [0, -SECOND])
def test_a_callback_never_runs_before_call_later_returns(
    timed: tuple[Clock, Pass], delay_ns: int
) -> None:
    clock, let_pass = timed
    ran: list[int] = []

    clock.call_later(delay_ns, lambda: ran.append(1))
    assert ran == []

    let_pass(1)
    assert ran == [1]


def test_callbacks_run_in_the_order_in_which_they_are_due(timed: tuple[Clock, Pass]) -> None:
    clock, let_pass = timed
    ran: list[int] = []
    for delay_ms in (9, 1, 5):
        clock.call_later(delay_ms * MS, partial(ran.append, delay_ms))

    let_pass(20)

    assert ran == [1, 5, 9]


def test_a_callback_may_ask_for_another(timed: tuple[Clock, Pass]) -> None:
    clock, let_pass = timed
    ran: list[str] = []

    def first() -> None:
        ran.append("first")
        clock.call_later(MS, lambda: ran.append("second"))

    clock.call_later(MS, first)
    let_pass(10)

    assert ran == ["first", "second"]


def test_a_cancelled_callback_never_runs(timed: tuple[Clock, Pass]) -> None:
    clock, let_pass = timed
    ran: list[int] = []
    timer = clock.call_later(2 * MS, lambda: ran.append(1))

    timer.cancel()
    timer.cancel()
    let_pass(10)

    assert ran == []


def test_cancelling_what_has_run_is_harmless(timed: tuple[Clock, Pass]) -> None:
    clock, let_pass = timed
    ran: list[int] = []
    timer = clock.call_later(MS, lambda: ran.append(1))
    let_pass(5)

    timer.cancel()
    let_pass(5)

    assert ran == [1]


def test_a_callback_may_cancel_itself(timed: tuple[Clock, Pass]) -> None:
    clock, let_pass = timed
    ran: list[int] = []

    def run() -> None:
        timer.cancel()
        ran.append(1)

    timer = clock.call_later(MS, run)
    let_pass(5)

    assert ran == [1]


def test_a_callback_may_cancel_another(timed: tuple[Clock, Pass]) -> None:
    clock, let_pass = timed
    ran: list[int] = []
    other = clock.call_later(8 * MS, lambda: ran.append(1))

    clock.call_later(MS, other.cancel)
    let_pass(15)

    assert ran == []


def test_a_timer_that_nobody_keeps_runs_all_the_same(timed: tuple[Clock, Pass]) -> None:
    clock, let_pass = timed
    ran: list[int] = []
    clock.call_later(2 * MS, lambda: ran.append(1))

    gc.collect()
    let_pass(10)

    assert ran == [1]


@pytest.mark.wall_clock
def test_the_real_clock_is_monotonic_and_its_wall_clock_the_epoch_s() -> None:
    clock = MonotonicClock()

    assert abs(clock.now_ns() - time.monotonic_ns()) < SECOND
    assert abs(clock.wall() - time.time_ns() / SECOND) < 1


@pytest.mark.wall_clock
def test_a_timer_counts_from_now_and_not_from_when_the_loop_last_looked() -> None:
    clock = MonotonicClock()
    ran: list[int] = []
    gevent.sleep(0.001)
    busy_until_ns = clock.now_ns() + 20 * MS
    while clock.now_ns() < busy_until_ns:
        pass

    began_ns = clock.now_ns()
    clock.call_later(10 * MS, lambda: ran.append(clock.now_ns()))
    gevent.sleep(0.03)

    assert ran[0] - began_ns >= 9 * MS


@pytest.mark.wall_clock
def test_callbacks_of_the_real_clock_run_in_the_hub() -> None:
    ran_in: list[object] = []

    MonotonicClock().call_later(0, lambda: ran_in.append(gevent.getcurrent()))
    gevent.sleep(0.002)

    assert ran_in == [gevent.get_hub()]


@pytest.mark.parametrize(
    ("seconds", "nanoseconds"),
    [
        pytest.param(0, 0, id="0"),
        pytest.param(1, SECOND, id="1"),
        pytest.param(0.1, 100_000_000, id="0.1"),
        pytest.param(1.1e-9, 1, id="rounded"),
        pytest.param(-0.5, -500_000_000, id="negative"),
        pytest.param(86_400 * 365, 86_400 * 365 * SECOND, id="a year"),
    ],
)
def test_seconds_become_whole_nanoseconds(seconds: float, nanoseconds: int) -> None:
    assert to_ns(seconds) == nanoseconds


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_time_becomes_no_nanoseconds(seconds: float) -> None:
    with pytest.raises((ValueError, OverflowError)):
        to_ns(seconds)


def gives_a_turn(breather: Breather) -> bool:
    """Breathe, and tell whether others ran meanwhile."""
    other = gevent.spawn(lambda: None)
    breather.breathe()
    has_run = bool(other.dead)
    other.kill()
    return has_run


@pytest.mark.parametrize(
    ("ms", "has_turn"),
    [
        pytest.param(0, False, id="none"),
        pytest.param(1.999, False, id="just below"),
        pytest.param(2, True, id="two milliseconds"),
        pytest.param(5000, True, id="long"),
    ],
)
def test_others_get_a_turn_after_two_milliseconds_of_work(ms: float, has_turn: bool) -> None:
    clock = ManualClock(start_ns=5 * SECOND)
    breather = Breather(clock)

    clock.advance(ms / 1000)

    assert gives_a_turn(breather) is has_turn


@pytest.mark.parametrize(("after_s", "has_turn"), [(0, True), (0.01, True), (0.011, False)])
def test_work_goes_on_for_as_long_as_it_may(after_s: float, has_turn: bool) -> None:
    clock = ManualClock()
    breather = Breather(clock, after_s)

    clock.advance(0.01)

    assert gives_a_turn(breather) is has_turn


def test_short_pieces_of_work_add_up_to_a_turn_of_the_others() -> None:
    clock = ManualClock()
    breather = Breather(clock)
    turns = []

    for _ in range(8):
        clock.advance(0.0005)
        turns.append(gives_a_turn(breather))

    assert turns == [False, False, False, True] * 2


def test_the_time_the_others_take_is_no_work() -> None:
    clock = BlockableClock()
    breather = Breather(clock)
    clock.advance(0.002)
    gevent.spawn(clock.block, 1)

    breather.breathe()

    assert clock.now() > 1
    assert not gives_a_turn(breather)


def test_a_timer_that_is_due_is_one_of_the_others() -> None:
    clock = ManualClock()
    breather = Breather(clock)
    ran: list[int] = []
    clock.advance(0.002)
    MonotonicClock().call_later(0, lambda: ran.append(1))

    breather.breathe()

    assert ran == [1]
