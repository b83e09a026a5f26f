"""A node's place in a cluster: all it takes to deal with other nodes, put together."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from crowsg.clock import Clock, to_ns
from crowsg.cluster.exchange import Exchange, Peer, Sender
from crowsg.cluster.identity import Identity
from crowsg.cluster.link import Link
from crowsg.cluster.members import Members
from crowsg.cluster.membership import GONE, SUSPECT_S, Member, Membership, State
from crowsg.dist.carriers import Carriers
from crowsg.dist.greenlets import Greenlets
from crowsg.dist.leadership import Leadership
from crowsg.dist.master import Master
from crowsg.dist.orders import Orders
from crowsg.dist.recruiting import Recruiting
from crowsg.dist.runner import ClusterRunner
from crowsg.dist.self_ping import SelfPing
from crowsg.dist.service import Dist
from crowsg.dist.steering import Steering
from crowsg.dist.worker import Worker
from crowsg.errors import NotEnoughNodes, Refused
from crowsg.telemetry.bus import Bus
from crowsg.users.inbox import Inbox
from crowsg.users.outbox import Outbox

_LOOK_S = 0.05

_LOGGER = logging.getLogger("crowsg")


class Station:
    """One node among others: listens, keeps up with the members, leads runs and works in them.

    Attributes:
        members: The other nodes.
        master: The runs that this node leads.
        worker: Its part in those of others.
        dist: The verbs of the cluster.

    Args:
        identity: Who the node is.
        link: How it is connected.
        carriers: Its services that carry a part of a run.
        lead: Its services that lead one.
        telemetry: Where events go.
        clock: Tells and waits.
        spawn: Starts a function on a greenlet of the node.
    """

    def __init__(
        self,
        identity: Identity,
        link: Link,
        carriers: Carriers,
        lead: Leadership,
        telemetry: Bus,
        clock: Clock,
        spawn: Callable[..., Any],
    ) -> None:
        name = identity.name
        self._clock = clock
        self._spawn = spawn
        self._carriers = carriers
        self._telemetry = telemetry
        exchange = self._exchange = Exchange(identity, link, clock, _LOGGER, carriers.journal)
        members = self.members = self._build_members(identity)
        orders = Orders(exchange, members, spawn)
        recruiting = Recruiting(orders, carriers.code, name, clock, spawn)
        self.master = Master(exchange, members, orders, recruiting, lead, clock, spawn, self._claim)
        self.worker = Worker(name, exchange, members, carriers, clock, spawn, self._leads)
        self.steering = Steering(self.master, members, orders, lead.life, clock)
        self.master.standing.on_owed(lambda: spawn(self.steering.refill))
        self.master.standing.on_change(lambda: spawn(self.steering.spread_arrivals))
        self.dist = Dist(
            exchange,
            members,
            self.master,
            self.steering,
            self.worker,
            carriers.code,
            Greenlets(exchange, members, carriers.greenlets, spawn),
            spawn,
        )
        self._self_ping = SelfPing(exchange, link, telemetry, clock, spawn, carriers.keep)
        home = name, identity.incarnation
        self._outbox = Outbox(home, clock, spawn, self._deliver, self._is_up)
        self._inbox = Inbox(self._outbox, carriers.crowd.find)
        carriers.journal.watch(self._seen_by_the_master)

    def _build_members(self, identity: Identity) -> Members:
        return Members(
            self._exchange,
            Membership(identity),
            self._clock,
            self._spawn,
            keep=self._carriers.keep,
            blocked_by=self._carriers.health.watchdog.blocked_by,
            journal=self._carriers.journal,
        )

    @property
    def address(self) -> str:
        """Where others reach this node, ``host:port``."""
        return self._exchange.identity.address

    def open(self, join: Iterable[str] = ()) -> None:
        """Listen, and meet the nodes at some addresses.

        Raises:
            InvalidAddress: It cannot listen, or an address is none.

        Blocks: never; nodes are met later, and looked for until they are there.
        """
        self.dist.register()
        self.master.register()
        self.worker.register()
        code = self._carriers.code
        answers = {
            "code_offer": code.offered,
            "code_chunk": code.received,
        }
        for method, answer in answers.items():
            self._exchange.answer(method, _whoever_asks(answer))
        self._exchange.answer("code_finish", lambda sender, body: code.installed(body, sender.name))
        self._exchange.answer("mail", self._take_mail)
        self.members.on_change(self._note_change)
        self.worker.on_lost(self._note_loss)
        self._exchange.open()
        self.members.start()
        self._self_ping.start()
        self.worker.start()
        self._carriers.health.standstill.on_end(self.worker.go_on)
        self._carriers.keep("master: snapshots", self.master.pull_each_second)
        self.members.join(join)

    def wait_for(self, count: int, seconds: float, is_hopeless: Callable[[], bool] = bool) -> None:
        """Wait until so many other nodes are up.

        Args:
            count: How many.
            seconds: How long at the most.
            is_hopeless: Whether it is of no use to wait any longer.

        Raises:
            NotEnoughNodes: They were not in time.

        Blocks: until they are.
        """
        end_ns = self._clock.now_ns() + to_ns(seconds)
        while len(self.members.up()) < count:
            if self._clock.now_ns() >= end_ns or is_hopeless():
                raise NotEnoughNodes(count, [each.name for each in self.members.up()], seconds)
            self._clock.sleep(_LOOK_S)

    def leave(self) -> None:
        """End the run that this node leads, hand in what was counted for others, and tell all.

        Blocks: until the users have ended, and everybody was told that this node goes.
        """
        if self.master.state == "running":
            self.master.stop()
        if self.master.is_ending:
            self.master.over.wait()
        self.worker.hand_in()
        self.members.leave()

    def hurry(self) -> None:
        """Leave users and callbacks that ``leave`` waits for no further grace, here and elsewhere.

        Blocks: never.
        """
        self.master.kill_users()
        self._carriers.controller.kill_users()

    def close(self) -> None:
        """Let go of everything."""
        self._self_ping.stop()
        self._exchange.close()

    def runner(self) -> ClusterRunner:
        """Return who carries the users of a run that this node leads."""
        return ClusterRunner(self.master, self.steering)

    def _leads(self) -> bool:
        return self.master.is_leading

    def _claim(self) -> None:
        self.worker.lead_instead()

    def role(self) -> str:
        """Return what this node is just now: ``master``, ``worker`` or ``node``."""
        if self.master.is_leading:
            return "master"
        return "node" if self.worker.service is None else "worker"

    def states(self) -> Counter[str]:
        """Return how many other nodes are in each state."""
        return Counter(member.state for member in self.members.all())

    def _seen_by_the_master(self) -> dict[str, Any] | None:
        """Return how the run stands in the eyes of this node; None where it leads none."""
        if not self.master.is_leading:
            return None
        users = self.master.tally.totals.users().as_dict()
        return {"users": users, "nodes": {each.name: each.state for each in self.members.all()}}

    def _note_change(self, member: Member, before: State | None) -> None:
        if member.state == "up" and (before is None or before in GONE):
            self._tell("connect_nodes", member)
        elif member.state == "stalled":
            _LOGGER.warning("%s is blocked by %s", member.name, member.place)
        elif member.state == "suspect":
            _LOGGER.warning("%s was not heard for %d s", member.name, SUSPECT_S)
        if not member.is_gone:
            return
        self._tell("nodedown", member)
        if self.worker.works_for(member.name):
            self.worker.master_is_gone()

    def _note_loss(self, master: str) -> None:
        for member in self.members.all():
            if member.name == master:
                self._tell("master_node_down", member)

    def _tell(self, event: str, member: Member) -> None:
        self._telemetry.execute(
            ("crowsg", "cluster", event),
            {"count": 1},
            {"nodes": [member.name], "state": member.state},
        )

    def _deliver(self, node: str, body: dict[str, Any], timeout_s: float) -> Any:
        return self._exchange.call(self.members.peer(node), "mail", body, timeout_s)

    def _is_up(self, node: str, incarnation: int) -> bool:
        return _is_among(self.members.peers(), node, incarnation)

    def _take_mail(self, sender: Sender, body: Any) -> None:
        if not _is_among(self.members.all(), sender.name, sender.incarnation):
            raise Refused("unknown", f"{sender.name} is no member of this cluster")
        self._inbox.deliver(sender.name, sender.incarnation, body)


def _is_among(nodes: Iterable[Peer | Member], name: str, incarnation: int) -> bool:
    return any((each.name, each.incarnation) == (name, incarnation) for each in nodes)


def _whoever_asks(answer: Callable[[Any], Any]) -> Callable[[Sender, Any], Any]:
    return lambda _, body: answer(body)
