from typing import Any

import pytest

from crowsg.clock import to_ns
from crowsg.config.settings import Text
from crowsg.errors import (
    InvalidRange,
    PartialFailure,
    ReadOnlySetting,
    SettingsRejected,
    UnknownSetting,
    Unreachable,
)
from tests.support.clusters import FAST, PREAMBLE, A, B, C, Cluster, D

CHOOSY = (
    PREAMBLE
    + """
from crowsg.context import current_node

REFUSED = {"c@test": 3, "a@test": 4}

def is_even(value):
    return value % 2 == 0

def fits_here(value):
    return value != REFUSED.get(current_node().name)

required_variables = [
    Variable("size", "an even size", default=2, verify=is_even, update="resized"),
    Variable("fixed", "for ever", default=1),
    Variable("place", "depends on the node", default=1, verify=fits_here, update=True),
]

def resized(name, value):
    note(name, value)

def init():
    pass

def start(user_id):
    while True:
        users.sleep(1)
"""
)

MORTAL = (
    PREAMBLE
    + """
def init():
    pass

def start(user_id):
    note("user", user_id)
    users.sleep(0.6 if user_id <= 20 else 1000)
"""
)


def delay_to_b(cluster: Cluster, seconds: float) -> None:
    """Let what the master sends one of its workers take so long from now on."""
    cluster.network.delay(cluster.address(A), cluster.address(B), to_ns(seconds), one_way=True)


class TestTwoAtOnce:
    def test_ids_are_dealt_in_the_order_of_the_calls(self, cluster: Cluster) -> None:
        cluster.do(0)
        delay_to_b(cluster, 0.2)
        first = cluster.begin(cluster[A].dist.add, 4)
        delay_to_b(cluster, 0)
        second = cluster.begin(cluster[A].dist.add, 4)
        cluster.clock.advance_until(lambda: first.ready() and second.ready(), step=0.01)

        assert first.result() == second.result() == {B: 2, C: 2}
        assert (cluster.ids(B), cluster.ids(C)) == ([1, 2, 5, 6], [3, 4, 7, 8])

    def test_two_updates_leave_every_node_with_the_same(self, cluster: Cluster) -> None:
        cluster.do(2, CHOOSY)
        delay_to_b(cluster, 0.2)
        first = cluster.begin(cluster[A].dist.update_settings, {"size": 4})
        cluster.advance(0.25)
        delay_to_b(cluster, 0)
        second = cluster.begin(cluster[A].dist.update_settings, {"size": 6})
        cluster.clock.advance_until(lambda: first.ready() and second.ready(), step=0.01)

        assert [cluster[name].settings.get("size") for name in (A, B, C)] == [6, 6, 6]

    def test_a_caller_that_is_killed_holds_up_nobody(self, cluster: Cluster) -> None:
        cluster.do(0)
        delay_to_b(cluster, 3)
        cluster.begin(cluster[A].dist.add, 4).greenlet.kill(block=False)
        delay_to_b(cluster, 0)
        second = cluster.begin(cluster[A].dist.add, 2, [C])
        cluster.advance(0.1)

        assert second.result() == {C: 2}


class TestAdding:
    def test_ids_are_dealt_in_contiguous_blocks(self, cluster: Cluster) -> None:
        cluster.do(5)
        cluster.advance(0.1)

        assert (cluster.ids(B), cluster.ids(C)) == ([1, 2], [3, 4, 5])

    def test_ids_go_on_where_the_last_block_ended(self, cluster: Cluster) -> None:
        cluster.do(2)
        for count in (3, 1, 4):
            cluster.call(cluster[A].dist.add, count)
        cluster.advance(0.1)

        assert sorted(cluster.ids(B) + cluster.ids(C)) == list(range(1, 11))

    def test_a_node_without_a_share_gets_none(self, cluster: Cluster) -> None:
        cluster.do(0)

        assert cluster.call(cluster[A].dist.add, 1) == {B: 0, C: 1}

    def test_to_add_nobody_is_no_fault(self, cluster: Cluster) -> None:
        cluster.do(1)

        assert cluster.call(cluster[A].dist.add, 0) == {B: 0, C: 0}

    def test_ids_begin_anew_with_the_next_run(self, cluster: Cluster) -> None:
        cluster.do(3)
        cluster.call(cluster[A].dist.stop)
        cluster.do(2)
        cluster.advance(0.1)

        assert cluster.ids(B)[-1:] + cluster.ids(C)[-1:] == [1, 2]

    def test_ids_that_were_given_away_are_refused(self, cluster: Cluster) -> None:
        cluster.do(4)

        with pytest.raises(InvalidRange):
            cluster[A].station.steering.add_block(4, 5)

    def test_what_a_node_failed_to_take_is_said(self, cluster: Cluster) -> None:
        cluster.do(2)
        cluster.cut_off(C)

        with pytest.raises(PartialFailure) as failed:
            cluster.call(cluster[A].dist.add, 4)

        assert (failed.value.results, list(failed.value.failures)) == ({B: 2}, [C])

    def test_what_a_node_failed_to_take_is_given_to_nobody_else(self, cluster: Cluster) -> None:
        cluster.do(2)
        cluster.cut_off(C)
        with pytest.raises(PartialFailure):
            cluster.call(cluster[A].dist.add, 4)
        cluster.reconnect(C)
        cluster.advance(2)
        cluster.call(cluster[A].dist.add, 2)
        cluster.advance(0.1)

        assert (cluster.ids(B), cluster.ids(C)) == ([1, 3, 4, 7], [2, 8])

    def test_who_is_silent_is_given_nobody(self, cluster: Cluster) -> None:
        cluster.do(2)
        cluster.cut_off(C)
        cluster.advance(4)

        assert cluster.call(cluster[A].dist.add, 4) == {B: 4}

    def test_what_a_node_failed_to_take_is_not_waited_for(self, cluster: Cluster) -> None:
        cluster.do(2)
        cluster.cut_off(C)
        with pytest.raises(PartialFailure):
            cluster.call(cluster[A].dist.add, 4)
        cluster.reconnect(C)
        cluster.call(cluster[A].dist.remove, 10)
        cluster.advance(1)

        assert cluster[A].station.master.standing.idle.is_set()

    def test_the_rate_of_starts_is_that_of_the_whole_cluster(self, cluster: Cluster) -> None:
        cluster.do(1000, user_rate=600)
        began = sum(cluster.running().values())
        cluster.advance(10)

        assert sum(cluster.running().values()) - began == pytest.approx(100, abs=3)


class TestRemoving:
    def test_users_are_taken_where_they_are(self, cluster: Cluster) -> None:
        cluster.do(0)
        cluster.call(cluster[A].dist.add, 8, [B])
        cluster.call(cluster[A].dist.add, 2, [C])
        cluster.advance(0.1)

        assert cluster.call(cluster[A].dist.remove, 8) == {B: 6, C: 2}
        cluster.advance(0.1)
        assert cluster.running() == {B: 2}

    def test_no_more_are_taken_than_there_are(self, cluster: Cluster) -> None:
        cluster.do(5)
        cluster.advance(0.1)

        assert cluster.call(cluster[A].dist.remove, 50) == {B: 2, C: 3}

    def test_nobody_is_taken_twice(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.advance(0.1)
        removed = [cluster.call(cluster[A].dist.remove, 3) for _ in range(4)]

        assert [sum(each.values()) for each in removed] == [3, 3, 3, 1]

    def test_users_that_wait_for_their_start_are_taken_too(self, cluster: Cluster) -> None:
        cluster.do(10, user_rate=0.001)

        removed = cluster.call(cluster[A].dist.remove, 10)

        assert sum(removed.values()) == 10
        assert sum(cluster[name].crowd.counts().cancelled for name in (B, C)) >= 8

    def test_to_remove_nobody_is_no_fault(self, cluster: Cluster) -> None:
        cluster.do(4)

        assert cluster.call(cluster[A].dist.remove, 0) == {B: 0, C: 0}

    def test_users_that_end_meanwhile_are_made_up_for(self, cluster: Cluster) -> None:
        cluster.do(40, MORTAL)
        cluster.advance(0.1)
        cluster.delay(0.3)

        # Those of one node end between being counted and being removed.
        removed = cluster.call(cluster[A].dist.remove, 16)

        assert removed == {B: 0, C: 16}
        assert cluster[C].crowd.counts().removed == 16

    def test_by_force_they_are_killed_after_the_grace(self, cluster: Cluster) -> None:
        stubborn = PREAMBLE + (
            "def init(): pass\n"
            "def start(user_id):\n"
            "    try:\n        users.sleep(1000)\n"
            "    except users.UserStop:\n        users.sleep(1000)\n"
        )
        cluster.do(4, stubborn)
        cluster.advance(0.1)

        cluster.call(cluster[A].dist.remove, 2, True)
        cluster.advance(3)

        assert sum(cluster[name].crowd.counts().killed for name in (B, C)) == 2

    def test_nothing_is_said_to_be_removed_where_users_could_not_be_counted(
        self, cluster: Cluster
    ) -> None:
        cluster.do(4)
        cluster.cut_off(C)

        with pytest.raises(PartialFailure) as failed:
            cluster.call(cluster[A].dist.remove, 2)

        assert (failed.value.results, list(failed.value.failures)) == ({B: 0}, [C])
        assert cluster.running([B]) == {B: 2}

    def test_what_was_removed_before_a_node_failed_is_said(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.advance(0.1)
        call, counted = cluster.links[A].call, list[str]()

        def lossy(address: str, method: str, payload: Any, timeout_s: float) -> Any:
            answer = call(address, method, payload, timeout_s)
            if (address, method) != (cluster.address(B), "users_count"):
                return answer
            counted.append(method)
            if len(counted) > 1:
                raise Unreachable(address, method, timeout_s)
            return {"ok": 50}

        cluster.links[A].call = lossy  # type: ignore[method-assign]
        with pytest.raises(PartialFailure) as failed:
            cluster.call(cluster[A].dist.remove, 12)

        assert (failed.value.results, list(failed.value.failures)) == ({B: 5, C: 5}, [B])


class TestUpdating:
    def test_update_functions_are_called_on_every_node(self, cluster: Cluster) -> None:
        cluster.do(2, CHOOSY)
        cluster.call(cluster[A].dist.update_settings, {"size": 4})

        assert cluster.notes(B) == cluster.notes(C) == [("size", 4)]

    def test_the_master_knows_the_new_value(self, cluster: Cluster) -> None:
        cluster.do(2, CHOOSY)
        cluster.call(cluster[A].dist.update_settings, {"size": 4})

        assert cluster[A].settings.get("size") == 4
        assert cluster.notes(A) == []

    @pytest.mark.parametrize(
        ("settings", "error"),
        [
            pytest.param({"size": 3}, SettingsRejected, id="rejected"),
            pytest.param({"fixed": 3}, ReadOnlySetting, id="read-only"),
            pytest.param({"nothing": 3}, UnknownSetting, id="unknown"),
            pytest.param({"size": 4, "fixed": 3}, ReadOnlySetting, id="one-of-two"),
        ],
    )
    def test_a_refusal_of_all_is_the_refusal_itself(
        self, cluster: Cluster, settings: dict[str, int], error: type[Exception]
    ) -> None:
        cluster.do(2, CHOOSY)

        with pytest.raises(error):
            cluster.call(cluster[A].dist.update_settings, settings)

        assert [cluster[name].settings.get("size") for name in (A, B, C)] == [2, 2, 2]

    def test_what_one_node_refuses_is_applied_on_none(self, cluster: Cluster) -> None:
        cluster.do(2, CHOOSY)

        with pytest.raises(PartialFailure) as failed:
            cluster.call(cluster[A].dist.update_settings, {"place": 3})

        assert (failed.value.results, list(failed.value.failures)) == ({B: "unchanged"}, [C])
        assert [cluster[name].settings.get("place") for name in (A, B, C)] == [1, 1, 1]

    def test_what_one_node_refuses_is_not_told_to_late_joiners(self, cluster: Cluster) -> None:
        cluster.do(2, CHOOSY)
        with pytest.raises(PartialFailure):
            cluster.call(cluster[A].dist.update_settings, {"place": 3})

        cluster.enter(D)
        cluster.advance(3)

        assert cluster[D].settings.get("place") == 1

    def test_what_the_master_refuses_is_applied_on_none(self, cluster: Cluster) -> None:
        cluster.do(2, CHOOSY)
        with pytest.raises(SettingsRejected):
            cluster.call(cluster[A].dist.update_settings, {"place": 4})

        cluster.enter(D)
        cluster.advance(3)

        assert [cluster[name].settings.get("place") for name in (A, B, C, D)] == [1, 1, 1, 1]

    def test_an_update_that_cannot_reach_a_node_is_applied_on_none(self, cluster: Cluster) -> None:
        cluster.do(2, CHOOSY)
        cluster.cut_off(C)

        with pytest.raises(PartialFailure) as failed:
            cluster.call(cluster[A].dist.update_settings, {"size": 4})

        assert failed.value.results == {B: "unchanged"}
        assert cluster[B].settings.get("size") == 2

    def test_what_is_for_some_nodes_is_not_for_the_master_and_late_joiners(
        self, cluster: Cluster
    ) -> None:
        cluster.do(2, CHOOSY)
        cluster.call(cluster[A].dist.update_settings, {"size": 4}, [B])
        cluster.enter(D)
        cluster.advance(3)

        assert [cluster[name].settings.get("size") for name in (A, B, C, D)] == [2, 4, 2, 2]

    def test_one_that_joins_while_the_others_are_asked_gets_it_too(self, cluster: Cluster) -> None:
        cluster.do(2, CHOOSY)
        cluster.network.delay(cluster.address(A), cluster.address(C), to_ns(0.9))
        cluster.enter(D)
        begun = cluster.begin(cluster[A].dist.update_settings, {"size": 4})
        master = cluster[A].station.master
        cluster.clock.advance_until(lambda: master.crew.hand(D) is not None, step=0.01)
        assert cluster[A].settings.get("size") == 2
        cluster.clock.advance_until(begun.ready, step=0.01)

        assert begun.result() == {B: "updated", C: "updated", D: "updated"}
        assert cluster[D].settings.get("size") == 4

    def test_text_is_read_by_each_node(self, cluster: Cluster) -> None:
        cluster.do(2, CHOOSY)
        cluster.call(cluster[A].dist.update_settings, {"size": Text("6")})

        assert [cluster[name].settings.get("size") for name in (A, B, C)] == [6, 6, 6]

    def test_the_user_rate_is_updated_for_the_whole_cluster(self, cluster: Cluster) -> None:
        cluster.do(1000, user_rate=0.001)
        cluster.call(cluster[A].dist.update_settings, FAST)
        cluster.advance(1)

        assert sum(cluster.running().values()) == 1000
