"""What the node itself was like over one run."""

from dataclasses import asdict, dataclass
from typing import Any

from crowsg.clock import SECOND
from crowsg.health.monitor import Health, Reading
from crowsg.metrics.figures import Latency

MAX_SPANS = 1000


@dataclass(frozen=True, slots=True)
class StallSummary:
    """A time in which the event loop was blocked.

    Attributes:
        at_s: When it began, in seconds since the start of the run.
        seconds: For how long.
        place: Which function blocked it.
    """

    at_s: float
    seconds: float
    place: str


@dataclass(frozen=True, slots=True)
class HealthSummary:
    """The generator itself over a run.

    Attributes:
        saturated_s: Seconds in which it was the limit; see ``Reading``.
        saturated: When, as (from, to) in seconds since the start of the run, 1000 at the most.
        cpu_mean, cpu_max: Cores used, on average and in the worst second.
        loop_lag: Delays of the event loop; None where nobody watched it.
        gc_pause: Pauses of the garbage collector; None without any.
        gc_pause_s: Their sum.
        resident_bytes, open_files: The most of both at the end of any second.
        stalls: Times of a second and more in which the loop was blocked, 100 at the most.
    """

    saturated_s: float
    saturated: tuple[tuple[float, float], ...]
    cpu_mean: float
    cpu_max: float
    loop_lag: Latency | None
    gc_pause: Latency | None
    gc_pause_s: float
    resident_bytes: int
    open_files: int
    stalls: tuple[StallSummary, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


class HealthRecord:
    """Gathers the readings of a run.

    Args:
        health: Where they come from.
        began_ns: When the run began.
    """

    def __init__(self, health: Health, began_ns: int) -> None:
        health.reading()
        self._health = health
        self._began_ns = began_ns
        self._lags_before = health.lag.lags.copy()
        self._pauses_before = health.pauses.pauses.copy()
        self._spans: list[tuple[float, float]] = []
        self._saturated_s = self._seconds = self._cpu_s = self._cpu_max = 0.0
        self._resident_bytes = self._open_files = 0

    def add(self, reading: Reading, from_s: float, to_s: float) -> None:
        """Take the reading of one second of the run, given in seconds since its start."""
        seconds = to_s - from_s
        self._seconds += seconds
        self._cpu_s += reading.cpu * seconds
        self._cpu_max = max(self._cpu_max, reading.cpu)
        self._resident_bytes = max(self._resident_bytes, reading.resident_bytes)
        self._open_files = max(self._open_files, reading.open_files)
        if reading.saturated:
            self._saturated_s += seconds
            self._mark(from_s, to_s)

    @property
    def is_saturated(self) -> bool:
        """Whether the generator was the limit in any second so far."""
        return self._saturated_s > 0

    def summary(self) -> HealthSummary:
        """Sum up the run so far."""
        pauses = self._health.pauses.pauses.since(self._pauses_before)
        return HealthSummary(
            saturated_s=self._saturated_s,
            saturated=tuple(self._spans),
            cpu_mean=self._cpu_s / self._seconds if self._seconds else 0.0,
            cpu_max=self._cpu_max,
            loop_lag=Latency.of(self._health.lag.lags.since(self._lags_before)),
            gc_pause=Latency.of(pauses),
            gc_pause_s=pauses.sum_ns / SECOND,
            resident_bytes=self._resident_bytes,
            open_files=self._open_files,
            stalls=tuple(self._stalls()),
        )

    def _mark(self, from_s: float, to_s: float) -> None:
        if self._spans and self._spans[-1][1] == from_s:
            self._spans[-1] = (self._spans[-1][0], to_s)
        elif len(self._spans) < MAX_SPANS:
            self._spans.append((from_s, to_s))

    def _stalls(self) -> list[StallSummary]:
        return [
            StallSummary((stall.began_ns - self._began_ns) / SECOND, stall.seconds, stall.place)
            for stall in self._health.watchdog.stalls
            if stall.began_ns >= self._began_ns
        ]
