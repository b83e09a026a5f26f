"""A clock by which a loop can be blocked, and a process that uses what a test says."""

from crowsg.clock import to_ns
from crowsg.health.process import ProcessReading
from crowsg.testing import ManualClock


class BlockableClock(ManualClock):
    """A manual clock whose time can pass while no greenlet runs."""

    def block(self, seconds: float) -> None:
        """Let time pass as for a loop that stands still: what falls due meanwhile comes late."""
        self._now_ns += to_ns(seconds)


class Meter:
    """What a process uses."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.resident_bytes = 1000
        self.open_files = 10

    def read(self) -> ProcessReading:
        """Return it as it stands."""
        return ProcessReading(self.cpu_s, self.resident_bytes, 2000, self.open_files, 64, 1.5)
