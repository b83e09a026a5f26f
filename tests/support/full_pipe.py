"""A pipe that takes nothing more, as that of a terminal which was stopped."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_pipe() -> Iterator[int]:
    """Give the descriptor of the end that is written to; nobody reads from the other one."""
    reader, writer = os.pipe()
    os.write(writer, bytes(fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)))
    try:
        yield writer
    finally:
        os.close(reader)
        os.close(writer)


@contextmanager
def full_stderr() -> Iterator[None]:
    """Let whatever this process writes to stderr go to such a pipe."""
    kept = os.dup(2)
    try:
        with full_pipe() as writer:
            os.dup2(writer, 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
