"""How long the garbage collector stops everything."""

import gc
from collections.abc import Callable
from typing import Any

from crowsg.metrics.histogram import Histogram


class CollectorPauses:
    """Times every collection between ``start`` and ``stop``.

    Attributes:
        pauses: How long they took.

    Args:
        now_ns: The clock.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._began_ns = 0
        self.pauses = Histogram()

    def start(self) -> None:
        """Begin to listen."""
        if self._note not in gc.callbacks:
            gc.callbacks.append(self._note)

    def stop(self) -> None:
        """Listen no more."""
        if self._note in gc.callbacks:
            gc.callbacks.remove(self._note)

    def _note(self, phase: str, _: dict[str, Any]) -> None:
        # The collector calls this around its work, with nothing in between.
        if phase == "start":
            self._began_ns = self._now_ns()
        elif self._began_ns:
            self.pauses.record(max(0, self._now_ns() - self._began_ns))
            # One that had begun before a later ``start`` is not to be timed from here.
            self._began_ns = 0
