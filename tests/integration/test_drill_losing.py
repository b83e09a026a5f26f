"""Drill: processes of nodes that die, one after another, by a signal or by a fault of their own."""

import signal
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import gevent
import pytest

from crowsg.clock import SECOND, to_ns
from crowsg.errors import EXIT_NODES
from crowsg.testing.invariants import Violation
from tests.support.drills import MASTER, Drill

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

ROUNDS = 10
ROUND_S = 1.3
NAMES = tuple(f"n{number}@drill" for number in range(ROUNDS + 1))
USERS = 44
RATE = 1000
WINDOW_S = 0.25


@dataclass(frozen=True)
class Death:
    """A process that died.

    Attributes:
        name: Which.
        at: When, in nanoseconds.
        users: How many users it had.
        noticed_s: After how long its master gave it up.
    """

    name: str
    at: int
    users: int
    noticed_s: float


@dataclass(frozen=True)
class Losses:
    """What was seen of a run that lost all its nodes but one."""

    deaths: Sequence[Death]
    caws: Sequence[dict[str, Any]]
    starts: Sequence[int]
    summary: dict[str, Any]
    violations: Sequence[Violation]

    def recovered_s(self, since: int) -> float:
        """Return after how long a quarter of a second saw 98 % of the rate again."""
        moments = [hit["at"] for hit in self.caws]
        begin, least = bisect_left(moments, since), round(0.98 * RATE * WINDOW_S)
        found: int = next(
            first
            for first, last in zip(moments[begin:], moments[begin + least :], strict=False)
            if last - first <= to_ns(WINDOW_S)
        )
        return (found - since) / SECOND

    def longest_gap_s(self, since: int, until: int, but: str) -> float:
        """Return for how long nobody but one node was heard, between two moments."""
        moments: list[int] = [hit["at"] for hit in self.caws if hit["node"] != but]
        within = moments[bisect_left(moments, since) : bisect_right(moments, until)]
        return max(after - before for before, after in pairwise([since, *within, until])) / SECOND


@pytest.fixture(scope="module", params=["a signal", "a fault"])
def losses(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Losses:
    folder = tmp_path_factory.mktemp("losing")
    fell = killed if request.param == "a signal" else crashed
    with Drill(folder, is_proxied=False) as drill:
        options = ("--user-rate", "inf", "--on-node-loss", "refill", "--set", f"rate={RATE}/s")
        drill.lead(USERS, len(NAMES), *options, "--out", str(folder / "out"))
        for name in NAMES:
            drill.join(name)
        drill.until_running(USERS)
        gevent.sleep(1.0)
        moments: dict[str, int] = {}
        for name in NAMES[:ROUNDS]:
            moments[name] = time.monotonic_ns()
            fell(drill, name)
            gevent.sleep(ROUND_S - (time.monotonic_ns() - moments[name]) / SECOND)
        drill.run.send(signal.SIGINT)
        summary, code = drill.run.summary(), drill.run.code()
        violations = drill.judged(exits={**drill.end(), MASTER: code})
        # One that crashes says so right before.
        moments.update({hit["node"]: hit["at"] for hit in drill.hits("mishap")})
        return Losses(
            [death(drill, name, moments[name]) for name in NAMES[:ROUNDS]],
            sorted(drill.hits("caw"), key=lambda hit: int(hit["at"])),
            sorted(note["t"] for name in NAMES for note in drill.notes(name, "start")),
            summary,
            violations,
        )


def killed(drill: Drill, name: str) -> None:
    drill.nodes[name].send(signal.SIGKILL)


def crashed(drill: Drill, name: str) -> None:
    drill.let(**{name.partition("@")[0]: "crash"})
    drill.nodes[name].code()


def death(drill: Drill, name: str, died: int) -> Death:
    (noted,) = (note["t"] for note in drill.notes(MASTER, "lost") if note["name"] == name)
    changes = {"start": 1, "end": -1}
    users = sum(changes[note["kind"]] for note in drill.notes(name, *changes))
    return Death(name, died, users, (noted - died) / SECOND)


def test_each_death_is_noticed_within_a_second_r1(losses: Losses) -> None:
    assert {death.name: death.noticed_s for death in losses.deaths if death.noticed_s > 1.0} == {}


def test_users_of_the_dead_are_lost_and_never_finished_r1(losses: Losses) -> None:
    users = losses.summary["users"]
    assert users["lost"] == sum(death.users for death in losses.deaths)
    assert (users["finished"], users["failed"], users["removed"]) == (0, 0, USERS)


def test_the_others_go_on_meanwhile_r1(losses: Losses) -> None:
    """All the others together: 20 processes on two processors take turns."""
    gaps = {
        death.name: losses.longest_gap_s(death.at, death.at + SECOND, death.name)
        for death in losses.deaths
    }
    assert {name: gap for name, gap in gaps.items() if gap > 0.1} == {}


def test_the_rate_is_whole_again_within_a_second_r20(losses: Losses) -> None:
    after = {death.name: losses.recovered_s(death.at) for death in losses.deaths}
    assert {name: seconds for name, seconds in after.items() if seconds > 1.0} == {}


def test_as_many_users_are_back_within_two_and_a_half_seconds_r1(losses: Losses) -> None:
    owed = USERS
    for death in losses.deaths:
        owed += death.users
        assert bisect_right(losses.starts, death.at + to_ns(2.5)) >= owed, death


def test_every_invariant_holds_r1_r20_r22_r23(losses: Losses) -> None:
    assert [str(each) for each in losses.violations] == []


def test_a_run_that_may_lose_nobody_ends_with_code_4_r1(tmp_path: Path) -> None:
    with Drill(tmp_path, is_proxied=False) as drill:
        drill.lead(6, 2, "--user-rate", "inf", "--on-node-loss", "abort")
        one, _ = (drill.join(name) for name in NAMES[:2])
        drill.until_running(6)

        one.send(signal.SIGKILL)

        code = drill.run.code(10)
        exits = drill.end()
        assert (code, drill.run.summary()["exit_code"]) == (EXIT_NODES, EXIT_NODES)
        assert [str(each) for each in drill.judged(exits={**exits, MASTER: code})] == []
