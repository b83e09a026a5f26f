"""Counters, gauges, checks and samples that were timed elsewhere."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from crowsg import metrics
from crowsg.context import node_context
from crowsg.errors import NoCurrentNode
from crowsg.metrics.names import MAX_NAMES, OTHER
from crowsg.metrics.recorder import Recorder, values_of
from crowsg.node import Node
from crowsg.testing import ManualClock
from tests.support.nodes import Bench


@pytest.fixture
def recorder(bench: Bench) -> Recorder:
    return bench.node.recorder


def test_a_counter_adds_up(recorder: Recorder) -> None:
    metrics.count("sent")
    metrics.count("sent", 5)
    metrics.count("bytes", 0.5)
    metrics.count("sent", 0)

    assert values_of(recorder.counters) == {"sent": 6, "bytes": 0.5}


@pytest.mark.parametrize("n", [-1, -0.001, float("-inf"), float("nan")], ids=str)
def test_a_counter_only_grows(recorder: Recorder, n: float) -> None:
    metrics.count("sent", 5)

    with pytest.raises(ValueError, match="use a gauge"):
        metrics.count("sent", n)

    assert values_of(recorder.counters) == {"sent": 5}


@pytest.mark.parametrize("n", [-1, float("nan")], ids=str)
def test_a_refused_count_makes_no_counter(recorder: Recorder, n: float) -> None:
    with pytest.raises(ValueError, match="use a gauge"):
        metrics.count("sent", n)

    assert recorder.counters == {}


def test_labels_tell_counters_apart(recorder: Recorder) -> None:
    metrics.count("sent", to="a", code=200)
    metrics.count("sent", code=200, to="a")
    metrics.count("sent")

    assert values_of(recorder.counters) == {'sent{code="200",to="a"}': 2, "sent": 1}


def test_labels_that_print_alike_are_one(recorder: Recorder) -> None:
    metrics.count("sent", code=200)
    metrics.count("sent", code="200")

    assert values_of(recorder.counters) == {'sent{code="200"}': 2}


@pytest.mark.parametrize("name", ["two\nlines", "\x1b[31mred", "x" * 1000])
def test_a_name_that_is_no_short_line_is_refused(recorder: Recorder, name: str) -> None:
    with pytest.raises(ValueError, match="one short line"):
        metrics.count(name)


def test_a_gauge_stands_where_it_was_set_last(recorder: Recorder) -> None:
    metrics.gauge("queue", 5)
    metrics.gauge("queue", 2.5)
    metrics.gauge("debt", 1)
    metrics.gauge("debt", -7)

    assert values_of(recorder.gauges) == {"queue": 2.5, "debt": -7}


def test_a_check_counts_both_ways_and_tells(recorder: Recorder) -> None:
    told = [metrics.check("is text", value) for value in ("x", "", None, 1)]

    assert told == [True, False, False, True]
    assert (recorder.checks["is text"].passed, recorder.checks["is text"].failed) == (2, 2)


def test_a_sample_can_be_timed_elsewhere(recorder: Recorder) -> None:
    metrics.observe("op", 0.25)
    metrics.observe("op", 0.5, response=2, failure="refused")

    operation = recorder.operations["op"]
    assert (operation.ok.max_ns, operation.failed.max_ns) == (250_000_000, 500_000_000)
    assert (operation.response.max_ns, operation.late_ns) == (2_000_000_000, 1_500_000_000)
    assert operation.failures == {"refused": 1}


@pytest.mark.parametrize(
    ("seconds", "kept_ns"),
    [
        pytest.param(0, 0, id="0"),
        pytest.param(-0.0, 0, id="-0.0"),
        pytest.param(1e-10, 0, id="below a nanosecond"),
        pytest.param(1.9e-9, 1, id="a part of a nanosecond"),
        pytest.param(2, 2_000_000_000, id="int"),
        pytest.param(86_400.0, 86_400_000_000_000, id="a day"),
    ],
)
def test_a_sample_is_kept_in_whole_nanoseconds(
    recorder: Recorder, seconds: float, kept_ns: int
) -> None:
    metrics.observe("op", seconds)

    operation = recorder.operations["op"]
    assert (operation.ok.total, operation.ok.sum_ns) == (1, kept_ns)


@pytest.mark.parametrize("seconds", [-1, -1e-12, float("-inf")], ids=str)
@pytest.mark.parametrize("failure", ["", "refused"], ids=["ok", "failed"])
def test_a_sample_that_took_less_than_no_time_is_refused(
    recorder: Recorder, seconds: float, failure: str
) -> None:
    with pytest.raises(ValueError, match="an operation took -"):
        metrics.observe("op", seconds, failure=failure)

    assert recorder.operations == {}


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(lambda: metrics.observe("op", float("nan")), id="seconds nan"),
        pytest.param(lambda: metrics.observe("op", 1, float("nan")), id="response nan"),
        pytest.param(lambda: metrics.observe("op", float("inf")), id="seconds inf"),
        pytest.param(lambda: metrics.observe("op", 1, float("inf"), "bad"), id="response inf"),
    ],
)
def test_a_sample_that_took_no_number_of_seconds_is_not_kept(
    recorder: Recorder, record: Callable[[], Any]
) -> None:
    with pytest.raises((ValueError, OverflowError)):
        record()

    assert recorder.operations["op"].count == 0
    assert recorder.operations["op"].response.total == 0


def test_a_response_time_below_nothing_counts_as_nothing(recorder: Recorder) -> None:
    metrics.observe("op", 0.25, response=-1)

    operation = recorder.operations["op"]
    assert (operation.response.total, operation.response.max_ns, operation.late_ns) == (1, 0, 0)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(lambda: metrics.count("a", "b"), id="count"),  # type: ignore[arg-type]
        pytest.param(lambda: metrics.gauge("a", "b"), id="gauge"),  # type: ignore[arg-type]
        pytest.param(lambda: metrics.observe("a", "b"), id="observe"),  # type: ignore[arg-type]
        pytest.param(lambda: metrics.count(None), id="name"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_number_or_no_name_is_refused(
    recorder: Recorder, record: Callable[[], Any]
) -> None:
    with pytest.raises((TypeError, ValueError)):
        record()


@pytest.mark.parametrize("seed", range(5))
def test_a_million_names_leave_two_hundred_and_every_count(recorder: Recorder, seed: int) -> None:
    rng = random.Random(seed)

    for _ in range(20_000):
        metrics.count(f"name {rng.randrange(10**6)}")
        metrics.observe(f"name {rng.randrange(10**6)}", 0.001)

    assert len(recorder.counters) == len(recorder.operations) == MAX_NAMES + 1
    assert sum(values_of(recorder.counters).values()) == 20_000
    assert sum(operation.count for operation in recorder.operations.values()) == 20_000
    assert recorder.operations[OTHER].count > 19_000


def test_a_reset_forgets_everything(recorder: Recorder) -> None:
    metrics.count("a")
    metrics.gauge("a", 1)
    metrics.check("a", True)
    metrics.observe("a", 1)
    recorder.failures.record(ValueError())
    recorder.lives.end(1, 0, 1, "finished")

    recorder.reset()

    kept = [recorder.counters, recorder.gauges, recorder.checks, recorder.operations]
    assert kept == [{}, {}, {}, {}]
    assert (recorder.failures.groups(), recorder.lives.durations.total) == ((), 0)


def test_nodes_record_apart() -> None:
    nodes = [Node(clock=ManualClock()) for _ in range(2)]
    for n, node in enumerate(nodes):
        with node_context(node):
            metrics.count("sent", n + 1)

    assert [values_of(node.recorder.counters)["sent"] for node in nodes] == [1, 2]


def test_recording_needs_a_node() -> None:
    with pytest.raises(NoCurrentNode):
        metrics.count("sent")
