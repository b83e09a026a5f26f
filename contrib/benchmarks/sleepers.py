"""Users that sleep in a loop and note how late they woke; and what every measured process needs."""

import json
import math
import resource
import sys
from array import array
from collections.abc import Callable
from pathlib import Path
from time import monotonic

PERIODS = 3
"""Periods that are looked at, after one to start the users in and one to spread them over."""

Sleep = Callable[[float], object]


class Sleepers:
    """The users of one process, their wakes spread evenly over the period.

    Args:
        users: How many there will be.
        period_s: What each sleeps, again and again.
        kept: New lists that each keeps of each round, as users keep what they hear: what lives on
            is what the garbage collector looks at.
        sleep: Blocks the calling user.
    """

    def __init__(self, users: int, period_s: float, kept: int, sleep: Sleep) -> None:
        self._users = users
        self._kept = kept
        self._memory: list[list[None]] = []
        self._period_s = period_s
        self._sleep = sleep
        self._began_s = monotonic()
        self._late_s = array("d")

    def live(self, number: int) -> None:
        """Be one user, for ever."""
        period_s, sleep, note = self._period_s, self._sleep, self._late_s.append
        first_wake_s = self._began_s + period_s * (1 + number / self._users)
        sleep(max(0.0, first_wake_s - monotonic()))
        while True:
            asleep_s = monotonic()
            sleep(period_s)
            note(monotonic() - asleep_s - period_s)
            for _ in range(self._kept):
                self._memory.append([])

    def watch(self) -> dict[str, float]:
        """Return how late the users were; blocks for all of it."""
        self._sleep(max(0.0, self._began_s + 2 * self._period_s - monotonic()))
        since, from_s = len(self._late_s), monotonic()
        self._sleep(PERIODS * self._period_s)
        late_s, took_s = sorted(self._late_s[since:]), monotonic() - from_s
        return {
            "late_p50_ms": percentile(late_s, 50) * 1e3,
            "late_p99_ms": percentile(late_s, 99) * 1e3,
            "late_max_ms": late_s[-1] * 1e3,
            "wakes_per_s": len(late_s) / took_s,
        }


def percentile(ascending: list[float], percent: float) -> float:
    """Return the smallest value that ``percent`` of all do not exceed."""
    return ascending[math.ceil(len(ascending) * percent / 100) - 1]


def rss() -> int:
    """Return the bytes of memory this process holds."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


def answer(works: dict[str, Callable[..., dict[str, float]]]) -> None:
    """Do the work named on the command line, its numbers as arguments, and print the figures."""
    name, *numbers = sys.argv[1:]
    print(json.dumps(works[name](*map(float, numbers))), flush=True)
