"""Who listens to which event, and the delivery.

A handler runs in the greenlet that emits, at the moment it emits. One that raises is detached and
reported by ``("telemetry", "handler", "failure")``; the emitter never feels it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import gevent

from crowsg.clock import Clock

EventName = tuple[str, ...]
Measurements = Mapping[str, Any]
Metadata = Mapping[str, Any]
Handler = Callable[[EventName, Measurements, Metadata, Any], object]
Delivery = Callable[[Measurements, dict[str, Any]], None]
Fail = Callable[[EventName, str, BaseException], None]

HANDLER_FAILURE: EventName = ("telemetry", "handler", "failure")

# These belong to whoever runs the emitting greenlet, not to the handler they pass through.
_NOT_THE_HANDLERS = (gevent.GreenletExit, gevent.Timeout)


class Attachment(NamedTuple):
    """One handler on one event."""

    handler_id: str
    function: Handler
    config: Any


class Event:
    """An event bound to its handlers, so that nobody listening costs one attribute look-up.

    Hot paths keep one and write ``if event.handlers: event.fire(...)``.

    Attributes:
        handlers: Who listens.
        deliver: Called with (measurements, metadata), hands exactly these to every handler.
        fire: The same, but takes ``metadata`` over: the time of now joins it.
    """

    __slots__ = ("_fail", "_now", "deliver", "fire", "handlers", "name")

    handlers: tuple[Attachment, ...]
    deliver: Delivery
    fire: Delivery

    def __init__(self, name: EventName, now: Callable[[], float], fail: Fail) -> None:
        self.name = name
        self._now = now
        self._fail = fail
        self.hear(())

    def hear(self, handlers: tuple[Attachment, ...]) -> None:
        """Deliver to these handlers from now on."""
        # Made anew for each set of handlers, the functions need no look-up when an event fires.
        self.handlers = handlers
        self.deliver = _delivery(self.name, handlers, self._fail)
        if len(handlers) == 1:
            self.fire = _delivery_to_one(self.name, handlers[0], self._now, self._fail)
        else:
            self.fire = _stamped(self.deliver, self._now)


def _delivery(event: EventName, handlers: tuple[Attachment, ...], fail: Fail) -> Delivery:
    def deliver(measurements: Measurements, metadata: Metadata) -> None:
        for handler_id, function, config in handlers:
            try:
                function(event, measurements, metadata, config)
            except _NOT_THE_HANDLERS:
                raise
            except BaseException as error:  # noqa: BLE001 - the handler may be anybody's
                fail(event, handler_id, error)

    return deliver


def _stamped(deliver: Delivery, now: Callable[[], float]) -> Delivery:
    def fire(measurements: Measurements, metadata: dict[str, Any]) -> None:
        metadata["monotonic_time"] = now()
        deliver(measurements, metadata)

    return fire


def _delivery_to_one(
    event: EventName, attachment: Attachment, now: Callable[[], float], fail: Fail
) -> Delivery:
    """Return ``fire`` for one handler: what most events have, at two thirds of the cost."""
    handler_id, function, config = attachment

    def fire(measurements: Measurements, metadata: dict[str, Any]) -> None:
        metadata["monotonic_time"] = now()
        try:
            function(event, measurements, metadata, config)
        except _NOT_THE_HANDLERS:
            raise
        except BaseException as error:  # noqa: BLE001 - the handler may be anybody's
            fail(event, handler_id, error)

    return fire


class Bus:
    """The events of one node."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: dict[EventName, Event] = {}

    def now(self) -> float:
        """Return the node's monotonic time in seconds."""
        return self._clock.now()

    def wall(self) -> float:
        """Return the wall clock in seconds since the epoch, for display."""
        return self._clock.wall()

    def event(self, name: EventName) -> Event:
        """Return the bound event of that name, the same object every time."""
        event = self._events.get(name)
        if event is None:
            event = self._events[_checked(name)] = Event(name, self._clock.now, self.fail)
        return event

    def execute(
        self, event: EventName, measurements: Measurements, metadata: Metadata | None = None
    ) -> None:
        """Emit an event."""
        found = self._events.get(event)
        if found is not None and found.handlers:
            found.fire(measurements, {**metadata} if metadata else {})

    def attach(
        self, handler_id: str, event: EventName, function: Handler, config: Any = None
    ) -> None:
        """Call ``function`` at every ``event``."""
        self.attach_many(handler_id, [event], function, config)

    def attach_many(
        self, handler_id: str, events: Iterable[EventName], function: Handler, config: Any = None
    ) -> None:
        """Call ``function`` at each of ``events``."""
        bound = [self.event(name) for name in dict.fromkeys(events)]
        if any(known.handler_id == handler_id for event in bound for known in event.handlers):
            raise ValueError(f"a handler {handler_id!r} is attached to this event already")
        for event in bound:
            event.hear((*event.handlers, Attachment(handler_id, function, config)))

    def detach(self, handler_id: str) -> bool:
        """Take every handler of that id away; False when there was none."""
        found = False
        for event in self._events.values():
            kept = tuple(known for known in event.handlers if known.handler_id != handler_id)
            found = found or len(kept) < len(event.handlers)
            event.hear(kept)
        return found

    def fail(self, event: EventName, handler_id: str, error: BaseException) -> None:
        """Detach a handler that raised from all its events, and report it."""
        self.detach(handler_id)
        if event == HANDLER_FAILURE:
            return
        metadata = {
            "handler_id": handler_id,
            "event": event,
            "kind": "error",
            "reason": error,
            "log_level": "error",
            "msg": "a telemetry handler failed and was detached",
        }
        self.event(HANDLER_FAILURE).fire({"error": 1}, metadata)


def _checked(name: EventName) -> EventName:
    if not isinstance(name, tuple) or not name or not all(isinstance(part, str) for part in name):
        raise TypeError(f"an event is a tuple of words, not {name!r}")
    return name
