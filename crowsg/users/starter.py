"""Users that wait for their start, let in one by one."""

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import gevent
from greenlet import getcurrent

BATCH = 200
"""Users started before everybody else gets a turn."""


class Due(Protocol):
    """Something that was due at a moment, in seconds of ``time.monotonic()``."""

    due: float


class Starter:
    """A queue of user ids and the greenlet that starts them, which lives while some wait.

    Args:
        admit: Blocks until one more user may start, and tells since when.
        begin: Starts the user of an id that was due at a moment.
        spawn: Starts a function on a greenlet of this node.
        on_ramp_over: Called when nobody waits any more.
    """

    def __init__(
        self,
        admit: Callable[[], Due],
        begin: Callable[[int, float], object],
        spawn: Callable[..., Any],
        on_ramp_over: Callable[[], object],
    ) -> None:
        self._admit = admit
        self._begin = begin
        self._spawn = spawn
        self._on_ramp_over = on_ramp_over
        self._ranges: deque[range] = deque()
        self._greenlet: Any = None
        self.waiting = 0

    def add(self, first_id: int, last_id: int) -> None:
        """Queue the users ``first_id`` to ``last_id``, both included."""
        self._ranges.append(range(first_id, last_id + 1))
        self.waiting += last_id + 1 - first_id
        if self._greenlet is None:
            self._greenlet = self._spawn(self._start_all)

    def cancel(self, count: int) -> list[range]:
        """Forget up to ``count`` users, the last asked for first; returns their ids."""
        left = min(count, self.waiting)
        self.waiting -= left
        cancelled = []
        while left:
            ids = self._ranges.pop()
            kept = ids[: max(0, len(ids) - left)]
            cancelled.append(ids[len(kept) :])
            left -= len(cancelled[-1])
            if kept:
                self._ranges.append(kept)
        if not self.waiting and self._greenlet is not None:
            self._greenlet.kill(block=False)
            self._greenlet = None
        return cancelled

    def _start_all(self) -> None:
        try:
            self._start_each()
        finally:
            # Also when it dies of somebody's handler: the next users added start it again.
            if self._greenlet is getcurrent():
                self._greenlet = None

    def _start_each(self) -> None:
        started = 0
        while self._ranges:
            permit = self._admit()
            # Everybody may have been cancelled while this greenlet was on its way here.
            if self._ranges:
                self._begin(self._next(), permit.due)
                started += 1
            if started % BATCH == 0:
                gevent.sleep(0)
        self._on_ramp_over()

    def _next(self) -> int:
        ids = self._ranges[0]
        if len(ids) == 1:
            self._ranges.popleft()
        else:
            self._ranges[0] = ids[1:]
        self.waiting -= 1
        return ids[0]
