"""Collect the telemetry of a node."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from crowsg.telemetry.bus import Bus, EventName, Measurements, Metadata


@dataclass(frozen=True, slots=True)
class CapturedEvent:
    """One event as its handlers saw it."""

    name: EventName
    measurements: Measurements
    metadata: Metadata


@contextmanager
def capture_events(bus: Bus, *names: EventName) -> Iterator[list[CapturedEvent]]:
    """Collect the events ``names`` of ``bus`` (``node.telemetry``) while the block runs.

    A name that ends in ``"*"`` stands for the three events of a span.
    """
    captured: list[CapturedEvent] = []
    wanted = [event for name in names for event in _expanded(name)]
    handler_id = f"capture-{id(captured)}"

    def collect(
        event: EventName, measurements: Measurements, metadata: Metadata, config: object
    ) -> None:
        captured.append(CapturedEvent(event, measurements, metadata))

    bus.attach_many(handler_id, wanted, collect)
    try:
        yield captured
    finally:
        bus.detach(handler_id)


def _expanded(name: EventName) -> list[EventName]:
    if name[-1] != "*":
        return [name]
    return [(*name[:-1], part) for part in ("start", "stop", "exception")]
