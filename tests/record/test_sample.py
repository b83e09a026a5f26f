"""What operations recorded since the last look: every sample is seen once."""

import random
from collections import Counter

import gevent
import pytest

from crowsg.metrics.names import Key, key_of
from crowsg.metrics.operation import Operation
from crowsg.record.sample import Window
from crowsg.testing import ManualClock
from tests.record.runs import BusyClock, operation_of


def record(operation: Operation, rng: random.Random) -> str:
    """Add one sample and return what became of it."""
    outcome = rng.choice(["ok", "failed", "interrupted"])
    service_ns = rng.randrange(10**9)
    if outcome == "interrupted":
        operation.interrupted.record(service_ns)
    else:
        response_ns = rng.choice([None, service_ns * 2])
        operation.record(service_ns, "refused" if outcome == "failed" else "", response_ns)
    return outcome


@pytest.mark.parametrize("seed", range(50))
def test_windows_add_up_to_what_was_recorded(seed: int) -> None:
    rng = random.Random(seed)
    operations: dict[Key, Operation] = {}
    window = Window(ManualClock())
    recorded, seen = Counter[tuple[str, str]](), Counter[tuple[str, str]]()

    for _ in range(rng.randrange(1, 10)):
        for _ in range(rng.randrange(30)):
            name = rng.choice("abc")
            recorded[name, record(operations.setdefault(name, Operation()), rng)] += 1
        intervals, _ = window.take(operations)
        for name, each in intervals.items():
            parts = {"ok": each.ok, "failed": each.failed, "interrupted": each.interrupted}
            seen.update({(name, outcome): number for outcome, number in parts.items()})

    assert +seen == recorded


@pytest.mark.parametrize("seed", range(50))
def test_everything_is_the_sum_of_the_operations(seed: int) -> None:
    rng = random.Random(seed)
    operations: dict[Key, Operation] = {name: Operation() for name in "abc"}
    window = Window(ManualClock())
    for _ in range(rng.randrange(100)):
        record(operations[rng.choice("abc")], rng)

    intervals, everything = window.take(operations)

    assert everything.count == sum(each.count for each in intervals.values())
    assert everything.ok == sum(each.ok for each in intervals.values())


def test_a_window_begins_where_the_last_one_ended() -> None:
    operations: dict[Key, Operation] = {"login": operation_of(ok=3)}
    window = Window(ManualClock())
    window.take(operations)

    operations["login"].record(10, "refused", None)

    intervals, _ = window.take(operations)
    assert (intervals["login"].ok, intervals["login"].failed) == (0, 1)


def test_an_operation_without_new_samples_is_left_out() -> None:
    operations: dict[Key, Operation] = {"old": operation_of(ok=1), "declared": Operation()}
    window = Window(ManualClock())
    window.take(operations)

    intervals, everything = window.take(operations)

    assert (intervals, everything.count, everything.service) == ({}, 0, None)


def test_an_operation_is_named_with_its_labels() -> None:
    operations: dict[Key, Operation] = {key_of("get", {"path": "a b"}): operation_of(ok=1)}

    intervals, _ = Window(ManualClock()).take(operations)

    assert list(intervals) == ['get{path="a b"}']


def test_latencies_are_those_of_the_window() -> None:
    operations: dict[Key, Operation] = {"login": operation_of(ok=100, ms=900)}
    window = Window(ManualClock())
    window.take(operations)
    operations["login"].merge(operation_of(ok=1, ms=5))

    intervals, _ = window.take(operations)

    service = intervals["login"].service
    assert service is not None
    assert service.mean == 0.005
    assert service.max == pytest.approx(0.005, rel=0.008)


def test_what_others_record_between_two_operations_is_seen_once() -> None:
    rng = random.Random(7)
    operations: dict[Key, Operation] = {f"operation {n}": Operation() for n in range(20)}
    recorded, seen = Counter[Key](), Counter[Key]()

    def work() -> None:
        while True:
            key = rng.choice(list(operations))
            record(operations[key], rng)
            recorded[key] += 1
            gevent.sleep(0)

    window = Window(BusyClock(look_s=0.003))
    worker = gevent.spawn(work)
    for _ in range(10):
        seen.update({name: each.count for name, each in window.take(operations)[0].items()})
    worker.kill()
    seen.update({name: each.count for name, each in window.take(operations)[0].items()})

    assert recorded.total() > 100
    assert seen == recorded


@pytest.mark.parametrize(
    ("look_s", "gets_a_turn"),
    [
        pytest.param(0.003, True, id="long"),
        pytest.param(0.000_01, False, id="short"),
    ],
)
def test_others_get_a_turn_when_a_window_takes_long(look_s: float, gets_a_turn: bool) -> None:
    operations: dict[Key, Operation] = {f"operation {n}": Operation() for n in range(50)}
    turns: list[bool] = []
    gevent.spawn(turns.append, True)

    Window(BusyClock(look_s)).take(operations)

    assert turns == [True] * gets_a_turn


def test_an_operation_that_comes_while_others_run_waits_for_the_next_window() -> None:
    operations: dict[Key, Operation] = {"first": operation_of(ok=1)}
    window = Window(BusyClock(look_s=0.003))
    gevent.spawn(operations.setdefault, "second", operation_of(ok=2))

    first, _ = window.take(operations)
    second, _ = window.take(operations)

    assert (list(first), list(second), second["second"].ok) == (["first"], ["second"], 2)
