"""Who is in the cluster, as one node sees it: moments and messages in, changes out.

A node is one member in one life. It is ``up`` while it is heard, ``suspect`` and then ``dead`` when
it falls silent, and ``up`` again whenever it is heard after all; a life that has ``left`` is over.
Another life under the same name takes its place only when it is dead or has left.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from crowsg.clock import SECOND
from crowsg.cluster.envelope import is_address, is_incarnation, refuse_foreign
from crowsg.cluster.exchange import Peer
from crowsg.cluster.identity import Identity, is_name
from crowsg.cluster.link import MAX_ITEMS, Payload
from crowsg.errors import Refused

SUSPECT_S = 3
"""Seconds of silence after which a node is suspect."""

DEAD_S = 10
"""Seconds of silence after which a node is dead."""

CLOCK_DRIFT = 1000
"""Two clocks drift apart by less than a nanosecond in so many: slewing is at most half of that."""

State = Literal["joining", "up", "suspect", "stalled", "fenced", "left", "dead"]

GONE = frozenset({"left", "dead"})

Role = Literal["node", "client"]


@dataclass(frozen=True, slots=True)
class Hello:
    """How a node introduces itself.

    Attributes:
        identity: Who it is.
        version: The protocol it speaks.
        role: ``node``, or ``client`` for one that only asks and is not remembered.
        stamp_ns: The moment on its clock at which it said so.
    """

    identity: Identity
    version: int
    role: Role
    stamp_ns: int


@dataclass(frozen=True, slots=True)
class Member:
    """Another node of the cluster.

    Attributes:
        name: Its name.
        incarnation: Its life.
        address: Where it is reached.
        state: What is known of it.
        role: What it is for.
        heard_ns: When it was last heard, on this node's clock.
        offset_ns: Its clock less this node's, or somewhat less than that.
    """

    name: str
    incarnation: int
    address: str
    state: State
    role: Role
    heard_ns: int
    offset_ns: int

    @property
    def is_gone(self) -> bool:
        """Whether it is dead or has left."""
        return self.state in GONE

    @property
    def peer(self) -> Peer:
        """How it is talked to."""
        return Peer(self.name, self.address, self.incarnation, self.offset_ns)


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a member.

    Attributes:
        member: As it is now.
        before: Its state before; None for a life that was not known.
    """

    member: Member
    before: State | None


class Membership:
    """The members of one node's cluster; the node itself is none of them.

    Args:
        identity: Who the node is.
    """

    def __init__(self, identity: Identity) -> None:
        self._own = identity
        self._members: dict[str, Member] = {}

    def members(self) -> tuple[Member, ...]:
        """Return all that are known, gone ones too, by name."""
        return tuple(self._members[name] for name in sorted(self._members))

    def living(self) -> tuple[Member, ...]:
        """Return those that are not gone, by name."""
        return tuple(each for each in self.members() if not each.is_gone)

    def get(self, name: str) -> Member | None:
        """Return the member of that name, gone or not; None where there was none."""
        return self._members.get(name)

    def judge_hello(self, hello: Hello) -> None:
        """Refuse a node that cannot be in this cluster.

        Raises:
            Refused: ``other_version``, ``other_cluster``, ``name_taken``, or ``stale`` for a life
                that has left.
        """
        identity = hello.identity
        refuse_foreign(hello.version, identity.cluster, self._own)
        if identity.name == self._own.name and identity.incarnation != self._own.incarnation:
            raise _name_taken(identity.name, self._own.address)
        known = self._members.get(identity.name)
        if known is None or known.incarnation == identity.incarnation:
            if known is not None and known.state == "left":
                raise Refused("stale", f"{identity.name} has left")
        elif not known.is_gone:
            raise _name_taken(identity.name, known.address)

    def met(self, hello: Hello, now_ns: int) -> list[Change]:
        """Take in a node that ``judge_hello`` let pass, and return what that changed."""
        identity = hello.identity
        known = self._members.get(identity.name)
        if known is not None and known.incarnation == identity.incarnation:
            return self.heard(known.name, known.incarnation, now_ns, hello.stamp_ns)
        if identity.name == self._own.name or (known is not None and not known.is_gone):
            return []
        offset_ns = hello.stamp_ns - now_ns
        member = Member(
            identity.name,
            identity.incarnation,
            identity.address,
            "up",
            hello.role,
            now_ns,
            offset_ns,
        )
        self._members[member.name] = member
        return [Change(member, None)]

    def heard(
        self, name: str, incarnation: int, now_ns: int, stamp_ns: int | None = None
    ) -> list[Change]:
        """Take in a sign of life, and return what that changed.

        Args:
            name: Who gave it.
            incarnation: In which life; one that is not known changes nothing.
            now_ns: The moment it arrived.
            stamp_ns: The moment on its clock at which it was given; None for not known.
        """
        known = self._members.get(name)
        if known is None or known.incarnation != incarnation:
            return []
        offset_ns = known.offset_ns
        if stamp_ns is not None:
            offset_ns = _offset(known, now_ns, stamp_ns - now_ns)
        state: State = "up" if known.state in ("suspect", "dead") else known.state
        member = replace(known, heard_ns=now_ns, offset_ns=offset_ns, state=state)
        return self._changed(member)

    def left(self, name: str, incarnation: int) -> list[Change]:
        """Take in that a node has left, and return what that changed."""
        known = self._members.get(name)
        if known is None or known.incarnation != incarnation:
            return []
        return self._changed(replace(known, state="left"))

    def judge(self, now_ns: int, late_ns: int = 0) -> list[Change]:
        """Find those that fell silent, and return what that changed.

        Args:
            now_ns: The moment.
            late_ns: How long the node itself did not run since it last judged: nobody could be
                heard in that time, so it is nobody's silence.
        """
        changes = []
        for member in self.living():
            heard_ns = min(now_ns, member.heard_ns + late_ns)
            offset_ns = member.offset_ns - (heard_ns - member.heard_ns) // CLOCK_DRIFT
            state = _judged(member.state, now_ns - heard_ns)
            changes += self._changed(
                replace(member, heard_ns=heard_ns, offset_ns=offset_ns, state=state)
            )
        return changes

    def gossip(self) -> list[Payload]:
        """Return [name, incarnation, address] of the living, the node itself left out."""
        return [[each.name, each.incarnation, each.address] for each in self.living()]

    def digest(self) -> str:
        """Return a short text that is the same on nodes that know the same nodes to live."""
        lives = [(each.name, each.incarnation) for each in self.living()]
        lives.append((self._own.name, self._own.incarnation))
        return hashlib.blake2b(repr(sorted(lives)).encode(), digest_size=8).hexdigest()

    def merge(self, gossip: Payload) -> list[str]:
        """Return the addresses of nodes that others know and this one should dial.

        Args:
            gossip: What ``gossip`` returned elsewhere; whatever is none is passed over. Nobody is
                taken in by hearsay.
        """
        if not isinstance(gossip, list) or len(gossip) > MAX_ITEMS:
            return []
        return [address for name, life, address in _entries(gossip) if self._is_new(name, life)]

    def _is_new(self, name: str, incarnation: int) -> bool:
        known = self._members.get(name)
        return name != self._own.name and (
            known is None or (known.is_gone and known.incarnation != incarnation)
        )

    def _changed(self, member: Member) -> list[Change]:
        before = self._members[member.name].state
        self._members[member.name] = member
        return [Change(member, before)] if before != member.state else []


def _entries(gossip: Iterable[Any]) -> Iterable[tuple[str, int, str]]:
    for entry in gossip:
        match entry:
            case [name, life, address] if (
                is_name(name) and is_incarnation(life) and is_address(address)
            ):
                yield name, life, address


def _offset(known: Member, now_ns: int, told_ns: int) -> int:
    """Return the best that is known of a clock.

    Whatever a message tells is too low by its time on the way, so the highest is the best. It
    grows old by the drift of the clocks; and after a silence nothing old is relied on, as the
    other's machine may have slept.
    """
    if known.state != "up":
        return told_ns
    return max(told_ns, known.offset_ns - (now_ns - known.heard_ns) // CLOCK_DRIFT)


def _judged(state: State, silence_ns: int) -> State:
    if silence_ns >= DEAD_S * SECOND:
        return "dead"
    return "suspect" if silence_ns >= SUSPECT_S * SECOND else state


def _name_taken(name: str, address: str) -> Refused:
    where = f" at {address}" if address else ""
    return Refused("name_taken", f"the name {name} belongs to a node{where} that is alive")
