"""Sums of histograms and operations that grow as snapshots come, and are read once a second."""

from crowsg.dist.packed import FORM_OF, MAX_SUMMANDS, Growth, OperationGrowth
from crowsg.metrics.histogram import SUB_BUCKETS, Histogram
from crowsg.metrics.operation import Operation


class HistogramSum:
    """Adds up what histograms grow by, and unpacks it when somebody wants to look.

    Attributes:
        histogram: The sum as it was settled last.
    """

    __slots__ = ("_max_ns", "_octaves", "_sum_ns", "_summands", "histogram")

    def __init__(self, histogram: Histogram) -> None:
        self.histogram = histogram
        self._octaves: dict[tuple[int, int], int] = {}
        self._summands = self._sum_ns = self._max_ns = 0

    def add(self, growth: Growth) -> None:
        """Count in what one of them has grown by."""
        if not growth.octaves:
            return
        if self._summands == MAX_SUMMANDS:
            self.settle()
        self._summands += 1
        octaves = self._octaves
        for octave, size, added in growth.octaves:
            key = octave, size
            octaves[key] = octaves.get(key, 0) + added
        self._sum_ns += growth.sum_ns
        self._max_ns = max(self._max_ns, growth.max_ns)

    def settle(self) -> None:
        """Bring the histogram up to now."""
        if not self._summands:
            return
        for (octave, size), added in self._octaves.items():
            self.histogram.add(octave * SUB_BUCKETS, FORM_OF[size].counts(added))
        self.histogram.sum_ns += self._sum_ns
        self.histogram.max_ns = max(self.histogram.max_ns, self._max_ns)
        self._octaves.clear()
        self._summands = self._sum_ns = self._max_ns = 0


class OperationSum:
    """Adds up what operations grow by, kinds of failures aside.

    Attributes:
        operation: The sum as it was settled last.
    """

    __slots__ = ("_dropped", "_histograms", "_late_ns", "operation")

    def __init__(self) -> None:
        self.operation = Operation()
        made = self.operation
        histograms = (made.ok, made.failed, made.interrupted, made.response)
        self._histograms = tuple(map(HistogramSum, histograms))
        self._late_ns = self._dropped = 0

    def add(self, growth: OperationGrowth) -> None:
        """Count in what one of them has grown by."""
        ok, failed, interrupted, response = self._histograms
        ok.add(growth.ok)
        failed.add(growth.failed)
        interrupted.add(growth.interrupted)
        response.add(growth.response)
        self._late_ns += growth.late_ns
        self._dropped += growth.dropped

    def settle(self) -> None:
        """Bring the operation up to now."""
        for each in self._histograms:
            each.settle()
        self.operation.late_ns += self._late_ns
        self.operation.dropped += self._dropped
        self._late_ns = self._dropped = 0
