"""A node's part in the runs of others."""

from typing import Any

import pytest

from crowsg.errors import (
    CrowsgError,
    InvalidStatus,
    MasterIsSet,
    NoSuchScenario,
    Refused,
    Unreachable,
)
from tests.dist.test_master import GREETERS, greetings, users_of
from tests.support.clusters import IDLERS, PREAMBLE, A, B, C, Cluster, D
from tests.support.nodes import is_balanced

MOURNERS = IDLERS.replace('note("init")', "throttle.start('greetings', 100)")

SLOW = IDLERS.replace('note("init")', 'note("init")\n    wait_for_gate()')


def states_in_beats(cluster: Cluster) -> list[str]:
    """Return a list that grows by what one worker tells of its state from now on."""
    link, told = cluster.links[B], list[str]()
    tell = link.tell

    def listen(address: str, topic: str, payload: Any) -> None:
        if topic == "beat":
            told.append(payload["body"]["state"])
        tell(address, topic, payload)

    link.tell = listen  # type: ignore[method-assign]
    return told


COMMANDS = [
    "run_begin",
    "run_drop",
    "run_stop",
    "run_kill",
    "run_release",
    "users_add",
    "users_count",
    "users_arrive",
    "users_remove",
    "settings_check",
    "settings_update",
    "snapshot",
    "throttle_closed",
]
BODY = {"number": 1}


@pytest.mark.parametrize("method", COMMANDS)
class TestStrangers:
    def test_another_node_commands_nothing(self, cluster: Cluster, method: str) -> None:
        cluster.do(4)

        with pytest.raises(Refused, match="takes no part"):
            cluster.ask(C, B, method, BODY, cluster.run_of(B))

    def test_another_run_commands_nothing(self, cluster: Cluster, method: str) -> None:
        cluster.do(4)

        with pytest.raises(Refused, match="takes no part"):
            cluster.ask(A, B, method, BODY, "another")

    def test_a_run_that_is_over_commands_nothing(self, cluster: Cluster, method: str) -> None:
        cluster.do(4)
        run = cluster.run_of(B)
        cluster.call(cluster[A].dist.stop)

        with pytest.raises(Refused, match="takes no part"):
            cluster.ask(A, B, method, BODY, run)


class TestCommands:
    def test_a_command_that_comes_twice_has_one_effect(self, cluster: Cluster) -> None:
        cluster.do(0)
        link = cluster.links[A]
        call = link.call

        def twice(address: str, method: str, payload: Any, timeout_s: float) -> Any:
            call(address, method, payload, timeout_s)
            return call(address, method, payload, timeout_s)

        link.call = twice  # type: ignore[method-assign]
        added = cluster.call(cluster[A].dist.add, 4)
        removed = cluster.call(cluster[A].dist.remove, 2)
        cluster.advance(0.1)

        assert (added, removed) == ({B: 2, C: 2}, {B: 1, C: 1})
        assert cluster.running() == {B: 1, C: 1}

    def test_a_node_that_refused_a_run_is_free_at_once(self, cluster: Cluster) -> None:
        told = {
            "number": 1,
            "scenario": "nowhere",
            "digests": {},
            "settings": {},
            "defaults": {},
            "lives": False,
            "late": False,
        }

        with pytest.raises(NoSuchScenario):
            cluster.ask(C, B, "run_configure", told, "run of c")

        assert cluster[B].station.worker.service is None

    def test_one_that_never_heard_the_end_takes_part_in_the_next_run(
        self, cluster: Cluster
    ) -> None:
        call = cluster.links[A].call

        def lossy(address: str, method: str, payload: Any, timeout_s: float) -> Any:
            if (address, method) == (cluster.address(C), "run_release"):
                raise Unreachable(address, method, timeout_s)
            return call(address, method, payload, timeout_s)

        cluster.links[A].call = lossy  # type: ignore[method-assign]
        cluster.do(2)
        cluster.call(cluster[A].dist.stop)
        assert cluster[C].station.worker.service is not None

        assert cluster.do(2) == {B: 1, C: 1}

    def test_a_run_it_works_in_is_not_begun_again(self, cluster: Cluster) -> None:
        cluster.do(2)
        cluster.advance(0.1)

        with pytest.raises(MasterIsSet):
            cluster.ask(A, B, "run_configure", {"number": 1}, cluster.run_of(B))

        assert cluster.running() == {B: 1, C: 1}

    def test_a_worker_that_has_not_handed_in_is_not_free(self, cluster: Cluster) -> None:
        cluster.do(2)
        cluster[B].controller.stop_scenario()
        cluster.advance(0.5)

        with pytest.raises(MasterIsSet):
            cluster.ask(C, B, "run_configure", {"number": 1}, "run of c")

    def test_the_state_of_the_run_before_is_not_that_of_this_one(self, cluster: Cluster) -> None:
        cluster.do(0)
        cluster.call(cluster[A].dist.stop)
        states = states_in_beats(cluster)
        begun = cluster.begin(cluster[A].dist.do, cluster.write(SLOW), 0)
        cluster.advance(1)
        for name in (B, C):
            cluster.open_gate(name)
        cluster.clock.advance_until(begun.ready)
        cluster.advance(1)

        assert set(states) == {"starting", "running"}
        assert states == sorted(states, key="starting running".index)

    def test_a_beat_is_told_ten_times_a_second_in_every_run(self, cluster: Cluster) -> None:
        for _ in range(2):
            cluster.do(0)
            cluster.call(cluster[A].dist.stop)
        cluster.do(0)
        states = states_in_beats(cluster)
        cluster.advance(3)

        assert len(states) == 30


def lossy(cluster: Cluster, link: str, lost: str, times: int = 1000) -> list[str]:
    """Let so many calls of a node get no answer; returns a list that grows by each call."""
    call, called = cluster.links[link].call, list[str]()

    def lose(address: str, method: str, payload: Any, timeout_s: float) -> Any:
        if method == lost:
            called.append(address)
            if len(called) <= times:
                raise Unreachable(address, method, timeout_s)
        return call(address, method, payload, timeout_s)

    cluster.links[link].call = lose  # type: ignore[method-assign]
    return called


class TestARunOfWhichTheEndIsNotHeard:
    def test_it_is_left_when_its_master_knows_it_no_more(self, cluster: Cluster) -> None:
        cluster.do(2)
        lossy(cluster, A, "run_release")
        cluster.call(cluster[A].dist.stop)
        cluster.advance(1)

        assert [cluster[name].station.worker.service for name in (B, C)] == [None, None]
        cluster[A].controller.reset()
        assert cluster.do(2, by=C, called="another") == {A: 1, B: 1}

    def test_that_is_written_down(self, cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
        cluster.do(2)
        lossy(cluster, A, "run_release")
        cluster.call(cluster[A].dist.stop)

        assert f"{B} does not know yet that the run is over" in caplog.text

    @pytest.mark.parametrize("callback", ["setup", "init"])
    def test_one_that_was_not_started_is_left_too(self, cluster: Cluster, callback: str) -> None:
        failing = IDLERS + (
            "\nfrom crowsg.context import current_node\n"
            "def setup():\n    fail('setup', 'a@test')\n"
            "def init():\n    fail('init', 'c@test')\n"
            "def fail(where, name):\n"
            f"    if (where, name) == ({callback!r}, current_node().name):\n"
            "        raise OSError('no disk')\n"
        )
        lossy(cluster, A, "run_drop")
        with pytest.raises(CrowsgError):
            cluster.do(2, failing)
        cluster.advance(1)

        assert cluster[B].station.worker.service is None
        assert cluster.states()[B] in ("idle", "finished")

    def test_a_notice_of_another_node_or_run_changes_nothing(self, cluster: Cluster) -> None:
        cluster.do(2)
        cluster.tell(C, B, "released", {}, cluster.run_of(B))
        cluster.tell(A, B, "released", {}, "another")
        cluster.advance(1)

        assert cluster.running([B]) == {B: 1}

    def test_other_orders_are_answered_while_it_ends(self, cluster: Cluster) -> None:
        slow = IDLERS.replace('note("terminate")', "wait_for_gate()")
        cluster.do(0, slow)
        cluster[B].station.worker.master_is_gone()
        cluster.advance(0.5)

        with pytest.raises(InvalidStatus):
            cluster.ask(A, B, "run_begin", {"above": {}}, cluster.run_of(B))


class TestBeats:
    def test_one_that_fails_is_not_the_last(
        self, cluster: Cluster, caplog: pytest.LogCaptureFixture
    ) -> None:
        cluster.do(0)
        reports, faults = cluster[B].throttles.reports, [OSError("a fault")]

        def faulty() -> Any:
            if faults:
                raise faults.pop()
            return reports()

        cluster[B].throttles.reports = faulty  # type: ignore[method-assign]
        states = states_in_beats(cluster)
        cluster.advance(1)

        assert "a fault" in caplog.text
        assert len(states) == 9


class TestLeaving:
    def test_what_is_not_answered_is_handed_in_again(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.advance(1)
        lossy(cluster, C, "worker_leaves", times=2)
        cluster.call(cluster[C].station.leave)
        cluster.advance(1)

        users = users_of(cluster)
        assert (users["running"], users["removed"], users["lost"]) == (5, 5, 0)

    def test_that_comes_to_an_end(self, cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
        cluster.do(10)
        called = lossy(cluster, C, "worker_leaves")
        cluster.call(cluster[C].station.leave)

        assert len(called) == 3
        assert "did not take the last" in caplog.text

    def test_nothing_is_said_where_the_master_does_not_wait_for_it(
        self, cluster: Cluster, caplog: pytest.LogCaptureFixture
    ) -> None:
        cluster.do(10)
        cluster[A].station.master.crew.let_go(C)
        cluster.call(cluster[C].station.leave)

        assert "did not take the last" not in caplog.text

    def test_everything_that_was_counted_is_handed_in(self, cluster: Cluster) -> None:
        cluster.do(10, GREETERS)
        cluster.advance(3.21)
        cluster.call(cluster[C].station.leave)

        cluster.call(cluster[A].dist.stop)

        totals = cluster[A].station.master.tally.totals
        assert totals.counters() == {"greetings": greetings(cluster, B) + greetings(cluster, C)}
        assert greetings(cluster, C) > 100

    def test_its_users_end_and_none_is_lost(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.advance(1)
        cluster.call(cluster[C].station.leave)
        cluster.advance(2)

        users = users_of(cluster)
        assert (users["running"], users["removed"], users["lost"]) == (5, 5, 0)
        assert is_balanced(users)

    def test_it_is_not_said_to_be_dead(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.call(cluster[C].station.leave)
        cluster.advance(2)

        parts = cluster[A].station.master.tally.totals.nodes(0)
        assert {each.name: each.state for each in parts}[C] == "finished"

    def test_its_terminate_is_called(self, cluster: Cluster) -> None:
        cluster.do(2)
        cluster.call(cluster[C].station.leave)

        assert cluster.notes(C)[-1] == "terminate"

    def test_the_run_goes_on_without_it(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.call(cluster[C].station.leave)
        cluster.advance(1)

        assert cluster.call(cluster[A].dist.add, 2) == {B: 2}
        assert cluster.with_throttles() == {B}

    def test_its_share_of_the_rates_goes_to_the_others(self, cluster: Cluster) -> None:
        cluster.do(20, GREETERS)
        cluster.advance(2)
        cluster.call(cluster[C].station.leave)
        cluster.advance(1)
        before = greetings(cluster, B)
        cluster.advance(10)

        assert greetings(cluster, B) - before == pytest.approx(1000, rel=0.01)

    def test_it_may_leave_while_it_begins(self, cluster: Cluster) -> None:
        begun = cluster.begin(cluster[A].dist.do, cluster.write(SLOW), 2)
        cluster.advance(1)
        cluster.call(cluster[C].station.leave)
        cluster.open_gate(B)
        cluster.advance(5)

        assert begun.ready()
        assert cluster[C].station.worker.service is None
        assert cluster[B].station.worker.service is None

    def test_it_may_leave_when_the_master_is_gone(self, cluster: Cluster) -> None:
        cluster.do(2)
        cluster.cut_off(A)
        cluster.call(cluster[C].station.leave)

        assert cluster.running([C]) == {}

    def test_a_free_node_may_leave(self, cluster: Cluster) -> None:
        cluster.call(cluster[C].station.leave)
        cluster.advance(1)

        assert [each.state for each in cluster[A].station.members.all()] == ["up", "left"]


class TestWithoutAMaster:
    @pytest.mark.parametrize("how", ["dies", "leaves"])
    def test_users_end_and_terminate_is_called(self, cluster: Cluster, how: str) -> None:
        cluster.do(4, MOURNERS)
        cluster.advance(1)
        if how == "leaves":
            cluster.call(cluster[A].station.leave)
        cluster.cut_off(A)
        cluster.advance(14)

        assert cluster.running() == {}
        assert cluster.notes(B)[-1] == cluster.notes(C)[-1] == "terminate"
        assert cluster[B].throttles.names() == ()

    def test_workers_are_free_for_another_one(self, cluster: Cluster) -> None:
        cluster.enter(D)
        cluster.meet()
        cluster.do(6, MOURNERS)
        cluster.cut_off(A)
        cluster.advance(14)

        assert cluster.do(2, by=B, called="another") == {C: 1, D: 1}

    def test_one_that_begins_gives_it_up(self, cluster: Cluster) -> None:
        cluster.begin(cluster[A].dist.do, cluster.write(SLOW), 2)
        cluster.advance(1)
        cluster.cut_off(A)
        cluster.advance(14)

        assert cluster[B].station.worker.service is None
        assert cluster[B].controller.over.is_set()
        assert cluster[B].throttles.names() == ()

    def test_one_that_was_configured_forgets_it(self, cluster: Cluster) -> None:
        slow = IDLERS + "\ndef setup():\n    wait_for_gate()\n"
        cluster.begin(cluster[A].dist.do, cluster.write(slow), 2)
        cluster.advance(1)
        assert cluster[B].station.worker.service is not None
        cluster.cut_off(A)
        cluster.advance(14)

        assert cluster[B].station.worker.service is None
        assert cluster.do(1, by=B, called="another") == {C: 1}

    def test_a_verb_asked_of_it_says_so(self, cluster: Cluster) -> None:
        cluster.do(2)
        cluster.cut_off(A)
        cluster.advance(11)

        with pytest.raises(Exception, match=r"gone|not the|did not answer|master of a run"):
            cluster.call(cluster[B].dist.add, 1)

    def test_a_wait_for_a_permit_ends_with_the_run(self, cluster: Cluster) -> None:
        waiting = PREAMBLE + (
            "def init():\n    throttle.start('never', Rate.PAUSED)\n"
            "def start(user_id):\n    throttle.wait('never')\n"
        )
        cluster.do(4, waiting)
        cluster.advance(1)
        cluster.cut_off(A)
        cluster.advance(14)

        assert cluster.running() == {}
