"""All nodes of a run taken together, for its record."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from crowsg.controller.status import Status
from crowsg.dist.master import Master
from crowsg.health.monitor import Reading
from crowsg.health.record import HealthSummary
from crowsg.metrics.failures import FailureGroup
from crowsg.metrics.lives import Life
from crowsg.metrics.names import Key
from crowsg.metrics.operation import Operation
from crowsg.summary import NodeSummary


class Whole:
    """The run that a node leads; see ``crowsg.record.subject.Subject``.

    Attributes:
        ended: The users that ended, on all nodes.

    Args:
        master: Leads it.
        status: Tells where it stands here.
    """

    def __init__(self, master: Master, status: Callable[[], Status]) -> None:
        self._master = master
        self._status = status
        self._began_ns = 0
        self.ended = _EndedAnywhere(master)

    @property
    def operations(self) -> Mapping[Key, Operation]:
        """What users do, by name."""
        return self._master.tally.totals.operations

    @property
    def workers(self) -> int:
        """How many other nodes carry the users."""
        return len(self._master.crew.names())

    @property
    def is_saturated(self) -> bool:
        """Whether a node was the limit in any second so far."""
        return self._master.tally.totals.is_saturated()

    def begin(self, began_ns: int) -> None:
        """Begin the records anew."""
        self._began_ns = began_ns

    def refresh(self) -> None:
        """Take what the workers recorded meanwhile.

        Blocks: until each has answered.
        """
        self._master.pull()

    def reading(self, from_s: float, to_s: float) -> Reading:
        """Return the worst that nodes were like since the last call; each has it on record."""
        return self._master.tally.totals.reading()

    def status(self) -> Status:
        """Return where the run stands."""
        own = replace(self._status(), scenario=self._master.scenario or None)
        return self._master.tally.totals.status(own)

    def counters(self) -> dict[str, float]:
        """Return what was counted."""
        return self._master.tally.totals.counters()

    def gauges(self) -> dict[str, float]:
        """Return the sums of what gauges stand at."""
        return self._master.tally.totals.gauges()

    def checks(self) -> dict[str, tuple[int, int]]:
        """Return how often each check held, and how often not."""
        return self._master.tally.totals.checks()

    def failures(self) -> tuple[FailureGroup, ...]:
        """Return the failures of all nodes."""
        return self._master.tally.totals.failures(self._began_ns)

    def health(self) -> HealthSummary:
        """Sum up the worst of all nodes."""
        return self._master.tally.totals.health(self._began_ns)

    def nodes(self) -> tuple[NodeSummary, ...]:
        """Return each node's part."""
        return self._master.tally.totals.nodes(self._began_ns)


class _EndedAnywhere:
    def __init__(self, master: Master) -> None:
        self._master = master

    def keep(self) -> None:
        self._master.tally.keeps_lives = True

    def discard(self) -> None:
        self._master.tally.keeps_lives = self._master.tally.totals.keeps_lives = False

    def take(self) -> Mapping[str, list[Life | range]]:
        return self._master.tally.totals.take_lives()
