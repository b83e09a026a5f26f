"""Users on crowsg: ``start N``, ``sleep N PERIOD KEPT``, ``remove-ignoring N GRACE``, ..."""

from collections.abc import Callable
from time import monotonic
from types import ModuleType
from typing import Any

from gevent.event import Event

from contrib.benchmarks.sleepers import Sleepers, answer, rss
from crowsg import Node, UserStop, users

HOUR_S = 3600.0


class Crowd:
    """A node that runs one scenario, its users started as fast as they can be.

    Args:
        live: What each user does, given its number from 0.
    """

    def __init__(self, live: Callable[[int], object]) -> None:
        self._live = live
        self._stepped = 0
        self._all_stepped = Event()
        self._count = 0
        self.node = Node(environment={})

    def do(self, count: int, **settings: Any) -> None:
        """Start the users; returns when all of them have taken their first step."""
        self._count = count
        scenario = ModuleType("benchmark")
        vars(scenario).update(init=lambda: None, start=self._start)
        self.node.local.do(scenario, count, {"user_rate": "infinity", **settings})
        self._all_stepped.wait()

    def _start(self, user_id: int, _state: None) -> None:
        self._stepped += 1
        if self._stepped == self._count:
            self._all_stepped.set()
        self._live(user_id - 1)


def start(count: float) -> dict[str, float]:
    """Start idle users."""
    crowd = Crowd(lambda _: users.sleep(HOUR_S))
    with crowd.node:
        before, from_s = rss(), monotonic()
        crowd.do(int(count))
        took_s = monotonic() - from_s
        return {"started_per_s": count / took_s, "rss_per_user": (rss() - before) / count}


def sleep(count: float, period_s: float, kept: float) -> dict[str, float]:
    """Let users sleep in a loop."""
    sleepers = Sleepers(int(count), period_s, int(kept), users.sleep)
    crowd = Crowd(sleepers.live)
    with crowd.node:
        crowd.do(int(count))
        return crowd.node.spawn(sleepers.watch).get()  # type: ignore[no-any-return]


def remove_ignoring(count: float, grace_s: float) -> dict[str, float]:
    """Remove users that go on when they are asked to stop."""
    return _remove(_ignore, int(count), grace_s, "killed")


def remove_obeying(count: float, grace_s: float) -> dict[str, float]:
    """Remove users that end when they are asked to stop."""
    return _remove(lambda _: users.sleep(HOUR_S), int(count), grace_s, "removed")


def _ignore(_: int) -> None:
    try:
        users.sleep(HOUR_S)
    except UserStop:
        users.sleep(HOUR_S)


def _remove(
    live: Callable[[int], object], count: int, grace_s: float, outcome: str
) -> dict[str, float]:
    crowd = Crowd(live)
    with crowd.node as node:
        crowd.do(count, stop_timeout=grace_s)
        from_s = monotonic()
        node.local.remove(count, force=True)
        node.crowd.idle.wait()
        took_s = monotonic() - from_s
        ended = node.local.status().users.as_dict()
        if ended[outcome] != count:
            raise SystemExit(f"{count} users should have been {outcome}: {ended}")
        return {"removed_in_s": took_s}


if __name__ == "__main__":
    answer(
        {
            "start": start,
            "sleep": sleep,
            "remove-ignoring": remove_ignoring,
            "remove-obeying": remove_obeying,
        }
    )
