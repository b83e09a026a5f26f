"""Counts of durations in log-linear buckets: mergeable, and never off by more than 0.8 %. Pure.

A value of v nanoseconds below 128 has a bucket of its own. Above, each power of two is cut into
64 buckets of equal width, so a bucket is at most 1/64 of its values wide and its middle at most
1/128 (0.78 %) away from any of them. The bucket of v is

    e = bit_length(v) - 7        index = 64 e + (v >> e)        for e > 0, otherwise v itself

which is two shifts and an addition, and orders buckets as their values. An hour has index 2345, so
a histogram that has seen one holds some 2400 counts; it grows only as far as its largest value.
Merging adds counts: a quantile of merged histograms equals that of one that saw every sample.

HdrHistogram cuts powers of two the same way; its decimal precision would cost a division more.

Distributions over coarser limits, as Prometheus asks for, are sums over slices of the counts:
``ends_of`` turns limits into the slices' ends once, ``Histogram.counts_between`` adds up.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from operator import add, sub

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


def ends_of(limits_ns: Iterable[int]) -> tuple[int, ...]:
    """Return, for each limit, the index behind the last bucket that counts as at or below it.

    A bucket counts as below a limit when its middle is.
    """
    pairs = ((limit, index_of(limit)) for limit in limits_ns)
    return tuple(index + (middle_of(index) <= limit) for limit, index in pairs)


def middle_of(index: int) -> int:
    """Return the value in the middle of a bucket, in nanoseconds."""
    low, high = bounds_of(index)
    return (low + high - 1) // 2


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
        self.counts: list[int] = []
        self.sum_ns = 0
        self.max_ns = 0

    @property
    def total(self) -> int:
        """How many samples; not counted while they come, so it costs a sum over all buckets."""
        return sum(self.counts)

    def record(self, value_ns: int) -> None:
        """Count one sample; it must not be negative."""
        if value_ns > self.max_ns:
            self.max_ns = value_ns
        self.sum_ns += value_ns
        # index_of, written out: this is the hot path, and a call costs half of all this.
        exponent = value_ns.bit_length() - _EXACT_BITS
        if exponent > 0:
            value_ns = (exponent << _SHIFT) + (value_ns >> exponent)
        try:
            self.counts[value_ns] += 1
        except IndexError:
            self._grow(value_ns + SUB_BUCKETS)
            self.counts[value_ns] += 1

    def merge(self, other: "Histogram") -> None:
        """Add the samples of ``other``."""
        if not other.counts:
            return
        self._grow(len(other.counts))
        for index, count in other.nonzero():
            self.counts[index] += count
        self.sum_ns += other.sum_ns
        self.max_ns = max(self.max_ns, other.max_ns)

    def add(self, low: int, counts: Sequence[int]) -> None:
        """Add to the counts of the buckets from index ``low`` on; sum and maximum are left."""
        self._grow(low + len(counts))
        part = slice(low, low + len(counts))
        self.counts[part] = map(add, self.counts[part], counts)

    def nonzero(self) -> Iterator[tuple[int, int]]:
        """Yield (index, count) of the buckets that hold samples, in order."""
        # By octaves: most hold nothing, and to find that out takes a hundredth of a look at each.
        for low in range(0, len(self.counts), SUB_BUCKETS):
            octave = self.counts[low : low + SUB_BUCKETS]
            if any(octave):
                for index, count in enumerate(octave, low):
                    if count:
                        yield index, count

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
            values.append(min(self.max_ns, middle_of(index)))
        return values

    def _cumulated(self) -> Iterable[tuple[int, int]]:
        pairs = list(self.nonzero())
        return zip(
            (index for index, _ in pairs), accumulate(count for _, count in pairs), strict=True
        )

    def counts_between(self, ends: Sequence[int]) -> list[int]:
        """Return how many samples lie between 0 and the first of ``ends``, that and the next, ...

        Args:
            ends: Indexes of buckets, ascending; see ``ends_of``.
        """
        counts = self.counts
        return [sum(counts[low:high]) for low, high in pairwise((0, *ends))]

    def copy(self) -> "Histogram":
        """Return a histogram of the same samples."""
        twin = Histogram()
        twin.counts, twin.sum_ns, twin.max_ns = self.counts.copy(), self.sum_ns, self.max_ns
        return twin

    def since(self, earlier: "Histogram") -> "Histogram":
        """Return the samples that came after ``earlier`` was copied from this histogram.

        Their largest is exact where it is the largest of all, otherwise as its bucket tells.
        """
        recent = Histogram()
        if self.counts == earlier.counts:
            return recent
        recent.counts = [0] * len(self.counts)
        for low in range(0, len(self.counts), SUB_BUCKETS):
            octave = slice(low, low + SUB_BUCKETS)
            now, before = self.counts[octave], earlier.counts[octave]
            if now != before:
                recent.counts[octave] = map(sub, now, before) if before else now
        recent.sum_ns = self.sum_ns - earlier.sum_ns
        recent.max_ns = self.max_ns
        if self.max_ns == earlier.max_ns:
            highest = max(index for index, _ in recent.nonzero())
            recent.max_ns = min(self.max_ns, middle_of(highest))
        return recent

    def _grow(self, size: int) -> None:
        """Have at least ``size`` buckets in whole octaves; none at all before the first sample."""
        octaves = -(-max(size, _FIRST_SIZE) // SUB_BUCKETS)
        missing = octaves * SUB_BUCKETS - len(self.counts)
        if missing > 0:
            self.counts.extend([0] * missing)
