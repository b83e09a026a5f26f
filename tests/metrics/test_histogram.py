"""Buckets never tell a duration wrong by more than 0.8 %, and merging loses nothing."""

import math
import random
from itertools import pairwise

import pytest

from crowsg.metrics.histogram import Histogram, bounds_of, index_of

HOUR_NS = 3_600_000_000_000
FRACTIONS = [0.0, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0]


def filled(samples: list[int]) -> Histogram:
    histogram = Histogram()
    for sample in samples:
        histogram.record(sample)
    return histogram


def from_a_microsecond_to_an_hour(seed: int, count: int = 5000) -> list[int]:
    rng = random.Random(seed)
    return [int(10 ** rng.uniform(3, math.log10(HOUR_NS))) for _ in range(count)]


@pytest.mark.parametrize("seed", range(50))
def test_quantiles_are_within_eight_permille_of_the_sorted_samples(seed: int) -> None:
    samples = from_a_microsecond_to_an_hour(seed)

    told = filled(samples).quantiles(FRACTIONS)

    samples.sort()
    for fraction, value in zip(FRACTIONS, told, strict=True):
        true = samples[max(0, math.ceil(fraction * len(samples)) - 1)]
        assert abs(value - true) <= 0.008 * true


@pytest.mark.parametrize("seed", range(20))
def test_merged_histograms_equal_one_that_saw_every_sample(seed: int) -> None:
    samples = from_a_microsecond_to_an_hour(seed)
    rng = random.Random(seed)
    parts: list[list[int]] = [[], [], []]
    for sample in samples:
        rng.choice(parts).append(sample)

    merged = Histogram()
    for part in parts:
        merged.merge(filled(part))

    whole = filled(samples)
    assert list(merged.nonzero()) == list(whole.nonzero())
    assert (merged.total, merged.sum_ns, merged.max_ns) == (
        whole.total,
        whole.sum_ns,
        whole.max_ns,
    )
    assert merged.quantiles(FRACTIONS) == whole.quantiles(FRACTIONS)


@pytest.mark.parametrize("value", [0, 1, 63, 64, 127, 128, 129, 255, 256, 10**3, 10**9, HOUR_NS])
def test_a_bucket_holds_its_values_and_is_narrow(value: int) -> None:
    low, high = bounds_of(index_of(value))

    assert low <= value < high
    assert high - low <= max(1, low / 64)


def test_buckets_follow_one_another_without_a_gap() -> None:
    bounds = [bounds_of(index) for index in range(3000)]

    assert all(low == high for (_, high), (low, _) in pairwise(bounds))


def test_sum_and_maximum_are_exact() -> None:
    samples = from_a_microsecond_to_an_hour(1)

    histogram = filled(samples)

    assert (histogram.sum_ns, histogram.max_ns) == (sum(samples), max(samples))
    assert histogram.quantiles([0.9999])[0] <= histogram.max_ns


def test_an_empty_histogram_tells_nothing() -> None:
    histogram = Histogram()

    assert (histogram.quantiles([0.5, 0.99]), histogram.total, histogram.max_ns) == ([0, 0], 0, 0)


def test_a_negative_duration_counts_as_none() -> None:
    histogram = filled([-5])

    assert (histogram.total, histogram.sum_ns, histogram.quantiles([1.0])) == (1, 0, [0])
