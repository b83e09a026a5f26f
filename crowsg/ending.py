"""The end of a process that cannot go on."""

import os
import sys
from contextlib import suppress
from typing import NoReturn

from gevent.monkey import get_original  # noqa: TID251 - what is not patched, for a native thread

from crowsg.errors import EXIT_STUCK
from crowsg.text import line_of

PATIENCE_S = 0.5
"""Seconds to wait for a stderr that takes nothing."""

_STDERR = 2


def end_process(text: str) -> NoReturn:
    """Say why on stderr, and end the process with exit code 5, whatever still runs in it.

    Nothing is cleaned up. It uses nothing of gevent and no stream, so a native thread may call it.

    Args:
        text: Why.

    Blocks: the whole process, for half a second at the most.
    """
    with suppress(OSError, ValueError):
        _write(f"error: {line_of(text)}\n".encode())
    os._exit(EXIT_STUCK)


def _write(line: bytes) -> None:
    # Where the process was started without one, a user's socket may have got its number.
    if sys.__stderr__ is None:
        return
    # A pipe that nobody reads would keep the process, and its users, alive for ever.
    _, is_writable, _ = get_original("select", "select")([], [_STDERR], [], PATIENCE_S)
    if is_writable:
        os.write(_STDERR, line)
