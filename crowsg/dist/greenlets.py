"""How the loops of all nodes are: each tells of its own, and any of them asks the others."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from crowsg.cluster.exchange import Exchange
from crowsg.cluster.members import Members
from crowsg.dist.asking import ask_all
from crowsg.supervision import GreenletState

ASK_S = 1.0
"""Seconds in which a node must tell."""

States = Callable[[], Mapping[str, GreenletState]]


class Greenlets:
    """Tells of the loops of this node, and asks for those of the others.

    Args:
        exchange, members: How the others are reached; not open yet.
        states: Tells how the loops of this node are.
        spawn: Starts a function on a greenlet of the node.
    """

    def __init__(
        self, exchange: Exchange, members: Members, states: States, spawn: Callable[..., Any]
    ) -> None:
        self._exchange = exchange
        self._members = members
        self._states = states
        self._spawn = spawn
        exchange.answer("greenlets", lambda sender, body: self._own())

    def of_all(self) -> dict[str, list[dict[str, Any]] | None]:
        """Return how the loops of each node are, as plain values, by its name.

        Returns:
            The fields of ``GreenletState`` of each loop; None for a node that did not answer.

        Blocks: until all have answered, for a second at the most.
        """
        names = [peer.name for peer in self._members.peers()]
        answers = ask_all(self._spawn, names, self._ask)
        own = {self._exchange.identity.name: self._own()}
        told = {**own, **dict.fromkeys(names), **answers.results}
        return dict(sorted(told.items()))

    def _own(self) -> list[dict[str, Any]]:
        return [asdict(state) for state in self._states().values()]

    def _ask(self, node: str) -> list[dict[str, Any]]:
        peer = self._members.peer(node)
        told: list[dict[str, Any]] = self._exchange.call(peer, "greenlets", None, ASK_S)
        return told
