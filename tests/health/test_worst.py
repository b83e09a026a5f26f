"""Several nodes together are as bad as the worst of them, in each figure."""

import random
from dataclasses import replace

import pytest

from crowsg.health.monitor import Reading
from crowsg.health.record import MAX_SPANS, HealthSummary, StallSummary
from crowsg.health.watchdog import MAX_STALLS
from crowsg.health.worst import Span, joined, shifted, worst_of, worst_reading
from crowsg.metrics.figures import Latency

LOW = Latency(1, 2, 3, 4, 5, 6, 7)
HIGH_AT_THE_END = Latency(0, 1, 2, 3, 4, 8, 9)
CALM = HealthSummary(
    saturated_s=0.0,
    saturated=(),
    cpu_mean=0.1,
    cpu_max=0.2,
    loop_lag=LOW,
    gc_pause=None,
    gc_pause_s=0.1,
    resident_bytes=10,
    open_files=7,
    stalls=(),
)
BUSY = replace(
    CALM,
    cpu_mean=0.5,
    cpu_max=0.6,
    loop_lag=HIGH_AT_THE_END,
    gc_pause=LOW,
    gc_pause_s=0.2,
    resident_bytes=20,
    open_files=5,
)


def saturated(*spans: Span) -> HealthSummary:
    return replace(CALM, saturated=spans, saturated_s=sum(to_s - from_s for from_s, to_s in spans))


def test_each_figure_is_the_worst() -> None:
    worst = worst_of({"a": CALM, "b": BUSY})

    assert worst == replace(BUSY, loop_lag=Latency(1, 2, 3, 4, 5, 8, 9), gc_pause=LOW, open_files=7)


def test_one_node_alone_is_the_worst() -> None:
    assert worst_of({"a": BUSY}) == BUSY


def test_without_nodes_nothing_was_wrong() -> None:
    worst = worst_of({})

    assert (worst.saturated_s, worst.loop_lag, worst.cpu_max) == (0.0, None, 0.0)


def test_times_in_which_two_nodes_were_the_limit_count_once() -> None:
    worst = worst_of({"a": saturated((1, 3), (8, 9)), "b": saturated((2, 4), (6, 7))})

    assert (worst.saturated, worst.saturated_s) == (((1, 4), (6, 7), (8, 9)), 5)


def test_time_beyond_the_first_spans_is_kept() -> None:
    long = replace(saturated((1, 2)), saturated_s=5000.0)

    assert worst_of({"a": long, "b": CALM}).saturated_s == 5000.0


def test_the_first_thousand_spans_are_kept() -> None:
    halves = (saturated(*((float(n), n + 0.5) for n in range(first, 3000, 2))) for first in (0, 1))

    assert len(worst_of(dict(zip("ab", halves, strict=True))).saturated) == MAX_SPANS


def test_stalls_are_told_with_their_nodes_the_first_of_them() -> None:
    early, late = StallSummary(1.0, 2.0, "f (x.py:3)"), StallSummary(5.0, 2.0, "g (x.py:4)")

    worst = worst_of(
        {"a": replace(CALM, stalls=(late,) * MAX_STALLS), "b": replace(CALM, stalls=(early,))}
    )

    assert len(worst.stalls) == MAX_STALLS
    assert worst.stalls[0] == StallSummary(1.0, 2.0, "f (x.py:3) on b")


def test_a_reading_is_the_worst_of_each_figure() -> None:
    readings = [Reading(0.5, 0.1, 10, 7), Reading(0.2, 0.3, 20, 3, saturated=True)]

    assert worst_reading(readings) == Reading(0.5, 0.3, 20, 7, saturated=True)


def test_without_nodes_there_is_no_reading() -> None:
    assert worst_reading([]) == Reading()


def test_moments_are_moved_on_but_not_before_the_run() -> None:
    health = replace(saturated((1, 3), (8, 9)), stalls=(StallSummary(2.0, 1.0, "f"),))

    moved = shifted(health, -2.5)

    assert (moved.saturated, moved.stalls) == (
        ((0.0, 0.5), (5.5, 6.5)),
        (StallSummary(0.0, 1.0, "f"),),
    )


@pytest.mark.parametrize("seed", range(20))
def test_joined_spans_cover_the_same_moments_once(seed: int) -> None:
    rng = random.Random(seed)
    starts = [rng.randrange(40) for _ in range(rng.randrange(12))]
    spans = [(float(start), float(start + rng.randrange(6))) for start in starts]

    union = joined(spans)

    def covers(cover: list[Span], moment: float) -> int:
        return sum(from_s <= moment <= to_s for from_s, to_s in cover)

    moments = [number / 4 for number in range(200)]
    assert [covers(union, each) for each in moments] == [
        min(1, covers(spans, each)) for each in moments
    ]
