"""Collecting the telemetry of a node while a block runs."""

import pytest

from crowsg.telemetry.bus import Bus, EventName
from crowsg.telemetry.span import SpanEvents
from crowsg.testing import CapturedEvent, ManualClock, capture_events

HELLO: EventName = ("chat", "hello")
BYE: EventName = ("chat", "bye")


@pytest.fixture
def bus() -> Bus:
    return Bus(ManualClock(start_ns=1_500_000_000))


def test_an_event_is_captured_as_its_handlers_see_it(bus: Bus) -> None:
    with capture_events(bus, HELLO) as events:
        bus.execute(HELLO, {"count": 1}, {"user_id": 7})

    assert events == [CapturedEvent(HELLO, {"count": 1}, {"user_id": 7, "monotonic_time": 1.5})]


def test_events_are_captured_in_their_order(bus: Bus) -> None:
    with capture_events(bus, HELLO, BYE) as events:
        for name in (BYE, HELLO, BYE):
            bus.execute(name, {})

    assert [event.name for event in events] == [BYE, HELLO, BYE]


def test_an_event_can_be_looked_at_inside_the_block(bus: Bus) -> None:
    with capture_events(bus, HELLO) as events:
        bus.execute(HELLO, {})

        assert len(events) == 1


def test_nothing_is_captured_before_and_after_the_block(bus: Bus) -> None:
    bus.execute(HELLO, {})
    with capture_events(bus, HELLO) as events:
        pass
    bus.execute(HELLO, {})

    assert events == []


def test_other_events_are_not_captured(bus: Bus) -> None:
    with capture_events(bus, HELLO) as events:
        bus.execute(BYE, {})

    assert events == []


def test_no_names_capture_nothing(bus: Bus) -> None:
    with capture_events(bus) as events:
        bus.execute(HELLO, {})

    assert events == []


def test_a_star_stands_for_the_three_events_of_a_span(bus: Bus) -> None:
    span = SpanEvents(bus, HELLO)

    with capture_events(bus, (*HELLO, "*")) as events:
        with span.open({}):
            pass
        with pytest.raises(ValueError, match="bad"), span.open({}):
            raise ValueError("bad")

    assert [event.name[-1] for event in events] == ["start", "stop", "start", "exception"]


def test_a_name_that_is_given_twice_is_captured_once(bus: Bus) -> None:
    with capture_events(bus, HELLO, HELLO) as events:
        bus.execute(HELLO, {})

    assert len(events) == 1


def test_blocks_inside_one_another_capture_on_their_own(bus: Bus) -> None:
    with capture_events(bus, HELLO) as outer:
        with capture_events(bus, HELLO) as inner:
            bus.execute(HELLO, {})
        bus.execute(HELLO, {})

    assert (len(outer), len(inner)) == (2, 1)


def test_an_exception_ends_the_capture(bus: Bus) -> None:
    with pytest.raises(ValueError, match="bad"), capture_events(bus, HELLO):
        raise ValueError("bad")

    assert bus.event(HELLO).handlers == ()


@pytest.mark.parametrize("name", ["chat", ("chat", 1), None], ids=repr)
def test_what_is_no_name_cannot_be_captured(bus: Bus, name: EventName) -> None:
    with pytest.raises(TypeError), capture_events(bus, name):
        pass
