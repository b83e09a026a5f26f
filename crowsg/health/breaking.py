"""Breaks what blocks an event loop, and where that is of no use ends the process.

Another thread can have an exception raised in the one that is blocked. That ends whatever runs in
Python; a call into C gets it when it returns, and code that catches everything goes on.
"""

import ctypes
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType

from crowsg.clock import SECOND, to_ns
from crowsg.config.durations import seconds_of
from crowsg.errors import NodeError
from crowsg.health.places import is_breakable, place_of, stack_of

STALL_TIMEOUT_S = 5.0
"""Seconds after which code that blocks the loop is broken, where nobody says otherwise."""

AGAIN_S = 1.0
END_S = 2.0
"""Seconds from the first exception to the end of a process that is blocked all the same."""

STALL_TIMEOUT = "CROWSG_STALL_TIMEOUT"


class LoopBlocked(BaseException):
    """Thrown into code that kept the event loop from all others for too long.

    It is no ``Exception``, so that code which goes on after every failure does not go on here.
    """


def stall_timeout_of(environment: Mapping[str, str], given_s: float | None = None) -> float:
    """Return after how many seconds code that blocks the loop is broken; 0: never.

    Args:
        environment: Where ``CROWSG_STALL_TIMEOUT`` is read from, as ``5``, ``5s`` or ``1m``.
        given_s: What stands above it; None for nothing.

    Raises:
        NodeError: It is no duration.
    """
    text = environment.get(STALL_TIMEOUT, "").strip()
    seconds = given_s
    if seconds is None:
        with suppress(ValueError):
            seconds = seconds_of(text or str(STALL_TIMEOUT_S))
    # Written so that nan is refused, too.
    if seconds is None or not 0 <= seconds < math.inf:
        raise NodeError(f"{STALL_TIMEOUT} is a duration such as 5s, 0 for never, not {text!r:.60}")
    return seconds


def throw(thread: int, blocked_s: float) -> None:
    """Have ``LoopBlocked`` raised in a thread, when it next executes something in Python.

    Args:
        thread: Which one.
        blocked_s: For how many seconds it has blocked the loop.
    """
    text = f"the event loop was blocked for {blocked_s:.1f} s"

    def __init__(self: LoopBlocked) -> None:
        LoopBlocked.__init__(self, text)

    # The interpreter takes a class and calls it without arguments.
    told = type("LoopBlocked", (LoopBlocked,), {"__init__": __init__})
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(told))


class _Blocker:
    """What has been seen to block the loop: one greenlet, known by its outermost frame."""

    __slots__ = ("began_ns", "broken_ns", "due_ns", "frame")

    def __init__(self, frame: FrameType, began_ns: int, timeout_ns: int) -> None:
        self.frame = frame
        self.began_ns = began_ns
        self.due_ns = began_ns + timeout_ns
        self.broken_ns = 0


class Breaker:
    """Breaks whoever blocks a loop; called from a native thread, but for ``forget``.

    Args:
        timeout_s: After how many seconds; 0 or None: never.
        end: Ends the process, for the reason it is given.
        patience_s: Returns how many seconds it is to have at the least.
        throw: Has an exception raised in a thread.
    """

    def __init__(
        self,
        timeout_s: float | None,
        end: Callable[[str], object],
        patience_s: Callable[[], float] = float,
        throw: Callable[[int, float], object] = throw,
    ) -> None:
        self._timeout_ns = to_ns(timeout_s or 0)
        self._end = end
        self._patience_s = patience_s
        self._throw = throw
        self._blocker: _Blocker | None = None

    def forget(self) -> None:
        """Take note that the loop goes on; called by the loop."""
        self._blocker = None

    def look(self, thread: int, frame: FrameType, began_ns: int, now_ns: int) -> None:
        """Judge a blocked loop.

        Args:
            thread: The loop's.
            frame: Where it stands.
            began_ns: Since when it has not gone on.
            now_ns: The moment of this look.
        """
        if not self._timeout_ns:
            return
        stack, blocker = stack_of(frame), self._blocker
        if blocker is None or blocker.frame is not stack[-1]:
            # Whoever runs first after a stall is not the one who caused it.
            since_ns = began_ns if blocker is None else now_ns
            timeout_ns = max(self._timeout_ns, to_ns(self._patience_s()))
            self._blocker = _Blocker(stack[-1], since_ns, timeout_ns)
        elif now_ns >= blocker.due_ns and is_breakable(stack):
            self._break(thread, blocker, frame, now_ns)

    def _break(self, thread: int, blocker: _Blocker, frame: FrameType, now_ns: int) -> None:
        blocked_s = (now_ns - blocker.began_ns) / SECOND
        if not blocker.broken_ns:
            blocker.broken_ns = now_ns
        elif now_ns >= blocker.broken_ns + to_ns(END_S):
            place = place_of(frame)
            self._end(f"the event loop is blocked for {blocked_s:.1f} s by {place} for good")
        blocker.due_ns = now_ns + to_ns(AGAIN_S)
        # Last thing before: from here on it meets whoever runs.
        if self._blocker is blocker:
            self._throw(thread, blocked_s)
