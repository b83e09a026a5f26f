"""The nodes of a run and their lives, as their snapshots tell."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from crowsg.clock import SECOND
from crowsg.dist.part import Part
from crowsg.dist.snapshot import NodeSnapshot
from crowsg.dist.sums import sum_of_users
from crowsg.health.monitor import Reading
from crowsg.health.record import HealthSummary
from crowsg.health.worst import worst_life, worst_reading
from crowsg.summary import DEAD, NodeState, NodeSummary


@dataclass(slots=True)
class Node:
    """One node.

    Attributes:
        name: Which.
        parts: Its lives, the newest last; there is at least one.
        gaps_ns: Times of which nothing is known, on the master's clock.
        reading: What it was like since somebody looked, or, without anything new, before that.
    """

    name: str
    parts: list[Part] = field(default_factory=list)
    gaps_ns: list[tuple[int, int]] = field(default_factory=list)
    reading: Reading = field(default_factory=Reading)
    _is_seen: bool = True

    @property
    def newest(self) -> Part:
        """Its life at present, or its last."""
        return self.parts[-1]

    @property
    def state(self) -> NodeState:
        """State of its controller, ``dead`` where it was given up."""
        part = self.newest
        if part.is_lost:
            return DEAD
        return "idle" if part.newest is None else part.newest.state

    def lose(self, part: Part, now_ns: int, asked: int = 0) -> None:
        """Give up one of its lives."""
        if not part.is_lost:
            self.gaps_ns.append((part.heard_ns, now_ns))
        part.lose(asked)

    def note(self, reading: Reading) -> None:
        """Take what it was like since the reading before."""
        self.reading = reading if self._is_seen else worst_reading([self.reading, reading])
        self._is_seen = False

    def take_reading(self) -> Reading:
        """Return the worst since the last call; without anything new, what it was like last."""
        self._is_seen = True
        return self.reading

    def health(self, began_ns: int) -> HealthSummary:
        """Return the worst of its lives, in seconds since the run began."""
        lives = (part.health(began_ns) for part in self.parts)
        return worst_life(each for each in lives if each is not None)

    def summary(self, began_ns: int) -> NodeSummary:
        """Return its part in the run, in seconds since that began."""
        return NodeSummary(
            self.name,
            self.state,
            sum_of_users(part.users() for part in self.parts),
            self.health(began_ns),
            tuple(
                (max(0.0, (from_ns - began_ns) / SECOND), max(0.0, (to_ns - began_ns) / SECOND))
                for from_ns, to_ns in self.gaps_ns
            ),
        )


class Nodes:
    """All nodes, in the order in which they were heard of."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def part_of(self, name: str, incarnation: int, life: int) -> Part | None:
        """Return what is known of what a snapshot tells of; None for nothing."""
        known = (each for each in self._parts_of(name) if each.may_be(incarnation, life))
        return next(known, None)

    def last_part(self, name: str, incarnation: int) -> Part | None:
        """Return the last that is known of a node; None for nothing."""
        known = (each for each in self._parts_of(name) if each.incarnation == incarnation)
        return next(known, None)

    def enter(self, name: str, part: Part, now_ns: int) -> Node:
        """Note a life of a node, where it is new, and give up those it had before."""
        node = self._nodes.setdefault(name, Node(name))
        if part not in node.parts:
            for former in node.parts:
                node.lose(former, now_ns)
            node.parts.append(part)
        return node

    def _parts_of(self, name: str) -> Iterator[Part]:
        """Return the lives of a node, the newest first."""
        node = self._nodes.get(name)
        return reversed(node.parts if node is not None else [])

    def parts(self) -> Iterator[Part]:
        """Yield all lives of all nodes."""
        for node in self:
            yield from node.parts

    def snapshots(self) -> Iterator[NodeSnapshot]:
        """Yield the newest snapshot of each life."""
        for part in self.parts():
            if part.newest is not None:
                yield part.newest
