"""No loop of a node may die unseen: R37, on a node that works in the run of another one.

Those that only real processes have - of sockets, keys, samples and workers - are killed in
``integration/test_drill_loops.py``.
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from crowsg.clock import SECOND
from crowsg.node import Node
from tests.support.clusters import A, B, Cluster
from tests.support.greenlets import kill

LOOPS = (
    "journal",
    "loop lag",
    "master: snapshots",
    "members: dial",
    "members: judge",
    "metrics server",
    "roll call",
    "self ping",
    "worker: beat",
    "worker: fence",
)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Give a run of three users over three nodes, whose ``B`` has every loop there is."""
    cluster = Cluster(tmp_path, 3, environment={B: {"CROWSG_PROMETHEUS_PORT": "0"}})
    worker = cluster[B]
    worker.watch()
    worker.serve_metrics()
    worker.open_journal(tmp_path / "journal")
    cluster.meet().do(3)
    yield cluster
    cluster.stop()


@pytest.fixture
def worker(cluster: Cluster) -> Node:
    """Give the node whose loops die."""
    return cluster[B]


def roll_calls(folder: Path) -> list[tuple[int, list[str]]]:
    """Return when each roll was called, and who answered."""
    (file,) = (folder / "journal").iterdir()
    notes = [json.loads(line) for line in file.read_text().splitlines()]
    return [(note["t"], note["running"]) for note in notes if note["kind"] == "greenlets"]


def test_these_are_all_loops_there_are(worker: Node) -> None:
    assert tuple(worker.supervisor.states()) == LOOPS


@pytest.mark.parametrize("name", LOOPS)
def test_one_that_is_killed_runs_again_within_a_second(
    cluster: Cluster, worker: Node, name: str
) -> None:
    """R37."""
    kill(worker.supervisor, name)
    cluster.advance(1)

    state = worker.supervisor.states()[name]
    assert (state.is_running, state.deaths) == (True, 1)
    assert cluster.ended == []


@pytest.mark.parametrize("name", LOOPS)
def test_the_node_works_on_when_one_was_killed(cluster: Cluster, worker: Node, name: str) -> None:
    """R37."""
    kill(worker.supervisor, name)
    cluster.advance(15)

    cluster.call(cluster[A].dist.add, 6, [B])

    assert cluster.running([B]) != {}
    assert sum(cluster.running().values()) == 9
    assert {each.state for each in cluster[A].station.members.all()} == {"up"}
    assert {each.state for each in worker.station.members.all()} == {"up"}


@pytest.mark.parametrize("name", LOOPS)
def test_one_that_dies_three_times_in_a_minute_ends_the_process(
    cluster: Cluster, worker: Node, name: str
) -> None:
    """R37."""
    for _ in range(3):
        kill(worker.supervisor, name)
        cluster.advance(1)

    assert cluster.ended == [f"{name} has died 3 times within 60 s, the last time: it was killed"]


def test_one_that_dies_every_half_minute_ends_nothing(cluster: Cluster, worker: Node) -> None:
    for _ in range(4):
        kill(worker.supervisor, "members: judge")
        cluster.advance(31)

    assert cluster.ended == []
    assert worker.supervisor.states()["members: judge"].deaths == 4


def test_the_roll_of_a_well_node_has_no_gap(cluster: Cluster, worker: Node, tmp_path: Path) -> None:
    """I17: no loop is missing for longer than two seconds, whichever was killed."""
    began_ns = cluster.clock.now_ns()
    for name in LOOPS:
        kill(worker.supervisor, name)
        cluster.advance(3)

    for name in LOOPS:
        seen = [at for at, running in roll_calls(tmp_path) if name in running and at >= began_ns]
        gaps = [after - before for before, after in pairwise(seen)]
        assert len(seen) >= 3 * len(LOOPS) - 1
        assert max(gaps) <= 2 * SECOND
