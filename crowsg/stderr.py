"""Lines on stderr as a native thread may write them: no lock, no stream, no waiting for ever."""

import os
import select
import sys
from contextlib import suppress

from gevent.monkey import get_original  # noqa: TID251 - what is not patched, for a native thread

PATIENCE_S = 0.5
"""Seconds to wait for a stderr that takes nothing."""

_STDERR = 2

_wait = get_original("select", "select")


def write_line(text: str) -> None:
    """Write a line, or nothing where that is not possible; from whichever thread.

    Args:
        text: The line; what of it does not fit into a pipe at once is left out.

    Blocks: the whole thread, for half a second at the most.
    """
    # Where the process was started without one, a user's socket may have got its number.
    if sys.__stderr__ is None:
        return
    line = text.encode("utf-8", "replace")[: select.PIPE_BUF - 1] + b"\n"
    with suppress(OSError):
        # A pipe that nobody reads would keep the thread for ever.
        _, is_writable, _ = _wait([], [_STDERR], [], PATIENCE_S)
        if is_writable:
            os.write(_STDERR, line)


def warn(text: str) -> None:
    """Write a line that begins with ``WARNING:``; see ``write_line``."""
    write_line(f"WARNING: {text}")
