"""The event bus: every handler hears its events, and none can harm who emits them."""

from typing import Any

import gevent
import pytest

from crowsg import telemetry
from crowsg.context import node_context
from crowsg.node import Node
from crowsg.telemetry.bus import HANDLER_FAILURE, Bus, EventName, Measurements, Metadata
from crowsg.testing import CapturedEvent, ManualClock, capture_events

HELLO = ("chat", "hello")
BYE = ("chat", "bye")

Heard = list[tuple[EventName, Measurements, Metadata]]


@pytest.fixture
def bus() -> Bus:
    return Bus(ManualClock(start_ns=2_500_000_000))


def hear(event: EventName, measurements: Measurements, metadata: Metadata, heard: Any) -> None:
    """Be a handler whose config is a list."""
    heard.append((event, measurements, metadata))


def fail(event: EventName, measurements: Measurements, metadata: Metadata, error: Any) -> None:
    """Be a handler whose config is what it raises."""
    raise error


def failures_of(bus: Bus, error: BaseException) -> list[CapturedEvent]:
    """Emit an event to a handler that raises; return what is reported."""
    bus.attach_many("bad", [HELLO, BYE], fail, error)
    with capture_events(bus, HANDLER_FAILURE) as reported:
        bus.execute(HELLO, {})
        bus.execute(HELLO, {})
        bus.execute(BYE, {})
    return reported


def test_a_handler_gets_event_measurements_metadata_and_its_config(bus: Bus) -> None:
    heard: Heard = []
    bus.attach("ears", HELLO, hear, heard)

    bus.execute(HELLO, {"count": 2}, {"user_id": 7})

    assert heard == [(HELLO, {"count": 2}, {"user_id": 7, "monotonic_time": 2.5})]


def test_metadata_may_be_left_out(bus: Bus) -> None:
    with capture_events(bus, HELLO) as events:
        bus.execute(HELLO, {"count": 1})

    assert events == [CapturedEvent(HELLO, {"count": 1}, {"monotonic_time": 2.5})]


def test_the_metadata_of_the_emitter_is_not_changed(bus: Bus) -> None:
    metadata = {"user_id": 7}

    with capture_events(bus, HELLO):
        bus.execute(HELLO, {}, metadata)

    assert metadata == {"user_id": 7}


def test_every_handler_has_run_when_execute_returns(bus: Bus) -> None:
    heard: Heard = []
    for name in "abc":
        bus.attach(name, HELLO, hear, heard)

    bus.execute(HELLO, {})

    assert len(heard) == 3


def test_a_handler_runs_in_the_greenlet_that_emits(bus: Bus) -> None:
    ran_in: list[object] = []
    bus.attach("where", HELLO, lambda *_: ran_in.append(gevent.getcurrent()))

    emitter = gevent.spawn(bus.execute, HELLO, {})
    emitter.join()

    assert ran_in == [emitter]


def test_one_handler_may_listen_to_many_events(bus: Bus) -> None:
    heard: Heard = []
    bus.attach_many("ears", iter([HELLO, BYE]), hear, heard)

    bus.execute(BYE, {})
    bus.execute(HELLO, {})

    assert [event for event, _, _ in heard] == [BYE, HELLO]


def test_an_event_that_is_named_twice_is_heard_once(bus: Bus) -> None:
    heard: Heard = []
    bus.attach_many("ears", [HELLO, HELLO], hear, heard)

    bus.execute(HELLO, {})

    assert len(heard) == 1


def test_an_event_nobody_listens_to_goes_nowhere(bus: Bus) -> None:
    heard: Heard = []
    bus.attach("ears", HELLO, hear, heard)

    bus.execute(BYE, {})
    bus.execute((*HELLO, "more"), {})
    bus.execute(HELLO[:1], {})

    assert heard == []


def test_detach_takes_a_handler_away_from_all_its_events(bus: Bus) -> None:
    heard: Heard = []
    bus.attach_many("ears", [HELLO, BYE], hear, heard)

    assert bus.detach("ears")
    bus.execute(HELLO, {})
    bus.execute(BYE, {})

    assert heard == []


def test_detach_leaves_other_handlers_alone(bus: Bus) -> None:
    heard: Heard = []
    bus.attach("ears", HELLO, hear, heard)
    bus.attach("other", HELLO, fail, ValueError())

    bus.detach("other")
    bus.execute(HELLO, {})

    assert len(heard) == 1


def test_a_detached_id_is_free_again(bus: Bus) -> None:
    heard: Heard = []
    bus.attach("ears", HELLO, fail, ValueError())
    bus.detach("ears")

    bus.attach("ears", HELLO, hear, heard)
    bus.execute(HELLO, {})

    assert len(heard) == 1


def test_a_handler_may_detach_itself(bus: Bus) -> None:
    heard: Heard = []

    def hear_once(*args: Any) -> None:
        heard.append(args[:3])
        bus.detach("once")

    bus.attach("once", HELLO, hear_once)
    bus.execute(HELLO, {})
    bus.execute(HELLO, {})

    assert len(heard) == 1


def test_a_handler_may_emit_events(bus: Bus) -> None:
    bus.attach("echo", HELLO, lambda *_: bus.execute(BYE, {"count": 1}))

    with capture_events(bus, BYE) as events:
        bus.execute(HELLO, {})

    assert len(events) == 1


def test_detaching_an_unknown_id_says_so(bus: Bus) -> None:
    bus.attach("ears", HELLO, hear, [])

    assert not bus.detach("nobody")


def test_an_id_listens_to_an_event_only_once(bus: Bus) -> None:
    bus.attach("ears", HELLO, hear, [])

    with pytest.raises(ValueError, match="'ears'"):
        bus.attach("ears", HELLO, hear, [])


def test_attaching_to_many_events_is_all_or_nothing(bus: Bus) -> None:
    heard: Heard = []
    bus.attach("ears", BYE, hear, [])

    with pytest.raises(ValueError, match="'ears'"):
        bus.attach_many("ears", [HELLO, BYE], hear, heard)

    bus.execute(HELLO, {})
    assert heard == []


@pytest.mark.parametrize(
    "name", ["crowsg", (), ("crowsg", 1), (b"crowsg",), ["crowsg"], None], ids=repr
)
def test_a_name_that_is_no_tuple_of_words_is_refused(bus: Bus, name: Any) -> None:
    heard: Heard = []

    with pytest.raises(TypeError):
        bus.attach_many("ears", [HELLO, name], hear, heard)

    bus.execute(HELLO, {})
    assert heard == []


def test_a_bound_event_is_the_same_every_time(bus: Bus) -> None:
    assert bus.event(HELLO) is bus.event(("chat", "hello"))


def test_a_bound_event_knows_later_handlers(bus: Bus) -> None:
    event = bus.event(HELLO)

    with capture_events(bus, HELLO) as events:
        event.fire({"count": 1}, {"user_id": 7})

    assert events == [CapturedEvent(HELLO, {"count": 1}, {"user_id": 7, "monotonic_time": 2.5})]


def test_a_bound_event_without_handlers_reaches_nobody(bus: Bus) -> None:
    event = bus.event(HELLO)

    event.fire({}, {})

    assert event.handlers == ()


@pytest.mark.parametrize("listeners", [1, 2, 3])
def test_every_handler_sees_the_time_of_a_fired_event(bus: Bus, listeners: int) -> None:
    heard: list[Metadata] = []
    for n in range(listeners):
        bus.attach(f"handler {n}", HELLO, lambda *told: heard.append(told[2]))

    bus.event(HELLO).fire({"a": 1}, {"b": 2})

    assert heard == [{"b": 2, "monotonic_time": bus.now()}] * listeners


def test_deliver_adds_nothing(bus: Bus) -> None:
    with capture_events(bus, HELLO) as events:
        bus.event(HELLO).deliver({"a": 1}, {"b": 2})

    assert events == [CapturedEvent(HELLO, {"a": 1}, {"b": 2})]


ERRORS = [ValueError("bad"), SystemExit(1), KeyboardInterrupt(), BaseException(), RecursionError()]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_handler_that_raises_is_detached_from_all_its_events(
    bus: Bus, error: BaseException
) -> None:
    failures_of(bus, error)

    assert (bus.event(HELLO).handlers, bus.event(BYE).handlers) == ((), ())


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_handler_that_raises_is_reported_once(bus: Bus, error: BaseException) -> None:
    (event,) = failures_of(bus, error)

    assert event.measurements == {"error": 1}
    assert event.metadata["handler_id"] == "bad"
    assert event.metadata["event"] == HELLO
    assert (event.metadata["kind"], event.metadata["reason"]) == ("error", error)


def test_other_handlers_hear_an_event_in_spite_of_one_that_raises(bus: Bus) -> None:
    heard: Heard = []
    bus.attach("before", HELLO, hear, heard)
    bus.attach("bad", HELLO, fail, ValueError())
    bus.attach("after", HELLO, hear, heard)

    bus.execute(HELLO, {})

    assert len(heard) == 2


@pytest.mark.parametrize("error", [gevent.GreenletExit(), gevent.Timeout(1)], ids=repr)
def test_what_is_meant_for_the_emitter_passes_through_its_handlers(
    bus: Bus, error: BaseException
) -> None:
    bus.attach("bad", HELLO, fail, error)

    with capture_events(bus, HANDLER_FAILURE) as reported, pytest.raises(type(error)):
        bus.execute(HELLO, {})

    assert reported == []
    assert len(bus.event(HELLO).handlers) == 1


def test_an_emitter_killed_inside_a_handler_dies(bus: Bus) -> None:
    bus.attach("slow", HELLO, lambda *_: gevent.sleep(1000))
    emitter = gevent.spawn(bus.execute, HELLO, {})
    gevent.idle()

    emitter.kill()

    assert isinstance(emitter.value, gevent.GreenletExit)
    assert len(bus.event(HELLO).handlers) == 1


def test_a_reporter_of_failures_that_raises_is_detached_in_silence(bus: Bus) -> None:
    bus.attach("bad reporter", HANDLER_FAILURE, fail, ValueError())

    reported = failures_of(bus, ValueError())

    assert [event.metadata["handler_id"] for event in reported] == ["bad"]
    assert bus.event(HANDLER_FAILURE).handlers == ()


def test_a_handler_that_emits_its_own_event_for_ever_is_detached(bus: Bus) -> None:
    bus.attach("circle", HELLO, lambda *_: bus.execute(HELLO, {}))

    bus.execute(HELLO, {})

    assert bus.event(HELLO).handlers == ()


def test_the_facade_speaks_to_the_current_node_alone() -> None:
    heard: Heard = []
    a, b = Node("a@host", clock=ManualClock()), Node("b@host", clock=ManualClock())
    with node_context(a):
        telemetry.attach("ears", HELLO, hear, heard)
        telemetry.attach_many("more", [BYE], hear, heard)

    with node_context(b):
        telemetry.execute(HELLO, {})
        assert not telemetry.detach("ears")
    with node_context(a):
        telemetry.execute(BYE, {})

    assert [event for event, _, _ in heard] == [BYE]
