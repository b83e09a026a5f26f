"""How a node ends whose users could not be killed, or whose master was lost."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster_processes import NodeProcess, Programs, programs, until

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

IDLE = """
from crowsg import users
def init(): pass
def start(user_id): users.sleep(1000)
"""
UNKILLABLE = """
from crowsg import users

def init(): pass

def start(user_id):
    while user_id > 2:
        try:
            users.sleep(1000)
        except BaseException:
            pass
    users.sleep(1000)
"""
STUCK_WITHIN_S = 10.0


@pytest.fixture
def started() -> Iterator[Programs]:
    with programs() as started:
        yield started


@pytest.fixture
def node(started: Programs, tmp_path: Path) -> NodeProcess:
    """Return a node with a journal."""
    return started.node("worker@here", "--journal", str(tmp_path / "journal"))


def lead(started: Programs, node: NodeProcess, folder: Path, text: str) -> NodeProcess:
    """Let another node lead a run of four users on it; returns that when they are there."""
    path, journal = folder / "scenario_of_the_test.py", folder / "journal"
    path.write_text(text)
    master = started.node("master@here", "--join", node.address)
    started.until_met(master.address, 2)
    options = ("--users", "4", "--user-rate", "inf", "--stop-timeout", "0.5")
    assert started.dist(master.address, "do", str(path), *options).code() == 0
    until(lambda: users_at_work(journal) == 4)
    return master


def users_at_work(journal: Path) -> int:
    """Return how many users have started, by what the node noted."""
    return sum(text.count('"kind":"start"') for text in map(Path.read_text, journal.glob("*")))


def test_a_node_ends_with_the_users_that_could_not_be_killed_r9(
    started: Programs, node: NodeProcess, tmp_path: Path
) -> None:
    master = lead(started, node, tmp_path, UNKILLABLE)

    started.dist(master.address, "stop")

    assert node.code(STUCK_WITHIN_S) == 5
    assert node.said(r"^error: 2 users could not be killed: 3, 4$")


def test_it_takes_its_leave_of_the_others(
    started: Programs, node: NodeProcess, tmp_path: Path
) -> None:
    master = lead(started, node, tmp_path, UNKILLABLE)

    started.dist(master.address, "stop")
    node.code(STUCK_WITHIN_S)

    known = {each["name"]: each["state"] for each in started.told(master.address, "nodes")}
    assert known == {"master@here": "up", "worker@here": "left"}


def test_a_node_whose_users_end_stays_for_the_next_run(
    started: Programs, node: NodeProcess, tmp_path: Path
) -> None:
    master = lead(started, node, tmp_path, IDLE)

    started.dist(master.address, "stop")

    until(lambda: started.told(master.address, "state")["state"] == "stopped")
    node.send(signal.SIGTERM)
    assert node.code() == 0


def test_a_node_that_has_lost_its_master_says_so_when_it_is_ended_r4(
    started: Programs, node: NodeProcess, tmp_path: Path
) -> None:
    master = lead(started, node, tmp_path, IDLE)

    master.send(signal.SIGKILL)

    node.until_said("the master master@here is gone")
    node.send(signal.SIGTERM)
    assert node.code() == 4
    assert node.said(r"^error: the last run ended as its master was lost$")
