"""Users that loop on ``throttle.wait``: ``unlocked USERS SECONDS``, ``paced RATE USERS SECONDS``.

Judged by the users' own stamps, taken after ``wait`` returned: all of them, sorted, with windows of
100 ms and 1 s slid from stamp to stamp.
"""

from array import array
from itertools import pairwise
from statistics import fmean, pstdev
from time import monotonic, process_time
from types import ModuleType

import gevent

from contrib.benchmarks.sleepers import answer, percentile
from crowsg import Node, throttle

NAME = "throttle"
WARM_UP_S = 1.0
UNCONTENDED = 100_000


class Loopers:
    """Users that loop on one throttle and note when they passed.

    Args:
        rate: Any spelling.
        users: How many.
    """

    def __init__(self, rate: str, users: int) -> None:
        self._rate = rate
        self._users = users
        self._passed_s = array("d")
        self.node = Node(environment={})

    def watch(self, seconds: float) -> tuple[list[float], float]:
        """Return the stamps of that time, ascending, and the seconds lost in it."""
        scenario = ModuleType("looping")
        vars(scenario).update(init=self._init, start=self._live)
        self.node.local.do(scenario, self._users, {"user_rate": "infinity"})
        gevent.sleep(WARM_UP_S)
        from_s, lost_s = monotonic(), self.node.throttles.info(NAME).lost_s
        gevent.sleep(seconds)
        to_s = monotonic()
        lost_s = self.node.throttles.info(NAME).lost_s - lost_s
        return sorted(each for each in self._passed_s if from_s <= each < to_s), lost_s

    def _init(self) -> None:
        throttle.start(NAME, self._rate)

    def _live(self, user_id: int) -> None:
        note, now = self._passed_s.append, monotonic
        while True:
            throttle.wait(NAME)
            note(now())


def unlocked(users: float, seconds: float) -> dict[str, float]:
    """Wait without a limit, and once more alone."""
    loopers = Loopers("infinity", int(users))
    with loopers.node:
        passed_s, _ = loopers.watch(seconds)
    return {"permits_per_s": len(passed_s) / seconds, "wait_us": _uncontended_us()}


def paced(rate: float, users: float, seconds: float) -> dict[str, float]:
    """Wait at a rate per second."""
    loopers = Loopers(f"{rate:g}/s", int(users))
    with loopers.node:
        passed_s, lost_s = loopers.watch(seconds)
    return judged(passed_s, rate, seconds, lost_s)


def judged(passed_s: list[float], rate: float, seconds: float, lost_s: float) -> dict[str, float]:
    """Return what the stamps of some time, ascending, say of a rate per second."""
    gaps = [later - earlier for earlier, later in pairwise(passed_s)]
    tenths = sorted(in_windows(passed_s, 0.1))
    return {
        "mean_percent": 100 * len(passed_s) / (rate * (seconds - lost_s)),
        "lost_s": lost_s,
        "second_percent": 100 * (max(in_windows(passed_s, 1.0)) / rate - 1),
        "tenth_percent": 100 * (percentile(tenths, 99.9) / (rate / 10) - 1),
        "cv": pstdev(gaps) / fmean(gaps),
    }


def in_windows(ascending: list[float], width: float) -> list[float]:
    """Return how many stamps lie in each window that begins at a stamp and ends before the last."""
    counts, end = [], 0
    for begin, stamp in enumerate(ascending):
        if stamp + width > ascending[-1]:
            break
        while ascending[end] < stamp + width:
            end += 1
        counts.append(float(end - begin))
    return counts


def _uncontended_us() -> float:
    told: list[float] = []

    def start(user_id: int) -> None:
        from_s = process_time()
        for _ in range(UNCONTENDED):
            throttle.wait(NAME)
        told.append((process_time() - from_s) / UNCONTENDED * 1e6)

    scenario = ModuleType("alone")
    vars(scenario).update(init=lambda: throttle.start(NAME, "infinity"), start=start)
    with Node(environment={}) as node:
        node.local.do(scenario, 1, {"user_rate": "infinity"})
        node.crowd.idle.wait()
    return told[0]


if __name__ == "__main__":
    answer({"unlocked": unlocked, "paced": paced})
