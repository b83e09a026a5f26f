"""Who is in the cluster, as one node sees it: moments and messages in, changes out.

A node is one member in one life. It is what it says while it is heard: ``up``, ``stalled`` or
``fenced``; it is ``suspect`` and then ``dead`` when it falls silent, and what it says again
whenever it is heard after all; a life that has ``left`` is over. Another life takes its name only
when it is gone; or its address with it, as two lives cannot listen at one.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from crowsg.clock import SECOND
from crowsg.cluster.alive import Alive
from crowsg.cluster.envelope import is_address, is_incarnation, refuse_foreign
from crowsg.cluster.exchange import Peer
from crowsg.cluster.identity import Identity, is_name
from crowsg.cluster.link import MAX_ITEMS, Payload
from crowsg.errors import Refused

SUSPECT_S = 3
"""Seconds of silence after which a node is suspect."""

FENCE_S = 8
"""Seconds after which a node stops by itself, when nobody confirms that it was heard: earlier than
the others take it for dead, whose clocks began to count later."""

DEAD_S = 10
"""Seconds of silence after which a node is dead."""

CLOCK_DRIFT = 1000
"""Two clocks drift apart by less than a nanosecond in so many: slewing is at most half of that."""

State = Literal["joining", "up", "suspect", "stalled", "fenced", "left", "dead"]

GONE = frozenset({"left", "dead"})

_SILENT = frozenset({"suspect", "dead"})

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
        stamp_ns: The last moment on its clock that this node got of it.
        confirmed_ns: The last moment on this node's clock that it says it got of this one; at
            first the moment at which it was met.
        place: What blocks its loop; "" for nothing.
    """

    name: str
    incarnation: int
    address: str
    state: State
    role: Role
    heard_ns: int
    offset_ns: int
    stamp_ns: int = 0
    confirmed_ns: int = 0
    place: str = ""

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

    What asks may do so from a native thread: nothing that it reads is ever altered, only replaced.

    Args:
        identity: Who the node is.
    """

    def __init__(self, identity: Identity) -> None:
        self._own = identity
        self._members: dict[str, Member] = {}

    def members(self) -> tuple[Member, ...]:
        """Return all that are known, gone ones too, by name."""
        members = self._members
        return tuple(members[name] for name in sorted(members))

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
        elif not known.is_gone and known.address != identity.address:
            raise _name_taken(identity.name, known.address)

    def met(self, hello: Hello, now_ns: int) -> list[Change]:
        """Take in a node that ``judge_hello`` let pass, and return what that changed.

        Whoever lived at its address before has died.
        """
        identity = hello.identity
        known = self._members.get(identity.name)
        if known is not None and known.incarnation == identity.incarnation:
            return self.heard(known.name, known.incarnation, now_ns, hello.stamp_ns)
        changes = self._replaced_by(identity)
        known = self._members.get(identity.name)
        if identity.name == self._own.name or (known is not None and not known.is_gone):
            return changes
        member = Member(
            identity.name,
            identity.incarnation,
            identity.address,
            "up",
            hello.role,
            heard_ns=now_ns,
            offset_ns=hello.stamp_ns - now_ns,
            stamp_ns=hello.stamp_ns,
            confirmed_ns=now_ns,
        )
        self._put(member)
        return [*changes, Change(member, None)]

    def heard(
        self, name: str, incarnation: int, now_ns: int, stamp_ns: int | None = None
    ) -> list[Change]:
        """Take in that a node has answered, and return what that changed.

        Args:
            name: Who did.
            incarnation: In which life; one that is not known changes nothing.
            now_ns: The moment it arrived.
            stamp_ns: The moment on its clock at which it was said; None for not known.
        """
        known = self._known(name, incarnation)
        return [] if known is None else self._changed(_heard(known, now_ns, stamp_ns))

    def told(self, name: str, incarnation: int, now_ns: int, alive: Alive) -> list[Change]:
        """Take in a sign of life, and return what that changed; arguments as of ``heard``."""
        known = self._known(name, incarnation)
        if known is None:
            return []
        member = _heard(known, now_ns, alive.stamp_ns)
        state = known.state if known.state == "left" else alive.condition
        # What is yet to come was never told.
        got_ns = alive.heard_ns if alive.heard_ns <= now_ns else 0
        confirmed_ns = max(known.confirmed_ns, got_ns)
        return self._changed(
            replace(member, state=state, place=alive.place, confirmed_ns=confirmed_ns)
        )

    def left(self, name: str, incarnation: int) -> list[Change]:
        """Take in that a node has left, and return what that changed."""
        known = self._known(name, incarnation)
        return [] if known is None else self._changed(replace(known, state="left"))

    def died(self, name: str, incarnation: int) -> list[Change]:
        """Take in that a life is over that did not leave, and return what that changed."""
        known = self._known(name, incarnation)
        if known is None or known.is_gone:
            return []
        return self._changed(replace(known, state="dead"))

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

    def _known(self, name: str, incarnation: int) -> Member | None:
        known = self._members.get(name)
        return known if known is not None and known.incarnation == incarnation else None

    def _replaced_by(self, identity: Identity) -> list[Change]:
        """Bury those in whose place, by address, another life is."""
        changes = []
        for each in self.living():
            if each.address == identity.address and each.incarnation != identity.incarnation:
                changes += self.died(each.name, each.incarnation)
        return changes

    def _put(self, member: Member) -> None:
        self._members = {**self._members, member.name: member}

    def _changed(self, member: Member) -> list[Change]:
        before = self._members[member.name].state
        self._put(member)
        return [Change(member, before)] if before != member.state else []


def _entries(gossip: Iterable[Any]) -> Iterable[tuple[str, int, str]]:
    for entry in gossip:
        match entry:
            case [name, life, address] if (
                is_name(name) and is_incarnation(life) and is_address(address)
            ):
                yield name, life, address


def _heard(known: Member, now_ns: int, stamp_ns: int | None) -> Member:
    state: State = "up" if known.state in _SILENT else known.state
    if stamp_ns is None:
        return replace(known, heard_ns=now_ns, state=state)
    return replace(
        known,
        heard_ns=now_ns,
        state=state,
        offset_ns=_offset(known, now_ns, stamp_ns - now_ns),
        stamp_ns=max(known.stamp_ns, stamp_ns),
    )


def _offset(known: Member, now_ns: int, told_ns: int) -> int:
    """Return the best that is known of a clock.

    Whatever a message tells is too low by its time on the way, so the highest is the best. It
    grows old by the drift of the clocks; and after a silence nothing old is relied on, as the
    other's machine may have slept.
    """
    if known.state in _SILENT:
        return told_ns
    return max(told_ns, known.offset_ns - (now_ns - known.heard_ns) // CLOCK_DRIFT)


def _judged(state: State, silence_ns: int) -> State:
    if silence_ns >= DEAD_S * SECOND:
        return "dead"
    return "suspect" if silence_ns >= SUSPECT_S * SECOND else state


def _name_taken(name: str, address: str) -> Refused:
    where = f" at {address}" if address else ""
    return Refused("name_taken", f"the name {name} belongs to a node{where} that is alive")
