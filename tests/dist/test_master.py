"""A run on its way: who joins late, who leaves, who dies, and how it ends."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from crowsg.cluster.identity import new_incarnation
from crowsg.errors import MasterIsSet, Refused, ScenarioIsRunning
from crowsg.rate import Rate
from tests.support.clusters import FAST, IDLERS, PREAMBLE, A, B, C, Cluster, D
from tests.support.nodes import is_balanced

LATE = (
    PREAMBLE
    + """
required_variables = [
    Variable("word", "what is said", default="declared", update="heard"),
    Variable("found", "what setup found", default="nothing"),
    Variable("pace", "another rate on each node", default=100),
]

def setup():
    return {"found": "gold"}

def heard(name, value):
    note("heard", value)

def init():
    note("init", config.get("word"), config.get("found"))
    note(throttle.start("greetings", config.get("pace")))
    if config.get("word") == "wait":
        wait_for_gate()

def start(user_id):
    note("user", user_id)
    while True:
        users.sleep(1)

def terminate():
    note("terminate")
"""
)

GREETERS = (
    PREAMBLE
    + """
def init():
    throttle.start("greetings", Rate(100, per=1))

def start(user_id):
    while True:
        with metrics.time("greeting"):
            throttle.wait("greetings")
        metrics.count("greetings")
"""
)


def users_of(cluster: Cluster) -> dict[str, int]:
    """Return what the master knows of the users of its run."""
    return dict(cluster[A].dist.overview().users)


def greetings(cluster: Cluster, name: str) -> float:
    """Return how many greetings were counted on a node."""
    return sum(each.value for each in cluster[name].recorder.counters.values())


def garble_snapshots(cluster: Cluster) -> None:
    """Let nothing that one worker recorded be understood any more."""
    call = cluster.links[A].call

    def garble(address: str, method: str, payload: Any, timeout_s: float) -> Any:
        answer = call(address, method, payload, timeout_s)
        is_one = method == "snapshot" and address == cluster.address(C)
        return {"ok": {"number": "none"}} if is_one else answer

    cluster.links[A].call = garble  # type: ignore[method-assign]


class TestLateJoiners:
    def test_they_take_part_in_the_next_add(self, cluster: Cluster) -> None:
        cluster.do(2)
        cluster.enter(D)
        cluster.advance(2)

        assert cluster.call(cluster[A].dist.add, 6) == {B: 2, C: 2, D: 2}
        cluster.advance(0.1)
        assert cluster.ids(D) == [7, 8]

    def test_they_get_settings_and_what_setup_returned(self, cluster: Cluster) -> None:
        cluster.do(2, LATE, word="given")
        cluster.enter(D)
        cluster.advance(2)

        assert cluster.notes(D)[0] == ("init", "given", "gold")

    def test_they_get_what_was_updated_before_they_came(self, cluster: Cluster) -> None:
        cluster.do(2, LATE, word="given")
        cluster.call(cluster[A].dist.update_settings, {"word": "updated"})
        cluster.enter(D)
        cluster.advance(2)

        assert cluster.notes(D)[0] == ("init", "updated", "gold")

    def test_they_get_what_is_updated_while_they_begin(self, cluster: Cluster) -> None:
        cluster.do(2, LATE)
        cluster.call(cluster[A].dist.update_settings, {"word": "wait"})
        cluster.enter(D)
        cluster.advance(2)
        assert cluster[A].station.master.crew.hand(D) is None
        cluster.call(cluster[A].dist.update_settings, {"word": "late"})
        cluster.open_gate(D)
        cluster.advance(1)

        assert cluster[D].settings.get("word") == "late"
        assert cluster.notes(D)[-1] == ("heard", "late")
        assert cluster[A].station.master.crew.hand(D) is not None

    def test_what_they_declare_is_not_compared(self, make_cluster: Callable[..., Cluster]) -> None:
        cluster = make_cluster(3, environment={D: {"CROWSG_PACE": "200"}})
        cluster.do(2, LATE)
        cluster.enter(D)
        cluster.advance(2)

        assert cluster.notes(D)[1] == "already_started"
        assert cluster[A].throttles.info("greetings").rate == Rate(100)

    def test_they_share_the_rates_of_the_run(self, cluster: Cluster) -> None:
        cluster.do(20, GREETERS)
        cluster.enter(D)
        cluster.advance(2)
        cluster.call(cluster[A].dist.add, 20, [D])
        cluster.advance(1)
        before = [greetings(cluster, name) for name in (B, C, D)]
        cluster.advance(10)
        after = [greetings(cluster, name) for name in (B, C, D)]
        granted = [now - then for now, then in zip(after, before, strict=True)]

        assert sum(granted) == pytest.approx(1000, rel=0.01)
        assert min(granted) > 200

    def test_they_may_come_during_the_ramp(self, cluster: Cluster) -> None:
        cluster.do(100, user_rate=600)
        cluster.enter(D)
        cluster.advance(2)
        cluster.call(cluster[A].dist.add, 50, [D])
        cluster.advance(20)

        assert sum(cluster.running().values()) == 150

    def test_one_whose_coming_is_told_twice_is_taken_in_once(self, cluster: Cluster) -> None:
        cluster.do(0)
        master = cluster[A].station.master
        cluster[A].station.members.on_change(master._note_change)
        cluster.enter(D)
        cluster.advance(2)

        assert cluster.notes(D) == ["init"]
        assert master.crew.names() == (B, C, D)

    def test_they_may_come_while_a_run_is_being_started(self, cluster: Cluster) -> None:
        begun = cluster.begin(cluster[A].dist.do, cluster.write(LATE), 0, {"word": "wait"})
        cluster.advance(1)
        cluster.enter(D)
        cluster.advance(2)
        assert cluster.notes(D) == []
        for name in (B, C, D):
            cluster.open_gate(name)
        cluster.advance(1)
        begun.result()

        assert cluster[A].station.master.crew.names() == (B, C, D)

    def test_they_may_come_while_a_run_is_being_ended(self, cluster: Cluster) -> None:
        cluster.do(0, LATE)
        cluster.call(cluster[A].dist.update_settings, {"word": "wait"})
        cluster.enter(D)
        cluster.advance(2)
        cluster.call(cluster[A].dist.stop)

        assert cluster[D].station.worker.service is None
        assert cluster[D].throttles.names() == ()
        assert cluster.do(3, IDLERS) == {B: 1, C: 1, D: 1}

    def test_they_may_come_when_the_run_has_ended(self, cluster: Cluster) -> None:
        cluster.do(2)
        cluster.call(cluster[A].dist.stop)
        cluster.enter(D)
        cluster.advance(2)

        assert cluster.notes(D) == []
        assert cluster.do(3) == {B: 1, C: 1, D: 1}

    def test_one_whose_init_fails_takes_no_part(self, cluster: Cluster) -> None:
        failing = IDLERS.replace(
            'note("init")',
            "from crowsg.context import current_node\n"
            '    if current_node().name == "d@test": raise OSError("no disk")',
        )
        cluster.do(2, failing)
        cluster.enter(D)
        cluster.advance(2)

        assert cluster[A].station.master.crew.names() == (B, C)
        assert cluster.call(cluster[A].dist.add, 2) == {B: 1, C: 1}
        assert cluster[D].station.worker.service is None

    def test_one_that_dies_while_it_begins_is_forgotten(self, cluster: Cluster) -> None:
        cluster.do(0, LATE)
        cluster.call(cluster[A].dist.update_settings, {"word": "wait"})
        cluster.enter(D)
        cluster.advance(2)
        cluster[D].stop()
        del cluster.nodes[D]
        cluster.advance(12)

        assert cluster.call(cluster[A].dist.stop) == {B: "finished", C: "finished"}


class TestStopping:
    def test_users_end_then_terminate_then_teardown(self, cluster: Cluster) -> None:
        cluster.do(4, LATE)
        cluster.advance(0.1)
        cluster.call(cluster[A].dist.stop)

        assert cluster.notes(B)[-1] == cluster.notes(C)[-1] == "terminate"
        assert users_of(cluster)["removed"] == 4

    def test_the_last_of_what_was_counted_is_taken(self, cluster: Cluster) -> None:
        cluster.do(4, GREETERS)
        cluster.advance(3.456)
        cluster.call(cluster[A].dist.stop)

        totals = cluster[A].station.master.tally.totals
        counted = [greetings(cluster, name) for name in (B, C)]
        assert totals.counters() == {"greetings": sum(counted)}
        assert sum(counted) > 300

    def test_workers_are_told_once_a_second_and_not_with_each_beat(self, cluster: Cluster) -> None:
        stubborn = IDLERS.replace(
            "    while True:\n        users.sleep(1000)",
            "    try:\n        users.sleep(1000)\n"
            "    except users.UserStop:\n        users.sleep(1000)",
        )
        cluster.do(4, stubborn)
        cluster.advance(1)
        told: list[str] = []
        call = cluster.links[A].call

        def listen(address: str, method: str, payload: Any, timeout_s: float) -> Any:
            told.append(method)
            return call(address, method, payload, timeout_s)

        cluster.links[A].call = listen  # type: ignore[method-assign]
        cluster.call(cluster[A].dist.stop)

        assert 2 <= told.count("run_stop") <= 6

    def test_it_ends_once_however_often_it_is_asked(self, cluster: Cluster) -> None:
        cluster.do(4, LATE)
        first = cluster.begin(cluster[A].dist.stop)
        second = cluster.call(cluster[A].dist.stop)
        cluster.clock.advance_until(first.ready)

        assert first.result() == second == {B: "finished", C: "finished"}
        assert cluster.notes(B).count("terminate") == 1

    def test_what_terminate_raises_is_known(self, cluster: Cluster) -> None:
        cluster.do(2, IDLERS.replace('note("terminate")', 'raise OSError("no disk")'))
        cluster.call(cluster[A].dist.stop)

        trouble = [str(error) for error in cluster[A].station.master.trouble]
        assert len(trouble) == 2
        assert all("no disk" in text for text in trouble)

    def test_what_teardown_raises_is_known(self, cluster: Cluster) -> None:
        cluster.do(2, IDLERS + '\ndef teardown():\n    raise OSError("no disk")\n')
        cluster.call(cluster[A].dist.stop)

        (trouble,) = cluster[A].station.master.trouble
        assert str(trouble).startswith("teardown failed: OSError: no disk")

    def test_a_worker_that_forgot_the_run_does_not_hold_it_up(self, cluster: Cluster) -> None:
        cluster.do(4)
        cluster.advance(2)
        cluster[C].station.worker.master_is_gone()
        cluster.call(cluster[A].dist.stop)

        assert cluster[A].dist.state() == "stopped"

    def test_a_run_may_be_stopped_as_soon_as_it_was_started(self, cluster: Cluster) -> None:
        cluster.do(0, LATE)
        cluster.call(cluster[A].dist.stop)
        # The last beat of what went before arrives when the run has begun.
        begun = cluster.begin(cluster[A].dist.do, cluster.write(LATE), 0, {"word": "wait"})
        cluster.advance(0.45)
        for name in (B, C):
            cluster.network.delay(cluster.address(name), cluster.address(A), 0, one_way=True)
            cluster.open_gate(name)
        cluster.clock.advance_until(begun.ready, step=0.001)

        assert cluster[A].station.master.crew.at_work() == (B, C)

    def test_what_cannot_be_read_of_a_worker_at_the_end_makes_it_lost(
        self, cluster: Cluster
    ) -> None:
        cluster.do(4)
        cluster.advance(2)
        garble_snapshots(cluster)
        cluster.call(cluster[A].dist.stop)

        parts = cluster[A].station.master.tally.totals.nodes(0)
        assert {each.name: each.state for each in parts}[C] == "dead"
        assert (users_of(cluster)["removed"], users_of(cluster)["lost"]) == (2, 2)


class TestStarting:
    def test_of_two_at_once_the_second_is_refused(self, cluster: Cluster) -> None:
        path = cluster.write(PREAMBLE + "wait_for_gate()\n" + IDLERS)
        first = cluster.begin(cluster[A].dist.do, path, 2, FAST)
        assert not first.ready()
        second = cluster.begin(cluster[A].dist.do, path, 2, FAST)
        for name in (A, B, C):
            cluster.open_gate(name)
        cluster.advance(1)

        with pytest.raises(ScenarioIsRunning):
            second.result()
        assert first.result() == {B: 1, C: 1}
        assert cluster.running() == {B: 1, C: 1}

    def test_a_node_that_works_for_another_one_leads_nothing(self, cluster: Cluster) -> None:
        cluster.do(2)

        with pytest.raises(MasterIsSet):
            cluster.call(cluster[B].station.master.start, "of b", cluster.write(IDLERS), {})

        assert cluster.states()[B] == "running"


class TestPulling:
    def test_one_fault_does_not_end_it(
        self, cluster: Cluster, caplog: pytest.LogCaptureFixture
    ) -> None:
        cluster.do(4)
        cluster.advance(1)
        tally = cluster[A].station.master.tally
        pull, faults = tally.pull, [OSError("a fault")]

        def faulty(run: str, lives: Any) -> Any:
            if faults:
                raise faults.pop()
            return pull(run, lives)

        tally.pull = faulty  # type: ignore[method-assign]
        cluster.call(cluster[A].dist.add, 2)
        cluster.advance(3)

        assert "a fault" in caplog.text
        assert users_of(cluster)["running"] == 6


class TestDying:
    def test_users_of_a_dead_worker_are_lost(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.advance(2)
        cluster.cut_off(C)
        cluster.advance(15)

        users = users_of(cluster)
        assert (users["running"], users["lost"], users["asked"]) == (5, 5, 10)
        assert is_balanced(users)

    def test_users_it_was_given_since_its_last_word_are_lost_too(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.advance(2)
        cluster.network.cut(cluster.address(C), cluster.address(A), one_way=True)
        begun = cluster.begin(cluster[A].dist.add, 4, [C])
        cluster.advance(15)
        assert begun.ready()

        users = users_of(cluster)
        assert is_balanced(users)
        assert users["lost"] >= 5

    def test_what_it_counted_stays(self, cluster: Cluster) -> None:
        cluster.do(10, GREETERS)
        cluster.advance(5)
        totals = cluster[A].station.master.tally.totals
        before = totals.counters()["greetings"]
        cluster.cut_off(C)
        cluster.advance(15)

        assert totals.counters()["greetings"] >= before + 1000

    def test_the_run_goes_on_at_the_full_rate(self, cluster: Cluster) -> None:
        cluster.do(20, GREETERS)
        cluster.advance(3)
        cluster.cut_off(C)
        cluster.advance(12)
        before = greetings(cluster, B)
        cluster.advance(10)

        after = greetings(cluster, B)
        assert after - before == pytest.approx(1000, rel=0.01)

    def test_its_users_are_removed_from_nobody(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.advance(1)
        cluster.cut_off(C)
        cluster.advance(12)

        assert cluster.call(cluster[A].dist.remove, 10) == {B: 5}

    def test_a_run_whose_workers_all_die_can_be_stopped(self, cluster: Cluster) -> None:
        cluster.do(10)
        for name in (B, C):
            cluster.cut_off(name)
        cluster.advance(12)

        assert cluster.call(cluster[A].dist.stop) == {}
        assert users_of(cluster)["lost"] == 10

    def test_a_worker_that_dies_while_the_run_ends_does_not_hold_it_up(
        self, cluster: Cluster
    ) -> None:
        cluster.do(10)
        cluster.advance(1)
        cluster.cut_off(C)
        begun = cluster.begin(cluster[A].dist.stop)
        cluster.advance(30)

        assert begun.result() == {B: "finished"}
        assert users_of(cluster)["lost"] == 5

    def test_a_worker_that_was_given_up_and_still_works_is_told_to_end(
        self, cluster: Cluster
    ) -> None:
        cluster.do(10)
        cluster.advance(1)
        cluster.network.cut(cluster.address(C), cluster.address(A), one_way=True)
        cluster.advance(12)
        cluster.network.heal(cluster.address(C), cluster.address(A), one_way=True)
        cluster.advance(5)

        assert cluster.running() == {B: 5}
        assert cluster.notes(C).count("terminate") == 1
        assert is_balanced(users_of(cluster))

    def test_a_worker_that_forgot_the_run_takes_part_anew(self, cluster: Cluster) -> None:
        cluster.do(4)
        cluster.advance(2)
        cluster[C].station.worker.master_is_gone()
        cluster.advance(3)

        assert cluster.with_throttles() == {B, C}
        assert cluster.call(cluster[A].dist.add, 2) == {B: 1, C: 1}
        assert is_balanced(users_of(cluster))

    def test_a_worker_is_given_up_as_soon_as_it_is_dead(self, cluster: Cluster) -> None:
        cluster.do(4)
        cluster.cut_off(C)
        cluster.clock.advance_until(lambda: len(cluster[A].station.members.peers()) == 1, step=0.01)

        assert cluster[A].station.master.crew.names() == (B,)

    def test_one_that_comes_back_takes_part_anew(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.advance(1)
        cluster.cut_off(C)
        cluster.advance(15)
        cluster.reconnect(C)
        cluster.advance(5)

        assert cluster.call(cluster[A].dist.add, 2) == {B: 1, C: 1}
        assert users_of(cluster)["lost"] == 5

    def test_it_takes_part_again_in_the_next_run(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.advance(1)
        cluster.cut_off(C)
        cluster.advance(15)
        cluster.reconnect(C)
        cluster.advance(5)
        cluster.call(cluster[A].dist.stop)

        assert cluster.do(2) == {B: 1, C: 1}

    def test_one_that_dies_when_the_run_is_over_is_not_lost(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.call(cluster[A].dist.stop)
        cluster.cut_off(C)
        cluster.advance(15)

        parts = cluster[A].station.master.tally.totals.nodes(0)
        assert {each.name: each.state for each in parts}[C] == "finished"

    def test_another_life_of_it_takes_part_at_once(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.advance(1)
        cluster.nodes.pop(C).stop()
        cluster.advance(12)
        cluster.enter(C)
        cluster.advance(2)

        assert cluster.call(cluster[A].dist.add, 2) == {B: 1, C: 1}
        cluster.advance(1)
        assert cluster.running() == {B: 6, C: 1}
        assert (users_of(cluster)["lost"], users_of(cluster)["running"]) == (5, 7)


class TestLeaving:
    def test_one_whose_last_word_cannot_be_read_is_lost(self, cluster: Cluster) -> None:
        cluster.do(10)
        cluster.advance(2)
        call = cluster.links[C].call

        def garble(address: str, method: str, payload: Any, timeout_s: float) -> Any:
            if method == "worker_leaves":
                payload = {**payload, "body": {"snapshot": {"number": "none"}}}
            return call(address, method, payload, timeout_s)

        cluster.links[C].call = garble  # type: ignore[method-assign]
        cluster.call(cluster[C].station.leave)
        cluster.advance(2)

        users = users_of(cluster)
        assert (users["running"], users["lost"]) == (5, 5)
        assert is_balanced(users)


class TestSad:
    def test_a_beat_that_is_none_changes_nothing(self, cluster: Cluster) -> None:
        cluster.do(4)
        cluster.advance(1)
        for beat in ({}, None, {"users": [1, 2], "reports": []}, {"users": "abc"}):
            cluster.tell(B, A, "beat", beat, cluster.run_of(B))
        cluster.advance(1)

        assert cluster[A].dist.state() == "running"
        assert users_of(cluster)["running"] == 4

    @pytest.mark.parametrize("method", ["worker_leaves", "throttle_start", "throttle_state"])
    def test_what_a_stranger_asks_is_refused(self, cluster: Cluster, method: str) -> None:
        cluster.do(4)

        with pytest.raises(Refused):
            cluster.ask(B, A, method, {}, "another run")

    def test_another_life_of_a_worker_is_no_worker(self, cluster: Cluster) -> None:
        cluster.do(4)
        run, exchange = cluster.run_of(C), cluster[C].station._exchange
        exchange._identity = replace(exchange.identity, incarnation=new_incarnation())

        with pytest.raises(Refused, match="does not know the run"):
            cluster.ask(C, A, "worker_leaves", {}, run)

    def test_a_snapshot_that_is_none_is_left_out(self, cluster: Cluster) -> None:
        cluster.do(4, GREETERS)
        cluster.advance(3)
        garble_snapshots(cluster)
        cluster.advance(3)
        stopped = cluster.call(cluster[A].dist.stop)

        assert stopped == {B: "finished", C: "finished"}
        assert cluster[C].station.worker.service is None
