"""Time that moves only when it is told to."""

import heapq
import itertools
from collections.abc import Callable

import gevent
from gevent.event import Event

from crowsg.clock import SECOND, refuse_nan, to_ns


class _ManualTimer:
    """A callback in the clock's queue."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock:
    """A ``Clock`` that a test moves by hand; three virtual seconds take milliseconds.

    Args:
        start_ns: The first moment, in nanoseconds.
    """

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns
        self._order = itertools.count()
        self._queue: list[tuple[int, int, _ManualTimer]] = []

    def now_ns(self) -> int:
        """Return the moment the clock stands at, in nanoseconds."""
        return self._now_ns

    def now(self) -> float:
        """Return the moment the clock stands at, in seconds."""
        return self._now_ns / SECOND

    def wall(self) -> float:
        """Return a wall clock that began at the epoch, in seconds."""
        return self._now_ns / SECOND

    def sleep(self, seconds: float) -> None:
        """Block the calling greenlet until the clock was moved past ``seconds``."""
        refuse_nan(seconds)
        if seconds <= 0:
            gevent.sleep(0)
            return
        woken = Event()
        timer = self.call_later(to_ns(seconds), woken.set)
        try:
            woken.wait()
        finally:
            timer.cancel()

    def call_later(self, delay_ns: int, callback: Callable[[], object]) -> _ManualTimer:
        """Run ``callback`` when the clock is moved ``delay_ns`` nanoseconds on."""
        timer = _ManualTimer(callback)
        heapq.heappush(self._queue, (self._now_ns + max(0, delay_ns), next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Move on by ``seconds``: what falls due runs in due order, consequences included.

        Raises:
            ValueError: ``seconds`` is negative: time never runs backwards.

        Blocks: until every greenlet that was woken waits again.
        """
        if seconds < 0:
            raise ValueError(f"time cannot be moved by {seconds} s")
        end_ns = self._now_ns + to_ns(seconds)
        settle()
        while self._queue and self._queue[0][0] <= end_ns:
            due_ns, _, timer = heapq.heappop(self._queue)
            if timer.callback is not None:
                self._now_ns = max(self._now_ns, due_ns)
                timer.callback()
                settle()
        self._now_ns = max(self._now_ns, end_ns)

    def jump(self, seconds: float) -> None:
        """Move on by ``seconds`` in which nothing runs, as in a process that is stopped.

        What falls due meanwhile is late: it runs with the next ``advance``.
        """
        self._now_ns += to_ns(seconds)

    def advance_until(
        self, condition: Callable[[], bool], step: float = 0.1, steps: int = 10_000
    ) -> None:
        """Move on in steps of ``step`` seconds until ``condition()`` holds, ``steps`` at the most.

        Raises:
            AssertionError: It did not come to hold.
        """
        settle()
        for _ in range(steps):
            if condition():
                return
            self.advance(step)
        if not condition():
            raise AssertionError(f"not so within {step * steps:g} virtual seconds")


def settle() -> None:
    """Let every greenlet that can run do so, until all of them wait."""
    gevent.idle()
