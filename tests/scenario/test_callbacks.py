"""Callbacks are called in their span, on their own greenlet, and harm nobody when they fail."""

from collections.abc import Callable
from typing import Any

import gevent
import pytest

from crowsg.errors import ScenarioFailed
from crowsg.scenario.callbacks import CallbackName, Callbacks
from crowsg.scenario.loading import Scenario
from crowsg.telemetry.bus import Bus
from crowsg.testing import CapturedEvent, ManualClock, capture_events

LIMIT_S = 30.0
INIT_SPAN = ("crowsg", "scenario", "init", "*")

ERRORS = [
    pytest.param(ValueError("bad"), "ValueError: bad", id="Exception"),
    pytest.param(SystemExit(3), "SystemExit: 3", id="SystemExit"),
    pytest.param(KeyboardInterrupt(), "KeyboardInterrupt", id="KeyboardInterrupt"),
    pytest.param(BaseException("base"), "BaseException: base", id="BaseException"),
    pytest.param(StopIteration(), "StopIteration", id="StopIteration"),
    pytest.param(gevent.GreenletExit(), "GreenletExit", id="GreenletExit"),
    pytest.param(gevent.Timeout(1), "Timeout: 1 second", id="Timeout"),
]


def chat(**callbacks: Callable[..., Any] | None) -> Scenario:
    """Return a scenario of these callbacks, most of the time not a whole one."""
    names = ("init", "start", "terminate", "setup", "teardown")
    return Scenario("chat", (), *(callbacks.get(name) for name in names))  # type: ignore[arg-type]


class Kit:
    """Callbacks that are called on a clock moved by hand, and the greenlets they ran on."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.telemetry = Bus(self.clock)
        self.greenlets: list[Any] = []
        self.callbacks = Callbacks(self.telemetry, self.clock, self.spawn)

    def spawn(self, function: Callable[..., Any], *args: Any) -> Any:
        self.greenlets.append(gevent.spawn(function, *args))
        return self.greenlets[-1]

    def call(self, callback: Callable[..., Any] | None, *args: Any) -> Any:
        return self.callbacks.invoke(chat(init=callback), "init", LIMIT_S, *args)


@pytest.fixture
def kit() -> Kit:
    return Kit()


def throw(error: BaseException) -> Callable[[], None]:
    def callback() -> None:
        raise error

    return callback


def names(events: list[CapturedEvent]) -> list[str]:
    return [event.name[-1] for event in events]


@pytest.mark.parametrize("value", [None, 17, (None, ValueError()), (1, 2), ValueError()], ids=repr)
def test_the_result_is_returned(kit: Kit, value: object) -> None:
    assert kit.call(lambda: value) is value


def test_arguments_are_handed_on(kit: Kit) -> None:
    assert kit.call(lambda *args: args, 1, "state") == (1, "state")


def test_a_callback_runs_on_a_greenlet_of_its_own(kit: Kit) -> None:
    ran_in = kit.call(gevent.getcurrent)

    assert [ran_in] == kit.greenlets
    assert ran_in.dead


def test_a_missing_callback_is_no_call(kit: Kit) -> None:
    with capture_events(kit.telemetry, INIT_SPAN) as events:
        assert kit.call(None) is None

    assert (events, kit.greenlets) == ([], [])


def test_the_caller_waits_as_long_as_the_callback(kit: Kit) -> None:
    caller = gevent.spawn(kit.call, lambda: kit.clock.sleep(5))
    kit.clock.advance(4)
    assert not caller.dead

    kit.clock.advance(1)

    assert caller.successful()


@pytest.mark.parametrize(("error", "said"), ERRORS)
def test_whatever_is_raised_is_a_failure_of_the_scenario(
    kit: Kit, error: BaseException, said: str
) -> None:
    with pytest.raises(
        ScenarioFailed, match=rf"init failed: {said} \(test_callbacks.py:"
    ) as caught:
        kit.call(throw(error))

    assert (caught.value.callback, caught.value.exit_code) == ("init", 3)
    assert caught.value.__cause__ is error


def test_a_callback_may_return_what_it_did_not_raise(kit: Kit) -> None:
    assert isinstance(kit.call(gevent.GreenletExit), gevent.GreenletExit)


def test_a_killed_caller_takes_its_callback_with_it(kit: Kit) -> None:
    ended: list[str] = []

    def callback() -> None:
        try:
            kit.clock.sleep(1000)
        finally:
            ended.append("cleaned up")

    caller = gevent.spawn(kit.call, callback)
    kit.clock.advance(1)

    caller.kill()
    gevent.idle()

    assert ended == ["cleaned up"]
    assert kit.greenlets[0].dead


def test_a_timeout_of_the_caller_is_not_the_scenario_s(kit: Kit) -> None:
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.001):
        kit.call(lambda: kit.clock.sleep(1000))

    gevent.idle()
    assert kit.greenlets[0].dead


def test_a_callback_that_is_killed_is_a_failure(kit: Kit) -> None:
    caller = gevent.spawn(kit.call, lambda: kit.clock.sleep(1000))
    kit.clock.advance(1)

    kit.greenlets[0].kill()
    caller.join()

    assert isinstance(caller.exception, ScenarioFailed)


def test_a_callback_that_is_killed_before_its_first_step_is_a_failure() -> None:
    def spawn(function: Callable[..., Any], *args: Any) -> Any:
        greenlet = gevent.spawn(function, *args)
        greenlet.kill(block=False)
        return greenlet

    clock = ManualClock()
    callbacks = Callbacks(Bus(clock), clock, spawn)

    with pytest.raises(ScenarioFailed, match="GreenletExit"):
        callbacks.invoke(chat(init=lambda: None), "init", LIMIT_S)


def test_a_callback_that_takes_too_long_is_killed_and_a_failure(kit: Kit) -> None:
    """R11: a callback that hangs is cut."""
    caller = gevent.spawn(kit.call, lambda: kit.clock.sleep(1000))

    kit.clock.advance(LIMIT_S - 0.1)
    assert not caller.ready()
    kit.clock.advance(0.1)

    assert isinstance(caller.exception, ScenarioFailed)
    assert "longer than 30 s" in str(caller.exception)
    assert kit.greenlets[0].dead


def test_the_time_it_may_take_is_known_while_it_runs(kit: Kit) -> None:
    told = [kit.callbacks.patience_s()]
    kit.call(lambda: told.append(kit.callbacks.patience_s()))
    told.append(kit.callbacks.patience_s())

    assert told == [0.0, LIMIT_S, 0.0]


def test_a_callback_that_survives_its_kill_is_left_behind(kit: Kit) -> None:
    """R11: a callback that hangs is cut, whatever it does against it."""

    def stubborn() -> None:
        for _ in range(2):
            try:
                kit.clock.sleep(1000)
            except BaseException:  # noqa: BLE001 - on purpose
                continue

    caller = gevent.spawn(kit.call, stubborn)
    kit.clock.advance(LIMIT_S + 1.0)

    assert isinstance(caller.exception, ScenarioFailed)
    kit.greenlets[0].kill()


def test_a_call_is_a_span_that_carries_what_was_returned(kit: Kit) -> None:
    with capture_events(kit.telemetry, INIT_SPAN) as events:
        kit.call(lambda: "state")

    start, stop = events
    assert names(events) == ["start", "stop"]
    assert (start.metadata["scenario"], stop.metadata["scenario"]) == ("chat", "chat")
    assert "return" not in start.metadata
    assert stop.metadata["return"] == "state"


def test_the_span_lasts_as_long_as_the_callback(kit: Kit) -> None:
    with capture_events(kit.telemetry, INIT_SPAN) as events:
        gevent.spawn(kit.call, lambda: kit.clock.sleep(5))
        kit.clock.advance(5)

    assert events[1].measurements["duration"] == 5.0


@pytest.mark.parametrize(("error", "said"), ERRORS)
def test_a_call_that_fails_is_a_span_that_ends_in_an_exception(
    kit: Kit, error: BaseException, said: str
) -> None:
    with capture_events(kit.telemetry, INIT_SPAN) as events, pytest.raises(ScenarioFailed):
        kit.call(throw(error))

    assert names(events) == ["start", "exception"]
    assert events[1].metadata["reason"] is error
    assert events[1].metadata["scenario"] == "chat"


@pytest.mark.parametrize("name", ["setup", "init", "terminate", "teardown"])
def test_every_callback_has_a_span_of_its_name(kit: Kit, name: CallbackName) -> None:
    with capture_events(kit.telemetry, ("crowsg", "scenario", name, "*")) as events:
        kit.callbacks.invoke(chat(**{name: lambda: None}), name, LIMIT_S)

    assert names(events) == ["start", "stop"]


def test_a_handler_that_fails_harms_no_callback(kit: Kit) -> None:
    def fail(*_: object) -> None:
        raise SystemExit

    kit.telemetry.attach("bad", ("crowsg", "scenario", "init", "stop"), fail)

    assert kit.call(lambda: 17) == 17
