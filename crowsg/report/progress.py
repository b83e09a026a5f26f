"""A line a second while a run goes on, for pipes and log files."""

from collections import deque
from collections.abc import Callable

from crowsg.clock import Clock
from crowsg.record.sample import Sample
from crowsg.report.outlet import Outlet
from crowsg.report.spelling import duration, stopwatch, workers
from crowsg.summary import Summary

PATIENCE_S = 1.0
_ALWAYS = frozenset({"running", "finished", "failed"})

Write = Callable[[bytes], object]


class Progress:
    """Writes where the users and their operations stand; outcomes nobody had are left out.

    Lines are left out while one before is still being written: who reads too slowly, or no more,
    slows no user.

    Attributes:
        outlet: Takes what else is printed there.

    Args:
        write: Takes the lines, on a native thread.
        encoding: What they are written as.
        clock: Tells when it is time to write.
    """

    def __init__(
        self, write: Write, encoding: str = "utf-8", *, clock: Clock | None = None
    ) -> None:
        self._put = write
        self._encoding = encoding
        # The newest takes the place of one that still waits.
        self._lines: deque[str] = deque(maxlen=1)
        self.outlet = Outlet(self._write, clock)

    def see(self, sample: Sample) -> None:
        """Write one line."""
        self._lines.append(f"{line(sample)}\n")
        self.outlet.wake()

    def end(self, _: Summary | None) -> None:
        """Wait for the last line.

        Blocks: until it is written, a second at the most.
        """
        self.outlet.close(PATIENCE_S)

    def last_words(self) -> bytes:
        """Return what was printed last, for an end at once."""
        return self._encoded(self.outlet.take())

    def _write(self, text: str) -> None:
        if self._lines:
            text += self._lines.popleft()
        if text:
            self._put(self._encoded(text))

    def _encoded(self, text: str) -> bytes:
        return text.encode(self._encoding, "backslashreplace")


def line(sample: Sample) -> str:
    """Return the line for this moment."""
    counts = sample.status.users.as_dict()
    del counts["asked"]
    shown = [f"{number} {name}" for name, number in counts.items() if number or name in _ALWAYS]
    parts = [", ".join(shown), workers(sample.workers), operations(sample), limit(sample)]
    return f"{stopwatch(sample.to_s):>6}  {'; '.join(part for part in parts if part)}"


def operations(sample: Sample) -> str:
    """Say how the operations of this second went; empty without any."""
    everything = sample.everything
    if everything.service is None:
        return ""
    ended = everything.ok + everything.failed
    failed = f", {everything.failed} failed" if everything.failed else ""
    rate = ended / sample.seconds if sample.seconds else 0.0
    return f"{rate:.0f} operations/s{failed}, p95 {duration(everything.service.p95)}"


def limit(sample: Sample) -> str:
    """Say that the generator was the limit in this second; empty where it was not."""
    health = sample.health
    if not health.saturated:
        return ""
    return f"the generator is the limit: cpu {health.cpu:.0%}, lag {duration(health.lag_s)}"
