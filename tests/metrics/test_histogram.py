"""Buckets never tell a duration wrong by more than 0.8 %, and merging loses nothing."""

import math
import random
from bisect import bisect_right
from collections import Counter
from itertools import accumulate, pairwise

import pytest

from crowsg.metrics.histogram import Histogram, bounds_of, ends_of, index_of, middle_of

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


def windows(seed: int) -> list[list[int]]:
    """Return samples in portions as they come between looks, some of them empty."""
    rng = random.Random(seed)
    samples = iter(from_a_microsecond_to_an_hour(seed, count=2000))
    sizes = [rng.choice([0, 1, 2, rng.randrange(200)]) for _ in range(20)]
    return [[next(samples) // rng.choice([1, 1000]) for _ in range(size)] for size in sizes]


def recorded_since(histogram: Histogram, samples: list[int]) -> Histogram:
    """Record more samples, and return what came since before that."""
    before = histogram.copy()
    for sample in samples:
        histogram.record(sample)
    return histogram.since(before)


def limits_for(seed: int) -> list[int]:
    """Return ascending limits, from far below to about the largest sample."""
    rng = random.Random(seed)
    return sorted(int(10 ** rng.uniform(1, math.log10(HOUR_NS))) for _ in range(35))


def facts(histogram: Histogram) -> tuple[list[tuple[int, int]], int, int]:
    """Return all that a histogram knows."""
    return list(histogram.nonzero()), histogram.sum_ns, histogram.max_ns


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
    assert facts(merged) == facts(whole)
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


def test_an_empty_histogram_takes_no_room() -> None:
    histogram = Histogram()
    histogram.merge(Histogram())

    assert histogram.counts == []


def test_the_middle_of_a_bucket_is_within_eight_permille_of_its_values() -> None:
    for index in range(3000):
        low, high = bounds_of(index)
        middle = middle_of(index)

        assert low <= middle < high
        assert max(middle - low, high - 1 - middle) <= 0.008 * low


def test_a_copy_holds_the_same_samples() -> None:
    samples = from_a_microsecond_to_an_hour(2, count=100)

    twin = filled(samples).copy()

    assert facts(twin) == facts(filled(samples))


def test_a_copy_stays_as_it_is() -> None:
    histogram = filled([1000])

    twin = histogram.copy()
    histogram.record(2000)

    assert facts(twin) == facts(filled([1000]))


@pytest.mark.parametrize("seed", range(50))
def test_what_came_since_each_copy_adds_up_to_the_whole(seed: int) -> None:
    histogram, merged = Histogram(), Histogram()

    for samples in windows(seed):
        merged.merge(recorded_since(histogram, samples))

    assert facts(merged) == facts(histogram)


@pytest.mark.parametrize("seed", range(50))
def test_what_came_since_a_copy_is_what_was_recorded_since(seed: int) -> None:
    histogram = Histogram()

    for samples in windows(seed):
        recent, alone = recorded_since(histogram, samples), filled(samples)

        assert list(recent.nonzero()) == list(alone.nonzero())
        assert recent.sum_ns == alone.sum_ns


@pytest.mark.parametrize("seed", range(50))
def test_the_largest_since_a_copy_is_within_eight_permille(seed: int) -> None:
    histogram = Histogram()

    for samples in windows(seed):
        recent = recorded_since(histogram, samples)

        true = max(samples, default=0)
        assert abs(recent.max_ns - true) <= 0.008 * true


@pytest.mark.parametrize("seed", range(20))
def test_the_largest_since_a_copy_is_exact_where_none_was_as_large_before(seed: int) -> None:
    histogram = Histogram()

    for samples in windows(seed):
        largest_before = histogram.max_ns
        recent = recorded_since(histogram, samples)

        if max(samples, default=0) > largest_before:
            assert recent.max_ns == max(samples)


def test_nothing_came_since_a_copy_when_nothing_did() -> None:
    histogram = filled([1000, 2000])

    recent = histogram.since(histogram.copy())

    assert facts(recent) == facts(Histogram())


@pytest.mark.parametrize("seed", range(50))
def test_counts_between_limits_agree_with_the_sorted_samples(seed: int) -> None:
    samples = sorted(from_a_microsecond_to_an_hour(seed, count=2000))
    limits = limits_for(seed)

    told = accumulate(filled(samples).counts_between(ends_of(limits)))

    for limit, count in zip(limits, told, strict=True):
        surely = bisect_right(samples, limit / 1.008)
        possibly = bisect_right(samples, limit * 1.008)
        assert surely <= count <= possibly


@pytest.mark.parametrize("seed", range(50))
def test_counts_between_limits_add_up_to_all_samples_below_the_last(seed: int) -> None:
    samples = from_a_microsecond_to_an_hour(seed, count=2000)
    limits = [*limits_for(seed), 2 * HOUR_NS]

    counts = filled(samples).counts_between(ends_of(limits))

    assert len(counts) == len(limits)
    assert sum(counts) == len(samples)


@pytest.mark.parametrize(
    ("samples", "limits", "counts"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param([], [0, 10, HOUR_NS], [0, 0, 0], id="no samples"),
        pytest.param([5], [], [], id="no limits"),
        pytest.param([0, 0, 1], [0], [2], id="limit 0"),
        pytest.param([9, 10, 11], [10, 20], [2, 1], id="a sample at a small limit is below it"),
        pytest.param([5, 15], [10, 10, 20], [1, 0, 1], id="the same limit twice"),
        pytest.param([5, 1000], [10], [1], id="what lies above the last is left out"),
        pytest.param([5], [10, HOUR_NS, 10 * HOUR_NS], [1, 0, 0], id="limits beyond all buckets"),
    ],
)
def test_a_sample_lies_between_the_limits_around_it(
    samples: list[int], limits: list[int], counts: list[int]
) -> None:
    told = filled(samples).counts_between(ends_of(limits))

    assert told == counts


@pytest.mark.parametrize("index", [130, 200, 1000, 2345])
def test_a_bucket_lies_below_a_limit_when_its_middle_does(index: int) -> None:
    middle = middle_of(index)

    assert ends_of([middle - 1, middle]) == (index, index + 1)


@pytest.mark.parametrize("seed", range(10))
def test_counts_can_be_added_to_a_row_of_buckets(seed: int) -> None:
    rng = random.Random(seed)
    histogram, expected = Histogram(), Counter[int]()

    for _ in range(5):
        low, counts = 64 * rng.randrange(60), [rng.randrange(3) for _ in range(64)]
        histogram.add(low, counts)
        expected.update({low + at: count for at, count in enumerate(counts)})

    assert dict(histogram.nonzero()) == dict(+expected)
    assert (histogram.sum_ns, histogram.max_ns) == (0, 0)
