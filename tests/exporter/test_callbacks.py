"""How long callbacks of scenarios took, from the events of the node."""

from collections.abc import Iterator

import pytest

from crowsg.clock import SECOND
from crowsg.exporter.callbacks import CallbackTimes
from crowsg.metrics.names import MAX_NAMES, OTHER
from crowsg.telemetry.bus import Bus
from crowsg.telemetry.span import SpanEvents
from crowsg.testing import ManualClock


class Stage:
    """Callbacks that take as long as they are told."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.bus = Bus(self.clock)
        self.callbacks = CallbackTimes()

    def call(self, scenario: object, name: str, seconds: float, error: str = "") -> None:
        events = SpanEvents(self.bus, ("crowsg", "scenario", name))
        try:
            with events.open({"scenario": scenario}):
                self.clock.advance(seconds)
                if error:
                    raise RuntimeError(error)
        except RuntimeError:
            pass

    def seconds(self) -> dict[tuple[str, str, str], float]:
        """Return the time taken, by scenario, callback and outcome."""
        return {key: times.sum_ns / SECOND for key, times in self.callbacks.times.items()}


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    stage.callbacks.attach(stage.bus)
    yield stage
    stage.callbacks.detach(stage.bus)


@pytest.mark.parametrize("name", ["setup", "init", "terminate", "teardown"])
def test_a_callback_is_timed(stage: Stage, name: str) -> None:
    stage.call("chat", name, 1.5)

    assert stage.seconds() == {("chat", name, "ok"): 1.5}


def test_a_callback_that_raises_is_timed_as_failed(stage: Stage) -> None:
    stage.call("chat", "init", 0.5, error="no server")

    assert stage.seconds() == {("chat", "init", "failed"): 0.5}


def test_times_of_a_callback_add_up(stage: Stage) -> None:
    for seconds in (1, 2, 4):
        stage.call("chat", "init", seconds)

    (times,) = stage.callbacks.times.values()
    assert (times.total, times.sum_ns) == (3, 7 * SECOND)


def test_users_are_no_callbacks(stage: Stage) -> None:
    stage.call("chat", "start", 1)

    assert stage.seconds() == {}


def test_nothing_is_timed_after_detaching(stage: Stage) -> None:
    stage.callbacks.detach(stage.bus)

    stage.call("chat", "init", 1)

    assert stage.seconds() == {}


def test_what_goes_beyond_two_hundred_kinds_is_timed_together(stage: Stage) -> None:
    for number in range(MAX_NAMES + 5):
        stage.call(f"scenario {number}", "init", 1)

    assert len(stage.callbacks.times) == MAX_NAMES + 1
    assert stage.seconds()[(OTHER, "init", "ok")] == 5


def test_beyond_two_hundred_kinds_the_known_ones_go_on(stage: Stage) -> None:
    for number in (*range(MAX_NAMES), 7):
        stage.call(f"scenario {number}", "init", 1)

    assert stage.seconds()[("scenario 7", "init", "ok")] == 2


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        pytest.param("bad\ud800", "bad?", id="lone surrogate"),
        pytest.param("two\nlines", "two lines", id="newline"),
        pytest.param("x" * 1000, "x" * 512, id="long"),
        pytest.param(None, "None", id="no text"),
    ],
)
def test_an_ugly_name_is_kept_as_a_short_line(stage: Stage, name: object, kept: str) -> None:
    stage.call(name, "init", 1)

    assert stage.seconds() == {(kept, "init", "ok"): 1}
