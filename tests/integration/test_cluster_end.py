"""How runs over several processes end: by signals, by kills, by nodes that go."""

import csv
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster_processes import (
    ANY_PORT,
    NodeProcess,
    Program,
    Programs,
    children,
    is_alive,
    programs,
    until,
)

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

USERS = 40
GONE_WITHIN_S = 2.0
IDLE = """
from crowsg import metrics, users

def init():
    pass

def start(user_id):
    metrics.count("came")
    try:
        users.sleep(1000)
    finally:
        metrics.count("went")
"""
STUBBORN = """
from crowsg import users

def init():
    pass

def start(user_id):
    while True:
        try:
            users.sleep(1000)
        except BaseException:
            pass

def terminate():
    print("terminated", flush=True)
"""
BLOCKED = """
def init():
    pass

def start(user_id):
    print("blocked", flush=True)
    while True:
        pass
"""


@pytest.fixture
def started() -> Iterator[Programs]:
    with programs() as started:
        yield started


Run = Callable[..., Program]


@pytest.fixture
def run(started: Programs, tmp_path: Path) -> Run:
    """Give a function that starts a run of that code with all its users at once."""
    return partial(start_run, started, tmp_path)


def start_run(
    started: Programs, folder: Path, text: str, *arguments: str, users: int = USERS
) -> Program:
    path = folder / "scenario_of_the_test.py"
    path.write_text(text)
    fed = "--users", str(users), "--user-rate", "inf", "--bind", ANY_PORT
    return started.start("run", str(path), *fed, "--json", *arguments)


def outcomes(summary: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Return the users of each node by outcome, without those that are none."""
    return {
        node["name"]: {word: count for word, count in node["users"].items() if count}
        for node in summary["nodes"]
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_all_nodes_gracefully(run: Run, number: signal.Signals) -> None:
    """R30: one stop ends everything."""
    program = run(IDLE, "--nodes", "2")
    program.until_said(f"{USERS} running")
    workers = children(program.pid)

    program.send(number)

    said = program.summary()
    assert (program.code(), said["exit_reason"]) == (97, "interrupted")
    assert said["users"]["removed"] == said["users"]["asked"] == USERS
    assert said["counters"] == {"came": USERS, "went": USERS}
    assert [is_alive(worker) for worker in workers] == [False, False]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_the_waiting_for_nodes(run: Run, number: signal.Signals) -> None:
    """R31: no wait is without end."""
    program = run(IDLE, "--nodes", "1", "--expect-nodes", "1")
    program.until_said(r"worker1@.* at ")
    workers = children(program.pid)

    program.send(number)

    assert program.code(15) == 97
    assert program.err[-1] == "error: aborted\n"
    assert [is_alive(worker) for worker in workers] == [False]


def test_a_second_signal_leaves_no_grace_anywhere(run: Run) -> None:
    """R30: a stop of what is stopping already."""
    program = run(STUBBORN, "--nodes", "2", "--stop-timeout", "30", users=4)
    program.until_said("4 running")
    workers = children(program.pid)

    program.send(signal.SIGINT)
    program.until_said("4 running", since=len(program.err))
    program.send(signal.SIGINT)

    assert program.code(15) == 5
    assert not any(map(is_alive, workers))


def test_a_third_signal_ends_even_a_run_whose_workers_are_blocked(run: Run) -> None:
    """R30: a stop that nothing can hold up."""
    program = run(BLOCKED, "--nodes", "2", users=2)
    program.until_said("blocked")
    workers = children(program.pid)

    until(lambda: _signalled(program), 20)

    assert program.code() == 97
    until(lambda: not any(map(is_alive, workers)), GONE_WITHIN_S)


def _signalled(program: Program) -> bool:
    if not program.has_ended:
        program.send(signal.SIGINT)
    return program.has_ended


@pytest.mark.parametrize("text", [IDLE, BLOCKED], ids=["idle", "blocked"])
def test_a_run_that_is_killed_leaves_no_process(run: Run, text: str) -> None:
    """R35: children die with their parent, within 2 s."""
    program = run(text, "--nodes", "2", users=2)
    program.until_said("blocked" if text == BLOCKED else "2 running")
    workers = children(program.pid)
    assert len([each for each in workers if is_alive(each)]) == 2

    program.send(signal.SIGKILL)

    until(lambda: not any(map(is_alive, workers)), GONE_WITHIN_S)


@dataclass
class Guests:
    """A run that nodes have joined."""

    run: Program
    nodes: dict[str, NodeProcess]
    folder: Path

    def rows(self) -> list[dict[str, str]]:
        """Return who was told of in ``users.csv``."""
        self.run.code()
        with (self.folder / "users.csv").open(newline="") as file:
            return list(csv.DictReader(file))


Invite = Callable[..., Guests]


@pytest.fixture
def invite(started: Programs, tmp_path: Path) -> Invite:
    """Give a function that starts a run and two nodes to carry it."""
    return partial(invited, started, tmp_path)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guests]:
    """Give a run of four seconds that one of its nodes left early, in order."""
    with programs() as started:
        guests = invited(started, tmp_path_factory.mktemp("left"), "--duration", "4")
        guests.nodes["one@here"].send(signal.SIGTERM)
        yield guests


def invited(started: Programs, folder: Path, *arguments: str) -> Guests:
    out = folder / "out"
    program = start_run(started, folder, IDLE, "--expect-nodes", "2", "--out", str(out), *arguments)
    address = program.until_said(r"waiting for 2 nodes at (\S+)")[1]
    nodes = {name: started.node(name, "--join", address) for name in ("one@here", "two@here")}
    program.until_said(f"{USERS} running")
    return Guests(program, nodes, out)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_node_that_is_asked_to_end_ends_well(invite: Invite, number: signal.Signals) -> None:
    """R15: with exit code 0."""
    guests = invite()

    guests.nodes["one@here"].send(number)

    assert guests.nodes["one@here"].code(15) == 0


def test_a_node_that_goes_hands_in_all_it_has_counted(left: Guests) -> None:
    """R15: no sample is lost."""
    said = left.run.summary()
    half = USERS // 2
    assert left.run.code() == 0
    assert outcomes(said)["one@here"] == {"asked": half, "removed": half}
    assert said["counters"] == {"came": USERS, "went": USERS}


def test_a_run_goes_on_where_nodes_are_left(left: Guests) -> None:
    said = left.run.summary()
    stayed = [float(row["duration_s"]) for row in left.rows() if row["node"] == "two@here"]
    assert said["exit_reason"] == "the duration is over"
    assert len(stayed) == USERS // 2
    assert min(stayed) > 2.5


def test_users_of_a_node_that_goes_are_told_one_by_one(left: Guests) -> None:
    """R15: each user has ended, and once."""
    rows = left.rows()
    assert sorted(int(row["id"]) for row in rows) == list(range(1, USERS + 1))
    assert {row["outcome"] for row in rows} == {"removed"}


def test_a_run_that_all_nodes_have_left_ends(invite: Invite) -> None:
    guests = invite()

    for node in guests.nodes.values():
        node.send(signal.SIGTERM)

    said = guests.run.summary()
    assert said["users"]["removed"] == USERS
    assert [node.code() for node in guests.nodes.values()] == [0, 0]


def test_nodes_outlive_the_run_they_carried(left: Guests) -> None:
    left.run.code()

    assert not left.nodes["two@here"].has_ended
