"""The end of a process that cannot go on."""

import os
from typing import NoReturn

from crowsg.errors import EXIT_STUCK
from crowsg.stderr import write_line
from crowsg.text import line_of


def end_process(text: str) -> NoReturn:
    """Say why on stderr, and end the process with exit code 5, whatever still runs in it.

    Nothing is cleaned up. It uses nothing of gevent and no stream, so a native thread may call it.

    Args:
        text: Why.

    Blocks: the whole process, for half a second at the most.
    """
    try:
        write_line(f"error: {line_of(text)}")
    finally:
        os._exit(EXIT_STUCK)
