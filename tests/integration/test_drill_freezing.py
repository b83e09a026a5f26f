"""Drill: processes that stand still for a while, and go on: nodes, and the master itself."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import pytest

from crowsg.clock import SECOND, to_ns
from crowsg.cluster.heartbeat import BEAT_S
from crowsg.errors import EXIT_ABORTED, EXIT_NODES, EXIT_OK
from crowsg.testing.invariants import Violation
from tests.support.cluster_processes import Program
from tests.support.drills import MASTER, Drill, side_by_side

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

BRIEFLY, LONG, NEVER = "briefly@drill", "long@drill", "never@drill"
BRIEF_S, LONG_S, MASTERS_S = 4.0, 15.0, 12.0
CONFIRMED_S = 2 * BEAT_S + 0.2
"""How long ago what a node knows to have been heard of it may have been said."""
USERS = 30
ADDED = 9


@dataclass(frozen=True)
class Scene:
    """What was seen of a run in which some process stood still.

    Attributes:
        stopped, continued: When, in nanoseconds, by name.
        notes: What each node noted.
        caws: What users did.
        summary, code: How it ended.
        exits: How its nodes did.
        violations: What did not hold.
    """

    stopped: dict[str, int]
    continued: dict[str, int]
    notes: dict[str, list[dict[str, Any]]]
    caws: Sequence[dict[str, Any]]
    summary: dict[str, Any]
    code: int
    exits: dict[str, int]
    violations: Sequence[Violation]

    def seen_s(self, name: str, state: str, since: int) -> float:
        """Return after how long, from a moment on, the master took a node for that."""
        seen: int = next(
            note["t"]
            for note in self.notes[MASTER]
            if note["kind"] == "cluster" and note["t"] >= since and note["nodes"].get(name) == state
        )
        return (seen - since) / SECOND

    def noted(self, node: str, kind: str) -> list[int]:
        """Return when a node noted such a thing."""
        return [note["t"] for note in self.notes[node] if note["kind"] == kind]


def nodes_stand_still(folder: Path) -> Scene:
    """Stop a node for 4 s and another one for 15 s, and let users come to all of them."""
    with Drill(folder) as drill:
        options = ("--user-rate", "inf", "--set", "rate=1000/s", "--out", str(folder / "out"))
        drill.lead(USERS, 3, *options, "--duration", "60s")
        for name in (BRIEFLY, LONG, NEVER):
            drill.join(name)
        drill.until_running(USERS)
        stopped = {name: stop(drill.nodes[name]) for name in (BRIEFLY, LONG)}
        gevent.sleep(BRIEF_S)
        continued = {BRIEFLY: resume(drill.nodes[BRIEFLY])}
        gevent.sleep(LONG_S - BRIEF_S)
        continued[LONG] = resume(drill.nodes[LONG])
        drill.until_noted(LONG, "begin", continued[LONG])
        drill.said("add", count=ADDED, nodes=None)
        gevent.sleep(2.0)
        drill.run.send(signal.SIGINT)
        return scene(drill, stopped, continued)


def the_master_stands_still(folder: Path) -> Scene:
    """Stop a master for 12 s."""
    with Drill(folder) as drill:
        drill.lead(USERS, 2, "--user-rate", "inf", "--out", str(folder / "out"))
        for name in (BRIEFLY, NEVER):
            drill.join(name)
        drill.until_running(USERS)
        stopped = {MASTER: stop(drill.run)}
        gevent.sleep(MASTERS_S)
        continued = {MASTER: resume(drill.run)}
        return scene(drill, stopped, continued)


def scene(drill: Drill, stopped: dict[str, int], continued: dict[str, int]) -> Scene:
    """Wait for the end of a run, end its nodes, and tell what was seen."""
    summary, code, exits = drill.run.summary(), drill.run.code(), drill.end()
    kinds = ("cluster", "lost", "fence", "configure", "begin", "released", "calling")
    return Scene(
        stopped,
        continued,
        {name: drill.notes(name, *kinds) for name in (MASTER, *drill.nodes)},
        drill.hits("caw"),
        summary,
        code,
        exits,
        drill.judged(exits={**exits, MASTER: code}),
    )


def stop(program: Program) -> int:
    """Let a process stand still; returns since when."""
    program.send(signal.SIGSTOP)
    return time.monotonic_ns()


def resume(program: Program) -> int:
    """Let it go on; returns since when, at the earliest."""
    moment = time.monotonic_ns()
    program.send(signal.SIGCONT)
    return moment


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Scene]:
    plays = nodes_stand_still, the_master_stands_still
    return side_by_side(*(partial(play, tmp_path_factory.mktemp("frozen")) for play in plays))


@pytest.fixture
def nodes(scenes: Sequence[Scene]) -> Scene:
    return scenes[0]


@pytest.fixture
def master(scenes: Sequence[Scene]) -> Scene:
    return scenes[1]


class TestNodes:
    @pytest.mark.parametrize("name", [BRIEFLY, LONG])
    def test_a_node_that_stands_still_is_suspect_after_three_seconds_r2(
        self, nodes: Scene, name: str
    ) -> None:
        assert 3.0 - BEAT_S <= nodes.seen_s(name, "suspect", nodes.stopped[name]) <= 3.5

    def test_one_that_goes_on_within_eight_seconds_is_up_again_within_a_second_r2(
        self, nodes: Scene
    ) -> None:
        assert nodes.seen_s(BRIEFLY, "up", nodes.continued[BRIEFLY]) <= 1.0

    def test_it_has_lost_nobody_r2(self, nodes: Scene) -> None:
        (told,) = (node for node in nodes.summary["nodes"] if node["name"] == BRIEFLY)
        assert (told["users"]["lost"], told["users"]["asked"]) == (0, USERS // 3 + ADDED // 3)
        assert nodes.noted(BRIEFLY, "fence") == []
        assert len(nodes.noted(BRIEFLY, "configure")) == 1

    def test_one_that_does_not_is_dead_after_ten_seconds_r2(self, nodes: Scene) -> None:
        (lost,) = nodes.noted(MASTER, "lost")
        assert 10.0 - BEAT_S <= (lost - nodes.stopped[LONG]) / SECOND <= 10.5

    def test_its_users_take_no_step_when_it_goes_on_r2(self, nodes: Scene) -> None:
        since, until = nodes.continued[LONG], nodes.noted(LONG, "configure")[1]
        late = [
            hit["at"] for hit in nodes.caws if hit["node"] == LONG and since <= hit["at"] < until
        ]
        assert [at for at in late if at > since + to_ns(0.1)] == []

    def test_it_takes_part_anew_r2(self, nodes: Scene) -> None:
        came = [
            hit for hit in nodes.caws if hit["node"] == LONG and hit["at"] > nodes.continued[LONG]
        ]
        assert len({hit["user"] for hit in came}) == ADDED // 3
        assert min(hit["user"] for hit in came) > USERS

    def test_the_run_ends_in_order_r2(self, nodes: Scene) -> None:
        assert nodes.summary["users"]["lost"] == USERS // 3
        assert (nodes.code, set(nodes.exits.values())) == (EXIT_ABORTED, {EXIT_OK})

    def test_every_invariant_holds_r2_r20_r21(self, nodes: Scene) -> None:
        assert [str(each) for each in nodes.violations] == []


class TestTheMaster:
    @pytest.mark.parametrize("name", [BRIEFLY, NEVER])
    def test_a_worker_without_it_fences_itself_after_eight_seconds_r4(
        self, master: Scene, name: str
    ) -> None:
        (fenced,) = master.noted(name, "fence")
        assert 8.0 - CONFIRMED_S <= (fenced - master.stopped[MASTER]) / SECOND <= 8.5

    def test_the_load_has_ended_then_r4(self, master: Scene) -> None:
        last = max(hit["at"] for hit in master.caws)
        assert (last - master.stopped[MASTER]) / SECOND <= 8.5

    def test_terminate_is_called_once_on_each_node_r4(self, master: Scene) -> None:
        called = [
            [note["node"] for note in notes if note.get("callback") == "terminate"]
            for name, notes in master.notes.items()
            if name != MASTER
        ]
        assert called == [[BRIEFLY], [NEVER]]

    def test_its_run_is_over_when_it_goes_on_r4(self, master: Scene) -> None:
        assert master.code == EXIT_NODES
        assert master.summary["exit_code"] == EXIT_NODES

    def test_the_end_of_the_nodes_tells_of_it_r4(self, master: Scene) -> None:
        assert set(master.exits.values()) == {EXIT_NODES}

    def test_every_invariant_holds_r4(self, master: Scene) -> None:
        assert [str(each) for each in master.violations] == []
