"""Who changed what while a run went on, and when."""

from collections.abc import Callable
from typing import Any

from crowsg.summary import Change, plain
from crowsg.telemetry.bus import Bus, EventName, Measurements, Metadata

HANDLER_ID = "crowsg-changes"
NOTED_EVENTS: tuple[EventName, ...] = (
    ("crowsg", "controller", "users"),
    ("crowsg", "controller", "settings"),
    ("crowsg", "throttle", "rate"),
    ("crowsg", "cluster", "nodedown"),
)
MAX_CHANGES = 1000


class Changes:
    """Takes the changes of one run from the events of its node, the first 1000 of them.

    Args:
        node: Name of the node.
        elapsed_s: Tells the seconds since the start of the run.
    """

    def __init__(self, node: str, elapsed_s: Callable[[], float]) -> None:
        self._node = node
        self._elapsed_s = elapsed_s
        self._noted: list[Change] = []

    def attach(self, bus: Bus) -> None:
        """Listen."""
        bus.detach(HANDLER_ID)
        bus.attach_many(HANDLER_ID, NOTED_EVENTS, self._note)

    def detach(self, bus: Bus) -> None:
        """Listen no more."""
        bus.detach(HANDLER_ID)

    def note(self, event: str, **details: Any) -> None:
        """Note something that no event tells."""
        if len(self._noted) < MAX_CHANGES:
            self._noted.append(Change(self._elapsed_s(), self._node, event, details))

    def noted(self) -> tuple[Change, ...]:
        """Return them, the earliest first."""
        return tuple(self._noted)

    def _note(
        self, event: EventName, measurements: Measurements, metadata: Metadata, _: Any
    ) -> None:
        details = {**measurements, **metadata}
        for key in ("monotonic_time", "scenario"):
            details.pop(key, None)
        self.note(".".join(event[1:]), **plain(details))
