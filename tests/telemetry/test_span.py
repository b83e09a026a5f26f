"""A span is a start and one end, whatever happens in between."""

from contextlib import suppress

import gevent
import pytest

from crowsg import telemetry
from crowsg.context import node_context
from crowsg.node import Node
from crowsg.telemetry.bus import Bus, Metadata
from crowsg.telemetry.span import Span, SpanEvents
from crowsg.testing import CapturedEvent, ManualClock, capture_events

WORK = ("chat", "work")

ERRORS = [
    pytest.param(ValueError("bad"), "error", id="ValueError"),
    pytest.param(StopIteration(), "error", id="StopIteration"),
    pytest.param(SystemExit(1), "exit", id="SystemExit"),
    pytest.param(KeyboardInterrupt(), "exit", id="KeyboardInterrupt"),
    pytest.param(gevent.GreenletExit(), "exit", id="GreenletExit"),
]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start_ns=10_000_000_000)


@pytest.fixture
def bus(clock: ManualClock) -> Bus:
    return Bus(clock)


def open_span(bus: Bus, metadata: Metadata | None = None) -> Span:
    return SpanEvents(bus, WORK).open(metadata or {})


def run(bus: Bus, error: BaseException | None = None) -> list[CapturedEvent]:
    """Return the events of one span, whose block raises."""
    with (
        capture_events(bus, (*WORK, "*")) as events,
        suppress(BaseException),
        open_span(bus, {"user_id": 7}),
    ):
        if error is not None:
            raise error
    return events


def test_a_span_is_a_start_and_a_stop(bus: Bus) -> None:
    assert [event.name for event in run(bus)] == [(*WORK, "start"), (*WORK, "stop")]


def test_the_start_tells_the_time_of_both_clocks(bus: Bus) -> None:
    start, _ = run(bus)

    assert start.measurements == {"monotonic_time": 10.0, "system_time": 10.0}


def test_the_stop_tells_how_long_it_took(bus: Bus, clock: ManualClock) -> None:
    with capture_events(bus, (*WORK, "stop")) as events, open_span(bus):
        clock.advance(2.5)

    assert events[0].measurements == {"duration": 2.5, "monotonic_time": 12.5}


def test_the_exception_tells_how_long_it_took(bus: Bus, clock: ManualClock) -> None:
    with capture_events(bus, (*WORK, "exception")) as events:
        span = open_span(bus)
        span.__enter__()
        clock.advance(2.5)
        span.__exit__(ValueError, ValueError(), None)

    assert events[0].measurements == {"duration": 2.5, "monotonic_time": 12.5}


def test_all_events_of_a_span_carry_its_metadata_and_context(bus: Bus) -> None:
    start, stop = run(bus)

    assert (
        start.metadata
        == stop.metadata
        == {
            "user_id": 7,
            "span_context": start.metadata["span_context"],
        }
    )


def test_spans_that_overlap_have_contexts_of_their_own(bus: Bus) -> None:
    with (
        capture_events(bus, (*WORK, "*")) as events,
        open_span(bus),
        open_span(bus),
    ):
        pass

    contexts = [event.metadata["span_context"] for event in events]
    assert contexts[0] == contexts[3] != contexts[1] == contexts[2]


def test_metadata_added_inside_goes_out_with_the_end_alone(bus: Bus) -> None:
    with capture_events(bus, (*WORK, "*")) as events, open_span(bus) as span:
        span.metadata["return"] = 17

    start, stop = events
    assert "return" not in start.metadata
    assert stop.metadata["return"] == 17


def test_the_metadata_given_is_not_changed(bus: Bus) -> None:
    metadata = {"user_id": 7}

    with open_span(bus, metadata) as span:
        span.metadata["return"] = 17

    assert metadata == {"user_id": 7}


@pytest.mark.parametrize(("error", "kind"), ERRORS)
def test_an_exception_passes_through(bus: Bus, error: BaseException, kind: str) -> None:
    with pytest.raises(type(error)) as caught, open_span(bus):
        raise error

    assert caught.value is error


@pytest.mark.parametrize(("error", "kind"), ERRORS)
def test_an_exception_is_told_instead_of_the_stop(
    bus: Bus, error: BaseException, kind: str
) -> None:
    start, end = run(bus, error)

    assert (start.name, end.name) == ((*WORK, "start"), (*WORK, "exception"))
    assert (end.metadata["kind"], end.metadata["reason"]) == (kind, error)
    assert end.metadata["user_id"] == 7
    assert end.metadata["span_context"] == start.metadata["span_context"]


def test_an_exception_is_told_with_where_it_was_raised(bus: Bus) -> None:
    _, end = run(bus, ValueError())

    assert end.metadata["stacktrace"][-1].line == "raise error"


def test_a_handler_that_raises_harms_no_span(bus: Bus) -> None:
    def fail(*_: object) -> None:
        raise ValueError

    bus.attach_many("bad", [(*WORK, part) for part in ("start", "stop")], fail)

    assert [event.name[-1] for event in run(bus)] == ["start", "stop"]


def test_an_end_is_heard_by_who_missed_the_start(bus: Bus) -> None:
    with capture_events(bus, (*WORK, "stop")) as events, open_span(bus):
        pass

    assert [event.name[-1] for event in events] == ["stop"]


@pytest.mark.parametrize("part", ["start", "stop", "exception"])
def test_a_span_is_wanted_when_anybody_listens_to_a_part(bus: Bus, part: str) -> None:
    events = SpanEvents(bus, WORK)
    assert not events.wanted

    with capture_events(bus, (*WORK, part)):
        assert events.wanted


def test_the_facade_opens_a_span_of_the_current_node() -> None:
    node = Node("a@host", clock=ManualClock())

    with (
        capture_events(node.telemetry, (*WORK, "*")) as events,
        node_context(node),
        telemetry.span(WORK, {"user_id": 7}),
        telemetry.span(WORK),
    ):
        pass

    assert [event.name[-1] for event in events] == ["start", "start", "stop", "stop"]
    assert events[0].metadata["user_id"] == 7
