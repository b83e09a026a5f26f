"""The loop's lag is sampled, corrected for what a late tick omits, and taken once."""

from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

from crowsg.clock import SECOND, to_ns
from crowsg.health.lag import TICK_S, LoopLag
from crowsg.supervision import unsupervised
from tests.health.blocked import BlockableClock

TICK_NS = to_ns(TICK_S)


class Lagging:
    """A loop, its lag, and when it gave signs of life."""

    def __init__(self) -> None:
        self.clock = BlockableClock()
        self.signs_ns: list[int] = []
        self.greenlets: list[Any] = []
        self.lag = LoopLag(self.clock, unsupervised(self.spawn), self.signs_ns.append)

    def spawn(self, function: Callable[[], object]) -> Any:
        """Start a greenlet."""
        self.greenlets.append(gevent.spawn(function))
        return self.greenlets[-1]

    def block(self, seconds: float) -> None:
        """Let the loop come late by so much, and catch up."""
        self.clock.advance(0)
        self.clock.block(TICK_S + seconds)
        self.clock.advance(0)


@pytest.fixture
def loop() -> Iterator[Lagging]:
    loop = Lagging()
    yield loop
    loop.lag.stop()
    loop.clock.advance(0)


@pytest.fixture
def started(loop: Lagging) -> Lagging:
    loop.lag.start()
    return loop


def test_a_calm_loop_is_sampled_twenty_times_a_second(started: Lagging) -> None:
    started.clock.advance(1)

    assert list(started.lag.lags.nonzero()) == [(0, 20)]


def test_a_late_tick_is_as_late_as_it_came(started: Lagging) -> None:
    started.block(0.03)

    assert (started.lag.lags.total, started.lag.lags.max_ns) == (1, to_ns(0.03))


def test_a_stall_of_a_second_counts_as_all_the_ticks_it_held_up(started: Lagging) -> None:
    started.block(1)

    assert started.lag.lags.total == 21
    assert started.lag.lags.sum_ns == sum(range(0, SECOND + 1, TICK_NS))
    assert started.lag.lags.max_ns == SECOND


def test_the_ticks_held_up_by_a_very_long_stall_are_counted_up_to_a_thousand(
    started: Lagging,
) -> None:
    started.block(100_000)

    assert started.lag.lags.total == 1000
    assert started.lag.lags.max_ns == 100_000 * SECOND


def test_the_loop_is_sampled_on_after_a_stall(started: Lagging) -> None:
    started.block(1)

    started.clock.advance(1)

    assert started.lag.lags.total == 21 + 20


@pytest.mark.parametrize(
    "seconds", [pytest.param([0.2, 1, 0.3], id="several"), pytest.param([1], id="one")]
)
def test_the_worst_lag_is_the_longest(started: Lagging, seconds: list[float]) -> None:
    for each in seconds:
        started.block(each)

    assert started.lag.take_worst() == 1.0


def test_the_worst_lag_is_taken_once(started: Lagging) -> None:
    started.block(1)
    started.lag.take_worst()

    started.block(0.2)

    assert (started.lag.take_worst(), started.lag.take_worst()) == (0.2, 0.0)


def test_a_look_before_the_late_tick_tells_of_it(started: Lagging) -> None:
    started.clock.advance(0)
    started.clock.block(TICK_S + 1)

    started.lag.look()

    assert started.lag.take_worst() == 1.0


def test_a_lag_seen_before_its_tick_is_counted_once(started: Lagging) -> None:
    started.clock.advance(0)
    started.clock.block(TICK_S + 1)
    started.lag.look()

    started.clock.advance(0)

    assert started.lag.lags.total == 21


def test_a_look_at_the_very_moment_of_a_tick_stands_for_it(started: Lagging) -> None:
    started.clock.advance(0)
    started.clock.block(TICK_S)
    started.lag.look()

    started.clock.advance(0)

    assert started.lag.lags.total == 1


def test_a_look_between_two_ticks_counts_nothing(started: Lagging) -> None:
    started.clock.advance(TICK_S * 1.5)

    started.lag.look()

    assert started.lag.lags.total == 1


def test_after_a_look_the_next_tick_is_due_in_a_whole_one(started: Lagging) -> None:
    started.clock.advance(0)
    started.clock.block(TICK_S + 1)
    started.lag.look()
    started.lag.take_worst()
    started.clock.block(TICK_S / 2)

    started.clock.advance(1)

    assert started.lag.take_worst() == 0.0


def test_what_blocks_the_loop_between_start_and_the_first_tick_counts(started: Lagging) -> None:
    started.clock.block(2)

    started.clock.advance(TICK_S)

    assert started.lag.take_worst() == 2.0


def test_the_start_is_a_sign_of_life(loop: Lagging) -> None:
    loop.clock.advance(7)

    loop.lag.start()

    assert loop.signs_ns == [7 * SECOND]


def test_every_tick_is_a_sign_of_life(started: Lagging) -> None:
    started.clock.advance(2 * TICK_S)

    assert started.signs_ns == [0, TICK_NS, 2 * TICK_NS]


def test_every_look_is_a_sign_of_life(started: Lagging) -> None:
    started.clock.block(0.01)

    started.lag.look()

    assert started.signs_ns == [0, to_ns(0.01)]


def test_a_second_start_changes_nothing(started: Lagging) -> None:
    started.clock.advance(TICK_S / 2)

    started.lag.start()

    started.clock.advance(1)
    assert started.lag.lags.total == 20


@pytest.mark.parametrize("stops", [1, 2], ids=["once", "twice"])
def test_after_stop_nothing_is_sampled(started: Lagging, stops: int) -> None:
    started.clock.advance(1)

    for _ in range(stops):
        started.lag.stop()

    started.block(1)
    assert (started.lag.lags.total, started.lag.take_worst()) == (20, 0.0)


def test_after_stop_no_greenlet_is_left(started: Lagging) -> None:
    started.clock.advance(1)

    started.lag.stop()

    started.clock.advance(0)
    assert [greenlet.dead for greenlet in started.greenlets] == [True]


@pytest.mark.parametrize("starts", [0, 1], ids=["never started", "stopped"])
def test_a_look_at_what_is_not_watched_is_no_sign_of_life(loop: Lagging, starts: int) -> None:
    for _ in range(starts):
        loop.lag.start()
        loop.lag.stop()
    loop.signs_ns.clear()
    loop.clock.block(10)

    loop.lag.look()

    assert (loop.signs_ns, loop.lag.lags.total) == ([], 0)


def test_the_time_between_stop_and_another_start_is_no_lag(started: Lagging) -> None:
    started.clock.advance(1)
    started.lag.stop()
    started.clock.advance(100)

    started.lag.start()

    started.clock.advance(1)
    assert (started.lag.lags.total, started.lag.lags.max_ns) == (40, 0)
