"""Calls and notices between nodes that know who they talk to.

Every message says who sends it, in which life, to which life of whom, until when it is good, and
which command it is. So a command is never carried out twice, never by another life of a node than
the one it was meant for, and never after its sender gave up. Errors of crowsg's own arrive as they
were raised.
"""

import itertools
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from crowsg.clock import SECOND, Clock, to_ns
from crowsg.cluster.envelope import Envelope, opened, sealed
from crowsg.cluster.identity import Identity
from crowsg.cluster.limited_log import LimitedLog
from crowsg.cluster.link import Beat, Beats, CallHandler, Link, NoticeHandler, Origin, Payload
from crowsg.cluster.once import Once
from crowsg.cluster.wire_errors import from_wire, to_wire
from crowsg.errors import CrowsgError, Refused, RemoteFault
from crowsg.journal import NO_JOURNAL, Journal
from crowsg.text import line_of, shown

_CUT_OFF = RemoteFault("the handler was ended half-way")


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom one talks to.

    Attributes:
        name: The node's name.
        address: Where it is reached, ``host:port``.
        incarnation: Its life; any other one refuses what is sent. 0 for whoever is there.
        offset_ns: Its clock less this node's, in nanoseconds; never more than it is in truth, so
            that no deadline is later than was meant. Of no meaning with incarnation 0, as what is
            sent to whoever is there has no deadline.
    """

    name: str
    address: str
    incarnation: int
    offset_ns: int


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a message.

    Attributes:
        name: The node's name.
        incarnation: Its life.
        address: Where it is reached; "" where it cannot be.
        run: The run the message belongs to; "" for none.
        origin: What the link can vouch for.
    """

    name: str
    incarnation: int
    address: str
    run: str
    origin: Origin


Handler = Callable[[Sender, Any], Payload]
"""Answers a call, or takes a notice and must not block; errors of ``crowsg.errors`` travel."""


class Exchange:
    """One node's calls and notices, and those of others to it.

    Attributes:
        refused: How many messages to this node were refused, by the kind of the refusal.

    Args:
        identity: Who this node is; without an address it is where the link listens.
        link: Carries the messages.
        clock: Tells the time.
        logger: Where faults of handlers and refusals are written.
        journal: Where each command is noted that is carried out.
    """

    def __init__(
        self,
        identity: Identity,
        link: Link,
        clock: Clock,
        logger: logging.Logger,
        journal: Journal = NO_JOURNAL,
    ) -> None:
        self.refused: Counter[str] = Counter()
        self._identity = identity
        self._link = link
        self._clock = clock
        self._journal = journal
        self._complaints = LimitedLog(logger, clock, lines_per_second=1)
        self._faults = LimitedLog(logger, clock)
        self._calls: dict[str, CallHandler] = {}
        self._notices: dict[str, NoticeHandler] = {}
        self._commands = itertools.count(1)
        self._once = Once(clock, {"error": to_wire(_CUT_OFF)})

    @property
    def identity(self) -> Identity:
        """Who this node is; with its address once ``open`` has returned."""
        return self._identity

    def answer(self, method: str, handler: Handler) -> None:
        """Answer calls of ``method`` with ``handler(sender, body)``; only before ``open``."""
        self._calls[method] = partial(self._answer_call, method, handler)

    def take(self, topic: str, handler: Handler) -> None:
        """Give notices of ``topic`` to ``handler(sender, body)``; only before ``open``."""
        self._notices[topic] = partial(self._take_notice, handler)

    def open(self) -> None:
        """Listen, and serve what was registered.

        Raises:
            InvalidAddress: It cannot listen there.
        """
        self._link.open(self._calls, self._notices)
        if not self._identity.address:
            self._identity = replace(self._identity, address=self._link.address)

    def close(self) -> None:
        """Let go of everything; calls that wait raise ``Unreachable``."""
        self._link.close()

    def call(self, peer: Peer, method: str, body: Payload, timeout_s: float, run: str = "") -> Any:
        """Call a method of a node and return its answer.

        Args:
            peer: The node.
            method: What is called.
            body: Plain values that its handler gets.
            timeout_s: Seconds it may take; the node does not begin with it after that.
            run: The run it belongs to; "" for none.

        Raises:
            NotPackable: The body cannot travel; nothing was sent.
            Unreachable: No answer in time.
            Refused: The node is another life of it, or has nothing to do with this one.
            CrowsgError: What the handler raised; ``RemoteFault`` where that was none of these.

        Blocks: for ``timeout_s`` at the most.
        """
        sent = self._sealed(peer.incarnation, body, run, self._deadline_ns(peer, timeout_s))
        return _value_of(self._link.call(peer.address, method, sent, timeout_s))

    def call_address(self, address: str, method: str, body: Payload, timeout_s: float) -> Any:
        """Call a method of whichever node is at ``address``; as ``call``, but without a deadline.

        Blocks: for ``timeout_s`` seconds at the most.
        """
        return self.call(Peer("", address, 0, 0), method, body, timeout_s)

    def tell(self, peer: Peer, topic: str, body: Payload, run: str = "") -> None:
        """Send a node a notice, which may be lost.

        Raises:
            NotPackable: The body cannot travel.

        Blocks: never.
        """
        self._link.tell(peer.address, topic, self._sealed(peer.incarnation, body, run, by_ns=0))

    def beat(self, peer: Peer, topic: str, body: Payload) -> Beat:
        """Return a notice as ``pulse`` sends it; may be called from a native thread."""
        return peer.address, topic, self._sealed(peer.incarnation, body, run="", by_ns=0)

    def pulse(self, beats: Beats, on_closed: Callable[[str], object]) -> None:
        """Send what ``beats`` says, however blocked the event loop is; see ``Link.pulse``."""
        self._link.pulse(beats, on_closed)

    def refuses(self, address: str) -> bool:
        """Return whether nobody listens at an address.

        Blocks: for half a second at the most.
        """
        return self._link.refuses(address)

    def forget(self, address: str) -> None:
        """Drop the connections to an address, and whatever waits to be sent there."""
        self._link.forget(address)

    def _deadline_ns(self, peer: Peer, timeout_s: float) -> int:
        """Return when this node gives up, on the peer's clock; 0 where that is not known."""
        if not peer.incarnation:
            return 0
        return max(1, self._clock.now_ns() + peer.offset_ns + to_ns(timeout_s))

    def _sealed(self, to: int, body: Payload, run: str, by_ns: int) -> Payload:
        own = self._identity
        number = next(self._commands)
        message = Envelope(own.name, own.incarnation, own.address, run, number, by_ns, body)
        return sealed(own, to, message)

    def _answer_call(
        self, method: str, handler: Handler, origin: Origin, payload: Payload
    ) -> Payload:
        try:
            message = self._opened(origin, payload)
        except Refused as refusal:
            return {"error": to_wire(refusal)}
        act = partial(self._handled, method, handler, origin, message)
        return self._once.answer(message, act)

    def _take_notice(self, handler: Handler, origin: Origin, payload: Payload) -> None:
        try:
            message = self._opened(origin, payload)
        except Refused:
            return
        try:
            handler(_sender_of(message, origin), message.body)
        except Refused as refusal:
            self._complain(refusal, message.name)

    def _handled(self, method: str, handler: Handler, origin: Origin, message: Envelope) -> Payload:
        self._note(method, message)
        try:
            return {"ok": handler(_sender_of(message, origin), message.body)}
        except CrowsgError as error:
            return {"error": to_wire(error)}
        except Exception as fault:  # noqa: BLE001 - a command of another node ends none of this one
            text = "a call of %s failed on a fault"
            self._faults.write(logging.ERROR, text, message.name, trace=True)
            return {"error": to_wire(fault)}

    def _note(self, method: str, message: Envelope) -> None:
        deadline_ns = message.deadline_ns
        late_ns = self._clock.now_ns() - deadline_ns if deadline_ns else 0
        self._journal.note(
            "command",
            method=method,
            sender=message.name,
            sender_incarnation=message.incarnation,
            number=message.command,
            run=message.run,
            late=late_ns / SECOND,
        )

    def _opened(self, origin: Origin, payload: Payload) -> Envelope:
        try:
            return opened(payload, origin, self._identity, self._clock.now_ns())
        except Refused as refusal:
            name = payload.get("from") if isinstance(payload, dict) else None
            self._complain(refusal, name)
            raise

    def _complain(self, refusal: Refused, name: object) -> None:
        self.refused[refusal.kind] += 1
        who = line_of(name, 100)
        self._complaints.write(logging.WARNING, "refused what %s sent: %s", who, refusal)


def _sender_of(message: Envelope, origin: Origin) -> Sender:
    return Sender(message.name, message.incarnation, message.address, message.run, origin)


def _value_of(answer: Payload) -> Any:
    match answer:
        case {"ok": value}:
            return value
        case {"error": wire}:
            raise from_wire(wire)
    raise RemoteFault(f"an answer that cannot be read: {shown(answer, 100)}")
