"""A frame that stays in place on a terminal, below all that is printed there."""

import os
import shutil
from collections.abc import Sequence

_TOP = "\r"
_ERASE_LINE = "\x1b[K"
_ERASE_BELOW = "\x1b[J"
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_PLAIN = "\x1b[0m"


class Screen:
    """Spells what a terminal has to do.

    Between two frames the cursor stands at the top of the frame, on a line that is left blank. So a
    line that somebody writes past this, the watchdog or a library in C, stays whole and moves the
    next frame down, and whatever a resize did to the frame is erased.

    Args:
        encoding: Of the terminal.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._frame: tuple[str, ...] = ()
        self._is_shown = False

    def show(self, lines: Sequence[str]) -> None:
        """Let these lines, painted, be the frame from now on; none: let it be gone."""
        self._frame = tuple(lines)

    def drawn(self, text: str) -> bytes:
        """Return what puts ``text`` above the frame, and the frame below; from any thread."""
        frame = self._frame
        if text and not text.endswith("\n"):
            text += "\n"
        above = text.encode(self._encoding, "backslashreplace")
        if not frame and not self._is_shown:
            return above
        if above:
            above = self._spell(_ERASE_BELOW) + above
        self._is_shown, below = bool(frame), _below(frame) if frame else _gone()
        return self._spell(_TOP) + above + self._spell(below)

    def _spell(self, codes: str) -> bytes:
        return codes.encode(self._encoding, "replace")


def _below(frame: Sequence[str]) -> str:
    lines = f"{_ERASE_LINE}\n".join(("", *frame))
    up = f"\x1b[{len(frame)}A"
    # Without wrapping, a line wider than it seems stays one line.
    return f"{_HIDE_CURSOR}{_PLAIN}{_NO_WRAP}{lines}{_ERASE_BELOW}{_WRAP}{_TOP}{up}"


def _gone() -> str:
    return f"{_PLAIN}{_ERASE_BELOW}{_SHOW_CURSOR}"


def size_of(descriptor: int) -> tuple[int, int]:
    """Return (columns, lines) of a terminal; where it does not tell, what is usual."""
    try:
        width, height = os.get_terminal_size(descriptor)
    except OSError:
        width = height = 0
    usual = shutil.get_terminal_size()
    return width or usual.columns, height or usual.lines


def can_show(text: str, encoding: str) -> bool:
    """Whether a terminal of this encoding has these characters."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
