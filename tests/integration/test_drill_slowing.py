"""Drill: links that are slow, that stand still for a moment, or break, over which a run goes on."""

import signal
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gevent
import pytest

from crowsg.clock import SECOND
from crowsg.dist.run_settings import packed
from crowsg.errors import EXIT_ABORTED, EXIT_OK
from crowsg.testing.invariants import Violation
from tests.support.drills import MASTER, Drill

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

NAMES = ("one@drill", "two@drill")
FIRST, ADDED = 2, 1000
USERS = FIRST + ADDED
RATE, HIGHER = 200, 300
DELAY_S, SPIKE_S, CUT_S = 0.1, 2.0, 5.0
"""How late everything comes, in each direction; how late in a spike; how long nothing does."""
MEASURED_S = 3.0


@dataclass(frozen=True)
class Slow:
    """What was seen of a run over links that were slow, and then worse.

    Attributes:
        added, cut, healed: When, in nanoseconds.
        measured: From when to when the links were slow, and nothing else.
        starts: When users started.
        caws: When users did something.
        states: Whatever a node was ever taken for by the master.
        fences: How often nodes fenced themselves.
        summary, code, exits, violations: How it ended, and what did not hold.
    """

    added: int
    measured: tuple[int, int]
    starts: Sequence[int]
    caws: Sequence[int]
    states: dict[str, list[tuple[int, str]]]
    cut: int
    fences: Sequence[dict[str, Any]]
    summary: dict[str, Any]
    code: int
    exits: dict[str, int]
    violations: Sequence[Violation]

    def counted(self, since: int, until: int) -> int:
        """Return how much users did between two moments."""
        return bisect_left(self.caws, until) - bisect_left(self.caws, since)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Slow:
    folder = tmp_path_factory.mktemp("slow")
    options = ("--user-rate", "inf", "--set", f"rate={RATE}/s", "--out", str(folder / "out"))
    with Drill(folder) as drill:
        drill.lead(FIRST, len(NAMES), *options, "--duration", "300s")
        for name in NAMES:
            drill.join(name)
        drill.until_running(FIRST)
        everywhere(drill, "delay", DELAY_S)
        added = time.monotonic_ns()
        drill.said("add", count=ADDED, nodes=None)
        drill.until_running(USERS)
        gevent.sleep(1.0)
        since = time.monotonic_ns()
        gevent.sleep(MEASURED_S)
        measured = since, time.monotonic_ns()
        everywhere(drill, "delay", SPIKE_S)
        gevent.sleep(SPIKE_S)
        everywhere(drill, "delay", DELAY_S)
        gevent.sleep(SPIKE_S + 1.0)
        cut = time.monotonic_ns()
        everywhere(drill, "stall")
        # To one of them the connections are even closed, and nobody answers at new ones.
        drill.proxies[NAMES[1]].cut()
        drill.ask("update_settings", settings=packed({"rate": f"{HIGHER}/s"}), nodes=None)
        gevent.sleep(CUT_S)
        everywhere(drill, "heal")
        gevent.sleep(3.0)
        drill.run.send(signal.SIGINT)
        summary, code, exits = drill.run.summary(), drill.run.code(), drill.end()
        return Slow(
            added,
            measured,
            sorted(note["t"] for name in NAMES for note in drill.notes(name, "start")),
            sorted(hit["at"] for hit in drill.hits("caw")),
            {
                name: [
                    (note["t"], note["nodes"][name])
                    for note in drill.notes(MASTER, "cluster")
                    if name in note["nodes"]
                ]
                for name in NAMES
            },
            cut,
            [note for name in NAMES for note in drill.notes(name, "fence")],
            summary,
            code,
            exits,
            drill.judged(exits={**exits, MASTER: code}),
        )


def everywhere(drill: Drill, what: str, *told: float) -> None:
    for proxy in drill.proxies.values():
        getattr(proxy, what)(*told)


def test_a_thousand_users_start_within_three_seconds_r6(slow: Slow) -> None:
    assert len(slow.starts) == USERS
    assert (slow.starts[-1] - slow.added) / SECOND <= 3.0


def test_the_rate_is_right_to_a_hundredth_and_a_round_trip_r6(slow: Slow) -> None:
    since, until = slow.measured
    due = RATE * (until - since) / SECOND
    assert abs(slow.counted(since, until) - due) <= due / 100 + RATE * 2 * DELAY_S


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_suspect_because_all_comes_two_seconds_late_r6(slow: Slow, name: str) -> None:
    assert {state for moment, state in slow.states[name] if moment < slow.cut} == {"up"}


def test_a_broken_link_costs_nothing_r3_r23(slow: Slow) -> None:
    """What is counted agrees with what was seen, to the unit: see I9."""
    assert (slow.summary["users"]["lost"], list(slow.fences)) == (0, [])
    assert slow.summary["users"]["removed"] == USERS
    (caws,) = (each for name, each in slow.summary["operations"].items() if name == "caw")
    assert caws["ok"] == len(slow.caws)


def test_every_invariant_holds_r6_r20_r23(slow: Slow) -> None:
    assert (slow.code, set(slow.exits.values())) == (EXIT_ABORTED, {EXIT_OK})
    assert [str(each) for each in slow.violations] == []
