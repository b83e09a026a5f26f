"""Nodes on one clock that is moved by hand, and mail between them over a bad network."""

from collections.abc import Callable
from random import Random
from typing import Any

import msgpack

from crowsg import users
from crowsg.errors import Unreachable
from crowsg.node import Node
from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle
from crowsg.users.inbox import Inbox
from crowsg.users.outbox import Outbox

Fate = Callable[["Station", Callable[[], None], float], None]
"""What becomes of a batch: is told who gets it, how to hand it over, and the time it has."""


def arrive(_: "Station", hand_over: Callable[[], None], timeout_s: float) -> None:
    """Be a network without faults."""
    hand_over()


class Network:
    """Carries batches between stations.

    Args:
        fate: Decides on each of them.
    """

    def __init__(self, fate: Fate = arrive) -> None:
        self.clock = ManualClock(1)
        self.fate = fate
        self.batches: list[int] = []
        self._stations: dict[str, Station] = {}

    def station(self, name: str) -> "Station":
        """Return a new node."""
        station = self._stations[name] = Station(name, self)
        return station

    def deliver(self, sender: "Station", name: str, body: Any, timeout_s: float) -> None:
        """Hand over a batch as a link would: as other objects, of plain values only."""
        packed = msgpack.packb(body)
        receiver = self._stations[name]
        self.batches.append(len(body["mail"]))

        def hand_over() -> None:
            receiver.inbox.deliver(sender.name, sender.incarnation, msgpack.unpackb(packed))

        self.fate(receiver, hand_over, timeout_s)

    def is_reachable(self, name: str, incarnation: int) -> bool:
        """Whether that life of the node is up."""
        station = self._stations.get(name)
        return station is not None and station.is_up and station.incarnation == incarnation


class Faults:
    """Batches that are lost, answers that are lost, repeats and delays, by chance."""

    def __init__(self, network: Network, seed: int) -> None:
        self._clock = network.clock
        self._random = Random(seed)

    def __call__(
        self, receiver: "Station", hand_over: Callable[[], None], timeout_s: float
    ) -> None:
        self._clock.sleep(self._random.choice([0, 0, 0.01, timeout_s / 2]))
        kind = self._random.choice(["arrives", "lost", "unanswered", "repeated", "late"])
        if kind in ("arrives", "unanswered", "repeated"):
            hand_over()
        if kind in ("repeated", "late"):
            self._clock.call_later(self._random.randrange(10**10), hand_over)
        if kind in ("lost", "unanswered", "late"):
            self._clock.sleep(timeout_s)
            raise Unreachable(receiver.name, "mail", timeout_s)


class Station:
    """A node, its users, and its mail.

    Args:
        name: Of the node.
        network: Carries what it sends.
    """

    def __init__(self, name: str, network: Network) -> None:
        self.name = name
        self.incarnation = 7
        self.is_up = True
        self.node = Node(name, clock=network.clock, environment={})
        self.outbox = Outbox(
            (name, self.incarnation),
            network.clock,
            self.node.spawn,
            lambda *call: network.deliver(self, *call),
            network.is_reachable,
        )
        self.inbox = Inbox(self.outbox, self.node.crowd.find)
        self._acts: dict[int, Callable[[], Any]] = {}
        self.node.crowd.open("made", lambda user_id, _: self._acts.pop(user_id)())

    def start(self, user_id: int, act: Callable[[], Any]) -> users.User:
        """Start a user that does ``act()``, and let it take its first step."""
        self._acts[user_id] = act
        self.node.crowd.arrive(user_id, 0.0, None)
        user = self.node.crowd.find(user_id)
        assert user is not None
        settle()
        return user

    def collect(self, user_id: int) -> tuple[users.User, list[Any]]:
        """Start a user that keeps what it receives; return both."""
        received: list[Any] = []

        def act() -> None:
            while True:
                received.append(users.receive())

        return self.start(user_id, act), received

    def refer_to(self, user: users.User, home: "Station") -> users.RemoteUser:
        """Return what stands here for a user of another station."""
        assert user.began_ns is not None
        return users.RemoteUser(
            user.id, user.began_ns, home.name, home.incarnation, post=self.outbox
        )
