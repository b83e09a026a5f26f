"""Time as a parameter: the contract every timer, rate and latency uses, and the real clock.

Monotonic time only; ``wall`` is for display. The clock that tests move by hand is
``crowsg.testing.ManualClock``.
"""

import time
from collections.abc import Callable
from typing import Any, Protocol

import gevent

SECOND = 1_000_000_000
"""Nanoseconds in a second: public signatures take seconds, everything inside counts these."""


def to_ns(seconds: float) -> int:
    """Turn ``seconds`` into whole nanoseconds."""
    # A float on purpose: text times a whole number would be a gigabyte of text.
    return round(seconds * 1e9)


def refuse_nan(seconds: float) -> None:
    """Refuse a duration that is no number: the timers of the loop would never fire again.

    Raises:
        ValueError: It is ``nan``.
    """
    if seconds != seconds:
        raise ValueError("nan seconds is no duration")


class Breather:
    """Lets everybody else run between two pieces of a long piece of work.

    Args:
        clock: Tells the time.
        after_s: Seconds of work after which the others get a turn.
    """

    __slots__ = ("_after_ns", "_clock", "_since_ns")

    def __init__(self, clock: "Clock", after_s: float = 0.002) -> None:
        self._clock = clock
        self._after_ns = to_ns(after_s)
        self._since_ns = clock.now_ns()

    def breathe(self) -> None:
        """Give the others their turn, when it is time.

        Blocks: until the loop has been around once, timers and sockets included.
        """
        if self._clock.now_ns() - self._since_ns >= self._after_ns:
            # Not sleep(0): that lets callbacks run, up to fifty turns of them before any timer.
            hub = gevent.get_hub()
            with hub.loop.timer(0) as turn:
                hub.wait(turn)
            self._since_ns = self._clock.now_ns()


class Timer(Protocol):
    """A callback that will run once, unless it is cancelled before."""

    def cancel(self) -> None:
        """Forget the callback; harmless when it has already run."""


class Clock(Protocol):
    """What crowsg knows of time."""

    def now_ns(self) -> int:
        """Return nanoseconds since an arbitrary moment; never runs backwards."""

    def now(self) -> float:
        """Return the same moment in seconds."""

    def wall(self) -> float:
        """Return seconds since the epoch, for display only."""

    def sleep(self, seconds: float) -> None:
        """Block the calling greenlet; 0 only lets others run."""

    def call_later(self, delay_ns: int, callback: Callable[[], object]) -> Timer:
        """Run ``callback`` once in ``delay_ns`` nanoseconds; it must not block."""


class _LoopTimer:
    """A timer of the event loop, closed as soon as it is of no more use."""

    __slots__ = ("_callback", "_watcher")

    def __init__(self, watcher: Any, callback: Callable[[], object]) -> None:
        self._watcher = watcher
        self._callback = callback
        # Without the update it would count from when the loop last looked, and so fire early.
        watcher.start(self._fire, update=True)

    def _fire(self) -> None:
        self._watcher.close()
        self._callback()

    def cancel(self) -> None:
        self._watcher.close()


class MonotonicClock:
    """The real clock: ``time.monotonic_ns`` and the timers of gevent's loop."""

    # No methods of its own: operations and events ask all the time, and these calls are cheaper.
    now_ns = staticmethod(time.monotonic_ns)
    now = staticmethod(time.monotonic)

    def wall(self) -> float:
        """Return the wall clock in seconds since the epoch."""
        return time.time()  # noqa: TID251 - the one place that may

    def sleep(self, seconds: float) -> None:
        """Block the calling greenlet for at least ``seconds``."""
        refuse_nan(seconds)
        gevent.sleep(seconds)

    def call_later(self, delay_ns: int, callback: Callable[[], object]) -> Timer:
        """Run ``callback`` in the hub in ``delay_ns`` nanoseconds."""
        loop = gevent.get_hub().loop
        return _LoopTimer(loop.timer(max(0, delay_ns) / SECOND), callback)
