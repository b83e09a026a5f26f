"""What all nodes of a run recorded, taken together: every number the exact sum of its nodes.

Histograms are added up as snapshots come, each by what has grown since the last of its node, so a
snapshot costs what has happened and not what there is. All else is little, and is added up when
somebody looks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from crowsg.controller.status import Status
from crowsg.dist.checked import MAX_WHOLE
from crowsg.dist.growing import HistogramSum, OperationSum
from crowsg.dist.node_parts import Nodes
from crowsg.dist.packed import NO_SAMPLES, PackedOperation
from crowsg.dist.part import Part, Progress
from crowsg.dist.snapshot import NodeSnapshot
from crowsg.dist.sums import (
    gathered,
    kept,
    sum_of_failures,
    sum_of_kinds,
    sum_of_throttles,
    sum_of_users,
    total,
)
from crowsg.health.monitor import Reading
from crowsg.health.record import HealthSummary
from crowsg.health.worst import worst_of, worst_reading
from crowsg.metrics.declared import Declaration
from crowsg.metrics.failures import FailureGroup
from crowsg.metrics.histogram import Histogram
from crowsg.metrics.lives import Life
from crowsg.metrics.names import OTHER, Key, spelled
from crowsg.metrics.operation import Operation
from crowsg.summary import DEAD, NodeSummary
from crowsg.users.counts import UserCounts


class Totals:
    """Adds up the snapshots of nodes over one run.

    Attributes:
        keeps_lives: Whether somebody wants to know of each user that ends.
    """

    def __init__(self) -> None:
        self.keeps_lives = False
        self._sums: dict[Key, OperationSum] = {}
        self._waits: dict[str, HistogramSum] = {}
        # Those of which kinds of failures have come.
        self._failed: set[Key] = set()
        self._lives: dict[str, list[Life | range]] = {}
        self._nodes = Nodes()

    def merge(self, node: str, incarnation: int, snapshot: NodeSnapshot, now_ns: int) -> bool:
        """Take a snapshot; one that is no newer than the newest of its node changes nothing.

        The first of another incarnation, or of a node that begins anew, ends what was before: what
        had been recorded stays, users that had not ended are lost.

        Args:
            node: Name of the node.
            incarnation: The node's.
            snapshot: What was read of it.
            now_ns: When it came, in nanoseconds of the master's clock.

        Returns:
            Whether it was new.

        Raises:
            NotPackable: It has less than one before; nothing is changed.
        """
        known = self._nodes.part_of(node, incarnation, snapshot.life)
        part = known or Part(incarnation, now_ns)
        progress = part.progress(snapshot, now_ns, wants_lives=self.keeps_lives)
        if progress is None:
            return False
        entered = self._nodes.enter(node, part, now_ns)
        self._failed.update(_changed_kinds(part.newest, snapshot))
        part.take(snapshot, now_ns)
        entered.note(snapshot.reading)
        self._add(node, progress)
        return True

    @property
    def operations(self) -> dict[Key, Operation]:
        """The sums of all operations, by name; they stay as they are until somebody looks again."""
        for each in self._sums.values():
            each.settle()
        for name in {self._kept(name) for name in self._failed}:
            kinds = (each.failures for each in self._packed_as(name))
            self._sums[name].operation.failures = sum_of_kinds(kinds)
        self._failed.clear()
        return {name: each.operation for name, each in self._sums.items()}

    def enter(self, node: str, incarnation: int, now_ns: int) -> None:
        """Let a node take part from now on, anew where it did before."""
        self._nodes.enter(node, Part(incarnation, now_ns), now_ns)

    def lose(self, node: str, incarnation: int, now_ns: int, asked: int = 0) -> int:
        """Give a node up: its counts stay, the users of it that had not ended are lost.

        What it still hands in counts, but its users stay lost.

        Args:
            node: Name of the node.
            incarnation: The node's.
            now_ns: When it was given up; of the time since its last snapshot nothing is known.
            asked: How many users it was asked for, of which its last snapshot may not know all.

        Returns:
            How many of its users are lost.
        """
        part = self._nodes.last_part(node, incarnation) or Part(incarnation, now_ns)
        self._nodes.enter(node, part, now_ns).lose(part, now_ns, asked)
        return part.users().lost

    def lives_from(self, node: str, incarnation: int) -> int:
        """Return the number of the user that ended from which on the node is to be asked.

        Where nobody wants to know of them it is beyond all, so that the node keeps none.
        """
        if not self.keeps_lives:
            return MAX_WHOLE
        part = self._nodes.last_part(node, incarnation)
        # One that was lost and takes part again begins anew.
        return 0 if part is None or part.is_lost else part.lives_from

    def has_more(self, node: str, incarnation: int) -> bool:
        """Whether more users ended than the newest snapshot of the node told of: ask again."""
        part = self._nodes.last_part(node, incarnation)
        return self.keeps_lives and part is not None and part.has_more

    def take_lives(self) -> Mapping[str, list[Life | range]]:
        """Return, by node, the users that ended since the last call, on the master's clock."""
        taken, self._lives = self._lives, {}
        return taken

    def waits(self) -> dict[str, Histogram]:
        """Return how long permits were waited for on all nodes, by throttle."""
        for each in self._waits.values():
            each.settle()
        return {name: each.histogram for name, each in self._waits.items()}

    def counters(self) -> dict[str, float]:
        """Return the sums of all counters, by spelled name."""
        nodes = gathered(each.counters for each in self._nodes.snapshots())
        return {spelled(name): total(values) for name, values in nodes.items()}

    def gauges(self) -> dict[str, float]:
        """Return the sums of all gauges, as of queues or connections that each node has."""
        nodes = gathered(each.gauges for each in self._nodes.snapshots())
        return {spelled(name): total(values) for name, values in nodes.items()}

    def checks(self) -> dict[str, tuple[int, int]]:
        """Return how often each check held, and how often not, by spelled name."""
        nodes = gathered(each.checks for each in self._nodes.snapshots())
        return {
            spelled(name): (sum(passed for passed, _ in each), sum(failed for _, failed in each))
            for name, each in nodes.items()
        }

    def declarations(self) -> tuple[Declaration, ...]:
        """Return what the scenario said of its metrics; of each, what was heard first."""
        known: dict[str, Declaration] = {}
        for snapshot in self._nodes.snapshots():
            for each in snapshot.declarations:
                known.setdefault(each.name, each)
        return tuple(known.values())

    def failures(self, began_ns: int) -> tuple[FailureGroup, ...]:
        """Return the failures of all nodes, the most frequent first.

        Args:
            began_ns: When the run began; their times are in seconds since.
        """
        return sum_of_failures(
            group for part in self._nodes.parts() for group in part.failures(began_ns)
        )

    def users(self) -> UserCounts:
        """Return the users of all nodes."""
        return sum_of_users(part.users() for part in self._nodes.parts())

    def status(self, own: Status) -> Status:
        """Return where the run stands.

        Args:
            own: Where it stands by its master. Users, and what was counted of throttles, are those
                of the nodes, the master's own recorder among them; all else is taken from here.
        """
        counted = (each.throttles for each in self._nodes.snapshots())
        throttles = sum_of_throttles(counted, own.throttles)
        return replace(own, users=self.users(), throttles=throttles)

    def reading(self) -> Reading:
        """Return the worst that living nodes were like since the last call.

        One without a new snapshot is as it was last.
        """
        return worst_reading([each.take_reading() for each in self._nodes if each.state != DEAD])

    def is_saturated(self) -> bool:
        """Whether a node was the limit in any second so far."""
        return any(each.health.saturated_s > 0 for each in self._nodes.snapshots())

    def health(self, began_ns: int) -> HealthSummary:
        """Return the worst of all nodes, in seconds since the run began; see ``health.worst``."""
        return worst_of({each.name: each.health(began_ns) for each in self._nodes})

    def nodes(self, began_ns: int) -> tuple[NodeSummary, ...]:
        """Return each node's part, in seconds since the run began."""
        return tuple(each.summary(began_ns) for each in self._nodes)

    def living(self, besides: str = "") -> int:
        """Return how many nodes there are that were not given up, one left out by its name."""
        return sum(each.state != DEAD and each.name != besides for each in self._nodes)

    def _kept(self, name: Key) -> Key:
        return kept(name, self._sums, OTHER)

    def _add(self, node: str, progress: Progress) -> None:
        for name, grown in progress.operations.items():
            self._sum_of(self._kept(name)).add(grown)
        for throttle, waited in progress.waits.items():
            key = kept(throttle, self._waits, OTHER)
            self._waits.setdefault(key, HistogramSum(Histogram())).add(waited)
        if progress.lives:
            self._lives.setdefault(node, []).extend(progress.lives)

    def _sum_of(self, name: Key) -> OperationSum:
        known = self._sums.get(name)
        if known is None:
            known = self._sums[name] = OperationSum()
        return known

    def _packed_as(self, name: Key) -> Iterator[PackedOperation]:
        """Yield what nodes have of what is kept under a name."""
        for snapshot in self._nodes.snapshots():
            if name in snapshot.operations:
                yield snapshot.operations[name]
            if name == OTHER:
                for key, each in snapshot.operations.items():
                    if key not in self._sums:
                        yield each


def _changed_kinds(before: NodeSnapshot | None, now: NodeSnapshot) -> list[Key]:
    known = {} if before is None else before.operations
    return [
        name
        for name, each in now.operations.items()
        if each.failures != known.get(name, NO_SAMPLES).failures
    ]
