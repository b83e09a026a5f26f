"""A sample is ok, failed or interrupted, and never cut by a soft stop."""

import random
from collections.abc import Callable

import gevent
import pytest

from crowsg import metrics, users
from crowsg.metrics.names import MAX_NAMES, OTHER
from crowsg.metrics.operation import Operation
from tests.support.nodes import Bench, ignore_the_stop, make_scenario

SECOND = 1_000_000_000


class Permit:
    """Something that was due."""

    due = 1.0


def run(bench: Bench, start: Callable[[int], object], seconds: float = 10) -> Operation:
    """Run one user that does the operation ``op``, and return it."""
    bench.do(make_scenario(start), 1)
    bench.clock.advance(seconds)
    return bench.node.recorder.operations["op"]


def test_a_block_that_returns_is_ok_and_timed(bench: Bench) -> None:
    def start(user_id: int) -> None:
        with metrics.time("op"):
            users.sleep(2)

    operation = run(bench, start)

    assert (operation.count, operation.ok.total, operation.ok.max_ns) == (1, 1, 2_000_000_000)
    assert operation.response.total == 0


def test_a_block_that_says_so_failed(bench: Bench) -> None:
    def start(user_id: int) -> None:
        with metrics.time("op") as operation:
            operation.fail("refused")

    operation = run(bench, start)

    assert (operation.ok.total, operation.failures) == (0, {"refused": 1})


def test_an_exception_is_a_failure_of_its_class(bench: Bench) -> None:
    def start(user_id: int) -> None:
        with metrics.time("op"):
            raise ConnectionResetError

    operation = run(bench, start)

    assert operation.failures == {"ConnectionResetError": 1}
    assert bench.count("failed") == 1


@pytest.mark.parametrize("since", [1.0, 1, Permit()], ids=["float", "int", "due"])
def test_response_time_runs_from_the_intended_moment(bench: Bench, since: object) -> None:
    def start(user_id: int) -> None:
        users.sleep(3)
        with metrics.time("op", since=since):
            users.sleep(2)

    operation = run(bench, start)

    assert operation.ok.max_ns == 2_000_000_000
    assert (operation.response.max_ns, operation.late_ns) == (4_000_000_000, 2_000_000_000)


def test_a_soft_stop_waits_for_the_end_of_the_block(bench: Bench) -> None:
    after: list[str] = []

    def start(user_id: int) -> None:
        with metrics.time("op"):
            users.sleep(1.5)
        after.append("code without a blocking point goes on")
        users.sleep(1000)

    bench.do(make_scenario(start), 1)
    bench.clock.advance(1)
    bench.node.local.remove(1)
    bench.clock.advance(0.6)

    operation = bench.node.recorder.operations["op"]
    assert (operation.ok.total, operation.interrupted.total, len(after)) == (1, 0, 1)
    assert bench.count("removed") == 1


@pytest.mark.parametrize("think_s", [0, 0.05])
def test_a_soft_stop_cuts_no_operation_of_a_busy_loop(bench: Bench, think_s: float) -> None:
    begun: list[int] = []

    def start(user_id: int) -> None:
        while True:
            with metrics.time("op"):
                begun.append(user_id)
                users.sleep(0.1)
            if think_s:
                users.sleep(think_s)

    bench.do(make_scenario(start), 50)
    bench.clock.advance(1.03)
    bench.node.local.remove(50)
    bench.clock.advance(0.5)

    operation = bench.node.recorder.operations["op"]
    assert (operation.interrupted.total, operation.ok.total) == (0, len(begun))
    assert bench.count("removed") == 50


def test_a_moment_that_is_none_is_refused_before_the_block(bench: Bench) -> None:
    bench.do(make_scenario(), 1)

    for moment in ("soon", float("nan"), object(), [1.0]):
        with pytest.raises((TypeError, ValueError)):
            metrics.time("op", since=moment)


def test_a_block_can_be_entered_again(bench: Bench) -> None:
    bench.do(make_scenario(), 0)
    timing = metrics.time("op")
    with timing:
        timing.fail("first")
    with timing:
        pass

    operation = bench.node.recorder.operations["op"]
    assert (operation.failures, operation.ok.total) == ({"first": 1}, 1)


@pytest.mark.parametrize(
    ("force", "seconds"), [pytest.param(False, 2.0, id="soft"), pytest.param(True, 1.0, id="force")]
)
def test_a_block_that_lasts_too_long_is_interrupted(
    bench: Bench, force: bool, seconds: float
) -> None:
    def start(user_id: int) -> None:
        with metrics.time("op"):
            users.sleep(1000)

    bench.do(make_scenario(start), 1)
    bench.node.local.remove(1, force)
    bench.clock.advance(seconds - 0.1)
    assert bench.count("running") == 1
    bench.clock.advance(0.2)

    operation = bench.node.recorder.operations["op"]
    assert (operation.interrupted.total, operation.count, operation.failures) == (1, 1, {})
    assert bench.count("removed") == 1


@pytest.mark.parametrize(
    ("force", "lasted_s"),
    [pytest.param(False, 2.5, id="soft"), pytest.param(True, 1.5, id="force")],
)
def test_a_block_that_a_stop_interrupts_is_recorded_with_how_long_it_had_lasted(
    bench: Bench, force: bool, lasted_s: float
) -> None:
    def start(user_id: int) -> None:
        with metrics.time("op"):
            users.sleep(1000)

    bench.do(make_scenario(start), 1)
    bench.clock.advance(0.5)
    bench.node.local.remove(1, force)
    bench.clock.advance(3)

    operation = bench.node.recorder.operations["op"]
    assert (operation.interrupted.total, operation.interrupted.sum_ns) == (1, lasted_s * SECOND)


def test_a_block_that_a_kill_interrupts_is_recorded_with_how_long_it_had_lasted(
    bench: Bench,
) -> None:
    def start(user_id: int) -> None:
        with metrics.time("op"):
            ignore_the_stop(user_id)

    bench.do(make_scenario(start), 1)
    bench.clock.advance(0.5)
    bench.node.local.remove(1, force=True)
    bench.clock.advance(3)

    operation = bench.node.recorder.operations["op"]
    assert (operation.interrupted.total, operation.interrupted.sum_ns) == (1, 2.5 * SECOND)
    assert bench.count("killed") == 1


@pytest.mark.parametrize("since", [None, 0.0], ids=["unplanned", "planned"])
def test_an_interrupted_block_is_neither_ok_nor_failed_nor_late(
    bench: Bench, since: float | None
) -> None:
    def start(user_id: int) -> None:
        users.sleep(1)
        with metrics.time("op", since) as operation:
            operation.fail("refused")
            raise gevent.GreenletExit

    operation = run(bench, start)

    assert (operation.count, operation.interrupted.total) == (1, 1)
    assert (operation.failures, operation.response.total, operation.late_ns) == ({}, 0, 0)


def test_an_interrupted_block_within_another_interrupts_both(bench: Bench) -> None:
    def start(user_id: int) -> None:
        with metrics.time("outer"):
            users.sleep(0.5)
            with metrics.time("op"):
                users.sleep(1000)

    bench.do(make_scenario(start), 1)
    bench.node.local.remove(1)
    bench.clock.advance(3)

    operations = bench.node.recorder.operations
    assert operations["outer"].interrupted.max_ns == 2 * SECOND
    assert operations["op"].interrupted.max_ns == 1.5 * SECOND


def test_a_block_is_not_begun_when_a_stop_waited_for_the_one_before(bench: Bench) -> None:
    reached: list[str] = []

    def start(user_id: int) -> None:
        with metrics.time("op"):
            users.sleep(1)
        reached.append("no blocking point in between")
        with metrics.time("next"):
            reached.append("begun")

    bench.do(make_scenario(start), 1)
    bench.node.local.remove(1)
    bench.clock.advance(2)

    assert reached == ["no blocking point in between"]
    assert bench.node.recorder.operations["next"].count == 0
    assert bench.count("removed") == 1


def test_a_block_within_the_one_a_stop_waits_for_is_begun(bench: Bench) -> None:
    def start(user_id: int) -> None:
        with metrics.time("outer"):
            users.sleep(1)
            with metrics.time("op"):
                users.sleep(0.5)

    bench.do(make_scenario(start), 1)
    bench.node.local.remove(1)
    bench.clock.advance(2)

    assert bench.node.recorder.operations["op"].ok.total == 1


def test_blocks_within_blocks_are_waited_for_until_the_last(bench: Bench) -> None:
    def start(user_id: int) -> None:
        with metrics.time("outer"):
            with metrics.time("op"):
                users.sleep(0.5)
            users.sleep(0.5)
        users.sleep(1000)

    bench.do(make_scenario(start), 1)
    bench.node.local.remove(1)
    bench.clock.advance(1)

    assert bench.node.recorder.operations["outer"].interrupted.total == 0
    assert bench.count("removed") == 1


def test_the_block_of_a_child_makes_its_user_wait_too(bench: Bench) -> None:
    def child() -> None:
        with metrics.time("op"):
            users.sleep(1)

    def start(user_id: int) -> None:
        users.spawn(child)
        users.sleep(1000)

    bench.do(make_scenario(start), 1)
    bench.node.local.remove(1)
    bench.clock.advance(1)

    assert bench.node.recorder.operations["op"].ok.total == 1


def test_an_operation_can_be_timed_outside_of_users(bench: Bench) -> None:
    def init() -> None:
        with metrics.time("op"):
            users.sleep(0)

    bench.do(make_scenario(init=init), 0)

    assert bench.node.recorder.operations["op"].ok.total == 1


def test_a_timeout_is_a_failure_and_no_interruption(bench: Bench) -> None:
    def start(user_id: int) -> None:
        with metrics.time("op"):
            raise gevent.Timeout(1)

    assert run(bench, start).failures == {"Timeout": 1}


def test_a_moment_ahead_of_the_end_counts_as_the_end_itself(bench: Bench) -> None:
    def start(user_id: int) -> None:
        with metrics.time("op", since=100.0):
            users.sleep(2)

    operation = run(bench, start)

    assert (operation.response.total, operation.response.max_ns, operation.late_ns) == (1, 0, 0)


def test_a_failure_has_a_response_time_too(bench: Bench) -> None:
    def start(user_id: int) -> None:
        users.sleep(3)
        with metrics.time("op", since=1.0) as operation:
            operation.fail("refused")

    operation = run(bench, start)

    assert operation.failures == {"refused": 1}
    assert operation.response.max_ns == 2 * SECOND


def test_the_kind_told_counts_more_than_the_exception(bench: Bench) -> None:
    def start(user_id: int) -> None:
        with metrics.time("op") as operation:
            operation.fail("refused")
            raise ConnectionResetError

    assert run(bench, start).failures == {"refused": 1}


def test_kinds_of_failure_are_bounded_and_their_counts_conserved() -> None:
    operation = Operation()

    for number in range(MAX_NAMES + 50):
        operation.record(1, f"kind {number}", None)

    assert len(operation.failures) == MAX_NAMES + 1
    assert operation.failures[OTHER] == 50
    assert operation.count == MAX_NAMES + 50


def test_service_times_are_those_of_ok_and_failed_samples() -> None:
    operation = Operation()
    operation.record(1000, "", None)
    operation.record(3000, "bad", None)

    service = operation.service()

    assert (service.total, service.sum_ns, service.max_ns) == (2, 4000, 3000)


def sampled(seed: int, count: int) -> Operation:
    """Return an operation with samples of every outcome."""
    operation = Operation()
    record_some(operation, random.Random(seed), count)
    return operation


def record_some(operation: Operation, rng: random.Random, count: int) -> None:
    for _ in range(count):
        service_ns = rng.randrange(10**10)
        if rng.random() < 0.2:
            operation.interrupted.record(service_ns)
        else:
            response_ns = rng.choice([None, service_ns + rng.randrange(10**9)])
            operation.record(service_ns, rng.choice(["", "", "a", "b"]), response_ns)


def facts(operation: Operation) -> list[object]:
    """Return all that an operation knows, kinds of failures aside."""
    parts = (operation.ok, operation.failed, operation.interrupted, operation.response)
    told = [(list(part.nonzero()), part.sum_ns, part.max_ns) for part in parts]
    return [*told, operation.late_ns]


def test_a_copy_holds_the_same_samples() -> None:
    operation = sampled(1, 100)

    assert facts(operation.copy()) == facts(operation)


def test_a_copy_stays_as_it_is() -> None:
    operation = sampled(1, 100)

    twin = operation.copy()
    record_some(operation, random.Random(2), 100)

    assert facts(twin) == facts(sampled(1, 100))


@pytest.mark.parametrize("seed", range(30))
def test_what_came_since_each_copy_adds_up_to_the_whole(seed: int) -> None:
    rng = random.Random(seed)
    operation, merged = Operation(), Operation()

    for _ in range(10):
        before = operation.copy()
        record_some(operation, rng, rng.choice([0, 1, 50]))
        merged.merge(operation.since(before))

    assert facts(merged) == facts(operation)


def test_nothing_came_since_a_copy_when_nothing_did() -> None:
    operation = sampled(1, 100)

    recent = operation.since(operation.copy())

    assert facts(recent) == facts(Operation())


@pytest.mark.parametrize("seed", range(10))
def test_merged_operations_hold_the_samples_of_both(seed: int) -> None:
    rng = random.Random(seed)
    both, second = Operation(), Operation()
    record_some(both, rng, 50)
    state = rng.getstate()
    record_some(second, rng, 50)

    merged = sampled(seed, 50)
    merged.merge(second)

    rng.setstate(state)
    record_some(both, rng, 50)
    assert facts(merged) == facts(both)
