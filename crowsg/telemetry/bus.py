"""Who listens to which event, and the delivery.

A handler runs in the greenlet that emits, at the moment it emits. One that raises is detached and
reported by ``("telemetry", "handler", "failure")``; the emitter never feels it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import gevent

from crowsg.clock import SECOND, Clock

EventName = tuple[str, ...]
Measurements = Mapping[str, Any]
Metadata = Mapping[str, Any]
Handler = Callable[[EventName, Measurements, Metadata, Any], object]

HANDLER_FAILURE: EventName = ("telemetry", "handler", "failure")

# These belong to whoever runs the emitting greenlet, not to the handler they pass through.
_NOT_THE_HANDLERS = (gevent.GreenletExit, gevent.Timeout)


@dataclass(frozen=True, slots=True)
class Attachment:
    """One handler on one event."""

    handler_id: str
    function: Handler
    config: Any


class Event:
    """An event bound to its handlers, so that nobody listening costs one attribute look-up.

    Hot paths keep one and write ``if event.handlers: event.fire(...)``.
    """

    __slots__ = ("_bus", "handlers", "name")

    def __init__(self, bus: "Bus", name: EventName) -> None:
        self._bus = bus
        self.name = name
        self.handlers: tuple[Attachment, ...] = ()

    def fire(self, measurements: Measurements, metadata: Metadata) -> None:
        """Deliver to every handler; the time of now joins ``metadata``."""
        if self.handlers:
            self.deliver(measurements, {**metadata, "monotonic_time": self._bus.now()})

    def deliver(self, measurements: Measurements, metadata: Metadata) -> None:
        """Deliver exactly these values to every handler."""
        for attachment in self.handlers:
            try:
                attachment.function(self.name, measurements, metadata, attachment.config)
            except _NOT_THE_HANDLERS:
                raise
            except BaseException as error:  # noqa: BLE001 - the handler may be anybody's
                self._bus.fail(self, attachment, error)


class Bus:
    """The events of one node."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: dict[EventName, Event] = {}

    def now(self) -> float:
        """Return the node's monotonic time in seconds."""
        return self._clock.now_ns() / SECOND

    def wall(self) -> float:
        """Return the wall clock in seconds since the epoch, for display."""
        return self._clock.wall()

    def event(self, name: EventName) -> Event:
        """Return the bound event of that name, the same object every time."""
        event = self._events.get(name)
        if event is None:
            event = self._events[_checked(name)] = Event(self, name)
        return event

    def execute(
        self, event: EventName, measurements: Measurements, metadata: Metadata | None = None
    ) -> None:
        """Emit an event."""
        found = self._events.get(event)
        if found is not None and found.handlers:
            found.fire(measurements, metadata or {})

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
            event.handlers += (Attachment(handler_id, function, config),)

    def detach(self, handler_id: str) -> bool:
        """Take every handler of that id away; False when there was none."""
        found = False
        for event in self._events.values():
            kept = tuple(known for known in event.handlers if known.handler_id != handler_id)
            found = found or len(kept) < len(event.handlers)
            event.handlers = kept
        return found

    def fail(self, event: Event, attachment: Attachment, error: BaseException) -> None:
        """Detach a handler that raised from all its events, and report it."""
        self.detach(attachment.handler_id)
        if event.name == HANDLER_FAILURE:
            return
        metadata = {
            "handler_id": attachment.handler_id,
            "event": event.name,
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
