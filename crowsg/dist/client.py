"""Asking a node of a cluster from outside: no member, but whoever holds a key of it."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from crowsg.clock import Clock
from crowsg.cluster.exchange import Exchange, Peer
from crowsg.cluster.identity import Identity, new_incarnation
from crowsg.cluster.link import Link
from crowsg.cluster.members import Members
from crowsg.cluster.membership import Membership
from crowsg.code import transfer
from crowsg.code.bundle import Bundle
from crowsg.dist.service import FORWARD_S

_LOGGER = logging.getLogger("crowsg")
_CODE_S = 60.0


class Client:
    """One connection to a cluster, through one of its nodes.

    Args:
        name: Who asks, ``name@host``.
        cluster: Name of the cluster.
        link: How it is reached.
        clock: Tells and waits.
        spawn: Starts a function on a greenlet.
    """

    def __init__(
        self, name: str, cluster: str, link: Link, clock: Clock, spawn: Callable[..., Any]
    ) -> None:
        identity = Identity(name, new_incarnation(), cluster)
        self._exchange = Exchange(identity, link, clock, _LOGGER)
        self._members = Members(self._exchange, Membership(identity), clock, spawn)

    def connect(self, address: str) -> Peer:
        """Find the node at an address.

        Raises:
            InvalidAddress: It is no address.
            CrowsgError: Nobody answers there, or refuses.

        Blocks: until it answers, five seconds at the most.
        """
        return self._members.connect(address)

    def ask(self, peer: Peer, verb: str, told: Mapping[str, Any]) -> Any:
        """Ask a node for one of the verbs of ``crowsg.dist``.

        Raises:
            CrowsgError: What it raised.

        Blocks: until it answers.
        """
        return self._exchange.call(peer, "dist", {"verb": verb, "told": dict(told)}, FORWARD_S)

    def upload(self, peer: Peer, bundle: Bundle) -> str:
        """Bring code to a node; returns ``sent``, or ``known`` where it has it already.

        Raises:
            CodeRefused: The node does not want it.
            CodeVersionChanged: A run there uses another version.

        Blocks: until it is in force there.
        """
        return transfer.send(
            lambda method, body: self._exchange.call(peer, method, body, _CODE_S), bundle
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._exchange.close()
