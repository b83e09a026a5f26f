"""Operations in figures that people read: rates, means and quantiles, in seconds."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from crowsg.clock import SECOND
from crowsg.metrics.histogram import Histogram
from crowsg.metrics.operation import Operation

_FRACTIONS = (0.5, 0.9, 0.95, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long samples took, in seconds; quantiles within 0.8 %, mean and maximum exact."""

    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    p99_9: float
    max: float

    @classmethod
    def of(cls, histogram: Histogram) -> "Latency | None":
        """Read a histogram; None for one without samples."""
        total = histogram.total
        if not total:
            return None
        p50, p90, p95, p99, p99_9 = (ns / SECOND for ns in histogram.quantiles(_FRACTIONS))
        mean = histogram.sum_ns / total / SECOND
        return cls(mean, p50, p90, p95, p99, p99_9, histogram.max_ns / SECOND)


@dataclass(frozen=True, slots=True)
class Interval:
    """An operation over a short time.

    Attributes:
        ok, failed, interrupted: Samples in that time.
        service: Service times of the ok and failed ones; None without any.
        response: Their response times; None where there were no intended moments.
    """

    ok: int
    failed: int
    interrupted: int
    service: Latency | None
    response: Latency | None

    @property
    def count(self) -> int:
        """Samples, whatever became of them."""
        return self.ok + self.failed + self.interrupted


@dataclass(frozen=True, slots=True)
class OperationSummary:
    """An operation at the end of a run.

    Attributes:
        count: Samples, ``ok + failed + interrupted``.
        failures: Failed samples by kind.
        rate_per_s: Samples that came to an end, per second of the run.
        service: From the beginning to the end, of ok and failed samples; None without any.
        response: From the intended moment to the end; None where there was no such moment.
        late_s: Seconds by which samples began after their intended moments, added up.
        dropped: Calls that an open model had no room for, and so never began.
    """

    count: int
    ok: int
    failed: int
    interrupted: int
    failures: Mapping[str, int]
    rate_per_s: float
    service: Latency | None
    response: Latency | None
    late_s: float
    dropped: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values; those of an intended moment only where there was one."""
        values = asdict(self)
        if self.response is None:
            del values["response"], values["late_s"]
            if not self.dropped:
                del values["dropped"]
        return values


def summary_of(operation: Operation, seconds: float) -> OperationSummary:
    """Sum up an operation of a run that lasted ``seconds``."""
    service = operation.service()
    ok, failed = operation.ok.total, operation.failed.total
    return OperationSummary(
        count=ok + failed + operation.interrupted.total,
        ok=ok,
        failed=failed,
        interrupted=operation.interrupted.total,
        failures=dict(operation.failures),
        rate_per_s=(ok + failed) / seconds if seconds else 0.0,
        service=Latency.of(service),
        response=Latency.of(operation.response),
        late_s=operation.late_ns / SECOND,
        dropped=operation.dropped,
    )


def interval_of(recent: Operation) -> Interval:
    """Put the samples of a short time in figures."""
    return Interval(
        ok=recent.ok.total,
        failed=recent.failed.total,
        interrupted=recent.interrupted.total,
        service=Latency.of(recent.service()),
        response=Latency.of(recent.response),
    )
