"""Users on two workers that loop on one throttle, led by this process, which carries none.

``unlocked USERS SECONDS``, ``paced RATE USERS SECONDS``, ``interval PERMITS INTERVAL USERS
SECONDS``. Judged by the users' own stamps of both workers, merged: the monotonic clock is one for
all processes of a machine. Each worker writes its own down when the run ends.
"""

import tempfile
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from time import monotonic, process_time

import gevent

from contrib.benchmarks import looping
from contrib.benchmarks.on_throttle import in_windows, judged
from contrib.benchmarks.processes import Run, led
from contrib.benchmarks.sleepers import answer
from crowsg import Node

WORKERS = 2
WARM_UP_S = 2.0


class Watched:
    """What came of users that looped for a while.

    Attributes:
        passed_s: Their stamps of that time, by worker.
        took_s: How long it was.
        lost_s: The seconds that were lost in it, as the nodes tell.
        master_s: Processor time that the master used in it.
    """

    def __init__(self, rate: str, users: float, seconds: float) -> None:
        with tempfile.TemporaryDirectory(prefix="looping-") as name:
            with led(WORKERS) as (node, _):
                self._watch(node, seconds, int(users), {"rate": rate, "folder": name})
            self._read(Path(name))

    def merged_s(self) -> list[float]:
        """Return the stamps of all workers, ascending."""
        return sorted(chain.from_iterable(self.passed_s))

    def _watch(self, node: Node, seconds: float, users: int, settings: dict[str, str]) -> None:
        run = Run(node, Path(looping.__file__), users, settings)
        gevent.sleep(WARM_UP_S)
        self._from_s, spent_s = monotonic(), process_time()
        gevent.sleep(seconds)
        self._to_s, self.master_s = monotonic(), process_time() - spent_s
        summary = run.stop()
        if summary.users.removed != users:
            raise SystemExit(f"{users} users were to be stopped, not {summary.users}")

    def _read(self, folder: Path) -> None:
        from_s, to_s = self._from_s, self._to_s
        self.took_s = to_s - from_s
        self.passed_s = [
            array("d", (each for each in noted if from_s <= each < to_s))
            for noted in _noted(folder, "passed")
        ]
        self.lost_s = sum(grown(noted, from_s, to_s) for noted in _noted(folder, "lost"))


def unlocked(users: float, seconds: float) -> dict[str, float]:
    """Wait without a limit."""
    watched = Watched("infinity", users, seconds)
    return {"permits_per_s": sum(map(len, watched.passed_s)) / watched.took_s}


def paced(rate: float, users: float, seconds: float) -> dict[str, float]:
    """Wait at a rate per second."""
    watched = Watched(f"{rate:g}/s", users, seconds)
    return {
        **judged(watched.merged_s(), rate, watched.took_s, watched.lost_s),
        "master_percent": 100 * watched.master_s / watched.took_s,
    }


def interval(permits: float, interval_s: float, users: float, seconds: float) -> dict[str, float]:
    """Wait at a rate of some permits in an interval."""
    watched = Watched(f"[{permits:g}, {interval_s:g}]", users, seconds)
    passed_s = watched.merged_s()
    rate = permits / interval_s
    return {
        "window_above": max(in_windows(passed_s, interval_s)) - permits,
        "mean_percent": 100 * len(passed_s) / (rate * (watched.took_s - watched.lost_s)),
        "lost_s": watched.lost_s,
    }


def _noted(folder: Path, kind: str) -> Iterator["array[float]"]:
    files = sorted(folder.glob(f"*.{kind}"))
    if len(files) != WORKERS:
        raise SystemExit(f"{WORKERS} workers wrote {len(files)} files down")
    for path in files:
        noted = array("d")
        noted.frombytes(path.read_bytes())
        yield noted


def grown(noted: "array[float]", from_s: float, to_s: float) -> float:
    """Return by how much the second of each two values grew, the first being the moment."""
    moments, values = noted[::2], noted[1::2]
    begin, end = (max(0, bisect_right(moments, at_s) - 1) for at_s in (from_s, to_s))
    return values[end] - values[begin]


if __name__ == "__main__":
    answer({"unlocked": unlocked, "paced": paced, "interval": interval})
