"""Operations in figures: seconds, rates, and nothing where there is nothing to tell."""

import pytest

from crowsg.metrics.figures import Latency, summaries_of, summary_of
from crowsg.metrics.histogram import Histogram
from crowsg.metrics.operation import Operation

MS = 1_000_000


def test_a_latency_is_in_seconds() -> None:
    histogram = Histogram()
    for ms in range(1, 101):
        histogram.record(ms * MS)

    latency = Latency.of(histogram)

    assert latency is not None
    assert latency.mean == pytest.approx(0.0505)
    assert latency.max == 0.1
    assert latency.p50 == pytest.approx(0.050, rel=0.008)
    assert latency.p99 == pytest.approx(0.099, rel=0.008)


def test_there_is_no_latency_without_samples() -> None:
    assert Latency.of(Histogram()) is None


def test_a_summary_counts_by_outcome_and_tells_the_rate_of_those_that_ended() -> None:
    operation = Operation()
    for _ in range(8):
        operation.record(MS, "", None)
    operation.record(MS, "refused", None)
    operation.interrupted = 3

    summary = summary_of(operation, seconds=2)

    assert (summary.count, summary.ok, summary.failed, summary.interrupted) == (12, 8, 1, 3)
    assert (summary.failures, summary.rate_per_s) == ({"refused": 1}, 4.5)


def test_response_times_are_told_only_where_there_was_an_intended_moment() -> None:
    without, with_one = Operation(), Operation()
    without.record(MS, "", None)
    with_one.record(MS, "", 3 * MS)

    summaries = summaries_of({"a": without, "b": with_one}, seconds=1)
    told = {name: each.as_dict() for name, each in summaries.items()}

    assert "response" not in told["a"]
    assert (told["b"]["response"]["max"], told["b"]["late_s"]) == (0.003, 0.002)


def test_a_run_of_no_time_has_no_rate() -> None:
    operation = Operation()
    operation.record(MS, "", None)

    assert summary_of(operation, seconds=0).rate_per_s == 0.0
