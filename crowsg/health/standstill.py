"""Notices before anything else runs that the whole process stood still.

A process that was stopped, or whose machine slept, goes on where it was: all that fell due
meanwhile happens at once. What must come before all that is called here.
"""

from collections.abc import Callable
from typing import Any

import gevent

from crowsg.clock import SECOND, to_ns

LOOK_S = 0.1


class Standstill:
    """A timer that is served before all others that are due.

    Args:
        stood_still_ns: Returns for how long no thread of the process ran until just now.
    """

    def __init__(self, stood_still_ns: Callable[[], int]) -> None:
        self._stood_still_ns = stood_still_ns
        self._callbacks: list[Callable[[float], object]] = []
        self._timer: Any = None

    def on_end(self, callback: Callable[[float], object]) -> None:
        """Call ``callback(seconds)`` in the hub when a standstill has ended; it must not block."""
        self._callbacks.append(callback)

    def start(self) -> None:
        """Begin to look."""
        if self._timer is None:
            loop = gevent.get_hub().loop
            self._timer = loop.timer(LOOK_S, LOOK_S, ref=False, priority=loop.MAXPRI)
            self._timer.start(self.look)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    def look(self) -> None:
        """Look whether the process stood still."""
        stood_still_ns = self._stood_still_ns()
        if stood_still_ns:
            for callback in self._callbacks:
                callback(stood_still_ns / SECOND)


class Attendance:
    """When a native thread was there, so that its absence is known.

    Args:
        now_ns: The clock.
        limit_s: From how many seconds on it counts as absent.
    """

    def __init__(self, now_ns: Callable[[], int], limit_s: float) -> None:
        self._now_ns = now_ns
        self._limit_ns = to_ns(limit_s)
        self._here_ns = 0
        self._absent_ns = self._back_ns = 0

    def begin(self) -> None:
        """Let the thread be there from now on."""
        self._here_ns = self._now_ns()

    def note(self) -> None:
        """Note that it is there; called by it."""
        now_ns = self._now_ns()
        if now_ns - self._here_ns >= self._limit_ns:
            self._absent_ns, self._back_ns = now_ns - self._here_ns, now_ns
        self._here_ns = now_ns

    def take_absence_ns(self) -> int:
        """Return how long it was absent until just now, 0 for not; each absence once.

        Whoever asks may come before the thread itself does.
        """
        now_ns, here_ns = self._now_ns(), self._here_ns
        if here_ns and now_ns - here_ns >= self._limit_ns:
            self._here_ns = now_ns
            return now_ns - here_ns
        absent_ns, self._absent_ns = self._absent_ns, 0
        return absent_ns if now_ns - self._back_ns < self._limit_ns else 0
