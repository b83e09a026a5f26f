"""Nodes that join while a run is under way: soon ready, no burst, and none where it ends (R14)."""

from bisect import bisect_left
from itertools import pairwise

from tests.support.clusters import FAST, PREAMBLE, A, B, C, Cluster, D

CAWING = (
    PREAMBLE
    + """
from crowsg.context import current_node

def init():
    throttle.start("caws", "100/s")

def start(user_id):
    while True:
        throttle.wait("caws")
        note("caw", current_node().clock.now_ns())

def terminate():
    note("terminate")
"""
)
ENDING = (
    PREAMBLE
    + """
def init():
    note("init")

def start(user_id):
    users.sleep(1000)

def terminate():
    wait_for_gate()
"""
)
BEGINNING = (
    PREAMBLE
    + """
def init():
    wait_for_gate()

def start(user_id):
    users.sleep(1000)
"""
)


def workers(cluster: Cluster) -> tuple[str, ...]:
    return cluster[A].station.master.crew.names()


def caws(cluster: Cluster, *names: str) -> list[int]:
    """Return the moments of all caws on these nodes, in order."""
    notes = (each for name in names for each in cluster.notes(name) if each[0] == "caw")
    return sorted(at for _, at in notes)


def most_in_a_second(moments: list[int]) -> int:
    ends = (bisect_left(moments, at + 1_000_000_000) for at in moments)
    return max(end - begin for begin, end in enumerate(ends))


def test_a_late_joiner_is_ready_within_five_seconds(cluster: Cluster) -> None:
    """R14."""
    cluster.do(4)
    began = cluster.clock.now()
    cluster.enter(D)

    cluster.clock.advance_until(lambda: D in workers(cluster))

    assert cluster.clock.now() - began <= 5
    assert cluster.notes(D) == ["init"]


def test_there_is_no_burst_when_one_joins(cluster: Cluster) -> None:
    """R14: no second has more permits than the rate, and the new node has its share."""
    cluster.do(20, CAWING)
    cluster.advance(3)
    cluster.enter(D)
    cluster.clock.advance_until(lambda: D in workers(cluster))
    cluster.call(cluster[A].dist.add, 30)
    cluster.advance(3)

    moments = caws(cluster, B, C, D)
    # What every window may hold beside those of its length: the granule, and one of each node.
    assert most_in_a_second(moments) <= 100 + 1 + 3
    assert len(moments) >= 0.9 * 100 * 6
    assert caws(cluster, D)


def test_there_is_no_burst_of_starts_when_one_joins_a_ramp(cluster: Cluster) -> None:
    """R14."""
    cluster.do(100, CAWING, user_rate="20/s")
    cluster.advance(1)
    cluster.enter(D)
    counts = []
    for _ in range(6):
        cluster.advance(0.5)
        counts.append(sum(cluster.running().values()))

    steps = [after - before for before, after in pairwise(counts)]
    assert max(steps) <= 10 + 3
    assert D in workers(cluster)


def test_one_that_joins_while_the_run_is_stopped_stays_idle(cluster: Cluster) -> None:
    """R14: it is not taken in; the next run has it."""
    cluster.do(4, ENDING)
    stopping = cluster.begin(cluster[A].dist.stop)
    cluster.advance(1)
    cluster.enter(D)
    cluster.advance(5)

    assert not stopping.ready()
    assert (cluster.notes(D), cluster[D].controller.state) == ([], "idle")

    for name in (B, C):
        cluster.open_gate(name)
    cluster.clock.advance_until(stopping.ready)
    assert set(stopping.result()) == {B, C}
    cluster.do(3, called="next")
    assert set(workers(cluster)) == {B, C, D}


def test_one_that_joins_while_the_run_begins_takes_part(cluster: Cluster) -> None:
    """R14: once the others have begun."""
    beginning = cluster.begin(cluster[A].dist.do, cluster.write(BEGINNING), 4, FAST)
    cluster.advance(1)
    cluster.enter(D)
    cluster.advance(3)
    assert not beginning.ready()

    for name in (B, C, D):
        cluster.open_gate(name)
    cluster.clock.advance_until(lambda: workers(cluster) == (B, C, D))
    assert beginning.result() == {B: 2, C: 2}
