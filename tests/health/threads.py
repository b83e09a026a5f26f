"""Native threads, and waiting for what they do."""

import os
import time
from collections.abc import Callable

PATIENCE_S = 10


def native_threads() -> int:
    """Return how many this process has."""
    return len(os.listdir("/proc/self/task"))


def until(condition: Callable[[], bool]) -> None:
    """Keep this thread busy, so that its loop is blocked, until so it is."""
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, "not so in ten seconds"
