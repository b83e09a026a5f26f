"""A stretch of work as three events: start, then stop or exception."""

import traceback
from types import TracebackType
from typing import Self

from crowsg.telemetry.bus import Bus, Event, EventName, Metadata


class SpanEvents:
    """The three bound events of one span name; kept by whoever opens many."""

    __slots__ = ("bus", "exception", "start", "stop")

    def __init__(self, bus: Bus, prefix: EventName) -> None:
        self.bus = bus
        self.start: Event = bus.event((*prefix, "start"))
        self.stop: Event = bus.event((*prefix, "stop"))
        self.exception: Event = bus.event((*prefix, "exception"))

    @property
    def wanted(self) -> bool:
        """Whether anybody listens to any of the three."""
        return bool(self.start.handlers or self.stop.handlers or self.exception.handlers)

    def open(self, metadata: Metadata) -> "Span":
        """Return a span with this metadata, to be entered once."""
        return Span(self, metadata)


class Span:
    """Emits ``start`` when entered and ``stop`` or ``exception`` when left.

    ``metadata`` may be extended inside the block, for the closing event. An exception passes
    through; its ``kind`` is ``error`` for an ordinary one and ``exit`` for one that ends greenlets
    or processes.
    """

    __slots__ = ("_began", "_events", "_open", "metadata")

    def __init__(self, events: SpanEvents, metadata: Metadata) -> None:
        self._events = events
        self._open = dict(metadata)
        self._open["span_context"] = id(self)
        self.metadata = dict(self._open)
        self._began = 0.0

    def __enter__(self) -> Self:
        bus = self._events.bus
        self._began = bus.now()
        if self._events.start.handlers:
            measurements = {"monotonic_time": self._began, "system_time": bus.wall()}
            self._events.start.deliver(measurements, self._open)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        now = self._events.bus.now()
        measurements = {"duration": now - self._began, "monotonic_time": now}
        if error is None:
            if self._events.stop.handlers:
                self._events.stop.deliver(measurements, self.metadata)
        elif self._events.exception.handlers:
            details = {
                "kind": "error" if isinstance(error, Exception) else "exit",
                "reason": error,
                "stacktrace": traceback.extract_tb(trace),
            }
            self._events.exception.deliver(measurements, {**self.metadata, **details})
