"""Throttles over whole clusters: scenarios wait on them on several nodes."""

from collections.abc import Callable

import pytest

from crowsg.rate import Rate
from tests.support.clusters import IDLERS, PREAMBLE, A, B, C, Cluster

SECOND = 1_000_000_000
GRANULE_S = 0.01

WAITERS = (
    PREAMBLE
    + """
from crowsg.context import current_node

def init():
    note(throttle.start("gate", config.get("rate")))

required_variables = [Variable("rate", "of the gate", default=Rate(100, per=1))]

def start(user_id):
    clock = current_node().clock
    while True:
        throttle.wait("gate")
        note("at", clock.now_ns())
"""
)

HOLDERS = (
    PREAMBLE
    + """
def init():
    throttle.start("slots", Rate.parallel(5))

def start(user_id):
    while True:
        with throttle.wait("slots"):
            note("in", 1)
            users.sleep(0.1)
            note("out", -1)
"""
)


def stamps(cluster: Cluster) -> list[int]:
    """Return when permits were given on all nodes, in order."""
    told = [each for name in (B, C) for each in cluster.notes(name) if each[0] == "at"]
    return sorted(at for _, at in told)


def granted_in(cluster: Cluster, seconds: float) -> int:
    before = len(stamps(cluster))
    cluster.advance(seconds)
    return len(stamps(cluster)) - before


class TestRates:
    def test_the_rate_is_that_of_the_whole_cluster(self, cluster: Cluster) -> None:
        cluster.do(20, WAITERS)
        cluster.advance(2)

        assert granted_in(cluster, 10) == pytest.approx(1000, rel=0.005)

    @pytest.mark.parametrize("window_s", [0.05, 0.5, 1, 5])
    def test_no_window_has_more_than_was_promised(self, cluster: Cluster, window_s: float) -> None:
        cluster.do(20, WAITERS)
        cluster.advance(12)

        given = stamps(cluster)
        allowed = 100 * window_s + 100 * GRANULE_S + 2
        most, first = 0, 0
        for last, at in enumerate(given):
            while at - given[first] >= window_s * SECOND:
                first += 1
            most = max(most, last - first + 1)
        assert most <= allowed

    def test_slow_rates_are_kept_too(self, cluster: Cluster) -> None:
        cluster.do(20, WAITERS, rate=Rate(5, per=1))
        cluster.advance(2)

        assert granted_in(cluster, 20) == pytest.approx(100, abs=2)

    def test_who_wants_nothing_leaves_its_share_to_others(self, cluster: Cluster) -> None:
        cluster.do(0, WAITERS)
        cluster.call(cluster[A].dist.add, 10, [B])
        cluster.advance(2)

        assert granted_in(cluster, 10) == pytest.approx(1000, rel=0.005)

    def test_only_one_node_starts_a_throttle(self, cluster: Cluster) -> None:
        cluster.do(0, WAITERS)

        told = [cluster.notes(name)[0] for name in (B, C)]
        assert sorted(told) == ["already_started", "started"]

    def test_the_master_knows_them(self, cluster: Cluster) -> None:
        cluster.do(4, WAITERS)
        cluster.advance(3)

        assert {"gate", "user_rate"} <= set(cluster[A].controller.status().throttles)


class TestChanging:
    @pytest.mark.parametrize("by", [A, B], ids=["the-master", "a-worker"])
    def test_a_changed_rate_reaches_every_node(self, cluster: Cluster, by: str) -> None:
        cluster.do(20, WAITERS)
        cluster.advance(2)
        cluster.call(cluster[by].throttles.change_rate, "gate", Rate(200, per=1))
        cluster.advance(1)

        assert granted_in(cluster, 10) == pytest.approx(2000, rel=0.005)

    @pytest.mark.parametrize("by", [A, B], ids=["the-master", "a-worker"])
    def test_a_pause_holds_everywhere_when_it_returns(self, cluster: Cluster, by: str) -> None:
        cluster.do(20, WAITERS)
        cluster.advance(2)
        cluster.call(cluster[by].throttles.pause, "gate")

        assert granted_in(cluster, 5) == 0

    def test_after_a_pause_it_goes_on(self, cluster: Cluster) -> None:
        cluster.do(20, WAITERS)
        cluster.advance(2)
        cluster.call(cluster[B].throttles.pause, "gate")
        cluster.advance(2)
        cluster.call(cluster[C].throttles.resume, "gate")
        cluster.advance(1)

        assert granted_in(cluster, 5) == pytest.approx(500, rel=0.02)

    def test_a_throttle_that_is_stopped_ends_its_users_everywhere(self, cluster: Cluster) -> None:
        cluster.do(20, WAITERS)
        cluster.advance(2)
        cluster.call(cluster[B].throttles.stop, "gate")
        cluster.advance(1)

        assert cluster.running() == {}

    def test_a_user_changes_it(self, cluster: Cluster) -> None:
        changing = WAITERS.replace(
            "    clock =", "    if user_id == 1:\n        throttle.pause('gate')\n    clock ="
        )
        cluster.do(4, changing)
        cluster.advance(2)

        assert granted_in(cluster, 3) == 0


class TestSlots:
    def test_no_more_are_held_than_there_are(self, make_cluster: Callable[..., Cluster]) -> None:
        cluster = make_cluster(4)
        cluster.do(30, HOLDERS)
        most = now = 0
        for _ in range(60):
            cluster.advance(0.05)
            now = sum(
                each[1]
                for name in cluster.nodes
                for each in cluster.notes(name)
                if isinstance(each, tuple)
            )
            most = max(most, now)

        assert most == 5

    def test_they_are_used_on_every_node(self, cluster: Cluster) -> None:
        cluster.do(20, HOLDERS)
        cluster.advance(5)

        entered = [cluster.notes(name).count(("in", 1)) for name in (B, C)]
        assert min(entered) > 20


class TestEnding:
    def test_nothing_is_left_when_the_run_is_over(self, cluster: Cluster) -> None:
        cluster.do(4, WAITERS)
        cluster.advance(1)
        cluster.call(cluster[A].dist.stop)

        assert all(node.throttles.names() == () for node in cluster.nodes.values())

    def test_what_terminate_starts_ends_as_well(self, cluster: Cluster) -> None:
        late = IDLERS.replace('note("terminate")', 'throttle.start("late", 100)')
        cluster.do(4, late)
        cluster.call(cluster[A].dist.stop)

        assert cluster[A].station.master.trouble == []
        assert all(node.throttles.names() == () for node in cluster.nodes.values())
        assert cluster.do(2, late) == {B: 1, C: 1}

    def test_a_node_owns_its_throttles_again(self, cluster: Cluster) -> None:
        cluster.do(4, WAITERS)
        cluster.call(cluster[A].dist.stop)
        for name in (A, B):
            cluster[name].throttles.start("own", Rate.UNLIMITED)
            cluster.call(cluster[name].throttles.wait, "own")

        assert cluster[B].throttles.info("own").granted == 1

    def test_a_lease_for_one_that_has_just_died_harms_nobody(self, cluster: Cluster) -> None:
        cluster.do(20, WAITERS)
        cluster.cut_off(C)
        cluster.advance(12)

        cluster[A].station.master._dealing._tell_leases(C, [])

    def test_leases_of_a_stranger_are_refused(self, cluster: Cluster) -> None:
        cluster.do(4, IDLERS)
        cluster.tell(C, B, "leases", [], cluster.run_of(B))

        assert cluster[B].station._exchange.refused["unknown"] == 1
