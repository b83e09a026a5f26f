"""Stands in for stdout and stderr while something else writes to the same terminal or pipe."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

MAX_BEGUN = 4096
_NAMES = ("stdout", "stderr")


class StandIn(io.TextIOBase):
    """Takes whole lines; one that is begun waits for its end, up to a limit.

    Args:
        stream: What it stands in for.
        take: Gets the text.
    """

    def __init__(self, stream: TextIO, take: Callable[[str], object]) -> None:
        self._stream = stream
        self._take = take
        self._begun = ""
        self._is_over = False

    def write(self, text: str) -> int:
        """Take a text."""
        if self._is_over:
            return self._stream.write(text)
        lines, end, begun = (self._begun + text).rpartition("\n")
        if len(begun) > MAX_BEGUN:
            lines, end, begun = lines + end + begun, "", ""
        self._begun = begun
        if lines or end:
            self._take(lines + end)
        return len(text)

    def end(self) -> None:
        """Let everything else go where it went before: somebody may have kept this."""
        if self._begun:
            self._take(self._begun)
        self._begun = ""
        self._is_over = True

    def flush(self) -> None:
        """Do nothing: whole lines are on their way."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of what it stands in for."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Whether it can be written to."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """What text is written as."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """What becomes of text that this lacks."""
        return self._stream.errors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def redirected(descriptor: int, take: Callable[[str], object]) -> Iterator[tuple[str, ...]]:
    """Hand over what is printed to a file inside the block, by way of stdout or stderr.

    Args:
        descriptor: The file; streams that write to another one are left alone.
        take: Gets the text.

    Yields:
        Which of ``stdout`` and ``stderr`` are redirected.
    """
    before = {name: getattr(sys, name) for name in _NAMES}
    placed = {
        name: StandIn(stream, take)
        for name, stream in before.items()
        if _writes_to(stream, descriptor)
    }
    for name, stand_in in placed.items():
        before[name].flush()
        setattr(sys, name, stand_in)
    try:
        yield tuple(placed)
    finally:
        for name, stand_in in placed.items():
            # Unless somebody has put another one there meanwhile.
            if getattr(sys, name) is stand_in:
                setattr(sys, name, before[name])
            stand_in.end()


def _writes_to(stream: TextIO | None, descriptor: int) -> bool:
    try:
        return stream is not None and os.path.sameopenfile(stream.fileno(), descriptor)
    except (OSError, ValueError):
        return False
