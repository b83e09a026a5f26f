"""Whether this node itself was the limit, second by second and over a whole run."""

from collections.abc import Callable
from dataclasses import dataclass

from crowsg.clock import SECOND, Clock
from crowsg.ending import end_process
from crowsg.health.lag import LoopLag
from crowsg.health.pauses import CollectorPauses
from crowsg.health.process import ProcessReading, read_process
from crowsg.health.standstill import Standstill
from crowsg.health.watchdog import Watchdog
from crowsg.supervision import Keep

LAG_LIMIT_S = 0.1
CPU_LIMIT = 0.95
_SHORT_S = 0.2


@dataclass(frozen=True, slots=True)
class Reading:
    """The generator itself, over the time since the reading before.

    Attributes:
        cpu: Processor time per time; 1.0 is a whole core, all that the loop can use.
        lag_s: The worst delay of the loop, in seconds.
        resident_bytes: Memory at the end.
        open_files: File descriptors at the end.
        saturated: Whether the generator was the limit: its loop came 0.1 s too late, or it used
            0.95 of a core. What users measured then is in part its own delay.
    """

    cpu: float = 0.0
    lag_s: float = 0.0
    resident_bytes: int = 0
    open_files: int = 0
    saturated: bool = False


class Health:
    """Watches the event loop, the garbage collector and the process of one node.

    Attributes:
        lag: The loop's delays since ``start``.
        pauses: The garbage collector's pauses since ``start``.
        watchdog: Names what blocks the loop, and breaks it.
        standstill: Tells first of all that the whole process stood still.
        stall_timeout_s: Seconds after which it does so; 0: never.

    Args:
        clock: Tells and waits.
        keep: Keeps a loop of the node running.
        read: Reads what the process uses.
        stall_timeout_s: Seconds after which a scenario that blocks the loop is broken; 0 or None:
            never.
        end: Ends the process, for the reason it is given, where that was of no use; called from a
            native thread.
        patience_s: Returns how many seconds what runs now is to have at the least; called from a
            native thread.
    """

    def __init__(
        self,
        clock: Clock,
        keep: Keep,
        read: Callable[[], ProcessReading] = read_process,
        stall_timeout_s: float | None = None,
        end: Callable[[str], object] = end_process,
        patience_s: Callable[[], float] = float,
    ) -> None:
        self._clock = clock
        self._read = read
        self.watchdog = Watchdog(
            clock.now_ns, stall_timeout_s=stall_timeout_s, end=end, patience_s=patience_s
        )
        self.stall_timeout_s = stall_timeout_s or 0.0
        self.lag = LoopLag(clock, keep, self.watchdog.beat)
        self.pauses = CollectorPauses(clock.now_ns)
        self.standstill = Standstill(self.watchdog.attendance.take_absence_ns)
        self.is_watching = False
        self._from_ns = 0
        self._from_cpu_s = 0.0

    def start(self) -> None:
        """Begin to watch."""
        if not self.is_watching:
            self.is_watching = True
            self.pauses.start()
            self.watchdog.start()
            self.lag.start()
            self.standstill.start()

    def stop(self) -> None:
        """Watch no more."""
        if self.is_watching:
            self.is_watching = False
            self.standstill.stop()
            self.lag.stop()
            self.watchdog.stop()
            self.pauses.stop()

    def reading(self) -> Reading:
        """Return how the node has been since the last call."""
        self.lag.look()
        seconds, cpu_s, process = self._take()
        lag_s = self.lag.take_worst()
        # Over a moment, the processor time is that of its beginning and end.
        cpu = cpu_s / seconds if seconds >= _SHORT_S else 0.0
        is_limit = lag_s >= LAG_LIMIT_S or cpu >= CPU_LIMIT
        return Reading(cpu, lag_s, process.resident_bytes, process.open_files, is_limit)

    def process(self) -> ProcessReading:
        """Return what the process uses right now."""
        return self._read()

    def _take(self) -> tuple[float, float, ProcessReading]:
        now_ns, process = self._clock.now_ns(), self._read()
        seconds = (now_ns - self._from_ns) / SECOND
        cpu_s = process.cpu_s - self._from_cpu_s
        self._from_ns, self._from_cpu_s = now_ns, process.cpu_s
        return seconds, cpu_s, process
