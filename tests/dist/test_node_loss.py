"""What becomes of a run, and of the nodes, when a worker or the master is lost."""

from collections.abc import Callable

import gevent
import pytest

from crowsg.cluster.membership import DEAD_S, FENCE_S
from crowsg.dist.fence import AGE_S
from crowsg.dist.losses import NONE_LEFT, POLICIES, Policy
from crowsg.errors import EXIT_NODES, EXIT_OK, PartialFailure, Refused, StartRefused
from crowsg.node import Node
from tests.dist.test_runner import Going
from tests.support.clusters import IDLERS, A, B, C, Cluster, D
from tests.support.nodes import is_balanced

LATE_S = 0.5
"""What a beat, and a look for it, may take."""


class TestLostWorker:
    @pytest.mark.parametrize("policy", POLICIES)
    def test_its_users_are_lost_and_all_others_accounted_for(
        self, cluster: Cluster, policy: Policy
    ) -> None:
        """R22, I1."""
        going = Going(cluster, IDLERS, 10, duration_s=30.0, on_node_loss=policy)
        cluster.advance(3)
        cluster.cut_off(B)
        summary = going.finish()

        assert summary.users.lost == 5
        assert is_balanced(summary.users.as_dict())

    def test_the_run_goes_on_and_says_what_it_lost(self, cluster: Cluster) -> None:
        going = Going(cluster, IDLERS, 10, duration_s=30.0)
        cluster.advance(3)
        cluster.cut_off(B)
        summary = going.finish()

        assert summary.exit_code == EXIT_OK
        assert summary.exit_reason == f"the duration is over; {B} was lost with 5 users"
        (lost,) = [node for node in summary.nodes if node.name == B]
        ((from_s, to_s),) = lost.gaps
        assert 2 <= from_s <= 3.1
        assert to_s == pytest.approx(3 + DEAD_S, abs=2 * LATE_S)

    def test_a_crash_is_noticed_at_once(self, cluster: Cluster) -> None:
        """R1."""
        Going(cluster, IDLERS, 10, duration_s=30.0)
        cluster.advance(3)
        cluster.crash(B)
        cluster.advance(1)

        assert cluster[A].dist.overview().users["lost"] == 5

    def test_a_run_that_may_lose_nobody_ends(self, cluster: Cluster) -> None:
        """R31."""
        going = Going(cluster, IDLERS, 10, duration_s=30.0, on_node_loss="abort")
        cluster.advance(3)
        cluster.crash(B)
        summary = going.finish()

        assert (summary.exit_code, summary.exit_reason) == (
            EXIT_NODES,
            f"{B} was lost with 5 users",
        )
        assert summary.duration_s < 10
        assert cluster.notes(C).count("terminate") == 1


class TestRefill:
    def test_as_many_users_start_elsewhere(self, cluster: Cluster) -> None:
        going = Going(cluster, IDLERS, 10, duration_s=30.0, on_node_loss="refill")
        cluster.advance(3)
        cluster.crash(B)
        cluster.advance(1)

        assert cluster.running([A, C]) == {C: 10}
        assert going.finish().users.asked == 15

    def test_their_ids_are_new(self, cluster: Cluster) -> None:
        """I3."""
        Going(cluster, IDLERS, 10, duration_s=30.0, on_node_loss="refill")
        cluster.advance(3)
        cluster.crash(B)
        cluster.advance(1)

        assert sorted(cluster.ids(B) + cluster.ids(C)) == list(range(1, 16))

    def test_they_start_at_the_user_rate(self, cluster: Cluster) -> None:
        rate = {"user_rate": "2/s"}
        Going(cluster, IDLERS, 10, settings=rate, duration_s=60.0, on_node_loss="refill")
        cluster.advance(10)
        cluster.crash(B)
        cluster.advance(1.5)

        assert 5 < cluster.running([C])[C] < 10

    def test_users_that_had_not_started_come_back_too(self, cluster: Cluster) -> None:
        rate = {"user_rate": "1/s"}
        Going(cluster, IDLERS, 10, settings=rate, duration_s=60.0, on_node_loss="refill")
        cluster.advance(2)
        cluster.crash(B)
        cluster.advance(20)

        assert cluster.running([C]) == {C: 10}

    def test_a_run_waits_for_a_worker_that_is_on_its_way(self, cluster: Cluster) -> None:
        going = Going(cluster, IDLERS, 4, duration_s=30.0, on_node_loss="refill")
        cluster.advance(1)
        cluster[A].station.master.standing.await_worker(D)
        cluster.crash(B)
        cluster.crash(C)
        cluster.advance(3)
        cluster.enter(D)
        cluster.advance(3)

        assert cluster.running([D]) == {D: 4}
        assert going.finish().exit_code == EXIT_OK

    def test_a_run_does_not_wait_for_ever(self, cluster: Cluster) -> None:
        going = Going(cluster, IDLERS, 4, duration_s=30.0, on_node_loss="refill")
        standing = cluster[A].station.master.standing
        cluster.advance(1)
        standing.await_worker(D)
        cluster.crash(B)
        cluster.crash(C)
        cluster.advance(3)
        standing.await_no_more(D)
        summary = going.finish()

        assert (summary.exit_code, summary.exit_reason) == (EXIT_NODES, NONE_LEFT)
        assert summary.duration_s < 10

    def test_users_end_before_the_run_where_none_is_owed(self, cluster: Cluster) -> None:
        short = IDLERS.replace("    while True:\n        users.sleep(1000)", "    users.sleep(20)")
        going = Going(cluster, short, 4, on_node_loss="refill")
        cluster.advance(1)
        cluster.crash(B)
        summary = going.finish()

        assert (summary.users.finished, summary.users.lost) == (4, 2)
        assert summary.duration_s > 20

    def test_users_it_never_took_are_not_made_up_for(self, cluster: Cluster) -> None:
        going = Going(cluster, IDLERS, 4, duration_s=60.0, on_node_loss="refill")
        cluster.advance(1)
        cluster.cut_off(B)
        adding = cluster.begin(cluster[A].dist.add, 10)
        cluster.advance(20)

        with pytest.raises(PartialFailure, match=B):
            adding.result()
        assert cluster.running([C]) == {C: 2 + 5 + 2}
        assert is_balanced(going.finish().users.as_dict())

    def test_arrivals_are_taken_over_by_the_others_anyway(self, cluster: Cluster) -> None:
        rate = {"user_rate": "10/s"}
        quick = IDLERS.replace("    while True:\n        users.sleep(1000)", "    users.sleep(0.1)")
        going = Going(
            cluster,
            quick,
            100,
            settings=rate,
            arrivals=True,
            duration_s=20.0,
            on_node_loss="refill",
        )
        cluster.advance(5)
        cluster.crash(B)
        summary = going.finish()

        assert summary.exit_code == EXIT_OK
        assert summary.users.finished > 0.9 * 10 * 20


class TestFence:
    def test_a_worker_without_its_master_stops_its_users(self, cluster: Cluster) -> None:
        """R3, R4."""
        cluster.do(10)
        cluster.cut_off(B)
        cluster.advance(FENCE_S - 1.5)
        assert cluster.running([B]) == {B: 5}

        cluster.advance(1.5 + LATE_S)

        assert cluster.running([B]) == {}

    def test_it_stops_them_before_they_are_given_away(self, cluster: Cluster) -> None:
        """I11."""
        cluster.do(10)
        cluster.cut_off(B)
        cluster.clock.advance_until(lambda: not cluster.running([B]))

        assert cluster[A].station.master.crew.names() == (B, C)

    @pytest.mark.parametrize("to_master", [True, False], ids=["to the master", "from the master"])
    def test_one_way_is_enough(self, cluster: Cluster, to_master: bool) -> None:
        """R3."""
        cluster.do(10)
        ways = (B, A) if to_master else (A, B)
        cluster.network.cut(*map(cluster.address, ways), one_way=True)
        cluster.advance(FENCE_S + LATE_S)

        assert cluster.running([B]) == {}

    def test_terminate_is_called_once(self, cluster: Cluster) -> None:
        """R4, I5."""
        cluster.do(10)
        cluster.cut_off(B)
        cluster.advance(30)

        assert cluster.notes(B).count("terminate") == 1

    @pytest.mark.parametrize("stop_timeout", [0, 60])
    def test_users_are_left_no_grace(self, cluster: Cluster, stop_timeout: int) -> None:
        """I11."""
        stubborn = IDLERS.replace(
            "        users.sleep(1000)",
            "        try:\n            users.sleep(1000)\n"
            "        except users.UserStop:\n            pass",
        )
        cluster.do(10, stubborn, stop_timeout=stop_timeout)
        cluster.cut_off(B)
        cluster.advance(FENCE_S + 2 * LATE_S)

        assert cluster.running([B]) == {}

    def test_a_worker_whose_master_stood_still_is_free_again(self, cluster: Cluster) -> None:
        """R4."""
        cluster.do(10)
        cluster.cut_off(A)
        cluster.advance(FENCE_S + 5)

        assert cluster.do(4, by=C, called="another") == {B: 4}

    def test_what_was_counted_is_handed_in_where_the_master_is_there_after_all(
        self, cluster: Cluster
    ) -> None:
        """R23."""
        going = Going(cluster, IDLERS, 10, duration_s=30.0)
        cluster.advance(1)
        cluster.cut_off(B)
        cluster.advance(FENCE_S + LATE_S)
        cluster.reconnect(B)
        summary = going.finish()

        assert (summary.users.lost, summary.users.removed) == (0, 10)
        assert f"{B} was lost with 5 users" in summary.exit_reason

    @pytest.mark.parametrize("seconds", [4, FENCE_S - 1])
    def test_a_shorter_silence_costs_nothing(self, cluster: Cluster, seconds: int) -> None:
        """R2, R3."""
        going = Going(cluster, IDLERS, 10, duration_s=30.0)
        cluster.advance(1)
        cluster.cut_off(B)
        cluster.advance(seconds - 1)
        cluster.reconnect(B)
        summary = going.finish()

        assert (summary.exit_reason, summary.users.removed) == ("the duration is over", 10)
        assert cluster.ids(B) == list(range(1, 6))

    @pytest.mark.parametrize("seconds", [FENCE_S + 1.0, DEAD_S + 5.0])
    def test_who_comes_back_takes_part_anew(self, cluster: Cluster, seconds: float) -> None:
        """R2, R3."""
        Going(cluster, IDLERS, 10, duration_s=60.0)
        cluster.advance(1)
        cluster.cut_off(B)
        cluster.advance(seconds)
        cluster.reconnect(B)
        cluster.advance(5)

        assert cluster.call(cluster[A].dist.add, 4) == {B: 2, C: 2}
        cluster.advance(1)
        assert cluster.running() == {B: 2, C: 7}
        assert cluster.notes(B).count("init") == 2

    def test_what_a_part_hands_in_that_was_given_up_turns_nothing_back(
        self, cluster: Cluster
    ) -> None:
        """R2: whoever hands it in while it is being taken in anew."""
        going = Going(cluster, IDLERS, 10, duration_s=60.0)
        cluster.advance(2)
        cluster.delay(0.05)
        master, run = cluster[A].station.master, cluster.run_of(B)
        hand = master.crew.hand(B)
        assert hand is not None
        master._hearing._lose(hand)
        gevent.idle()
        assert master._recruits.life_of(B) == hand.incarnation

        body = {"snapshot": cluster[B].station.worker._carriers.snapshots.take(None), "fenced": 5}
        with pytest.raises(Refused, match="does not know the run"):
            cluster.ask(B, A, "worker_leaves", body, run)
        assert going.finish().users.lost == 5

    def test_all_that_a_node_did_in_both_its_parts_counts(self, cluster: Cluster) -> None:
        going = Going(cluster, IDLERS, 10, duration_s=60.0)
        cluster.advance(1)
        cluster.cut_off(B)
        cluster.advance(DEAD_S + 5)
        cluster.reconnect(B)
        cluster.advance(5)
        cluster.call(cluster[A].dist.add, 4)
        summary = going.finish()

        assert (summary.users.lost, summary.users.removed) == (5, 9)
        assert is_balanced(summary.users.as_dict())


class TestLostMaster:
    def test_the_load_ends_at_once_where_its_process_is_gone(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.advance(1)
        cluster.crash(A)
        cluster.advance(1)

        assert cluster.running([B, C]) == {}

    def test_terminate_is_called_once_on_each_node(self, cluster: Cluster) -> None:
        """R4, I5."""
        cluster.do(10)
        cluster.advance(1)
        cluster.crash(A)
        cluster.advance(30)

        assert [cluster.notes(name).count("terminate") for name in (B, C)] == [1, 1]

    def test_a_grace_longer_than_the_fence_is_cut(self, cluster: Cluster) -> None:
        """R4."""
        stubborn = IDLERS.replace(
            "        users.sleep(1000)",
            "        try:\n            users.sleep(1000)\n"
            "        except users.UserStop:\n            pass",
        )
        cluster.do(10, stubborn, stop_timeout=60)
        cluster.advance(1)
        cluster.crash(A)
        cluster.advance(FENCE_S + LATE_S)

        assert cluster.running([B, C]) == {}

    def test_the_nodes_are_free_for_another_master(self, cluster: Cluster) -> None:
        """R5."""
        cluster.do(10)
        cluster.advance(1)
        cluster.crash(A)
        cluster.advance(5)

        assert cluster.do(4, by=B, called="another") == {C: 4}

    def test_a_master_that_began_anew_leads_the_same_nodes(self, cluster: Cluster) -> None:
        """R5."""
        cluster.do(10)
        cluster.advance(1)
        cluster.crash(A)
        cluster.advance(3)
        cluster.enter_again(A)
        cluster.advance(5)

        assert cluster.do(4, called="another") == {B: 2, C: 2}

    def test_a_node_remembers_until_its_next_run(self, cluster: Cluster) -> None:
        """R31."""
        cluster.do(10)
        cluster.advance(1)
        cluster.crash(A)
        cluster.advance(5)
        assert cluster[C].station.worker.has_lost_master

        cluster.do(4, by=B, called="another")

        assert not cluster[C].station.worker.has_lost_master


class TestInTime:
    def test_a_master_that_stood_still_declares_nobody_dead(
        self, make_cluster: Callable[..., Cluster]
    ) -> None:
        """R28: nobody could be heard in that time."""
        cluster = make_cluster(2)
        cluster.do(2)
        cluster.clock.jump(6)
        cluster.advance(2)

        assert cluster[A].station.master.crew.names() == (B,)
        assert cluster.running() == {B: 2}


def go_on(node: Node, stood_still_s: float) -> None:
    gevent.get_hub().loop.run_callback(node.station.worker.go_on, stood_still_s)
    gevent.idle()


class TestStandstill:
    def test_no_user_takes_another_step(self, cluster: Cluster) -> None:
        """R2, I11: what fell due meanwhile comes too late."""
        stepping = IDLERS.replace(
            "        users.sleep(1000)", '        users.sleep(0.1)\n        note("step", user_id)'
        )
        cluster.do(10, stepping)
        cluster.advance(1)
        steps = cluster.notes(B).count(("step", 1))
        cluster.clock.jump(15)
        go_on(cluster[B], 15.0)
        cluster.advance(5)

        assert cluster.notes(B).count(("step", 1)) == steps
        assert cluster.notes(B).count("terminate") == 1

    def test_a_short_one_costs_nothing(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.advance(1)
        go_on(cluster[B], FENCE_S)
        cluster.advance(1)

        assert cluster.running([B]) == {B: 5}

    def test_a_node_without_work_goes_on(self, cluster: Cluster) -> None:
        go_on(cluster[B], 15.0)

        assert cluster.do(4) == {B: 2, C: 2}


class TestWhileStarting:
    SLOW_ON_C = IDLERS.replace(
        'note("init")',
        'note("init")\n    if current_node().name == "c@test":\n        wait_for_gate()',
    ).replace("from crowsg import", "from crowsg.context import current_node\nfrom crowsg import")

    def test_a_worker_that_left_meanwhile_refuses_the_start(self, cluster: Cluster) -> None:
        """R31: no run waits for one that is no part of it."""
        going = Going(cluster, self.SLOW_ON_C, 10, duration_s=30.0)
        cluster.advance(1)
        cluster.cut_off(B)
        cluster.advance(DEAD_S + 1)
        cluster.reconnect(B)
        cluster.advance(5)
        cluster.open_gate(C)

        with pytest.raises(StartRefused, match=B):
            going.finish()
        assert cluster[A].station.master.over.is_set()

    def test_a_setup_that_takes_long_fences_nobody(self, cluster: Cluster) -> None:
        slow = IDLERS + "\ndef setup():\n    wait_for_gate()\n"
        going = Going(cluster, slow, 4, duration_s=30.0)
        cluster.advance(1)
        cluster.cut_off(B)
        cluster.advance(FENCE_S + 1)
        cluster.reconnect(B)
        cluster.advance(1)
        cluster.open_gate(A)
        cluster.advance(2)

        assert cluster.running() == {B: 2, C: 2}
        assert going.finish().exit_code == EXIT_OK


class TestArrivals:
    QUICK = IDLERS.replace("    while True:\n        users.sleep(1000)", "    users.sleep(1)")

    def going(self, cluster: Cluster, most: int) -> Going:
        rate = {"user_rate": "40/s"}
        return Going(cluster, self.QUICK, most, settings=rate, arrivals=True, duration_s=60.0)

    def test_the_others_get_the_share_of_one_that_is_lost(self, cluster: Cluster) -> None:
        self.going(cluster, 60)
        cluster.advance(5)
        cluster.crash(B)
        cluster.advance(5)

        assert cluster.running([C])[C] == pytest.approx(40, abs=3)

    def test_one_that_comes_late_gets_a_share(self, cluster: Cluster) -> None:
        self.going(cluster, 60)
        cluster.advance(2)
        cluster.enter(D)
        cluster.advance(8)

        assert set(cluster.running()) == {B, C, D}

    def test_all_ids_differ(self, cluster: Cluster) -> None:
        """I3."""
        self.going(cluster, 60)
        cluster.advance(3)
        cluster.crash(B)
        cluster.advance(3)
        cluster.enter(D)
        cluster.advance(5)

        ids = [each for name in (B, C, D) for each in cluster.ids(name)]
        assert len(ids) == len(set(ids))


class TestCounting:
    def test_an_answer_that_was_lost_is_no_failure(self, cluster: Cluster) -> None:
        going = Going(cluster, IDLERS, 4, duration_s=60.0, on_node_loss="refill")
        cluster.advance(2)
        cluster.network.cut(cluster.address(C), cluster.address(A), one_way=True)
        adding = cluster.begin(cluster[A].dist.add, 10)
        cluster.advance(5.5)
        cluster.network.heal(cluster.address(C), cluster.address(A), one_way=True)
        cluster.advance(5)

        assert adding.result() == {B: 5, C: 5}
        assert cluster.running() == {B: 7, C: 7}
        assert going.finish().users.asked == 14

    def test_users_that_were_asked_to_stop_are_not_made_up_for(self, cluster: Cluster) -> None:
        ignoring = IDLERS.replace(
            "        users.sleep(1000)",
            "        try:\n            users.sleep(1000)\n"
            "        except users.UserStop:\n            pass",
        )
        Going(cluster, ignoring, 10, duration_s=60.0, on_node_loss="refill")
        cluster.advance(2)
        cluster.call(cluster[A].dist.remove, 10)
        cluster.advance(1)
        cluster.crash(B)
        cluster.advance(5)

        assert len(cluster.ids(C)) == 5

    def test_one_that_takes_part_anew_before_it_told_anything_counts_right(
        self, cluster: Cluster
    ) -> None:
        going = Going(cluster, IDLERS, 10, duration_s=60.0)
        cluster.advance(0.3)
        cluster.cut_off(B)
        cluster.advance(DEAD_S + 5)
        cluster.reconnect(B)
        cluster.advance(5)
        cluster.call(cluster[A].dist.add, 4)
        cluster.advance(3)
        summary = going.finish()

        assert (summary.users.asked, summary.users.lost, summary.users.removed) == (14, 5, 9)

    def test_what_is_not_known_of_one_that_told_nothing_begins_when_it_came(
        self, cluster: Cluster
    ) -> None:
        going = Going(cluster, IDLERS, 10, duration_s=30.0)
        cluster.advance(0.5)
        cluster.crash(B)
        summary = going.finish()

        ((from_s, to_s),) = next(node.gaps for node in summary.nodes if node.name == B)
        assert from_s < 0.2 < to_s


class TestFrozen:
    def test_one_that_hands_in_takes_part_anew(self, cluster: Cluster) -> None:
        """R2: frozen for longer than the fence, and not so long that it is dead."""
        Going(cluster, IDLERS, 10, duration_s=60.0)
        cluster.advance(2)
        go_on(cluster[B], AGE_S + 0.5)
        cluster.advance(5)

        assert cluster.call(cluster[A].dist.add, 4) == {B: 2, C: 2}

    def test_a_handler_that_waits_harms_nothing(self, cluster: Cluster) -> None:
        going = Going(cluster, IDLERS, 10, duration_s=30.0)
        cluster.advance(2)
        event = ("crowsg", "cluster", "master_node_down")
        cluster[B].telemetry.attach("slow", event, lambda *_: gevent.sleep(0), None)
        go_on(cluster[B], AGE_S + 0.5)
        cluster.advance(2)

        assert cluster.notes(B).count("terminate") == 1
        assert going.finish().users.asked == 10
