"""Operations in figures: seconds, rates, and nothing where there is nothing to tell."""

import pytest

from crowsg.metrics.figures import Interval, Latency, interval_of, summary_of
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
    for _ in range(3):
        operation.interrupted.record(MS)

    summary = summary_of(operation, seconds=2)

    assert (summary.count, summary.ok, summary.failed, summary.interrupted) == (12, 8, 1, 3)
    assert (summary.failures, summary.rate_per_s) == ({"refused": 1}, 4.5)


def test_response_times_are_told_only_where_there_was_an_intended_moment() -> None:
    without, with_one = Operation(), Operation()
    without.record(MS, "", None)
    with_one.record(MS, "", 3 * MS)

    told = [summary_of(operation, seconds=1).as_dict() for operation in (without, with_one)]

    assert not {"response", "late_s"} & set(told[0])
    assert (told[1]["response"]["max"], told[1]["late_s"]) == (0.003, 0.002)


def test_a_run_of_no_time_has_no_rate() -> None:
    operation = Operation()
    operation.record(MS, "", None)

    assert summary_of(operation, seconds=0).rate_per_s == 0.0


def test_interrupted_samples_have_no_part_in_service_times() -> None:
    operation = Operation()
    operation.record(MS, "", None)
    operation.record(3 * MS, "refused", None)
    operation.interrupted.record(1000 * MS)

    service = summary_of(operation, seconds=1).service

    assert service is not None
    assert (service.mean, service.max) == (0.002, 0.003)


def test_an_interval_counts_by_outcome() -> None:
    recent = Operation()
    for _ in range(3):
        recent.record(MS, "", None)
    for _ in range(2):
        recent.record(MS, "refused", None)
    recent.interrupted.record(MS)

    interval = interval_of(recent)

    assert (interval.ok, interval.failed, interval.interrupted, interval.count) == (3, 2, 1, 6)


def test_an_interval_tells_service_and_response_times() -> None:
    recent = Operation()
    recent.record(MS, "", 5 * MS)
    recent.record(3 * MS, "refused", None)

    interval = interval_of(recent)

    assert interval.service is not None
    assert interval.response is not None
    assert (interval.service.mean, interval.service.max) == (0.002, 0.003)
    assert (interval.response.mean, interval.response.max) == (0.005, 0.005)


def test_an_interval_without_samples_tells_no_times() -> None:
    assert interval_of(Operation()) == Interval(0, 0, 0, service=None, response=None)


def test_an_interval_of_interrupted_samples_alone_tells_no_times() -> None:
    recent = Operation()
    recent.interrupted.record(MS)

    assert interval_of(recent) == Interval(0, 0, 1, service=None, response=None)
