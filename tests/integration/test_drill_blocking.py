"""Drill: users that block the loop of their node, and users that nothing can end."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import pytest

from crowsg.clock import SECOND
from crowsg.errors import EXIT_ABORTED, EXIT_STUCK
from crowsg.testing.invariants import Violation
from tests.support.cluster_processes import Program, until
from tests.support.drills import MASTER, Drill, side_by_side

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

SPINNING, HASHING, CALM, STUBBORN = "spinning@drill", "hashing@drill", "calm@drill", "hard@drill"
STALL_TIMEOUT_S = 2.0
USERS = 12
STUBBORN_USERS = 1000

UNENDING = """
from crowsg import Variable, users

required_variables = [Variable("oracle", "where nothing is told")]

def init():
    pass

def start(user_id):
    while True:
        try:
            users.sleep(0.5)
        except BaseException:
            pass
"""


@dataclass
class Scene:
    """What was seen of a run.

    Attributes:
        since: When the loops were blocked, in nanoseconds, by node.
        seen: What the master told of the nodes: when, and of each its state and what blocks it.
        ended: How the nodes ended, and when.
        caws: What users did.
        summary, code: How the run ended.
        said: What the processes wrote to stderr, by name.
        violations: What did not hold.
        took_s: How long things took.
    """

    since: dict[str, int] = field(default_factory=dict)
    seen: list[tuple[int, dict[str, tuple[str, str]]]] = field(default_factory=list)
    ended: dict[str, tuple[int, int]] = field(default_factory=dict)
    caws: Sequence[dict[str, Any]] = ()
    summary: dict[str, Any] = field(default_factory=dict)
    code: int = 0
    said: dict[str, str] = field(default_factory=dict)
    violations: Sequence[Violation] = ()
    took_s: dict[str, float] = field(default_factory=dict)
    stuck: int = 0

    def stalled(self, name: str) -> tuple[float, str]:
        """Return after how long the master told that a node is stalled, and by what."""
        told = ((moment, *nodes[name]) for moment, nodes in self.seen)
        moment, _, place = next(each for each in told if each[1] == "stalled")
        return (moment - self.since[name]) / SECOND, place


def loops_are_blocked(folder: Path) -> Scene:
    """Let a user of one node spin, and one of another do a sum that nothing can break."""
    scene = Scene()
    with Drill(folder) as drill:
        drill.lead(USERS, 3, "--user-rate", "inf", "--out", str(folder / "out"))
        for name in (SPINNING, HASHING, CALM):
            drill.join(name, "--stall-timeout", str(STALL_TIMEOUT_S))
        drill.until_running(USERS)
        drill.let(spinning="spin", hashing="hash")
        ending = gevent.spawn(note_end, scene, HASHING, drill.nodes[HASHING])
        with drill.asking() as ask:
            while not (ending.ready() and scene.seen[-1][1][HASHING][0] == "dead"):
                nodes = ask("overview", {})["nodes"]
                told = {each["name"]: (each["state"], each["place"]) for each in nodes}
                scene.seen.append((time.monotonic_ns(), told))
                gevent.sleep(0.1)
                assert len(scene.seen) < 200, scene.seen[-1]
        drill.run.send(signal.SIGINT)
        exits = finish(scene, drill)
        scene.violations = drill.judged(exits=exits)
    return scene


def a_worker_is_replaced(folder: Path) -> Scene:
    """Let a worker process sleep for longer than it may, where its parent is the master."""
    scene = Scene()
    with Drill(folder) as drill:
        options = ("--nodes", "2", "--on-node-loss", "refill", "--out", str(folder / "out"))
        stall = "--stall-timeout", str(STALL_TIMEOUT_S)
        run = drill.lead(USERS, 0, "--user-rate", "inf", *options, *stall)
        drill.until_running(USERS)
        drill.let(worker1="sleep")
        again = run.until_said(r"^(worker1@\S+) is started again$")
        drill.until_noted(again[1], "begin", time.monotonic_ns() - SECOND)
        scene.took_s["replaced"] = (time.monotonic_ns() - drill.hits("mishap")[0]["at"]) / SECOND
        run.send(signal.SIGINT)
        scene.violations = drill.judged(exits=finish(scene, drill))
    return scene


def nobody_can_be_ended(folder: Path) -> Scene:
    """Kill users that survive it, and end their run."""
    scene = Scene()
    with Drill(folder, UNENDING) as drill:
        drill.lead(STUBBORN_USERS, 1, "--user-rate", "inf", "--out", str(folder / "out"))
        node = drill.join(STUBBORN)
        drill.until_running(STUBBORN_USERS)
        with drill.asking() as ask:
            ask("overview", {})
            began_s = time.monotonic()
            ask("remove", {"count": STUBBORN_USERS, "force": True, "nodes": None})
            scene.took_s["answer"] = time.monotonic() - began_s
            until(lambda: ask("overview", {})["users"]["stuck"] == STUBBORN_USERS, 20)
            scene.took_s["stuck"] = time.monotonic() - began_s
        drill.run.send(signal.SIGINT)
        began_s = time.monotonic()
        note_end(scene, STUBBORN, node)
        scene.took_s["end"] = time.monotonic() - began_s
        scene.violations = drill.judged(exits=finish(scene, drill))
    return scene


def note_end(scene: Scene, name: str, node: Program) -> None:
    scene.ended[name] = (node.code(), time.monotonic_ns())


def finish(scene: Scene, drill: Drill) -> dict[str, int]:
    """Wait for the end of a run, and end its nodes; returns the exit codes."""
    scene.summary, scene.code = drill.run.summary(), drill.run.code()
    exits = {**drill.end(), MASTER: scene.code}
    processes = {MASTER: drill.run, **drill.nodes}
    scene.said = {name: "".join(process.err) for name, process in processes.items()}
    scene.caws = drill.hits("caw")
    scene.since = {hit["node"]: hit["at"] for hit in drill.hits("mishap")}
    return exits


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Scene]:
    plays = loops_are_blocked, a_worker_is_replaced, nobody_can_be_ended
    return side_by_side(*(partial(play, tmp_path_factory.mktemp("blocked")) for play in plays))


@pytest.fixture
def blocked(scenes: Sequence[Scene]) -> Scene:
    return scenes[0]


@pytest.fixture
def replaced(scenes: Sequence[Scene]) -> Scene:
    return scenes[1]


@pytest.fixture
def unending(scenes: Sequence[Scene]) -> Scene:
    return scenes[2]


class TestBlocked:
    @pytest.mark.parametrize(
        ("name", "place"), [(SPINNING, "spin (drill.py:"), (HASHING, "(drill.py:")]
    )
    def test_the_master_names_the_function_within_one_and_a_half_seconds_r8(
        self, blocked: Scene, name: str, place: str
    ) -> None:
        after_s, told = blocked.stalled(name)
        assert after_s <= 1.5
        assert place in told

    @pytest.mark.parametrize("name", [SPINNING, HASHING])
    def test_the_node_names_it_too_r8(self, blocked: Scene, name: str) -> None:
        assert "(drill.py:" in blocked.said[name]

    def test_the_other_users_of_its_node_go_on_r8(self, blocked: Scene) -> None:
        since = blocked.since[SPINNING]
        after = [h for h in blocked.caws if h["node"] == SPINNING and h["at"] > since]
        first_s = (min(hit["at"] for hit in after) - since) / SECOND
        # The loop was seen to run last a moment before.
        assert STALL_TIMEOUT_S - 0.1 <= first_s <= STALL_TIMEOUT_S + 1.0
        assert len({hit["user"] for hit in after}) == USERS // 3 - 1

    def test_the_summary_tells_of_it_r8(self, blocked: Scene) -> None:
        (told,) = (node for node in blocked.summary["nodes"] if node["name"] == SPINNING)
        (stall,) = told["health"]["stalls"]
        assert STALL_TIMEOUT_S <= stall["seconds"] <= STALL_TIMEOUT_S + 1.0
        assert "spin (drill.py:" in stall["place"]
        assert told["users"]["failed"] == 1

    def test_a_process_that_cannot_be_broken_ends_within_ten_seconds_r8(
        self, blocked: Scene
    ) -> None:
        code, moment = blocked.ended[HASHING]
        assert code == EXIT_STUCK
        assert (moment - blocked.since[HASHING]) / SECOND <= 10.0

    def test_every_invariant_holds_r8_r21(self, blocked: Scene) -> None:
        assert blocked.code == EXIT_ABORTED
        assert [str(each) for each in blocked.violations] == []


class TestReplaced:
    def test_a_worker_that_cannot_be_broken_is_replaced_within_ten_seconds_r8(
        self, replaced: Scene
    ) -> None:
        assert replaced.took_s["replaced"] <= 10.0

    def test_every_invariant_holds_r8(self, replaced: Scene) -> None:
        assert [str(each) for each in replaced.violations] == []


class TestUnending:
    def test_to_kill_a_thousand_is_answered_within_a_tenth_of_a_second_r9(
        self, unending: Scene
    ) -> None:
        assert unending.took_s["answer"] <= 0.1

    def test_within_three_seconds_it_is_told_that_they_are_stuck_r9(self, unending: Scene) -> None:
        # The master asks each second how many there are.
        assert unending.took_s["stuck"] <= 3.0 + 1.0

    def test_their_process_ends_and_says_why_r9(self, unending: Scene) -> None:
        code, _ = unending.ended[STUBBORN]
        assert code == EXIT_STUCK
        assert f"error: {STUBBORN_USERS} users could not be killed" in unending.said[STUBBORN]
        assert unending.took_s["end"] <= 5.0

    def test_none_of_them_is_said_to_have_finished_r9(self, unending: Scene) -> None:
        users = unending.summary["users"]
        assert (users["finished"], users["killed"], users["removed"]) == (0, 0, 0)

    def test_every_invariant_holds_r9(self, unending: Scene) -> None:
        assert [str(each) for each in unending.violations] == []
