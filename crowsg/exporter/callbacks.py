"""How long the callbacks of scenarios took on a node, from the events it emits."""

from itertools import product
from typing import Any

from crowsg.clock import to_ns
from crowsg.metrics.histogram import Histogram
from crowsg.metrics.names import MAX_NAMES, OTHER
from crowsg.telemetry.bus import Bus, EventName, Measurements, Metadata
from crowsg.text import line_of

HANDLER_ID = "crowsg-callback-times"
NOTED_EVENTS: tuple[EventName, ...] = tuple(
    ("crowsg", "scenario", callback, kind)
    for callback, kind in product(("setup", "init", "terminate", "teardown"), ("stop", "exception"))
)


class CallbackTimes:
    """Times of all callbacks since the node started.

    Attributes:
        times: By scenario, callback and outcome, which is ``ok`` or ``failed``. Beyond 200 of
            these, what is new counts for the scenario ``__other__``.
    """

    def __init__(self) -> None:
        self.times: dict[tuple[str, str, str], Histogram] = {}

    def attach(self, bus: Bus) -> None:
        """Listen."""
        bus.attach_many(HANDLER_ID, NOTED_EVENTS, self._note)

    def detach(self, bus: Bus) -> None:
        """Listen no more."""
        bus.detach(HANDLER_ID)

    def _note(
        self, event: EventName, measurements: Measurements, metadata: Metadata, _: Any
    ) -> None:
        outcome = "ok" if event[-1] == "stop" else "failed"
        labels = (line_of(metadata["scenario"]), event[2], outcome)
        if labels not in self.times and len(self.times) >= MAX_NAMES:
            labels = (OTHER, event[2], outcome)
        self.times.setdefault(labels, Histogram()).record(to_ns(measurements["duration"]))
