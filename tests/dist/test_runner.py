"""Whole runs over the workers of a cluster."""

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import gevent
import pytest

from crowsg.dist.losses import NONE_LEFT
from crowsg.errors import (
    EXIT_ABORTED,
    EXIT_NODES,
    InvalidStatus,
    NoCluster,
    NoWorkers,
    StartRefused,
)
from crowsg.node import Node
from crowsg.one_run import (
    DURATION_OVER,
    INTERRUPTED,
    MAX_DURATION,
    STOPPED,
    STUCK,
    USERS_DONE,
    OneRun,
    RunOptions,
)
from crowsg.summary import Summary
from tests.record.runs import Witness
from tests.support.clusters import FAST, IDLERS, PREAMBLE, A, B, Begun, C, Cluster, D
from tests.support.nodes import is_balanced

WORKERS_AT_WORK = (
    PREAMBLE
    + """
def init():
    throttle.start("steps", Rate(50, per=1))

def start(user_id):
    for step in range(5):
        with metrics.time("step") as operation:
            throttle.wait("steps")
            users.sleep(0.01)
            if user_id % 5 == 0:
                operation.fail("every fifth")
        metrics.count("steps")
    metrics.check("even", user_id % 2 == 0)
    if user_id == 7:
        raise ValueError("seven")
"""
)

STUBBORN = IDLERS.replace(
    "    while True:\n        users.sleep(1000)",
    "    try:\n        users.sleep(1000)\n    except users.UserStop:\n        users.sleep(1000)",
)

IMMORTAL = IDLERS.replace(
    "    while True:\n        users.sleep(1000)",
    "    for _ in range(200):\n"
    "        try:\n            users.sleep(1000)\n"
    "        except BaseException:\n            continue",
)


class Going:
    """A run over a cluster that goes on while the test moves the clock."""

    def __init__(
        self,
        cluster: Cluster,
        scenario: str,
        count: int,
        observers: Iterable[Any] = (),
        settings: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.cluster = cluster
        self.witness = Witness()
        path = cluster.write(scenario)
        asked = RunOptions(path, 1, count, {**FAST, **(settings or {})}, **options)
        watching = [*observers, self.witness]
        self.run: OneRun = cluster[A].one_run(asked, watching, over_cluster=True)
        self._begun: Begun = cluster.begin(self.run.execute)

    def ready(self) -> bool:
        return self._begun.ready()

    def finish(self) -> Summary:
        self.cluster.clock.advance_until(self._begun.ready)
        summary: Summary = self._begun.result()
        return summary


class TestSummary:
    def test_a_run_ends_when_all_users_are_done(self, cluster: Cluster) -> None:
        summary = Going(cluster, WORKERS_AT_WORK, 20).finish()

        assert (summary.exit_code, summary.exit_reason) == (0, USERS_DONE)
        assert summary.users.finished == 19
        assert summary.users.failed == 1
        assert is_balanced(summary.users.as_dict())

    def test_every_count_is_the_sum_of_the_nodes(self, cluster: Cluster) -> None:
        summary = Going(cluster, WORKERS_AT_WORK, 20).finish()

        steps = summary.operations["step"]
        assert (steps.ok, sum(steps.failures.values())) == (80, 20)
        assert summary.counters == {"steps": 100}
        assert summary.checks["even"] == (10, 10)
        assert summary.throttles["steps"].granted == 100
        assert sum(each.count for each in summary.errors if each.kind == "ValueError") == 1

    def test_each_node_has_its_part(self, cluster: Cluster) -> None:
        summary = Going(cluster, WORKERS_AT_WORK, 20).finish()

        parts = {each.name: each.users.asked for each in summary.nodes}
        assert {name: count for name, count in parts.items() if count} == {B: 10, C: 10}
        assert sum(parts.values()) == summary.users.asked

    def test_samples_add_up_to_the_summary(self, cluster: Cluster) -> None:
        going = Going(cluster, WORKERS_AT_WORK, 20)
        summary = going.finish()

        ok, failed, _ = going.witness.recorded()["step"]
        steps = summary.operations["step"]
        assert (ok, failed) == (steps.ok, sum(steps.failures.values()))

    def test_the_rate_is_that_of_the_whole_cluster(self, cluster: Cluster) -> None:
        going = Going(cluster, WORKERS_AT_WORK, 20)
        cluster.advance(1.5)
        assert not going.ready()
        cluster.advance(1)

        assert going.ready()

    def test_its_files_add_up(self, cluster: Cluster, tmp_path: Path) -> None:
        results = cluster[A].results(tmp_path / "results", over_cluster=True)
        summary = Going(cluster, WORKERS_AT_WORK, 20, [results]).finish()

        told = json.loads((tmp_path / "results" / "summary.json").read_text())
        with (tmp_path / "results" / "users.csv").open() as file:
            ended = list(csv.DictReader(file))
        with (tmp_path / "results" / "timeseries.csv").open() as file:
            series = list(csv.DictReader(file))
        assert told["users"]["finished"] == summary.users.finished == 19
        assert sorted(int(each["id"]) for each in ended) == list(range(1, 21))
        assert {each["node"]: int(each["id"]) <= 10 for each in ended} == {B: True, C: False}
        steps = [each for each in series if each["operation"] == "step"]
        assert sum(int(each["ok"]) for each in steps) == summary.operations["step"].ok == 80
        assert sum(int(each["failed"]) for each in steps) == 20

    def test_a_second_run_follows(self, cluster: Cluster) -> None:
        Going(cluster, WORKERS_AT_WORK, 20).finish()
        summary = Going(cluster, WORKERS_AT_WORK, 10).finish()

        assert summary.users.asked == 10
        assert summary.counters == {"steps": 50}


class TestEnding:
    def test_by_its_duration(self, cluster: Cluster) -> None:
        summary = Going(cluster, IDLERS, 4, duration_s=3.0).finish()

        assert (summary.exit_code, summary.exit_reason) == (0, DURATION_OVER)
        assert summary.users.removed == 4
        assert 3 <= summary.duration_s < 3.5

    def test_by_its_maximal_duration(self, cluster: Cluster) -> None:
        summary = Going(cluster, IDLERS, 4, max_duration_s=3.0).finish()

        assert (summary.exit_code, summary.exit_reason) == (EXIT_ABORTED, MAX_DURATION)

    def test_by_its_maximal_duration_in_the_middle_of_init(self, cluster: Cluster) -> None:
        endless = IDLERS.replace('note("init")', "wait_for_gate()")
        summary = Going(cluster, endless, 4, max_duration_s=3.0).finish()
        cluster.advance(1)

        assert summary.exit_reason == MAX_DURATION
        assert cluster[B].station.worker.service is None

    def test_ten_seconds_after_it_everybody_is_killed(self, cluster: Cluster) -> None:
        summary = Going(
            cluster, STUBBORN, 4, settings={"stop_timeout": 1000}, max_duration_s=3.0
        ).finish()

        assert summary.users.killed == 4
        assert summary.duration_s < 15

    def test_by_a_stop_from_elsewhere(self, cluster: Cluster) -> None:
        going = Going(cluster, IDLERS, 4)
        cluster.advance(1)
        cluster.call(cluster[B].dist.stop)
        summary = going.finish()

        assert summary.exit_reason == STOPPED
        assert summary.users.removed == 4

    def test_by_one_interrupt_gracefully(self, cluster: Cluster) -> None:
        going = Going(cluster, IDLERS, 4)
        cluster.advance(1)
        going.run.interrupt()
        summary = going.finish()

        assert (summary.exit_code, summary.exit_reason) == (EXIT_ABORTED, INTERRUPTED)
        assert (summary.users.removed, summary.users.killed) == (4, 0)
        assert cluster.notes(B)[-1] == "terminate"

    def test_by_another_interrupt_at_once(self, cluster: Cluster) -> None:
        going = Going(cluster, STUBBORN, 4, settings={"stop_timeout": 1000})
        cluster.advance(1)
        going.run.interrupt()
        cluster.advance(1)
        assert not going.ready()
        going.run.interrupt()
        cluster.advance(2)

        assert going.ready()
        assert going.finish().users.killed == 4

    def test_killing_users_waits_for_nobody(self, cluster: Cluster) -> None:
        going = Going(cluster, STUBBORN, 4, settings={"stop_timeout": 1000})
        cluster.advance(1)
        going.run.interrupt()
        cluster.advance(1)
        # As timers do it, which may not block.
        gevent.get_hub().loop.run_callback(cluster[A].station.runner().kill_users)
        cluster.advance(2)

        assert going.finish().users.killed == 4

    def test_by_an_interrupt_in_the_middle_of_init(self, cluster: Cluster) -> None:
        endless = IDLERS.replace('note("init")', "wait_for_gate()")
        going = Going(cluster, endless, 4)
        cluster.advance(1)
        going.run.interrupt()
        cluster.advance(1)

        assert going.ready()
        assert cluster[B].station.worker.service is None

    def test_users_that_cannot_be_killed_are_told(self, cluster: Cluster) -> None:
        summary = Going(cluster, IMMORTAL, 2, duration_s=2.0).finish()

        assert summary.exit_reason == STUCK
        assert summary.users.running == 2

    def test_when_all_its_workers_are_dead(self, cluster: Cluster) -> None:
        going = Going(cluster, IDLERS, 4)
        cluster.advance(1)
        for name in (B, C):
            cluster.cut_off(name)
        cluster.advance(14)

        assert going.ready()
        assert going.finish().users.lost == 4


class TestArrivals:
    BRIEF = PREAMBLE + (
        "def init():\n    pass\n"
        "def start(user_id):\n    note('user', user_id)\n    users.sleep(1)\n"
    )

    def test_users_arrive_at_the_rate_of_the_whole_cluster(self, cluster: Cluster) -> None:
        summary = Going(
            cluster, self.BRIEF, 100, settings={"user_rate": 600}, arrivals=True, duration_s=20.0
        ).finish()

        assert summary.users.asked == pytest.approx(200, abs=4)
        assert is_balanced(summary.users.as_dict())

    def test_no_two_have_one_id(self, cluster: Cluster) -> None:
        Going(
            cluster, self.BRIEF, 100, settings={"user_rate": 600}, arrivals=True, duration_s=5.0
        ).finish()

        ids = cluster.ids(B) + cluster.ids(C)
        assert len(ids) == len(set(ids)) > 20
        assert cluster.ids(B)
        assert cluster.ids(C)

    def test_nor_have_those_that_are_added(self, cluster: Cluster) -> None:
        going = Going(
            cluster, self.BRIEF, 100, settings={"user_rate": 600}, arrivals=True, duration_s=5.0
        )
        cluster.advance(1)
        assert cluster.call(cluster[A].dist.add, 4) == {B: 2, C: 2}
        cluster.enter(D)
        cluster.advance(2)
        cluster.call(cluster[A].dist.add, 4)
        summary = going.finish()

        ids = [each for name in (B, C, D) for each in cluster.ids(name)]
        assert len(ids) == len(set(ids)) > 20
        assert cluster.ids(D)
        assert is_balanced(summary.users.as_dict())

    def test_no_more_are_there_than_may_be(self, cluster: Cluster) -> None:
        going = Going(
            cluster, IDLERS, 5, settings={"user_rate": 600}, arrivals=True, duration_s=10.0
        )
        cluster.advance(8)
        assert sum(cluster.running().values()) == 5
        summary = going.finish()

        assert summary.users.cancelled > 50
        assert is_balanced(summary.users.as_dict())


class TestSad:
    def test_a_node_in_no_cluster_runs_nothing_over_it(self) -> None:
        with Node("lone@test", environment={}) as node, pytest.raises(NoCluster):
            node.one_run(RunOptions("scene.py"), over_cluster=True)

    def test_without_workers_nothing_is_run(self, tmp_path: Path) -> None:
        cluster = Cluster(tmp_path, 1).meet()

        with pytest.raises(NoWorkers):
            Going(cluster, IDLERS, 1).finish()
        cluster.stop()

    def test_a_run_that_cannot_be_started_says_why(self, cluster: Cluster) -> None:
        going = Going(cluster, IDLERS.replace('note("init")', "1 / 0"), 2)

        with pytest.raises(StartRefused, match="ZeroDivisionError"):
            going.finish()
        assert going.witness.ends == [None]

    def test_a_worker_runs_none_of_its_own(self, cluster: Cluster) -> None:
        cluster.do(2)
        options = RunOptions(cluster.write(IDLERS), 1, 1)

        with pytest.raises(InvalidStatus):
            cluster.call(cluster[B].one_run(options, over_cluster=True).execute)

    def test_one_run_at_a_time(self, cluster: Cluster) -> None:
        going = Going(cluster, IDLERS, 2, duration_s=3.0)
        cluster.advance(1)

        with pytest.raises(InvalidStatus):
            Going(cluster, IDLERS, 2).finish()
        assert going.finish().users.asked == 2


class TestWithoutWorkers:
    def test_a_run_whose_workers_are_all_lost_says_so(self, cluster: Cluster) -> None:
        going = Going(cluster, IDLERS, 4, duration_s=100.0)
        cluster.advance(1)
        cluster.cut_off(B)
        cluster.cut_off(C)
        summary = going.finish()

        assert (summary.exit_code, summary.exit_reason) == (EXIT_NODES, NONE_LEFT)
        assert summary.users.lost == 4

    def test_a_run_whose_workers_all_leave_says_so(self, cluster: Cluster) -> None:
        going = Going(cluster, IDLERS, 4, duration_s=100.0)
        cluster.advance(1)
        for name in (B, C):
            cluster.call(cluster[name].station.leave)
        summary = going.finish()

        assert (summary.exit_code, summary.exit_reason) == (EXIT_NODES, NONE_LEFT)
        assert summary.users.removed == 4

    def test_an_interrupt_while_users_are_dealt_loses_nothing(self, cluster: Cluster) -> None:
        cluster.delay(0.05)
        going = Going(cluster, IDLERS, 10)
        master = cluster[A].station.master
        cluster.clock.advance_until(lambda: master.state == "running", step=0.01)
        cluster.advance(0.01)
        going.run.interrupt()
        summary = going.finish()

        assert (summary.exit_code, summary.exit_reason) == (EXIT_ABORTED, INTERRUPTED)
        assert is_balanced(summary.users.as_dict())

    def test_arrivals_capped_below_the_number_of_workers_find_room(
        self, make_cluster: Callable[..., Cluster]
    ) -> None:
        cluster = make_cluster(5)
        quick = IDLERS.replace(
            "    while True:\n        users.sleep(1000)", "    users.sleep(0.01)"
        )
        going = Going(
            cluster, quick, 2, settings={"user_rate": "20/s"}, arrivals=True, duration_s=4.0
        )
        summary = going.finish()

        assert summary.users.finished > 60
        assert summary.users.cancelled == 0


def test_a_node_that_has_led_carries_users_for_others_afterwards(cluster: Cluster) -> None:
    cluster.do(2)
    cluster.call(cluster[A].dist.stop)

    dealt = cluster.do(4, by=B, called="another")

    assert dealt == {A: 2, C: 2}


def test_a_node_that_could_not_start_a_run_carries_users_for_others(cluster: Cluster) -> None:
    with pytest.raises(StartRefused):
        cluster.do(2, IDLERS.replace('note("init")', "1 / 0"))

    dealt = cluster.do(4, by=B, called="another")

    assert dealt == {A: 2, C: 2}
