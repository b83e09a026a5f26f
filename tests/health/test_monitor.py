"""A node is saturated when its loop comes too late or it uses up a core, and not before."""

import gc
from collections.abc import Iterator

import gevent
import pytest

from crowsg.health.lag import TICK_S
from crowsg.health.monitor import Health, Reading
from crowsg.supervision import unsupervised
from tests.health.blocked import BlockableClock, Meter
from tests.health.threads import native_threads, until
from tests.support.nodes import Bench


class Patient:
    """A node whose health is watched."""

    def __init__(self) -> None:
        self.clock = BlockableClock(start_ns=10**9)
        self.meter = Meter()
        self.health = Health(self.clock, unsupervised(gevent.spawn), self.meter.read)

    def work(self, cpu_s: float, seconds: float = 1.0) -> None:
        """Use processor time for a while."""
        self.meter.cpu_s += cpu_s
        self.clock.advance(seconds)

    def block(self, seconds: float) -> None:
        """Stand still until the next tick is so late; nobody is woken yet."""
        self.clock.advance(0)
        self.clock.block(TICK_S + seconds)


@pytest.fixture
def node() -> Iterator[Patient]:
    """Returns a node that was just read."""
    node = Patient()
    node.health.start()
    node.health.reading()
    yield node
    node.health.stop()


@pytest.mark.parametrize(("given", "timeout_s"), [(None, 0.0), (0.0, 0.0), (2.5, 2.5)])
def test_it_tells_after_what_time_a_scenario_is_broken(
    given: float | None, timeout_s: float
) -> None:
    health = Health(BlockableClock(), unsupervised(gevent.spawn), Meter().read, given)

    assert health.stall_timeout_s == timeout_s


def test_a_calm_node_is_not_saturated(node: Patient) -> None:
    node.work(0.5)

    assert node.health.reading() == Reading(0.5, 0.0, 1000, 10, saturated=False)


def test_memory_and_files_are_those_at_the_end(node: Patient) -> None:
    node.meter.resident_bytes, node.meter.open_files = 3000, 30
    node.clock.advance(1)

    reading = node.health.reading()

    assert (reading.resident_bytes, reading.open_files) == (3000, 30)


@pytest.mark.parametrize(("cpu_s", "seconds", "cpu"), [(0.5, 1, 0.5), (2, 0.5, 4), (0, 3, 0)])
def test_cpu_is_processor_time_per_time(
    node: Patient, cpu_s: float, seconds: float, cpu: float
) -> None:
    node.work(cpu_s, seconds)

    assert node.health.reading().cpu == cpu


def test_every_reading_is_of_the_time_since_the_one_before(node: Patient) -> None:
    node.work(1)
    node.health.reading()

    node.work(0.25)

    assert node.health.reading().cpu == 0.25


@pytest.mark.parametrize(
    ("cpu_s", "is_saturated"),
    [
        pytest.param(0.0, False, id="idle"),
        pytest.param(0.949, False, id="just below"),
        pytest.param(0.95, True, id="just enough"),
        pytest.param(4.0, True, id="several cores"),
    ],
)
def test_a_node_that_uses_a_core_is_saturated(
    node: Patient, cpu_s: float, is_saturated: bool
) -> None:
    node.work(cpu_s)

    assert node.health.reading().saturated is is_saturated


@pytest.mark.parametrize(
    ("lag_s", "is_saturated"),
    [
        pytest.param(0.0, False, id="none"),
        pytest.param(0.0999, False, id="just below"),
        pytest.param(0.1, True, id="just enough"),
        pytest.param(60.0, True, id="a minute"),
    ],
)
def test_a_node_whose_loop_comes_late_is_saturated(
    node: Patient, lag_s: float, is_saturated: bool
) -> None:
    node.block(lag_s)
    node.clock.advance(1)

    reading = node.health.reading()

    assert (reading.lag_s, reading.saturated) == (lag_s, is_saturated)


@pytest.mark.parametrize(
    ("seconds", "cpu"),
    [pytest.param(0, 0.0, id="no time"), pytest.param(0.199, 0.0, id="a moment")],
)
def test_processor_time_over_a_moment_is_not_judged(
    node: Patient, seconds: float, cpu: float
) -> None:
    node.work(5, seconds)

    reading = node.health.reading()

    assert (reading.cpu, reading.saturated) == (cpu, False)


def test_processor_time_over_more_than_a_moment_is_judged(node: Patient) -> None:
    node.work(0.2, 0.2)

    assert node.health.reading().saturated


def test_a_lag_over_a_moment_is_judged(node: Patient) -> None:
    node.block(0.1)

    assert node.health.reading().saturated


def test_a_lag_saturates_one_reading(node: Patient) -> None:
    node.block(1)
    node.health.reading()

    node.clock.advance(1)

    assert node.health.reading() == Reading(0.0, 0.0, 1000, 10, saturated=False)


def test_a_reading_before_the_late_tick_tells_of_the_lag(node: Patient) -> None:
    node.block(1.5)

    assert node.health.reading().lag_s == 1.5


def test_after_a_reading_a_stall_is_on_record(node: Patient) -> None:
    node.block(1.5)

    node.health.reading()

    assert [stall.seconds for stall in node.health.watchdog.stalls] == [1.5 + TICK_S]


def test_a_node_that_is_not_watched_has_no_lag() -> None:
    node = Patient()
    node.health.reading()
    node.block(10)
    node.clock.advance(1)

    assert node.health.reading() == Reading(0.0, 0.0, 1000, 10, saturated=False)


def test_a_second_start_watches_nothing_twice(node: Patient) -> None:
    callbacks = gc.callbacks.copy()

    node.health.start()

    node.clock.advance(1)
    assert node.health.lag.lags.total == 20
    assert gc.callbacks == callbacks


def test_a_second_start_forgets_no_stall(node: Patient) -> None:
    node.block(1.5)

    node.health.start()

    node.health.reading()
    assert len(node.health.watchdog.stalls) == 1


@pytest.mark.parametrize("stops", [1, 2], ids=["once", "twice"])
def test_after_stop_nothing_is_watched(stops: int) -> None:
    callbacks = gc.callbacks.copy()
    node = Patient()
    node.health.start()

    for _ in range(stops):
        node.health.stop()

    node.clock.advance(1)
    assert (node.health.is_watching, node.health.lag.lags.total) == (False, 0)
    assert gc.callbacks == callbacks


def test_a_stop_without_a_start_changes_nothing() -> None:
    callbacks = gc.callbacks.copy()

    Patient().health.stop()

    assert gc.callbacks == callbacks


@pytest.mark.wall_clock
def test_after_stop_no_thread_is_left() -> None:
    before = native_threads()
    nodes = [Patient() for _ in range(20)]

    for node in nodes:
        node.health.start()
        node.health.stop()

    until(lambda: native_threads() <= before)


def test_watching_goes_on_after_another_start(node: Patient) -> None:
    node.health.stop()
    node.clock.advance(100)

    node.health.start()

    node.clock.advance(1)
    assert (node.health.lag.lags.total, node.health.reading().lag_s) == (20, 0.0)


def test_of_two_nodes_one_is_watched_on_when_the_other_stops(node: Patient) -> None:
    other = Patient()
    other.health.start()

    other.health.stop()

    gc.collect()
    assert node.health.pauses.pauses.total >= 1
    assert other.health.pauses.pauses.total == 0


def test_two_nodes_take_their_worst_lags_each(node: Patient) -> None:
    other = Health(node.clock, unsupervised(gevent.spawn), node.meter.read)
    other.start()
    node.block(1)

    assert (node.health.reading().lag_s, other.reading().lag_s) == (1.0, 1.0)
    other.stop()


def test_the_process_is_read_right_now(node: Patient) -> None:
    node.meter.open_files = 77

    assert node.health.process() == node.meter.read()


def test_a_node_is_watched_from_when_it_is_asked_to_until_it_stops() -> None:
    bench = Bench()
    health = bench.node.health

    with bench.node:
        before = health.is_watching
        bench.node.watch()
        meanwhile = health.is_watching

    assert (before, meanwhile, health.is_watching) == (False, True, False)
