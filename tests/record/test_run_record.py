"""What is on record of a run: samples without gap or overlap, and the sum of it all."""

import random
from itertools import pairwise

import pytest

from crowsg import metrics, users
from crowsg.record.run_record import RunRecord
from tests.record.runs import BusyBench, Execution
from tests.support.nodes import Bench, make_scenario


def fail(user_id: int) -> None:
    raise ValueError(f"user {user_id}")


@pytest.fixture
def record(bench: Bench) -> RunRecord:
    """Give the record of a run that has just begun."""
    bench.clock.advance(3)
    bench.do(make_scenario(), 2)
    bench.node.record.begin("run-1", "asked for")
    return bench.node.record


@pytest.mark.parametrize("seed", range(20))
def test_samples_cover_the_time_without_gap_or_overlap(
    bench: Bench, record: RunRecord, seed: int
) -> None:
    rng = random.Random(seed)
    times = [rng.choice([0, 0.001, 0.5, 1, 7]) for _ in range(20)]
    samples = []
    for seconds in times:
        bench.clock.advance(seconds)
        samples.append(record.sample())

    assert samples[0].from_s == 0
    assert all(after.from_s == before.to_s for before, after in pairwise(samples))
    assert samples[-1].to_s == record.elapsed_s() == pytest.approx(sum(times))


def test_the_first_sample_begins_when_users_are_about_to_start(
    bench: Bench, record: RunRecord
) -> None:
    bench.clock.advance(2)
    record.begin_samples()

    bench.clock.advance(0.5)

    sample = record.sample()
    assert (sample.from_s, sample.to_s, sample.seconds) == (2.0, 2.5, 0.5)


def test_what_was_recorded_before_the_samples_began_is_in_the_first(
    bench: Bench, record: RunRecord
) -> None:
    metrics.observe("connect", 0.5)
    record.begin_samples()

    sample = record.sample()

    assert sample.operations["connect"].ok == 1


def test_a_sample_shows_the_node_at_its_end(bench: Bench, record: RunRecord) -> None:
    bench.node.local.add(3)
    bench.clock.advance(1)

    sample = record.sample()

    assert (sample.status.state, sample.status.users.running) == ("running", 5)
    assert sample.throttles["user_rate"].granted == 5


def test_a_sample_stays_as_it_was_taken(bench: Bench, record: RunRecord) -> None:
    bench.node.recorder.failures.record(ValueError("user 1"))
    sample = record.sample()

    bench.node.recorder.failures.record(ValueError("user 2"))

    assert [group.count for group in sample.errors] == [1]
    assert [group.count for group in record.summary().errors] == [2]


def test_a_provisional_summary_has_no_exit_code(record: RunRecord) -> None:
    summary = record.summary()

    assert (summary.exit_code, summary.exit_reason) == (None, "running")
    assert (summary.as_dict()["exit_code"], summary.as_dict()["ended_at"]) == (None, None)


def test_a_summary_for_good_says_how_it_ended(bench: Bench, record: RunRecord) -> None:
    bench.clock.advance(1.5)

    said = record.summary(97, "interrupted").as_dict()

    assert (said["exit_code"], said["exit_reason"]) == (97, "interrupted")
    assert (said["started_at"], said["ended_at"]) == (
        "1970-01-01T00:00:03.000+00:00",
        "1970-01-01T00:00:04.500+00:00",
    )


def test_rates_are_those_of_the_whole_run(bench: Bench, record: RunRecord) -> None:
    for _ in range(10):
        metrics.observe("login", 0.1)

    bench.clock.advance(4)

    assert record.summary().operations["login"].rate_per_s == 2.5


def test_a_summary_holds_what_the_scenario_recorded(record: RunRecord) -> None:
    metrics.count("sent", 5, to="a")
    metrics.gauge("queue", 2.5)
    metrics.check("sound", True)
    metrics.check("sound", False)

    summary = record.summary()

    assert summary.counters == {'sent{to="a"}': 5}
    assert summary.gauges == {"queue": 2.5}
    assert summary.checks == {"sound": (1, 1)}


def test_a_lone_node_is_all_there_is(bench: Bench, record: RunRecord) -> None:
    summary = record.summary()

    (node,) = summary.nodes
    assert (node.name, node.state, node.users) == ("test@localhost", "running", summary.users)
    assert (node.health, node.gaps) == (summary.health, ())


def test_a_scenario_that_was_never_loaded_is_named_as_it_was_asked_for(bench: Bench) -> None:
    record = bench.node.record
    record.begin("run-1", "chat.py")

    assert record.summary().scenario == "chat.py"


def test_the_next_run_begins_a_new_record(bench: Bench, record: RunRecord) -> None:
    record.changes.note("something")
    bench.clock.advance(5)
    record.sample()

    record.begin("run-2", "chat.py")
    bench.clock.advance(1)

    sample = record.sample()
    assert (sample.from_s, sample.to_s) == (0.0, 1.0)
    assert (record.summary().run_id, record.summary().events) == ("run-2", ())


def test_a_second_in_which_the_loop_was_blocked_is_saturated() -> None:
    bench = BusyBench()

    def start(user_id: int) -> None:
        users.sleep(1.5)
        bench.clock.spend(0.4)
        users.sleep(1.1)

    with bench.node:
        bench.node.watch()
        execution = Execution(bench, make_scenario(start))
        bench.clock.advance(3)

    health = execution.summary().health
    assert [sample.health.saturated for sample in execution.witness.samples] == [0, 1, 0]
    assert (health.saturated, health.saturated_s) == (((1.0, 2.0),), 1.0)


def test_saturated_seconds_in_a_row_are_one_span() -> None:
    bench = BusyBench()

    def start(user_id: int) -> None:
        for _ in range(3):
            users.sleep(0.6)
            bench.clock.spend(0.2)

    with bench.node:
        bench.node.watch()
        execution = Execution(bench, make_scenario(start))
        bench.clock.advance(4)

    assert execution.summary().health.saturated == ((0.0, 2.4),)


def test_errors_are_told_by_the_time_of_the_run_and_not_since_it_was_loaded(bench: Bench) -> None:
    record = bench.node.record
    record.begin("run-1", "made")
    bench.clock.advance(5)
    bench.node.recorder.reset()
    bench.clock.advance(2)

    bench.node.recorder.failures.record(RuntimeError("boom"))

    (error,) = record.summary().errors
    assert (error.first_s, error.last_s) == (7.0, 7.0)
