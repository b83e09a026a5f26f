from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import crowsg
from crowsg.context import node_context
from crowsg.errors import (
    BadNodes,
    CrowsgError,
    InvalidCount,
    InvalidRange,
    MasterIsSet,
    NoCluster,
    NoSuchScenario,
    NotAMaster,
    NoWorkers,
    PartialFailure,
    Refused,
    RemoteFault,
    ScenarioIsRunning,
    StartRefused,
    Unreachable,
)
from crowsg.node import Node
from tests.support.clusters import FAST, IDLERS, PREAMBLE, A, B, C, Cluster, D

SETTABLE = (
    PREAMBLE
    + """
required_variables = [Variable("greeting", "what is said", default="hello", update=True)]

def init():
    pass

def start(user_id):
    while True:
        users.sleep(1)
"""
)


def test_three_nodes_mesh_and_run(cluster: Cluster) -> None:
    assert cluster.do(10) == {B: 5, C: 5}
    cluster.advance(1)

    assert cluster.running() == {B: 5, C: 5}


def test_twenty_nodes_mesh_and_run(make_cluster: Callable[..., Cluster]) -> None:
    cluster = make_cluster(20)

    dealt = cluster.do(40)
    cluster.advance(0.2)

    assert set(dealt.values()) == {2, 3}
    assert cluster.running() == dealt


def test_a_run_is_started_without_users(cluster: Cluster) -> None:
    assert cluster.do(0) == {B: 0, C: 0}
    assert cluster.states() == {A: "disabled", B: "running", C: "running"}


@pytest.mark.parametrize("asked", [A, B], ids=["the-master", "a-worker"])
class TestVerbsAskedOf:
    def test_users_are_added(self, cluster: Cluster, asked: str) -> None:
        cluster.do(2)

        assert cluster.call(cluster[asked].dist.add, 4) == {B: 2, C: 2}
        cluster.advance(0.1)
        assert cluster.running() == {B: 3, C: 3}

    def test_users_are_added_to_the_nodes_that_are_named(
        self, cluster: Cluster, asked: str
    ) -> None:
        cluster.do(2)

        assert cluster.call(cluster[asked].dist.add, 4, [C]) == {C: 4}
        cluster.advance(0.1)
        assert cluster.running() == {B: 1, C: 5}

    def test_one_node_may_be_named_by_a_text(self, cluster: Cluster, asked: str) -> None:
        cluster.do(2)

        assert cluster.call(cluster[asked].dist.add, 1, B) == {B: 1}

    def test_users_are_removed(self, cluster: Cluster, asked: str) -> None:
        cluster.do(10)
        cluster.advance(0.1)

        removed = cluster.call(cluster[asked].dist.remove, 4)
        cluster.advance(0.1)

        assert removed == {B: 2, C: 2}
        assert cluster.running() == {B: 3, C: 3}

    def test_users_are_removed_from_the_nodes_that_are_named(
        self, cluster: Cluster, asked: str
    ) -> None:
        cluster.do(10)
        cluster.advance(0.1)

        assert cluster.call(cluster[asked].dist.remove, 4, nodes=[B]) == {B: 4}
        cluster.advance(0.1)
        assert cluster.running() == {B: 1, C: 5}

    def test_settings_are_updated(self, cluster: Cluster, asked: str) -> None:
        cluster.do(2, SETTABLE)

        updated = cluster.call(cluster[asked].dist.update_settings, {"greeting": "bye"})

        assert updated == {B: "updated", C: "updated"}
        assert [cluster[name].settings.get("greeting") for name in (B, C)] == ["bye", "bye"]

    def test_settings_are_updated_on_the_nodes_that_are_named(
        self, cluster: Cluster, asked: str
    ) -> None:
        cluster.do(2, SETTABLE)

        updated = cluster.call(cluster[asked].dist.update_settings, {"greeting": "bye"}, [C])

        assert updated == {C: "updated"}
        assert [cluster[name].settings.get("greeting") for name in (B, C)] == ["hello", "bye"]

    def test_the_run_is_stopped(self, cluster: Cluster, asked: str) -> None:
        cluster.do(4)

        stopped = cluster.call(cluster[asked].dist.stop)

        assert stopped == {B: "finished", C: "finished"}
        assert cluster.running() == {}

    def test_the_state_is_told(self, cluster: Cluster, asked: str) -> None:
        cluster.do(4)

        assert cluster.call(cluster[asked].dist.state) == "running"

    def test_the_nodes_are_told_as_the_master_sees_them(self, cluster: Cluster, asked: str) -> None:
        cluster.do(4)
        cluster.advance(0.3)

        told = cluster.call(cluster[asked].dist.nodes)

        assert [(each.name, each.role, each.scenario_state, each.running) for each in told] == [
            (A, "master", "", 0),
            (B, "worker", "running", 2),
            (C, "worker", "running", 2),
        ]

    def test_unknown_nodes_are_named(self, cluster: Cluster, asked: str) -> None:
        cluster.do(4)

        with pytest.raises(BadNodes) as refused:
            cluster.call(cluster[asked].dist.add, 1, ["x@test", B])

        assert "x@test" in str(refused.value)

    @pytest.mark.parametrize("count", [-1, 1.5, True, "2"], ids=repr)
    def test_a_wrong_count_is_refused(self, cluster: Cluster, asked: str, count: Any) -> None:
        cluster.do(4)

        for verb in (cluster[asked].dist.add, cluster[asked].dist.remove):
            with pytest.raises(InvalidCount):
                cluster.call(verb, count)


def test_a_partial_failure_reaches_whoever_asked_a_worker(cluster: Cluster) -> None:
    cluster.do(2)
    cluster.network.cut(cluster.address(A), cluster.address(C))

    with pytest.raises(PartialFailure) as failed:
        cluster.call(cluster[B].dist.add, 4)

    assert failed.value.results == {B: 2}
    assert {name: type(error) for name, error in failed.value.failures.items()} == {C: Unreachable}


class TestOverview:
    def test_a_cluster_without_a_run_is_idle(self, cluster: Cluster) -> None:
        assert cluster[A].dist.state() == "idle"

    def test_a_cluster_whose_run_was_stopped_says_so(self, cluster: Cluster) -> None:
        cluster.do(1)
        cluster.call(cluster[A].dist.stop)

        assert cluster[A].dist.state() == "stopped"

    def test_the_run_is_described(self, cluster: Cluster) -> None:
        cluster.do(4)
        cluster.advance(2)

        overview = cluster[A].dist.overview()

        assert (overview.master, overview.scenario) == (A, "scene")
        assert (overview.users["asked"], overview.users["running"]) == (4, 4)

    def test_a_worker_describes_it_in_the_same_words(self, cluster: Cluster) -> None:
        cluster.do(4)
        cluster.advance(2)

        assert cluster.call(cluster[B].dist.overview) == cluster[A].dist.overview()

    @pytest.mark.parametrize("asked", [B, C])
    def test_whoever_worked_in_the_last_run_knows_how_it_stands(
        self, cluster: Cluster, asked: str
    ) -> None:
        cluster.do(4)
        cluster.call(cluster[A].dist.stop)

        assert cluster.call(cluster[asked].dist.state) == "stopped"
        assert cluster.call(cluster[asked].dist.overview) == cluster[A].dist.overview()

    def test_whoever_has_led_since_tells_of_its_own_run(self, cluster: Cluster) -> None:
        cluster.do(4)
        cluster.call(cluster[A].dist.stop)
        cluster[A].controller.reset()
        cluster.do(4, by=B, called="another")
        cluster.call(cluster[B].dist.stop)

        for asked in (A, B):
            overview = cluster.call(cluster[asked].dist.overview)
            assert (overview.state, overview.master) == ("stopped", B)

    @pytest.mark.parametrize("how", ["silent", "gone"])
    def test_without_its_last_master_it_tells_what_it_knows(
        self, cluster: Cluster, how: str
    ) -> None:
        cluster.do(4)
        cluster.call(cluster[A].dist.stop)
        cluster.cut_off(A)
        cluster.advance(15 if how == "gone" else 0)

        assert cluster.call(cluster[B].dist.state) == "idle"


ENDLESS = IDLERS.replace('note("terminate")', "wait_for_gate()")


class TestStoppingAgain:
    @pytest.mark.parametrize("asked", [A, B], ids=["the-master", "a-worker"])
    def test_nothing_gets_further_grace(self, cluster: Cluster, asked: str) -> None:
        cluster.do(2, ENDLESS, terminate_timeout=60)
        first = cluster.begin(cluster[A].dist.stop)
        cluster.advance(30)
        assert not first.ready()
        second = cluster.begin(cluster[asked].dist.stop)
        cluster.advance(5)

        assert set(second.result()) == set(first.result()) == {B, C}
        assert cluster[A].dist.state() == "stopped"

    def test_a_run_that_is_being_started_is_taken_back(self, cluster: Cluster) -> None:
        """R30."""
        cluster.do(2)
        cluster.call(cluster[A].dist.stop)
        slow = IDLERS + "\ndef setup():\n    wait_for_gate()\n"
        begun = cluster.begin(cluster[A].dist.do, cluster.write(slow), 2, FAST)

        assert cluster.call(cluster[A].dist.stop) == {}
        with pytest.raises(Refused, match="stopped while it started"):
            begun.result()
        assert cluster.do(2, called="another") == {B: 1, C: 1}


class TestDistributing:
    def test_a_file_is_brought_to_all_others(self, cluster: Cluster) -> None:
        path = cluster.write(IDLERS, "brought")

        told = cluster.call(cluster[A].dist.distribute, path)

        assert told == {A: {"brought": "known"}, B: {"brought": "sent"}, C: {"brought": "sent"}}
        assert "brought" in [each.name for each in cluster[C].code.scenarios()]

    def test_what_is_marked_comes_with_the_next_run(self, cluster: Cluster) -> None:
        cluster[A].code.add_module(cluster.write(IDLERS, "marked"))

        cluster.do(0)

        assert "marked" in [each.name for each in cluster[B].code.scenarios()]

    def test_it_is_brought_to_the_nodes_that_are_named(self, cluster: Cluster) -> None:
        cluster[A].code.add_module(cluster.write(IDLERS, "marked"))

        assert list(cluster.call(cluster[A].dist.distribute_code, [C])) == [C]

    def test_unknown_nodes_are_named(self, cluster: Cluster) -> None:
        with pytest.raises(BadNodes, match="x@test"):
            cluster[A].dist.distribute_code(["x@test"])


class TestTwoMasters:
    def test_a_worker_leads_no_run(self, cluster: Cluster) -> None:
        cluster.do(2)

        with pytest.raises(MasterIsSet) as refused:
            cluster.do(2, by=B)

        assert refused.value.master == A

    def test_the_master_leads_one_run_at_a_time(self, cluster: Cluster) -> None:
        cluster.do(2)

        with pytest.raises(ScenarioIsRunning):
            cluster.do(2)

    def test_a_free_node_gets_no_workers_that_are_taken(self, cluster: Cluster) -> None:
        cluster.do(2)
        cluster.network.cut("10.0.0.1:4000", "10.0.0.4:4000")
        cluster.enter(D)
        cluster.nodes[D].station.members.join([cluster.address(B)])
        cluster.advance(3)

        with pytest.raises(StartRefused) as refused:
            cluster.do(2, by=D)

        assert {type(error) for error in refused.value.failures.values()} == {MasterIsSet}
        assert cluster.states()[B] == "running"

    def test_a_node_that_leads_is_nobodys_worker(self, cluster: Cluster) -> None:
        failing = IDLERS.replace(
            'note("init")',
            "from crowsg.context import current_node\n"
            '    if current_node().name == "d@test": raise OSError("no disk")',
        )
        cluster.do(2, failing)
        cluster.enter(D)
        cluster.advance(3)

        with pytest.raises(StartRefused) as refused:
            cluster.do(2, by=D, called="another")

        errors = refused.value.failures
        assert {name: type(error) for name, error in errors.items()} == dict.fromkeys(
            (A, B, C), MasterIsSet
        )

    def test_the_run_of_the_first_is_not_disturbed(self, cluster: Cluster) -> None:
        cluster.do(2)
        with pytest.raises(MasterIsSet):
            cluster.do(2, by=B)

        assert cluster.call(cluster[A].dist.add, 2) == {B: 1, C: 1}


class TestOfTheFacade:
    def test_its_verbs_are_those_of_the_node(self, cluster: Cluster) -> None:
        path = cluster.write(IDLERS)
        with node_context(cluster[A]):
            done = cluster.call(crowsg.dist.do, path, 2, FAST)
            added = cluster.call(crowsg.dist.add, 2)
            removed = cluster.call(crowsg.dist.remove, 2)
            state, nodes = crowsg.dist.state(), crowsg.dist.nodes()
            stopped = cluster.call(crowsg.dist.stop)

        assert done == added == removed == {B: 1, C: 1}
        assert (state, [each.name for each in nodes]) == ("running", [A, B, C])
        assert stopped == {B: "finished", C: "finished"}

    def test_a_node_in_no_cluster_has_no_verbs(self) -> None:
        with Node("lone@test", environment={}), pytest.raises(NoCluster):
            crowsg.dist.state()


class TestSad:
    @pytest.mark.parametrize("verb", ["add", "remove", "stop", "update_settings"])
    def test_without_a_run_there_is_nothing_to_steer(self, cluster: Cluster, verb: str) -> None:
        arguments: dict[str, tuple[Any, ...]] = {"stop": (), "update_settings": ({},)}

        with pytest.raises(NotAMaster):
            getattr(cluster[A].dist, verb)(*arguments.get(verb, (1,)))

    def test_a_stopped_run_takes_no_users(self, cluster: Cluster) -> None:
        cluster.do(2)
        cluster.call(cluster[A].dist.stop)

        with pytest.raises(NotAMaster):
            cluster[A].dist.add(1)

    def test_a_lone_node_has_no_workers(self, make_cluster: Callable[..., Cluster]) -> None:
        with pytest.raises(NoWorkers):
            make_cluster(1).do(1)

    def test_a_wrong_count_starts_nothing(self, cluster: Cluster) -> None:
        with pytest.raises(InvalidCount):
            cluster.do(-1)

        assert cluster[A].dist.state() == "idle"

    def test_more_users_than_there_are_ids_start_nothing(self, cluster: Cluster) -> None:
        with pytest.raises(InvalidRange):
            cluster.do(2**53 + 1)

        assert cluster[A].dist.state() == "idle"

    def test_a_scenario_that_is_not_there_starts_nothing(self, cluster: Cluster) -> None:
        with pytest.raises(CrowsgError):
            cluster.call(cluster[A].dist.do, "no_such_scenario", 1)

        assert set(cluster.states().values()) <= {"idle", "disabled"}
        assert cluster.do(2) == {B: 1, C: 1}

    @pytest.mark.parametrize("name", ["{path}", "scene.py", "./scene", "..", "a/b", "a\\b", ".x"])
    @pytest.mark.parametrize("verb", ["do", "distribute"])
    def test_nothing_is_looked_for_outside_the_code_paths_for_others(
        self, cluster: Cluster, verb: str, name: str, tmp_path: Path, monkeypatch: Any
    ) -> None:
        monkeypatch.chdir(tmp_path)
        name = name.replace("{path}", cluster.write(IDLERS))
        told = {"name": name, "scenario": name, "count": 1, "settings": {}}

        with pytest.raises(NoSuchScenario):
            cluster.ask(B, A, "dist", {"verb": verb, "told": told})

        assert not any(each.name == "scene" for each in cluster[A].code.scenarios())
        assert cluster[A].dist.state() == "idle"

    def test_what_is_on_the_code_paths_is_found_for_others(self, cluster: Cluster) -> None:
        cluster[A].code.add_module(cluster.write(IDLERS))
        told = {"scenario": "scene", "count": 2, "settings": {}}

        assert cluster.ask(B, A, "dist", {"verb": "do", "told": told}) == {B: 1, C: 1}

    @pytest.mark.parametrize(
        "body",
        [{}, {"verb": "explode", "told": {}}, {"verb": "add", "told": {}}, "add"],
        ids=["empty", "unknown", "incomplete", "text"],
    )
    def test_a_call_that_is_none_is_refused(self, cluster: Cluster, body: Any) -> None:
        with pytest.raises((RemoteFault, Refused)):
            cluster.ask(B, A, "dist", body)
