"""amoc.md section 9: every event that exists on one node, with its measurements and metadata."""

from collections.abc import Callable

import pytest

from crowsg import Variable, config
from crowsg.context import node_context
from crowsg.errors import InvalidSetting, ScenarioFailed, SettingsRejected
from crowsg.testing import CapturedEvent, capture_events
from tests.support.nodes import Bench, make_scenario

SPANS = ("setup", "init", "start", "terminate", "teardown")
START = {"monotonic_time", "system_time"}
END = {"duration", "monotonic_time"}
CALLED = {"scenario", "span_context"}
EXTRA = {"start": {"state", "user_id"}, "terminate": {"state"}}


def fail(*_: object) -> None:
    raise RuntimeError


def a_whole_run(bench: Bench, **callbacks: Callable[..., object]) -> None:
    scenario = make_scenario(callbacks.pop("start", lambda user_id: "result"), **callbacks)
    bench.do(scenario, 1)
    bench.node.local.stop()
    bench.clock.advance(0)


def only(events: list[CapturedEvent], kind: str) -> CapturedEvent:
    (event,) = [event for event in events if event.name[-1] == kind]
    return event


@pytest.mark.parametrize("callback", SPANS)
def test_a_callback_that_returns_starts_and_stops(bench: Bench, callback: str) -> None:
    callbacks: dict[str, Callable[..., object]] = {name: lambda *_: None for name in SPANS}
    with capture_events(bench.node.telemetry, ("crowsg", "scenario", callback, "*")) as events:
        a_whole_run(bench, **callbacks)

    start, stop = only(events, "start"), only(events, "stop")
    metadata = CALLED | EXTRA.get(callback, set())
    # What setup returns are settings, and some of them may be secret.
    returned = set() if callback == "setup" else {"return"}
    assert (set(start.measurements), set(start.metadata)) == (START, metadata)
    assert (set(stop.measurements), set(stop.metadata)) == (END, metadata | returned)
    assert start.metadata["span_context"] == stop.metadata["span_context"]
    assert len(events) == 2


@pytest.mark.parametrize("callback", SPANS)
def test_a_callback_that_raises_starts_and_ends_in_an_exception(
    bench: Bench, callback: str
) -> None:
    with capture_events(bench.node.telemetry, ("crowsg", "scenario", callback, "*")) as events:
        if callback in ("setup", "init"):
            with pytest.raises(ScenarioFailed):
                a_whole_run(bench, **{callback: fail})
        else:
            a_whole_run(bench, **{callback: fail})

    exception = only(events, "exception")
    metadata = CALLED | EXTRA.get(callback, set()) | {"kind", "reason", "stacktrace"}
    assert (set(exception.measurements), set(exception.metadata)) == (END, metadata)
    assert exception.metadata["kind"] == "error"
    assert isinstance(exception.metadata["reason"], RuntimeError)


def test_the_throttle_of_the_starts_tells_what_it_does(bench: Bench) -> None:
    kinds = ("init", "rate", "request", "execute")
    names = [("crowsg", "throttle", kind) for kind in kinds]
    with capture_events(bench.node.telemetry, *names) as events:
        bench.node.local.do(make_scenario(), 1, {"user_rate": 600})
        bench.clock.advance(0)

    assert [event.name[-1] for event in events] == list(kinds)
    assert only(events, "rate").measurements == {"rate": 600, "interval": 60}
    assert all(event.metadata["name"] == "user_rate" for event in events)
    assert all(event.measurements == {"count": 1} for event in events if event.name[-1] != "rate")


def test_users_added_and_removed_are_told_with_the_scenario(bench: Bench) -> None:
    with capture_events(bench.node.telemetry, ("crowsg", "controller", "users")) as events:
        bench.do(make_scenario(name="told"), 3)
        bench.node.local.remove(2)

    told = [(event.measurements, event.metadata["type"]) for event in events]
    assert told == [({"count": 3}, "add"), ({"count": 2}, "remove")]
    assert {event.metadata["scenario"] for event in events} == {"told"}


def test_reading_an_undeclared_setting_is_told(bench: Bench) -> None:
    with (
        capture_events(bench.node.telemetry, ("crowsg", "config", "get")) as events,
        node_context(bench.node),
        pytest.raises(InvalidSetting),
    ):
        config.get("nothing")

    assert events[0].measurements == {"error": 1}
    assert events[0].metadata["setting"] == "nothing"
    assert events[0].metadata["log_level"] == "error"


def test_a_verification_that_raises_is_told(bench: Bench) -> None:
    variable = Variable("size", "a size", default=1, verify=lambda value: 1 / 0)
    with (
        capture_events(bench.node.telemetry, ("crowsg", "config", "verify")) as events,
        pytest.raises(SettingsRejected),
    ):
        bench.do(make_scenario(required_variables=[variable]), 0)

    assert (events[0].measurements, events[0].metadata["setting"]) == ({"error": 1}, "size")
    assert "ZeroDivisionError" in events[0].metadata["reason"]
