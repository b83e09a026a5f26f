"""What happens on a node, noted in its journal: from its events, and by looking."""

from collections.abc import Callable, Mapping
from typing import Any

from crowsg.clock import SECOND, Clock
from crowsg.controller.status import Status
from crowsg.health.monitor import Health
from crowsg.journal import Journal
from crowsg.telemetry.bus import Bus, EventName, Measurements, Metadata

HANDLER_ID = "crowsg-journal"
RATE: EventName = ("crowsg", "throttle", "rate")
CALLBACKS: tuple[EventName, ...] = (
    ("crowsg", "scenario", "setup"),
    ("crowsg", "scenario", "init"),
    ("crowsg", "scenario", "terminate"),
    ("crowsg", "scenario", "teardown"),
)
_PARTS = ("start", "stop", "exception")


class Noting:
    """Fills the journal of one node.

    Args:
        journal: Takes the notes.
        clock: Tells the time.
        status: Tells how the node stands.
        health: Tells what it is like itself.
        greenlets: Tells how many greenlets the node has, those of users aside.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        status: Callable[[], Status],
        health: Health,
        greenlets: Callable[[], int],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._status = status
        self._health = health
        self._greenlets = greenlets
        self._stalls_noted = 0
        self._usage_due_ns = 0
        journal.watch(self._stand, "status")
        journal.watch(self._next_stall, "stall")
        journal.watch(self._usage, "usage")

    def attach(self, bus: Bus) -> None:
        """Listen to the events of the node."""
        spans = [(*prefix, part) for prefix in CALLBACKS for part in _PARTS]
        bus.attach_many(HANDLER_ID, spans, self._note_callback)
        bus.attach(HANDLER_ID, RATE, self._note_rate)

    def _note_callback(self, event: EventName, *_: object) -> None:
        callback, part = event[2:]
        if part == "start":
            self._journal.note("calling", callback=callback)
        else:
            self._journal.note("called", callback=callback, ok=part == "stop")

    def _note_rate(
        self, _: EventName, measurements: Measurements, metadata: Metadata, __: object
    ) -> None:
        self._journal.note("rate", throttle=metadata["name"], **measurements)

    def _stand(self) -> Mapping[str, Any]:
        status = self._status()
        paused = [name for name, each in status.throttles.items() if each.is_paused]
        return {"state": status.state, "users": status.users.as_dict(), "paused": paused}

    def _next_stall(self) -> Mapping[str, Any] | None:
        stalls = self._health.watchdog.stalls
        if len(stalls) == self._stalls_noted:
            return None
        stall = stalls[self._stalls_noted]
        self._stalls_noted += 1
        return {"began": stall.began_ns, "seconds": stall.seconds, "place": stall.place}

    def _usage(self) -> Mapping[str, Any] | None:
        now_ns = self._clock.now_ns()
        if now_ns < self._usage_due_ns:
            return None
        self._usage_due_ns = now_ns + SECOND
        process = self._health.process()
        return {
            "rss": process.resident_bytes,
            "files": process.open_files,
            "greenlets": self._greenlets(),
        }
