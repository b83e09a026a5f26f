"""One life of a node in a run: its newest snapshot, placed on the master's clock."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from crowsg.clock import SECOND
from crowsg.dist.checked import garbled
from crowsg.dist.forms import Failures
from crowsg.dist.packed import (
    EMPTY,
    NO_SAMPLES,
    Growth,
    OperationGrowth,
    Packed,
    PackedOperation,
    growth,
    operation_growth,
)
from crowsg.dist.snapshot import NodeSnapshot
from crowsg.health.record import HealthSummary
from crowsg.health.worst import shifted
from crowsg.metrics.failures import FailureGroup
from crowsg.metrics.lives import Life
from crowsg.metrics.names import Key, spelled
from crowsg.users.counts import UserCounts


@dataclass(frozen=True, slots=True)
class Progress:
    """What a snapshot has that the one before had not.

    Attributes:
        operations: By name.
        waits: For permits, by throttle.
        lives: Users that ended, on the master's clock.
    """

    operations: dict[Key, OperationGrowth]
    waits: dict[str, Growth]
    lives: list[Life | range]


class Part:
    """What is known of a node since it took part in the run, until it was lost or began anew.

    Attributes:
        incarnation: Of the node.
        newest: The newest snapshot; None before the first.
        heard_ns: When it came, in nanoseconds of the master's clock.
        lives_from: The number of the first user that ended which is not known yet; 0 before the
            first snapshot.
        has_more: Whether more users ended than the newest snapshot told of.
        is_lost: Whether the node was given up.
    """

    def __init__(self, incarnation: int, now_ns: int) -> None:
        self.incarnation = incarnation
        self.newest: NodeSnapshot | None = None
        self.heard_ns = now_ns
        self.lives_from = 0
        self.has_more = False
        self.is_lost = False
        self._asked = 0
        self._ahead_ns: int | None = None

    def progress(
        self, snapshot: NodeSnapshot, now_ns: int, *, wants_lives: bool
    ) -> Progress | None:
        """Return what is new in a snapshot; None where it is no newer than the newest.

        Args:
            snapshot: What came.
            now_ns: When it came, in nanoseconds of the master's clock.
            wants_lives: Whether users that ended are wanted, so that none may be missing.

        Raises:
            NotPackable: It has less than the newest; nothing is changed.
        """
        before = self.newest
        if before is not None and snapshot.number <= before.number:
            return None
        known: Mapping[Key, PackedOperation] = {} if before is None else before.operations
        waited: Mapping[str, Packed] = {} if before is None else before.waits
        lost_names = known.keys() - snapshot.operations.keys() or (
            waited.keys() - snapshot.waits.keys()
        )
        if lost_names:
            raise garbled(
                "a snapshot that lacks what the last one had", sorted(map(spelled, lost_names))
            )
        return Progress(
            {
                name: operation_growth(each, known.get(name, NO_SAMPLES), str(name))
                for name, each in snapshot.operations.items()
            },
            {
                name: growth(each, waited.get(name, EMPTY), name)
                for name, each in snapshot.waits.items()
            },
            self._new_lives(snapshot, now_ns) if wants_lives else [],
        )

    def take(self, snapshot: NodeSnapshot, now_ns: int) -> None:
        """Let a snapshot be the newest."""
        self._ahead_ns = self._ahead(snapshot, now_ns)
        self.newest = snapshot
        self.heard_ns = now_ns
        ended = snapshot.ended
        self.lives_from = max(self.lives_from, ended.first + len(ended.lives))
        self.has_more = ended.has_more

    def may_be(self, incarnation: int, life: int) -> bool:
        """Whether this is what a snapshot tells of."""
        is_same_life = self.newest is None or self.newest.life == life
        return self.incarnation == incarnation and is_same_life

    def lose(self, asked: int) -> None:
        """Give the node up, with the users it has, or was asked for."""
        self.is_lost = True
        self._asked = max(self._asked, asked)

    def users(self) -> UserCounts:
        """Return its users; those of a lost node that had not ended are lost."""
        users = UserCounts() if self.newest is None else self.newest.users
        if not self.is_lost:
            return users
        asked = max(users.asked, self._asked)
        gone = users.waiting + users.running + asked - users.asked
        return replace(users, asked=asked, waiting=0, running=0, stuck=0, lost=users.lost + gone)

    def health(self, began_ns: int) -> HealthSummary | None:
        """Return its health in seconds since the run began; None before the first snapshot."""
        if self.newest is None:
            return None
        return shifted(self.newest.health, self._since_s(self.newest.health_began_ns, began_ns))

    def failures(self, began_ns: int) -> Iterator[FailureGroup]:
        """Yield its failures in seconds since the run began."""
        for each in self.newest.failures.values() if self.newest is not None else ():
            yield self._group(each, began_ns)

    def _group(self, each: Failures, began_ns: int) -> FailureGroup:
        first_s, last_s = (self._since_s(ns, began_ns) for ns in (each.first_ns, each.last_ns))
        return FailureGroup(each.kind, each.template, each.count, first_s, last_s, each.sample)

    def _since_s(self, node_ns: int, began_ns: int) -> float:
        return (node_ns + (self._ahead_ns or 0) - began_ns) / SECOND

    def _ahead(self, snapshot: NodeSnapshot, now_ns: int) -> int:
        """Return by how much the master's clock is ahead: what took the least time tells best."""
        ahead_ns = now_ns - snapshot.now_ns
        return ahead_ns if self._ahead_ns is None else min(self._ahead_ns, ahead_ns)

    def _new_lives(self, snapshot: NodeSnapshot, now_ns: int) -> list[Life | range]:
        ended, ahead_ns = snapshot.ended, self._ahead(snapshot, now_ns)
        known = 0 if self.newest is None else self.lives_from - ended.first
        if known < 0:
            raise garbled("the number of a user that ended", ended.first)
        return [_moved(each, ahead_ns) for each in ended.lives[known:]]


def _moved(life: Life | range, by_ns: int) -> Life | range:
    if isinstance(life, range):
        return life
    return life._replace(began_ns=life.began_ns + by_ns, ended_ns=life.ended_ns + by_ns)
