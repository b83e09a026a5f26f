"""The members of a cluster, found and kept: who is told of one node becomes known to all.

Each node dials the addresses it was given, and those that others tell of, until it has met whoever
is there; a hello makes both sides known to one another. Twice a second each tells all others that
it lives, with a digest of the members it knows; where the digests differ, they say hello again. One
that falls silent is dead after a while, and at once where its connection was closed and nobody
listens there any more.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import gevent

from crowsg.clock import Clock, to_ns
from crowsg.cluster.alive import alive_of
from crowsg.cluster.dialler import Dialler, OnRefused
from crowsg.cluster.doubts import Doubts
from crowsg.cluster.exchange import Exchange, Peer, Sender
from crowsg.cluster.greeting import answer_of, hello_of_call
from crowsg.cluster.heartbeat import Heartbeat
from crowsg.cluster.limited_log import LimitedLog
from crowsg.cluster.link import Payload
from crowsg.cluster.lookup import Resolve, look_up
from crowsg.cluster.membership import Change, Hello, Member, Membership, State
from crowsg.errors import CrowsgError, Refused
from crowsg.journal import NO_JOURNAL, Journal
from crowsg.supervision import Keep, Kept, unsupervised
from crowsg.text import line_of

JUDGE_S = 0.25
"""Seconds from one look for those that fell silent to the next."""

CATCH_UP_S = 0.1
"""Seconds in which a node whose loop was blocked reads what came meanwhile, before it judges."""

LEAVE_S = 1.0
"""Seconds that telling the others of leaving may take."""

OnChange = Callable[[Member, State | None], object]

_LOGGER = logging.getLogger("crowsg")


class Members:
    """Finds the other nodes of a cluster, and notices what becomes of them.

    Args:
        exchange: Carries hellos and signs of life; not open yet.
        membership: Judges who is in the cluster.
        clock: Tells and waits.
        spawn: Starts a function on a greenlet of the node.
        resolve: Finds the addresses of a host.
        keep: Keeps the loops of this running; None for starting them with ``spawn``.
        blocked_by: Says what blocks the loop of the node, "" for nothing; called from a native
            thread.
        journal: Where the changes of others are noted.
    """

    def __init__(
        self,
        exchange: Exchange,
        membership: Membership,
        clock: Clock,
        spawn: Callable[..., Any],
        resolve: Resolve = look_up,
        keep: Keep | None = None,
        blocked_by: Callable[[], str] = str,
        journal: Journal = NO_JOURNAL,
    ) -> None:
        self._exchange = exchange
        self._membership = membership
        self._clock = clock
        self._spawn = spawn
        self._dialler = Dialler(exchange, membership, clock, spawn, resolve, self._take_in)
        self._doubts = Doubts(
            exchange, membership, self._dialler, clock, spawn, self._publish, self._take_in
        )
        self._heartbeat = Heartbeat(exchange, membership, clock, blocked_by)
        self._log = LimitedLog(_LOGGER, clock)
        self._journal = journal
        self._keep = keep or unsupervised(spawn)
        self._kept: list[Kept] = []
        self._is_leaving = False
        self._changed: list[OnChange] = []
        exchange.answer("hello", self._answer_hello)
        exchange.answer("leave", self._answer_leave)
        exchange.take("alive", self._take_alive)

    def tell_fenced(self, is_fenced: bool) -> None:
        """Tell the others, or tell them no more, that this node has stopped its users itself."""
        self._heartbeat.is_fenced = is_fenced

    @property
    def refusals(self) -> dict[str, Refused]:
        """Why nodes refused this one for good, by their address."""
        return self._dialler.refusals

    def on_change(self, callback: OnChange) -> None:
        """Call ``callback(member, before)`` when the state of a member changes.

        ``before`` is None for a life that was not known. Each change is told on a greenlet of its
        own, begun in the order of the changes; by then the member may have changed again.
        """
        self._changed.append(callback)

    def on_refused(self, callback: OnRefused) -> None:
        """Call ``callback(address, refusal)`` when a node refuses this one for good, or has.

        That is when it has the name of a living node, or when a node it was told to join is of
        another cluster or version, or does not take its key.
        """
        self._dialler.on_refused(callback)

    def start(self) -> None:
        """Begin to show that this node lives, and to judge the others; the exchange is open."""
        self._exchange.pulse(self._heartbeat.beats, self._hung_up)
        loops = {"members: judge": self._judge, "members: dial": self._dialler.run}
        self._kept = [self._keep(name, loop) for name, loop in loops.items()]

    def stop(self) -> None:
        """Tell, judge and dial nobody any more.

        Blocks: never.
        """
        self._is_leaving = True
        self._heartbeat.stop()
        self._dialler.stop()
        for each in self._kept:
            each.stop()

    def join(self, addresses: Iterable[str]) -> None:
        """Meet the nodes at these addresses, and through them all others, however long it takes.

        Args:
            addresses: ``host[:port]`` each; a host may stand for several nodes. The own address is
                passed over.

        Raises:
            InvalidAddress: One of them is none; nothing was begun.

        Blocks: never.
        """
        self._dialler.join(addresses)

    def connect(self, address: str, timeout_s: float = 5.0) -> Peer:
        """Meet one node as a client, who asks but is no member.

        Args:
            address: ``host[:port]``.
            timeout_s: Seconds each of the host's addresses may take.

        Raises:
            InvalidAddress: It is no address.
            CrowsgError: Nobody answered there, or refused.

        Blocks: until it answered.
        """
        return self._dialler.connect(address, timeout_s)

    def all(self) -> tuple[Member, ...]:
        """Return every other node there is or was, by name."""
        return self._membership.members()

    def up(self) -> tuple[Member, ...]:
        """Return the other nodes that are up, by name."""
        return tuple(each for each in self._membership.members() if each.state == "up")

    def peers(self) -> tuple[Peer, ...]:
        """Return how to talk to the nodes that have neither died nor left, by name."""
        return tuple(each.peer for each in self._membership.living())

    def peer(self, name: str) -> Peer:
        """Return how to talk to a node; what is known of its clock is the best just now.

        Raises:
            Refused: ``unknown``: there is no living node of that name.
        """
        member = self._membership.get(name)
        if member is None:
            raise Refused("unknown", f"no node is called {line_of(name, 100)}")
        if member.is_gone:
            raise Refused("unknown", f"the node {name} is gone: {member.state}")
        return member.peer

    def leave(self) -> None:
        """Tell all others that this node leaves; it is of no more use afterwards.

        Blocks: until they know, for a second at the most.
        """
        self.stop()
        gevent.joinall([self._spawn(self._take_leave_of, each) for each in self.peers()])

    def _judge(self) -> None:
        while not self._is_leaving:
            due_ns = self._clock.now_ns() + to_ns(JUDGE_S)
            self._clock.sleep(JUDGE_S)
            if self._clock.now_ns() - due_ns > to_ns(CATCH_UP_S):
                self._clock.sleep(CATCH_UP_S)
            now_ns = self._clock.now_ns()
            self._publish(self._membership.judge(now_ns, late_ns=max(0, now_ns - due_ns)))

    def _answer_hello(self, sender: Sender, body: Any) -> Payload:
        own = self._exchange.identity
        hello = hello_of_call(sender, own, body)
        if self._is_leaving:
            raise Refused("stale", f"{own.name} is leaving")
        if hello.role == "node":
            self._judge_hello(hello)
            self._take_in(hello, body.get("members"))
        return answer_of(own, self._clock.now_ns(), self._membership.gossip())

    def _judge_hello(self, hello: Hello) -> None:
        try:
            self._check_hello(hello)
        except Refused as refusal:
            who = f"{hello.identity.name} at {hello.identity.address}"
            self._log.write(logging.WARNING, "refused %s: %s", who, refusal)
            raise

    def _check_hello(self, hello: Hello) -> None:
        try:
            self._membership.judge_hello(hello)
        except Refused as refusal:
            if refusal.kind != "name_taken" or not self._doubts.bury_if_gone(hello.identity.name):
                raise
            self._membership.judge_hello(hello)

    def _take_in(self, hello: Hello, gossip: Payload) -> None:
        self._publish(self._membership.met(hello, self._clock.now_ns()))
        self._dialler.hear_of(gossip)

    def _answer_leave(self, sender: Sender, body: Any) -> None:
        self._publish(self._membership.left(sender.name, sender.incarnation))

    def _take_leave_of(self, peer: Peer) -> None:
        try:
            self._exchange.call(peer, "leave", None, LEAVE_S)
        except CrowsgError as error:
            _LOGGER.info("%s was not told that this node leaves: %s", peer.name, line_of(error))

    def _take_alive(self, sender: Sender, body: Any) -> None:
        name, life, alive = sender.name, sender.incarnation, alive_of(body)
        self._publish(self._membership.told(name, life, self._clock.now_ns(), alive))
        member = self._membership.get(name)
        if member is None or member.incarnation != life:
            # Only one side of a hello came through, the other still has to dial.
            self._dialler.hear_of([[name, life, sender.address]])
        elif alive.digest != self._membership.digest() and not self._is_leaving:
            self._doubts.compare(member)

    def _hung_up(self, address: str) -> None:
        if not self._is_leaving:
            self._doubts.hung_up(address)

    def _publish(self, changes: Iterable[Change]) -> None:
        for change in changes:
            member = change.member
            name, life, state = member.name, member.incarnation, member.state
            self._journal.note("member", name=name, incarnation=life, state=state)
            _LOGGER.info("node %s at %s is %s", name, member.address, state)
            if change.before is None:
                self._heartbeat.hurry()
            if member.is_gone:
                self._dialler.lost(member)
            # On a greenlet of its own: what others make of it must end no loop of this.
            self._spawn(self._tell_change, change)

    def _tell_change(self, change: Change) -> None:
        for callback in self._changed:
            callback(change.member, change.before)
