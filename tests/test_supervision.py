"""A loop that ends is told of and begun anew; one that cannot be kept alive ends the process."""

import logging
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from crowsg.supervision import (
    DEATHS,
    PAUSE_S,
    WITHIN_S,
    GreenletState,
    Kept,
    Supervisor,
    call_roll,
    unsupervised,
)
from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle
from tests.support.greenlets import kill


class Loop:
    """A loop that runs until it is told to end, and counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self._ends = gevent.event.AsyncResult()

    def run(self) -> object:
        """Run."""
        self.begun += 1
        self._ends = gevent.event.AsyncResult()
        return self._ends.get()

    def fail(self, error: BaseException | None = None) -> None:
        """Raise this in it; None: let it return."""
        if error is None:
            self._ends.set(None)
        else:
            self._ends.set_exception(error)
        settle()


class Bench:
    """A supervisor on a clock that is moved by hand; remembers how it ended the process."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ended: list[str] = []
        self.greenlets: list[Any] = []
        self.supervisor = Supervisor(self.clock, self._spawn, self.ended.append)
        self.loop = Loop()
        self.kept = self.keep()

    def keep(self, name: str = "beat", run: Callable[[], object] | None = None) -> Kept:
        """Keep a loop, and let it begin."""
        kept = self.supervisor.keep(name, run or self.loop.run)
        settle()
        return kept

    def state(self, name: str = "beat") -> GreenletState:
        """Return how a loop is."""
        return self.supervisor.states()[name]

    def die(self, *after_s: float) -> None:
        """Let the loop die after so many seconds each, counted from its death before."""
        for seconds in after_s:
            self.clock.advance(seconds)
            self.loop.fail(ValueError("broken"))

    def _spawn(self, function: Callable[..., object], *args: Any) -> Any:
        greenlet = gevent.spawn(function, *args)
        self.greenlets.append(greenlet)
        return greenlet


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "crowsg")


def test_a_loop_runs_from_when_it_is_kept(bench: Bench) -> None:
    assert bench.loop.begun == 1
    assert bench.supervisor.states() == {"beat": GreenletState("beat", is_running=True)}


@pytest.mark.parametrize(
    ("error", "why"),
    [
        pytest.param(ValueError("broken"), "ValueError: broken", id="exception"),
        pytest.param(RuntimeError(), "RuntimeError", id="without-words"),
        pytest.param(gevent.Timeout(1), "Timeout: 1 second", id="timeout"),
        pytest.param(None, "it returned", id="return"),
        pytest.param(gevent.GreenletExit(), "it was killed", id="killed"),
    ],
)
def test_a_loop_that_ends_begins_anew_at_once(
    bench: Bench, error: BaseException | None, why: str
) -> None:
    """R37."""
    bench.loop.fail(error)

    assert bench.loop.begun == 2
    assert bench.state() == GreenletState("beat", is_running=True, deaths=1, last_error=why)


def test_a_loop_that_is_killed_from_outside_begins_anew(bench: Bench) -> None:
    kill(bench.supervisor, "beat")

    assert (bench.loop.begun, bench.state().last_error) == (2, "it was killed")


def test_a_loop_that_is_killed_before_it_has_run_begins_anew(bench: Bench) -> None:
    bench.supervisor.keep("dial", Loop().run)

    kill(bench.supervisor, "dial")

    assert bench.state("dial") == GreenletState("dial", True, 1, "it was killed")


def test_a_death_is_written_with_its_traceback(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """R37."""
    bench.loop.fail(ValueError("broken"))

    (record,) = caplog.records
    assert record.levelno == logging.CRITICAL
    assert record.message == "the loop beat has died: ValueError: broken"
    assert "in run" in str(record.exc_text)


def test_nothing_is_left_for_gevent_to_print(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.loop.fail(ValueError("broken"))

    assert "Greenlet" not in capfd.readouterr().err


def test_the_second_death_is_followed_by_a_pause_below_a_second(bench: Bench) -> None:
    bench.die(0, 0)
    dead = bench.state()

    bench.clock.advance(PAUSE_S)

    assert (dead.is_running, dead.deaths) == (False, 2)
    assert bench.state().is_running
    assert PAUSE_S < 1


def test_a_loop_that_dies_at_once_does_not_spin(bench: Bench) -> None:
    begun: list[int] = []

    bench.keep("dial", lambda: begun.append(bench.clock.now_ns()))

    assert begun == [0, 0]


@pytest.mark.parametrize(
    "after_s",
    [
        pytest.param((0, PAUSE_S, PAUSE_S), id="as-fast-as-can-be"),
        pytest.param((0, 1, WITHIN_S - 1.1), id="within-a-minute"),
        pytest.param((0, WITHIN_S, 1, 1), id="after-one-long-ago"),
    ],
)
def test_three_deaths_in_a_minute_end_the_process(bench: Bench, after_s: tuple[float, ...]) -> None:
    """R37."""
    bench.die(*after_s)

    assert bench.ended == ["beat has died 3 times within 60 s, the last time: ValueError: broken"]


@pytest.mark.parametrize(
    "after_s",
    [
        pytest.param((0, 1), id="two"),
        pytest.param((0, WITHIN_S / 2, WITHIN_S / 2), id="over-a-minute"),
        pytest.param((0, *[WITHIN_S / 2 + 1] * 20), id="many-spread-over-time"),
    ],
)
def test_fewer_deaths_in_a_minute_end_nothing(bench: Bench, after_s: tuple[float, ...]) -> None:
    bench.die(*after_s)
    bench.clock.advance(PAUSE_S)

    assert bench.ended == []
    assert bench.state().deaths == len(after_s)
    assert bench.state().is_running


def test_deaths_are_counted_by_name(bench: Bench) -> None:
    other = Loop()
    bench.keep("dial", other.run)

    bench.die(0, 0)
    other.fail(ValueError("broken"))

    assert bench.ended == []
    assert (bench.state().deaths, bench.state("dial").deaths) == (2, 1)


def test_the_process_is_ended_once(bench: Bench) -> None:
    other = Loop()
    bench.keep("dial", other.run)
    bench.die(0, 1, 1)

    for _ in range(DEATHS):
        other.fail(ValueError("broken"))
        bench.clock.advance(PAUSE_S)

    assert len(bench.ended) == 1


def test_nothing_is_begun_anew_while_the_process_ends(bench: Bench) -> None:
    other = Loop()
    bench.keep("dial", other.run)
    bench.die(0, 1, 1)

    other.fail(ValueError("broken"))
    bench.clock.advance(10)

    assert (bench.loop.begun, other.begun) == (3, 1)


def test_a_loop_that_is_stopped_ends_without_a_word(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.kept.stop()
    bench.clock.advance(10)

    assert not bench.kept.is_running
    assert bench.supervisor.states() == {}
    assert (bench.loop.begun, caplog.records) == (1, [])


def test_a_loop_that_is_stopped_in_its_pause_does_not_begin_anew(bench: Bench) -> None:
    bench.die(0, 0)

    bench.kept.stop()
    bench.clock.advance(10)

    assert bench.loop.begun == 2


def test_a_loop_that_stops_itself_comes_to_its_end(bench: Bench) -> None:
    done: list[str] = []

    def run() -> None:
        kept.stop()
        gevent.sleep(0)
        done.append("cleaned up")

    kept = bench.supervisor.keep("dial", run)
    settle()

    assert done == ["cleaned up"]
    assert list(bench.supervisor.states()) == ["beat"]


def test_a_stop_waits_for_the_end_where_it_is_to(bench: Bench) -> None:
    bench.kept.stop(wait_s=5)

    assert not bench.kept.is_running


def test_close_stops_all_loops(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    other = bench.keep("dial", Loop().run)

    bench.supervisor.close()
    bench.clock.advance(10)

    assert (bench.kept.is_running, other.is_running) == (False, False)
    assert caplog.records == []


def test_a_loop_that_dies_as_all_are_closed_does_not_begin_anew(bench: Bench) -> None:
    bench.kept._greenlet.kill(block=False)

    bench.supervisor.close()
    bench.clock.advance(10)

    assert bench.loop.begun == 1


def test_a_name_can_be_kept_again_after_a_stop_and_its_deaths_are_remembered(bench: Bench) -> None:
    bench.die(0)
    bench.supervisor.close()

    bench.keep()

    assert bench.state() == GreenletState("beat", True, 1, "ValueError: broken")


def test_a_name_that_is_kept_is_refused(bench: Bench) -> None:
    with pytest.raises(ValueError, match="'beat' is kept already"):
        bench.keep()

    assert bench.loop.begun == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_what_is_meant_for_the_program_reaches_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(
        gevent.get_hub(), "handle_error", lambda where, kind, value, trace: seen.append(value)
    )

    bench.loop.fail(error)

    assert seen == [error]
    assert bench.loop.begun == 2


def test_the_roll_is_called_each_second(bench: Bench) -> None:
    noted: list[tuple[str, list[str], list[str]]] = []

    def note(kind: str, *, running: list[str], down: list[str]) -> None:
        noted.append((kind, running, down))

    bench.keep("roll call", lambda: call_roll(bench.supervisor, bench.clock, note))
    bench.clock.advance(2)

    assert noted == [("greenlets", ["beat", "roll call"], [])] * 3


def test_a_loop_that_is_dead_does_not_answer_the_roll(bench: Bench) -> None:
    """I17."""
    noted: list[dict[str, list[str]]] = []
    bench.die(0, 0)

    def note(_: str, **names: list[str]) -> None:
        noted.append(names)

    bench.keep("roll call", lambda: call_roll(bench.supervisor, bench.clock, note))

    assert noted == [{"running": ["roll call"], "down": ["beat"]}]


def test_without_a_supervisor_a_death_is_written_and_nothing_begins_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = Loop()
    unsupervised(gevent.spawn)("beat", loop.run)
    settle()

    loop.fail(ValueError("broken"))

    assert [record.message for record in caplog.records] == [
        "the loop beat has died: ValueError: broken"
    ]
    assert loop.begun == 1


def test_without_a_supervisor_a_stop_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    loop = Loop()
    kept = unsupervised(gevent.spawn)("beat", loop.run)
    settle()

    kept.stop(wait_s=5)
    settle()

    assert (kept.is_running, caplog.records) == (False, [])
