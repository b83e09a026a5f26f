"""Names the function that blocks the event loop, while it does.

A blocked loop cannot tell: nothing of gevent runs. So a native thread looks, ten times a second,
when the loop last ticked, and after a second without a tick reads from the interpreter where the
loop's thread stands. It says so at once, past Python's streams, whose locks the loop may hold; and
after a while it has the code that blocks the loop broken.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

from gevent.monkey import get_original  # noqa: TID251 - what is not patched, for a native thread

from crowsg.clock import SECOND, to_ns
from crowsg.ending import end_process
from crowsg.health.breaking import Breaker
from crowsg.health.places import is_waiting, place_of
from crowsg.health.standstill import Attendance
from crowsg.stderr import warn

LIMIT_S = 1.0
LOOK_S = 0.1
MAX_STALLS = 100
NOBODY = "unknown: a C call held the interpreter, or the whole process stood still"


@dataclass(frozen=True, slots=True)
class Stall:
    """A time in which the event loop was blocked.

    Attributes:
        began_ns: When, in nanoseconds of the clock.
        seconds: For how long.
        place: Which function blocked it, with its file and line.
    """

    began_ns: int
    seconds: float
    place: str


class Watchdog:
    """Watches the loop of the thread that starts it.

    Attributes:
        stalls: Those that are over, 100 at the most.
        attendance: When its own thread ran, which nothing but a standstill of all keeps from it.

    Args:
        now_ns: The clock; called from a native thread.
        tell: Takes a line while the loop is blocked; called from a native thread, and it may fail.
        stall_timeout_s: Seconds after which a scenario that blocks the loop is broken, by
            ``LoopBlocked``; 0 or None: never.
        end: Ends the process, for the reason it is given, where the loop is blocked two seconds
            later all the same; called from a native thread.
        patience_s: Returns how many seconds what runs now is to have at the least; called from a
            native thread.
    """

    def __init__(
        self,
        now_ns: Callable[[], int],
        tell: Callable[[str], object] = warn,
        stall_timeout_s: float | None = None,
        end: Callable[[str], object] = end_process,
        patience_s: Callable[[], float] = float,
    ) -> None:
        self._now_ns = now_ns
        self._tell = tell
        self._breaker = Breaker(stall_timeout_s, end, patience_s)
        self._thread = 0
        self._life = object()
        self._beat_ns = 0
        self._place = ""
        self.stalls: list[Stall] = []
        self.attendance = Attendance(now_ns, LIMIT_S)

    def start(self) -> None:
        """Begin to watch; from now on ``beat`` must be called."""
        self._thread = get_original("_thread", "get_ident")()
        self._begin_anew(self._now_ns())
        self._life = object()
        self.attendance.begin()
        sleep = get_original("time", "sleep")
        get_original("_thread", "start_new_thread")(self._watch, (self._life, sleep))

    def stop(self) -> None:
        """Watch no more; the thread is gone a tenth of a second later."""
        self._life = object()
        self._begin_anew(self._now_ns())

    def beat(self, now_ns: int) -> None:
        """Take a sign of life of the loop."""
        gap_ns = now_ns - self._beat_ns
        if gap_ns >= to_ns(LIMIT_S) and len(self.stalls) < MAX_STALLS:
            self.stalls.append(Stall(self._beat_ns, gap_ns / SECOND, self._place or NOBODY))
        self._begin_anew(now_ns)

    def blocked_by(self) -> str:
        """Return what blocks the loop just now, "" for nothing; from whichever thread."""
        return self._place if self._blocked_s() >= LIMIT_S else ""

    def look(self) -> None:
        """Judge the loop, from another thread."""
        beat_ns, now_ns = self._beat_ns, self._now_ns()
        if now_ns - beat_ns < to_ns(LIMIT_S):
            return
        frame = sys._current_frames().get(self._thread)
        # A loop that waits for events is blocked by nobody: its process stood still.
        if frame is not None and not is_waiting(frame):
            news = self._name(frame)
            # Before it is told, which may take its time.
            self._breaker.look(self._thread, frame, beat_ns, now_ns)
            if news:
                self._try_to_tell(news, (now_ns - beat_ns) / SECOND)

    def _begin_anew(self, now_ns: int) -> None:
        self._beat_ns = now_ns
        self._place = ""
        self._breaker.forget()

    def _name(self, frame: FrameType) -> str:
        """Note what blocks the loop; returns it where that is news."""
        if self._place:
            return ""
        place = self._place = place_of(frame)
        return place

    def _try_to_tell(self, place: str, blocked_s: float) -> None:
        with suppress(Exception):
            self._tell(f"the event loop is blocked for {blocked_s:.1f} s by {place}")

    def _blocked_s(self) -> float:
        return (self._now_ns() - self._beat_ns) / SECOND

    def _watch(self, life: object, sleep: Callable[[float], object]) -> None:
        sleep(LOOK_S)
        while life is self._life:
            self.attendance.note()
            self.look()
            sleep(LOOK_S)
