"""A record looks at several nodes as it looks at one: every number is the sum of the nodes."""

import pytest

from crowsg.users.counts import UserCounts
from tests.dist.recorders import throttle
from tests.record.several_nodes import MASTER, SeveralNodes
from tests.results.schema import problems, read

A, B = "a@host", "b@host"


@pytest.fixture
def nodes() -> SeveralNodes:
    """Give a run of two workers that did the same."""
    nodes = SeveralNodes(A, B)
    nodes.start()
    for number, worker in enumerate(nodes.workers_by_name.values(), 1):
        worker.users = UserCounts(asked=5, running=3, finished=2)
        worker.throttles = {"calls": throttle(7, 0.5)}
        recorder = worker.recorder
        recorder.operations["login"].record(10**6 * number, "", None)
        recorder.count("sent", 2, {})
        recorder.gauge("queue", 1.5, {})
        recorder.check("sound", number > 1)
        recorder.failures.record(ValueError(f"user {number}"))
    return nodes


def test_a_sample_is_of_all_nodes(nodes: SeveralNodes) -> None:
    nodes.clock.advance(1)

    sample = nodes.record.sample()

    assert (sample.operations["login"].ok, sample.everything.ok) == (2, 2)
    assert (sample.status.users.running, sample.workers) == (6, 2)
    assert (sample.throttles["calls"].granted, sample.errors[0].count) == (14, 2)


def test_a_sample_tells_what_came_since_the_last(nodes: SeveralNodes) -> None:
    nodes.record.sample()
    nodes.workers_by_name[B].recorder.operations["login"].record(5, "refused", None)

    sample = nodes.record.sample()

    assert (sample.operations["login"].ok, sample.operations["login"].failed) == (0, 1)
    assert nodes.record.sample().operations == {}


def test_a_summary_is_the_sum_of_the_nodes(nodes: SeveralNodes) -> None:
    nodes.clock.advance(2)

    summary = nodes.record.summary()

    login = summary.operations["login"]
    assert login.service is not None
    assert (login.ok, login.rate_per_s, login.service.max) == (2, 1.0, 0.002)
    assert (summary.counters, summary.gauges) == ({"sent": 4}, {"queue": 3.0})
    assert (summary.checks, summary.errors[0].count) == ({"sound": (1, 1)}, 2)
    assert summary.users == UserCounts(asked=10, running=6, finished=4)
    assert (summary.throttles["calls"].requested, summary.throttles["calls"].lost_s) == (14, 1.0)


def test_what_the_master_itself_recorded_counts(nodes: SeveralNodes) -> None:
    nodes.master.recorder.count("sent", 1, {})
    nodes.master.recorder.failures.record(RuntimeError("teardown"))

    summary = nodes.record.summary()

    assert summary.counters == {"sent": 5}
    assert [group.kind for group in summary.errors] == ["ValueError", "RuntimeError"]


def test_every_node_has_its_section(nodes: SeveralNodes) -> None:
    summary = nodes.record.summary()

    assert [(each.name, each.state, each.users.asked) for each in summary.nodes] == [
        (MASTER, "disabled", 0),
        (A, "running", 5),
        (B, "running", 5),
    ]


def test_a_summary_of_several_nodes_follows_the_schema(nodes: SeveralNodes) -> None:
    nodes.clock.advance(2)
    nodes.record.sample()
    nodes.totals.lose(A, 1, nodes.clock.now_ns())

    said = read(nodes.record.summary(0, "stopped"))

    assert problems(said) == []
    assert said["nodes"][1]["state"] == "dead"


def test_a_lone_node_has_no_workers() -> None:
    assert SeveralNodes().record.sample().workers == 0
