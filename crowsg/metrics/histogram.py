"""Counts of durations in log-linear buckets: mergeable, and never off by more than 0.8 %. Pure.

A value of v nanoseconds below 128 has a bucket of its own. Above, each power of two is cut into
64 buckets of equal width, so a bucket is at most 1/64 of its values wide and its middle at most
1/128 (0.78 %) away from any of them. The bucket of v is

    e = bit_length(v) - 7        index = 64 e + (v >> e)        for e > 0, otherwise v itself

which is two shifts and an addition, and orders buckets as their values. An hour has index 2345, so
a histogram that has seen one holds some 2400 counts; it grows only as far as its largest value.
Merging adds counts: a quantile of merged histograms equals that of one that saw every sample.

HdrHistogram cuts powers of two the same way; its decimal precision would cost a division more.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

SUB_BUCKETS = 64
_SHIFT = 6
_EXACT_BITS = 7
_FIRST_SIZE = 1536  # up to 67 ms: most histograms never grow


def index_of(value_ns: int) -> int:
    """Return the index of the bucket that holds ``value_ns`` (>= 0)."""
    exponent = value_ns.bit_length() - _EXACT_BITS
    if exponent <= 0:
        return value_ns
    return (exponent << _SHIFT) + (value_ns >> exponent)


def bounds_of(index: int) -> tuple[int, int]:
    """Return the lowest value of a bucket and the lowest of the next, in nanoseconds."""
    if index < 2 * SUB_BUCKETS:
        return index, index + 1
    exponent = (index >> _SHIFT) - 1
    low = (index - (exponent << _SHIFT)) << exponent
    return low, low + (1 << exponent)


class Histogram:
    """Durations in nanoseconds.

    Attributes:
        counts: Samples by index of their bucket.
        sum_ns: Their sum, exact.
        max_ns: The largest, exact; 0 for none.
    """

    __slots__ = ("counts", "max_ns", "sum_ns")

    def __init__(self) -> None:
        self.counts = [0] * _FIRST_SIZE
        self.sum_ns = 0
        self.max_ns = 0

    @property
    def total(self) -> int:
        """How many samples; not counted while they come, so it costs a sum over all buckets."""
        return sum(self.counts)

    def record(self, value_ns: int) -> None:
        """Count one sample; a negative one counts as 0."""
        if value_ns > self.max_ns:
            self.max_ns = value_ns
        elif value_ns < 0:
            value_ns = 0
        self.sum_ns += value_ns
        # index_of, written out: this is the hot path, and a call costs as much as all of it.
        exponent = value_ns.bit_length() - _EXACT_BITS
        index = value_ns if exponent <= 0 else (exponent << _SHIFT) + (value_ns >> exponent)
        try:
            self.counts[index] += 1
        except IndexError:
            self.counts.extend([0] * (index + SUB_BUCKETS - len(self.counts)))
            self.counts[index] += 1

    def merge(self, other: "Histogram") -> None:
        """Add the samples of ``other``."""
        missing = len(other.counts) - len(self.counts)
        if missing > 0:
            self.counts.extend([0] * missing)
        for index, count in other.nonzero():
            self.counts[index] += count
        self.sum_ns += other.sum_ns
        self.max_ns = max(self.max_ns, other.max_ns)

    def nonzero(self) -> Iterator[tuple[int, int]]:
        """Yield (index, count) of the buckets that hold samples, in order."""
        return ((index, count) for index, count in enumerate(self.counts) if count)

    def quantiles(self, fractions: Iterable[float]) -> list[int]:
        """Return the values below or at which each of the fractions of samples lies.

        Args:
            fractions: Between 0 and 1, ascending.

        Returns:
            In nanoseconds, never above the largest sample; 0 where there are no samples.
        """
        total = self.total
        buckets = iter(self._cumulated())
        index, seen = next(buckets, (0, 0))
        values = []
        for fraction in fractions:
            rank = min(total, max(1, math.ceil(fraction * total)))
            while seen < rank:
                index, seen = next(buckets)
            low, high = bounds_of(index)
            values.append(min(self.max_ns, (low + high - 1) // 2))
        return values

    def _cumulated(self) -> Iterable[tuple[int, int]]:
        pairs = list(self.nonzero())
        return zip(
            (index for index, _ in pairs), accumulate(count for _, count in pairs), strict=True
        )

    def counts_up_to(self, limits_ns: Iterable[int]) -> list[int]:
        """Return how many samples lie at or below each limit, as far as the buckets tell.

        A bucket counts as below a limit when its middle is.
        """
        pairs = [(sum(bounds_of(index)) // 2, count) for index, count in self.nonzero()]
        return [sum(count for middle, count in pairs if middle <= limit) for limit in limits_ns]

    def load(self, counts: Mapping[int, int], sum_ns: int, max_ns: int) -> None:
        """Hold exactly these counts; what ``nonzero``, ``sum_ns`` and ``max_ns`` gave elsewhere."""
        self.counts = [0] * max(_FIRST_SIZE, 1 + max(counts, default=0))
        for index, count in counts.items():
            self.counts[index] = count
        self.sum_ns, self.max_ns = sum_ns, max_ns
