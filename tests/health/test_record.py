"""What a run has on record of its generator: spans, worst figures, and nothing from before."""

import json

import gevent
import pytest

from crowsg.clock import SECOND
from crowsg.health.lag import TICK_S
from crowsg.health.monitor import Health, Reading
from crowsg.health.record import MAX_SPANS, HealthRecord, StallSummary
from crowsg.health.watchdog import Stall
from crowsg.supervision import unsupervised
from tests.health.blocked import BlockableClock, Meter

CALM = Reading()
LIMIT = Reading(saturated=True)
BEGAN_S = 100


class Run:
    """A run that began a hundred seconds after its node was first watched."""

    def __init__(self) -> None:
        self.clock = BlockableClock()
        self.health = Health(self.clock, unsupervised(gevent.spawn), Meter().read)
        self.clock.advance(BEGAN_S)
        self.record = self.begin()

    def begin(self) -> HealthRecord:
        """Begin another record."""
        return HealthRecord(self.health, self.clock.now_ns())

    def seconds(self, *readings: Reading) -> None:
        """Put one reading after the other on record, each of a second."""
        for at, reading in enumerate(readings):
            self.record.add(reading, float(at), at + 1.0)

    def stalls(self, at_s: float, seconds: float = 2.0) -> None:
        """Let the watchdog have seen a stall, so long after the run began."""
        began_ns = round((BEGAN_S + at_s) * SECOND)
        self.health.watchdog.stalls.append(Stall(began_ns, seconds, "talk (chat.py:3)"))


@pytest.fixture
def run() -> Run:
    return Run()


def test_of_a_run_without_a_second_there_is_nothing_on_record(run: Run) -> None:
    summary = run.record.summary()

    assert summary.as_dict() == {
        "saturated_s": 0.0,
        "saturated": (),
        "cpu_mean": 0.0,
        "cpu_max": 0.0,
        "loop_lag": None,
        "gc_pause": None,
        "gc_pause_s": 0.0,
        "resident_bytes": 0,
        "open_files": 0,
        "stalls": (),
    }


@pytest.mark.parametrize(
    ("readings", "spans"),
    [
        pytest.param([CALM, CALM], (), id="never"),
        pytest.param([CALM, LIMIT, CALM], ((1.0, 2.0),), id="one second"),
        pytest.param([LIMIT] * 5, ((0.0, 5.0),), id="all the time"),
        pytest.param([LIMIT, LIMIT, CALM, LIMIT], ((0.0, 2.0), (3.0, 4.0)), id="twice"),
    ],
)
def test_saturated_seconds_in_a_row_are_one_span(
    run: Run, readings: list[Reading], spans: tuple[tuple[float, float], ...]
) -> None:
    run.seconds(*readings)

    assert run.record.summary().saturated == spans


def test_saturated_seconds_are_added_up(run: Run) -> None:
    run.record.add(LIMIT, 0.0, 1.5)
    run.record.add(CALM, 1.5, 2.5)
    run.record.add(LIMIT, 2.5, 3.0)

    assert run.record.summary().saturated_s == 2.0


def test_a_thousand_spans_are_on_record_and_no_more(run: Run) -> None:
    run.seconds(*[LIMIT, CALM] * (MAX_SPANS + 50))

    assert len(run.record.summary().saturated) == MAX_SPANS == 1000


def test_seconds_whose_span_is_not_on_record_count_all_the_same(run: Run) -> None:
    run.seconds(*[LIMIT, CALM] * (MAX_SPANS + 50))

    assert run.record.summary().saturated_s == MAX_SPANS + 50


def test_the_last_span_on_record_may_still_grow(run: Run) -> None:
    run.seconds(*[LIMIT, CALM] * (MAX_SPANS - 1), LIMIT, LIMIT)

    end_s = 2.0 * MAX_SPANS
    assert run.record.summary().saturated[-1] == (end_s - 2, end_s)


@pytest.mark.parametrize(("last", "is_saturated"), [(CALM, False), (LIMIT, True)])
def test_a_run_is_saturated_from_its_first_saturated_second(
    run: Run, last: Reading, is_saturated: bool
) -> None:
    run.seconds(CALM, last)

    assert run.record.is_saturated is is_saturated


def test_a_run_stays_saturated(run: Run) -> None:
    run.seconds(LIMIT, CALM)

    assert run.record.is_saturated


def test_of_memory_files_and_processor_time_the_most_is_on_record(run: Run) -> None:
    run.seconds(
        Reading(cpu=0.5, resident_bytes=100, open_files=30),
        Reading(cpu=0.9, resident_bytes=300, open_files=20),
        Reading(cpu=0.1, resident_bytes=200, open_files=10),
    )

    summary = run.record.summary()

    assert (summary.cpu_max, summary.resident_bytes, summary.open_files) == (0.9, 300, 30)


def test_a_long_time_weighs_more_in_the_mean_than_a_short_one(run: Run) -> None:
    run.record.add(Reading(cpu=1.0), 0.0, 3.0)
    run.record.add(Reading(cpu=0.0), 3.0, 4.0)

    assert run.record.summary().cpu_mean == 0.75


def test_stalls_are_told_by_the_time_of_the_run(run: Run) -> None:
    run.stalls(0)
    run.stalls(7.5, 1.25)

    first, second = run.record.summary().stalls

    assert first == StallSummary(0.0, 2.0, "talk (chat.py:3)")
    assert second == StallSummary(7.5, 1.25, "talk (chat.py:3)")


def test_stalls_from_before_the_run_are_not_its_own(run: Run) -> None:
    run.stalls(-50)
    run.stalls(-2)

    assert run.record.summary().stalls == ()


def test_lags_from_before_the_run_are_not_its_own(run: Run) -> None:
    run.health.lag.lags.record(9 * SECOND)
    run.record = run.begin()

    run.health.lag.lags.record(SECOND)

    lag = run.record.summary().loop_lag
    assert lag is not None
    assert lag.mean == 1.0
    assert lag.max == pytest.approx(1.0, rel=0.01)


def test_a_lag_that_is_seen_when_the_run_begins_is_not_its_own(run: Run) -> None:
    run.health.start()
    run.clock.advance(0)
    run.clock.block(TICK_S + 3)

    run.record = run.begin()

    run.health.stop()
    assert run.record.summary().loop_lag is None


def test_a_stall_that_ends_when_the_run_begins_is_not_its_own(run: Run) -> None:
    run.health.start()
    run.clock.block(3)

    run.record = run.begin()

    run.health.stop()
    assert len(run.health.watchdog.stalls) == 1
    assert run.record.summary().stalls == ()


def test_the_run_begins_with_a_reading_of_its_own(run: Run) -> None:
    run.health.start()
    run.clock.advance(0)
    run.clock.block(TICK_S + 3)
    run.record = run.begin()

    reading = run.health.reading()

    run.health.stop()
    assert reading.lag_s == 0.0


def test_pauses_from_before_the_run_are_not_its_own(run: Run) -> None:
    pauses = run.health.pauses.pauses
    pauses.record(9 * SECOND)
    run.record = run.begin()

    pauses.record(SECOND)
    pauses.record(3 * SECOND)

    summary = run.record.summary()
    assert summary.gc_pause is not None
    assert (summary.gc_pause.mean, summary.gc_pause_s) == (2.0, 4.0)


def test_two_runs_of_a_node_have_records_of_their_own(run: Run) -> None:
    first = run.record
    first.add(Reading(cpu=1.0, saturated=True), 0.0, 1.0)

    second = run.begin()

    assert (first.is_saturated, second.is_saturated) == (True, False)


def test_a_summary_may_be_taken_while_the_run_goes_on(run: Run) -> None:
    run.seconds(LIMIT)
    before = run.record.summary()

    run.record.add(LIMIT, 1.0, 2.0)

    assert (before.saturated, before.saturated_s) == (((0.0, 1.0),), 1.0)


def test_a_summary_is_plain_values(run: Run) -> None:
    run.seconds(LIMIT)
    run.stalls(1)
    run.health.lag.lags.record(SECOND)

    told = json.loads(json.dumps(run.record.summary().as_dict(), allow_nan=False))

    assert told["saturated"] == [[0.0, 1.0]]
    assert told["stalls"] == [{"at_s": 1.0, "seconds": 2.0, "place": "talk (chat.py:3)"}]
    assert told["loop_lag"]["max"] == 1.0
