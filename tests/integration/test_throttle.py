"""Throttles in real time: rates that change all the time, a loop that stands still."""

import random
from bisect import bisect_left
from collections.abc import Callable
from time import monotonic
from types import ModuleType

import gevent
import pytest

from crowsg import Node, throttle
from crowsg.rate import Rate
from tests.support.nodes import make_scenario

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

GRANULE_S = 0.01
USERS = 200
CHANGES = 300
CHANGE_S = 0.1


class Loopers:
    """Users that loop on a throttle and note when they passed."""

    def __init__(self) -> None:
        self.passed_s: list[float] = []

    def scenario(self, rate: object) -> ModuleType:
        return make_scenario(self._live, init=lambda: throttle.start("t", rate))

    def _live(self, user_id: int) -> None:
        while True:
            throttle.wait("t")
            self.passed_s.append(monotonic())

    def within(self, from_s: float, to_s: float) -> int:
        return bisect_left(self.passed_s, to_s) - bisect_left(self.passed_s, from_s)


class Timeline:
    """The rates in force, each until the next."""

    def __init__(self) -> None:
        self._from_s: list[float] = []
        self._to_s: list[float] = []
        self._per_s: list[float] = []

    def change(self, rate_per_s: float, apply: Callable[[], object]) -> None:
        """Note that a rate comes into force while ``apply`` runs, and the one before ends."""
        self._from_s.append(monotonic())
        apply()
        if self._per_s:
            self._to_s.append(monotonic())
        self._per_s.append(rate_per_s)

    def highest(self, from_s: float, to_s: float) -> float:
        """Return the highest rate in force at any moment of a window."""
        ends = [*self._to_s, float("inf")]
        spans = zip(self._from_s, ends, self._per_s, strict=True)
        return max((rate for begin, end, rate in spans if begin < to_s and end > from_s), default=0)


def change_all_the_time(timeline: Timeline, rng: random.Random) -> list[tuple[float, float]]:
    """Change the rate, pause and resume, for half a minute; return the (from, to) of the pauses."""
    pauses, per_s = [], 1.0
    for _ in range(CHANGES):
        if rng.random() < 0.15:
            timeline.change(0.0, lambda: throttle.pause("t"))
            paused_s = monotonic()
            gevent.sleep(CHANGE_S)
            pauses.append((paused_s, monotonic()))
            timeline.change(per_s, lambda: throttle.resume("t"))
        per_s = 10 ** rng.uniform(-0.778, 4)
        rate = Rate(per_s, per=1)
        timeline.change(per_s, lambda rate=rate: throttle.change_rate("t", rate))  # type: ignore[misc]
        gevent.sleep(CHANGE_S)
    return pauses


@pytest.fixture(scope="module")
def changed() -> tuple[Loopers, Timeline, list[tuple[float, float]], int]:
    loopers, timeline = Loopers(), Timeline()
    with Node(environment={}) as node:
        node.local.do(loopers.scenario(0), USERS, {"user_rate": "infinity"})
        gevent.sleep(0.5)
        pauses = change_all_the_time(timeline, random.Random(4))
        timeline.change(float("inf"), lambda: throttle.unlock("t"))
        before = len(loopers.passed_s)
        gevent.sleep(0.5)
    return loopers, timeline, pauses, len(loopers.passed_s) - before


@pytest.mark.parametrize("width_s", [0.001, 0.01, 0.05, 0.2, 1.0])
def test_no_window_breaks_the_bound_while_the_rate_changes(
    changed: tuple[Loopers, Timeline, list[tuple[float, float]], int], width_s: float
) -> None:
    loopers, timeline, pauses, _ = changed
    last_s = pauses[-1][1]
    stamps = [stamp for stamp in loopers.passed_s if stamp + width_s < last_s]

    for stamp in stamps[:: max(1, len(stamps) // 3000)]:
        highest = timeline.highest(stamp - GRANULE_S, stamp + width_s)
        assert loopers.within(stamp, stamp + width_s) <= highest * (width_s + GRANULE_S) + 1 + 1e-6


def test_nothing_is_granted_once_a_pause_has_returned(
    changed: tuple[Loopers, Timeline, list[tuple[float, float]], int],
) -> None:
    loopers, _, pauses, _ = changed

    assert len(pauses) > 10
    assert [span for span in pauses if loopers.within(span[0] + 0.05, span[1])] == []


def test_nobody_waits_for_ever(
    changed: tuple[Loopers, Timeline, list[tuple[float, float]], int],
) -> None:
    _, _, _, passed_at_the_end = changed

    assert passed_at_the_end > USERS


def test_a_loop_that_stood_still_makes_no_burst_and_tells_the_time_it_lost() -> None:
    loopers = Loopers()
    with Node(environment={}) as node:
        node.local.do(loopers.scenario("1000/s"), USERS, {"user_rate": "infinity"})
        gevent.sleep(1)
        blocked_until_s = monotonic() + 3
        while monotonic() < blocked_until_s:
            pass
        gevent.sleep(1)
        lost_s = node.throttles.info("t").lost_s

    around = [stamp for stamp in loopers.passed_s if stamp > blocked_until_s - 0.1]
    worst = max(loopers.within(stamp, stamp + 0.1) for stamp in around)
    assert worst <= 1000 * (0.1 + GRANULE_S) + 1
    assert lost_s == pytest.approx(3, abs=0.1)
