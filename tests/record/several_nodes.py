"""A run of several nodes, for a record that looks at it."""

from collections.abc import Mapping

from crowsg.controller.status import Status
from crowsg.dist.totals import Totals
from crowsg.health.monitor import Reading
from crowsg.health.record import HealthSummary
from crowsg.metrics.failures import FailureGroup
from crowsg.metrics.lives import Life
from crowsg.metrics.names import Key
from crowsg.metrics.operation import Operation
from crowsg.record.run_record import RunRecord
from crowsg.record.subject import Ended, Subject
from crowsg.summary import NodeSummary
from crowsg.telemetry.bus import Bus
from crowsg.testing import ManualClock
from crowsg.users.counts import UserCounts
from tests.dist.recorders import Recording

MASTER = "master@host"


class SeveralNodes:
    """A master that carries nobody, and workers, whose snapshots are taken at each look.

    Attributes:
        workers_by_name: The workers.
    """

    def __init__(self, *names: str) -> None:
        self.clock = ManualClock()
        self.totals = Totals()
        self.master = Recording(self.clock)
        self.master.state = "disabled"
        self.workers_by_name = {name: Recording(self.clock) for name in names}
        self.ended: Ended = _EndedUsers(self)
        self._began_ns = 0
        subject: Subject = self
        self.record = RunRecord(MASTER, self.clock, Bus(self.clock), subject)

    def start(self) -> None:
        """Begin a run."""
        self.record.begin("run-1", "chat")
        for worker in self.workers_by_name.values():
            worker.snapshots.begin(keeps_lives=self.totals.keeps_lives)

    @property
    def operations(self) -> Mapping[Key, Operation]:
        """The sums of all operations."""
        return self.totals.operations

    @property
    def workers(self) -> int:
        """How many workers live."""
        return self.totals.living(besides=MASTER)

    @property
    def is_saturated(self) -> bool:
        """Whether one was the limit."""
        return self.totals.is_saturated()

    def begin(self, began_ns: int) -> None:
        """Begin anew."""
        self._began_ns = began_ns

    def refresh(self) -> None:
        """Take and merge a snapshot of every node."""
        for name, node in {MASTER: self.master, **self.workers_by_name}.items():
            snapshot = node.snapshot(self.totals.lives_from(name, 1))
            self.totals.merge(name, 1, snapshot, self.clock.now_ns())

    def reading(self, from_s: float, to_s: float) -> Reading:
        """Return the worst."""
        return self.totals.reading()

    def status(self) -> Status:
        """Return where the run stands."""
        return self.totals.status(Status("running", "chat", UserCounts(), 9, "", {}))

    def counters(self) -> dict[str, float]:
        """Return the sums."""
        return self.totals.counters()

    def gauges(self) -> dict[str, float]:
        """Return the sums."""
        return self.totals.gauges()

    def checks(self) -> dict[str, tuple[int, int]]:
        """Return the sums."""
        return self.totals.checks()

    def failures(self) -> tuple[FailureGroup, ...]:
        """Return those of all nodes."""
        return self.totals.failures(self._began_ns)

    def health(self) -> HealthSummary:
        """Return the worst."""
        return self.totals.health(self._began_ns)

    def nodes(self) -> tuple[NodeSummary, ...]:
        """Return each node's part."""
        return self.totals.nodes(self._began_ns)


class _EndedUsers:
    def __init__(self, nodes: SeveralNodes) -> None:
        self._totals = nodes.totals

    def keep(self) -> None:
        self._totals.keeps_lives = True

    def discard(self) -> None:
        self._totals.keeps_lives = False

    def take(self) -> Mapping[str, list[Life | range]]:
        return self._totals.take_lives()
