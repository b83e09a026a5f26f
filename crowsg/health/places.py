"""Where a thread stands, in the words of whoever wrote the scenario."""

import sysconfig
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

from gevent.hub import Hub

from crowsg.text import line_of

# In crowsg.users, which is above this room.
_LIFE_OF_A_USER = "Crowd._live"
_WAITING = Hub.run.__code__
_IMPORTING = "<frozen importlib."
_FOLDERS = ("stdlib", "platstdlib", "purelib", "platlib", "scripts")
_LIBRARIES = (
    *(f"{sysconfig.get_path(name)}/" for name in _FOLDERS),
    f"{Path(__file__).parents[1]}/",
    "<",
)


def stack_of(frame: FrameType) -> list[FrameType]:
    """Return the frames of a greenlet, the innermost first."""
    frames = []
    outer: FrameType | None = frame
    while outer is not None:
        frames.append(outer)
        outer = outer.f_back
    return frames


def is_waiting(frame: FrameType) -> bool:
    """Whether a thread waits for events here: its loop is blocked by nobody."""
    return frame.f_code is _WAITING


def is_breakable(frames: Iterable[FrameType]) -> bool:
    """Whether an exception may be thrown in here: a scenario's own code runs, and no import.

    It would end an event loop itself, and an import that was cut would only be begun again.
    """
    frames = list(frames)
    return any(not _is_library(each) for each in frames) and not any(
        is_waiting(each) or each.f_code.co_filename.startswith(_IMPORTING) for each in frames
    )


def place_of(frame: FrameType) -> str:
    """Name where a thread stands: whose code it is, its innermost place, what it calls there."""
    stack = stack_of(frame)
    own = next((each for each in stack if not _is_library(each)), frame)
    place = f"{_user_of(stack[-1])}{_named(own)}"
    return place if own is frame else f"{place} calling {_named(frame)}"


def _user_of(outermost: FrameType) -> str:
    """Name the user whose greenlet it is; "" for none."""
    if outermost.f_code.co_qualname != _LIFE_OF_A_USER:
        return ""
    return f"user {outermost.f_locals['user'].id} in "


def _is_library(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_LIBRARIES)


def _named(frame: FrameType) -> str:
    code = frame.f_code
    file = code.co_filename.rpartition("/")[2]
    return line_of(f"{code.co_qualname} ({file}:{frame.f_lineno})")
