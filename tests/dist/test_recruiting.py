"""Starting a run: everywhere, or nowhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import pytest

from crowsg.clock import to_ns
from crowsg.errors import (
    CodeRefused,
    CrowsgError,
    NotSendable,
    ScenarioFailed,
    SettingsRejected,
    StartRefused,
    Unreachable,
)
from crowsg.rate import Rate
from tests.support.clusters import IDLERS, PREAMBLE, A, B, C, Cluster

WHOLE_LIFE = (
    PREAMBLE
    + """
from crowsg.context import current_node

required_variables = [
    Variable("size", "what it is", default=1),
    Variable("fails", "where init fails", default=""),
    Variable("setup_fails", "how setup fails", default=""),
    Variable("waits", "whether init waits to be let", default=False),
    Variable("found", "what setup found", default="nothing"),
]

def setup():
    note("setup")
    if config.get("setup_fails") == "raises":
        throttle.start("of setup", 100)
        raise OSError("no server")
    return {"nonsense": 1} if config.get("setup_fails") == "returns" else {"found": "gold"}

def init():
    note("init")
    throttle.start("greetings", 100)
    if current_node().name == config.get("fails"):
        raise OSError("no disk")
    if config.get("waits"):
        wait_for_gate()
    note(config.get("found"))

def start(user_id):
    note("user", user_id)
    while True:
        users.sleep(1)

def terminate():
    note("terminate")

def teardown():
    note("teardown")
"""
)


def nothing_is_left(cluster: Cluster) -> bool:
    nodes = [cluster.nodes[name] for name in cluster.nodes]
    cluster.advance(1)
    return not cluster.with_throttles() and not any(
        node.station.worker.service
        or node.station.master.is_leading
        or node.throttles.names()
        or not node.controller.over.is_set()
        or node.controller.state in ("running", "terminating")
        for node in nodes
    )


class TestStarting:
    def test_each_callback_is_called_where_and_when_it_belongs(self, cluster: Cluster) -> None:
        cluster.do(2, WHOLE_LIFE)
        cluster.advance(0.1)
        cluster.call(cluster[A].dist.stop)

        assert cluster.notes(A) == ["setup", "teardown"]
        assert cluster.notes(B) == ["init", "gold", ("user", 1), "terminate"]
        assert cluster.notes(C) == ["init", "gold", ("user", 2), "terminate"]

    def test_no_node_begins_before_setup_has_returned(self, cluster: Cluster) -> None:
        slow = IDLERS + "\ndef setup():\n    wait_for_gate()\n"
        begun = cluster.begin(cluster[A].dist.do, cluster.write(slow), 2)
        cluster.advance(5)
        before = cluster.notes(B)[:]
        cluster.open_gate(A)
        cluster.advance(1)

        assert (before, cluster.notes(B)[:1]) == ([], ["init"])
        assert begun.ready()

    def test_the_module_of_a_scenario_comes_with_what_it_imports(
        self, cluster: Cluster, tmp_path: Path
    ) -> None:
        (tmp_path / "greetings_of_test.py").write_text("WORD = 'hello'\n")
        importing = PREAMBLE + (
            "from greetings_of_test import WORD\n"
            "def init():\n    note(WORD)\n"
            "def start(user_id):\n    pass\n"
        )
        cluster.do(0, importing)

        assert cluster.notes(B) == cluster.notes(C) == ["hello"]

    def test_a_stopped_cluster_takes_another_version(self, cluster: Cluster) -> None:
        cluster.do(2, WHOLE_LIFE)
        cluster.call(cluster[A].dist.stop)
        cluster.do(2, IDLERS.replace('note("init")', 'note("the second")'))

        assert all("the second" in cluster.notes(name) for name in (B, C))

    def test_a_second_run_begins_with_nothing_of_the_first(self, cluster: Cluster) -> None:
        cluster.do(4, WHOLE_LIFE)
        cluster.call(cluster[A].dist.stop)
        cluster.do(2, WHOLE_LIFE)
        cluster.advance(2)

        assert cluster[A].dist.overview().users["asked"] == 2


class TestRefusing:
    def refuse(self, cluster: Cluster, scenario: str = WHOLE_LIFE, **settings: Any) -> Any:
        with pytest.raises(StartRefused) as refused:
            cluster.do(2, scenario, **settings)
        return refused.value

    def works_again(self, cluster: Cluster) -> bool:
        return cluster.do(2, WHOLE_LIFE) == {B: 1, C: 1}

    def test_settings_that_one_node_refuses(self, make_cluster: Callable[..., Cluster]) -> None:
        cluster = make_cluster(3, environment={C: {"CROWSG_SIZE": "1"}})
        picky = WHOLE_LIFE.replace("default=1)", "default=2, verify=[2, 3])")

        refusal = self.refuse(cluster, picky)

        assert {name: type(error) for name, error in refusal.failures.items()} == {
            C: SettingsRejected
        }
        assert cluster.notes(A) == cluster.notes(B) == []
        assert nothing_is_left(cluster)
        assert self.works_again(cluster)

    def test_settings_that_the_master_refuses_reach_no_node(self, cluster: Cluster) -> None:
        with pytest.raises(CrowsgError):
            cluster.do(2, WHOLE_LIFE, nonsense=1)

        assert nothing_is_left(cluster)
        assert self.works_again(cluster)

    def test_settings_that_cannot_travel_reach_no_node(self, cluster: Cluster) -> None:
        with pytest.raises(NotSendable, match="size"):
            cluster.do(2, WHOLE_LIFE, size=object())

        assert nothing_is_left(cluster)

    def test_code_that_one_node_refuses(
        self, make_cluster: Callable[..., Cluster], tmp_path: Path
    ) -> None:
        own = tmp_path / "own"
        own.mkdir()
        (own / "scene.py").write_text("SOMETHING = 'else'\n")
        cluster = make_cluster(3, environment={C: {"CROWSG_EXTRA_CODE_PATHS": str(own)}})

        refusal = self.refuse(cluster)

        assert {name: type(error) for name, error in refusal.failures.items()} == {C: CodeRefused}
        assert nothing_is_left(cluster)

    def test_init_that_fails_on_one_node(self, cluster: Cluster) -> None:
        refusal = self.refuse(cluster, fails=C)

        assert {name: type(error) for name, error in refusal.failures.items()} == {
            C: ScenarioFailed
        }
        assert cluster.notes(A) == ["setup", "teardown"]
        assert cluster.notes(B) == ["init", "gold", "terminate"]
        assert cluster.notes(C) == ["init"]
        assert nothing_is_left(cluster)
        assert self.works_again(cluster)

    def test_a_node_that_never_heard_of_the_end_takes_part_in_the_next_run(
        self, cluster: Cluster
    ) -> None:
        call = cluster.links[A].call

        def lossy(address: str, method: str, payload: Any, timeout_s: float) -> Any:
            if (address, method) == (cluster.address(B), "run_drop"):
                raise Unreachable(address, method, timeout_s)
            return call(address, method, payload, timeout_s)

        cluster.links[A].call = lossy  # type: ignore[method-assign]
        self.refuse(cluster, fails=C)
        assert cluster.states()[B] == "running"

        assert self.works_again(cluster)
        assert cluster.notes(B).count("terminate") == 1

    @pytest.mark.parametrize("how", ["raises", "returns"])
    def test_setup_that_fails(self, cluster: Cluster, how: str) -> None:
        with pytest.raises(ScenarioFailed, match="setup"):
            cluster.do(2, WHOLE_LIFE, setup_fails=how)

        assert cluster.notes(B) == cluster.notes(C) == []
        assert nothing_is_left(cluster)
        assert self.works_again(cluster)

    def test_what_setup_returns_and_cannot_travel(self, cluster: Cluster) -> None:
        refusal = self.refuse(cluster, WHOLE_LIFE.replace('"gold"', "object()"))

        assert {type(error) for error in refusal.failures.values()} == {NotSendable}
        assert cluster.notes(A) == ["setup", "teardown"]
        assert nothing_is_left(cluster)

    def test_a_node_that_cannot_be_reached(self, cluster: Cluster) -> None:
        cluster.cut_off(C)

        refusal = self.refuse(cluster)

        assert {name: type(error) for name, error in refusal.failures.items()} == {C: Unreachable}
        assert cluster.notes(B) == []
        assert nothing_is_left(cluster)

    def test_a_node_that_dies_while_it_begins(self, cluster: Cluster) -> None:
        begun = cluster.begin(cluster[A].dist.do, cluster.write(WHOLE_LIFE), 2, {"waits": True})
        cluster.advance(1)
        cluster[C].stop()
        cluster.open_gate(B)
        cluster.advance(20)

        with pytest.raises(StartRefused) as refused:
            begun.result()

        del cluster.nodes[C]
        assert list(refused.value.failures) == [C]
        assert cluster.notes(B)[-1] == "terminate"
        assert nothing_is_left(cluster)

    def test_a_node_that_dies_when_it_has_begun_and_others_have_not(self, cluster: Cluster) -> None:
        begun = cluster.begin(cluster[A].dist.do, cluster.write(WHOLE_LIFE), 0, {"waits": True})
        cluster.open_gate(C)
        cluster.advance(1)
        cluster[C].stop()
        cluster.advance(15)
        cluster.open_gate(B)
        cluster.advance(1)
        begun.result()

        del cluster.nodes[C]
        assert cluster[A].station.master.crew.names() == (B,)
        assert cluster.call(cluster[A].dist.stop) == {B: "finished"}

    @pytest.mark.parametrize("before_s", [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3, 2])
    def test_a_caller_that_is_killed_leaves_nothing(
        self, cluster: Cluster, before_s: float
    ) -> None:
        cluster.delay(0.1)
        begun = cluster.begin(cluster[A].dist.do, cluster.write(WHOLE_LIFE), 2, {"waits": True})
        cluster.advance(before_s)
        assert not begun.ready()

        begun.greenlet.kill(block=False)
        cluster.advance(3)

        with pytest.raises(gevent.GreenletExit):
            begun.result()
        assert nothing_is_left(cluster)
        cluster.delay(0)
        assert self.works_again(cluster)

    def test_a_run_is_taken_back_before_it_comes(self, cluster: Cluster) -> None:
        call, network = cluster.links[A].call, cluster.network

        def slow(address: str, method: str, payload: Any, timeout_s: float) -> Any:
            is_one = (address, method) == (cluster.address(B), "run_configure")
            delay_ns = to_ns(0.3 if is_one else 0)
            network.delay(cluster.address(A), cluster.address(B), delay_ns, one_way=True)
            return call(address, method, payload, timeout_s)

        cluster.links[A].call = slow  # type: ignore[method-assign]
        begun = cluster.begin(cluster[A].dist.do, cluster.write(WHOLE_LIFE), 2, {})
        cluster.advance(0.05)
        begun.greenlet.kill(block=False)
        cluster.advance(3)

        assert begun.ready()
        assert cluster[B].controller.status().scenario is None
        assert nothing_is_left(cluster)
        assert self.works_again(cluster)

    def test_a_caller_that_is_killed_in_setup_has_it_torn_down_nowhere(
        self, cluster: Cluster
    ) -> None:
        slow = IDLERS + "\ndef setup():\n    wait_for_gate()\n"
        begun = cluster.begin(cluster[A].dist.do, cluster.write(slow), 2)
        cluster.advance(1)
        begun.greenlet.kill(block=False)
        cluster.advance(1)

        assert cluster.notes(B) == []
        assert nothing_is_left(cluster)


class TestSettings:
    SHOWN = (
        PREAMBLE
        + """
required_variables = [Variable("size", "what it is", default="declared")]

def init():
    note(config.get("size"))

def start(user_id):
    pass
"""
    )

    @pytest.mark.parametrize(
        ("given", "worker", "master", "file", "shown"),
        [
            pytest.param("given", "worker", "master", "file", "given", id="what-is-given"),
            pytest.param(None, "worker", "master", "file", "worker", id="the-worker-itself"),
            pytest.param(None, None, "master", "file", "master", id="the-master-for-all"),
            pytest.param(None, None, None, "file", "file", id="the-file-of-the-master"),
            pytest.param(None, None, None, None, "declared", id="what-is-declared"),
        ],
    )
    def test_values_come_from_the_highest_source(
        self,
        make_cluster: Callable[..., Cluster],
        tmp_path: Path,
        given: str | None,
        worker: str | None,
        master: str | None,
        file: str | None,
        shown: str,
    ) -> None:
        of_master = {"CROWSG_SIZE": master} if master else {}
        if file:
            (tmp_path / "settings.toml").write_text(f'size = "{file}"\n')
            of_master["CROWSG_CONFIG"] = str(tmp_path / "settings.toml")
        of_worker = {"CROWSG_SIZE": worker} if worker else {}
        cluster = make_cluster(2, environment={A: of_master, B: of_worker})

        cluster.do(0, self.SHOWN, **({"size": given} if given else {}))

        assert cluster.notes(B) == [shown]

    def test_what_setup_returns_is_above_all(self, make_cluster: Callable[..., Cluster]) -> None:
        cluster = make_cluster(2, environment={B: {"CROWSG_FOUND": "worker"}})

        cluster.do(0, WHOLE_LIFE, found="given")

        assert cluster.notes(B) == ["init", "gold"]

    @pytest.mark.parametrize(
        "value",
        [(1, (2, 3)), [1, 2], {"a": (1,)}, "text", 1.5, None, True, b"bytes", Rate(50, per=1)],
        ids=repr,
    )
    def test_values_arrive_as_they_were_sent(self, cluster: Cluster, value: Any) -> None:
        cluster.do(0, self.SHOWN.replace('default="declared"', "default=None"), size=value)

        assert cluster.notes(B) == [value]
        assert type(cluster.notes(B)[0]) is type(value)
