"""Names the function that blocks the event loop, while it does.

A blocked loop cannot tell: nothing of gevent runs. So a native thread looks, ten times a second,
when the loop last ticked, and after a second without a tick reads from the interpreter where the
loop's thread stands. It says so at once, past Python's streams, whose locks the loop may hold.
"""

import os
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from gevent.hub import Hub
from gevent.monkey import get_original  # noqa: TID251 - what is not patched, for a native thread

from crowsg.clock import SECOND, to_ns
from crowsg.text import line_of

LIMIT_S = 1.0
LOOK_S = 0.1
MAX_STALLS = 100
NOBODY = "unknown: a C call held the interpreter, or the whole process stood still"

_STDERR = 2
_WAITING = Hub.run.__code__
_FOLDERS = ("stdlib", "platstdlib", "purelib", "platlib", "scripts")
_LIBRARIES = (
    *(f"{sysconfig.get_path(name)}/" for name in _FOLDERS),
    f"{Path(__file__).parents[1]}/",
    "<",
)


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


def tell_stderr(text: str) -> None:
    """Write a line to stderr as a native thread may: no lock, no stream."""
    # Where the process was started without one, a user's socket may have got its number.
    if sys.__stderr__ is not None:
        os.write(_STDERR, f"WARNING: {text}\n".encode())


class Watchdog:
    """Watches the loop of the thread that starts it.

    Attributes:
        stalls: Those that are over, 100 at the most.

    Args:
        now_ns: The clock; called from a native thread.
        tell: Takes a line while the loop is blocked; called from a native thread, and it may fail.
    """

    def __init__(
        self, now_ns: Callable[[], int], tell: Callable[[str], object] = tell_stderr
    ) -> None:
        self._now_ns = now_ns
        self._tell = tell
        self._thread = 0
        self._life = object()
        self._beat_ns = 0
        self._place = ""
        self.stalls: list[Stall] = []

    def start(self) -> None:
        """Begin to watch; from now on ``beat`` must be called."""
        self._thread = get_original("_thread", "get_ident")()
        self._beat_ns = self._now_ns()
        self._life = object()
        sleep = get_original("time", "sleep")
        get_original("_thread", "start_new_thread")(self._watch, (self._life, sleep))

    def stop(self) -> None:
        """Watch no more; the thread is gone a tenth of a second later."""
        self._life = object()

    def beat(self, now_ns: int) -> None:
        """Take a sign of life of the loop."""
        gap_ns = now_ns - self._beat_ns
        if gap_ns >= to_ns(LIMIT_S) and len(self.stalls) < MAX_STALLS:
            self.stalls.append(Stall(self._beat_ns, gap_ns / SECOND, self._place or NOBODY))
        self._beat_ns = now_ns
        self._place = ""

    def look(self) -> None:
        """Judge the loop, from another thread."""
        blocked_s = (self._now_ns() - self._beat_ns) / SECOND
        if blocked_s < LIMIT_S or self._place:
            return
        frame = sys._current_frames().get(self._thread)
        # A loop that waits for events is blocked by nobody: its process stood still.
        if frame is not None and frame.f_code is not _WAITING:
            self._place = place_of(frame)
            with suppress(Exception):
                self._tell(f"the event loop is blocked for {blocked_s:.1f} s by {self._place}")

    def _watch(self, life: object, sleep: Callable[[float], object]) -> None:
        sleep(LOOK_S)
        while life is self._life:
            self.look()
            sleep(LOOK_S)


def place_of(frame: FrameType) -> str:
    """Name where a thread stands: the innermost code of the scenario, and what it calls there."""
    frames = list(_outward(frame))
    own = next((each for each in frames if not _is_library(each)), frame)
    place = _named(own)
    return place if own is frame else f"{place} calling {_named(frame)}"


def _outward(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_library(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_LIBRARIES)


def _named(frame: FrameType) -> str:
    code = frame.f_code
    file = code.co_filename.rpartition("/")[2]
    return line_of(f"{code.co_qualname} ({file}:{frame.f_lineno})")
