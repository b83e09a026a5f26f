"""How the master of a run gives orders: to one worker, or to many at once."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from crowsg.cluster.exchange import Exchange, Sender
from crowsg.cluster.members import Members
from crowsg.dist.asking import Answers, ask_all
from crowsg.errors import Refused

CALL_S = 5.0
"""Seconds a node may take for what needs none of the scenario's code."""

Order = tuple[str, dict[str, Any]]
"""The method to call, and what it is told."""


class Orders:
    """Calls the workers of runs.

    Args:
        exchange, members: How they are reached.
        spawn: Starts a function on a greenlet of this node.
    """

    def __init__(self, exchange: Exchange, members: Members, spawn: Callable[..., Any]) -> None:
        self._exchange = exchange
        self._members = members
        self._spawn = spawn

    def give(self, run: str, node: str, order: Order, timeout_s: float = CALL_S) -> Any:
        """Give an order of a run to a node, and return what it answers.

        Raises:
            CrowsgError: What the node raised, or why it cannot be reached.

        Blocks: until it answers, ``timeout_s`` seconds at the most.
        """
        method, body = order
        return self._exchange.call(self._members.peer(node), method, body, timeout_s, run)

    def release(self, sender: Sender, number: object) -> None:
        """Tell a node that it takes no part in the run it works in; it may never have heard so.

        Args:
            sender: The node, and the run.
            number: Names its part, as the node itself does.
        """
        with suppress(Refused):
            peer = self._members.peer(sender.name)
            if peer.incarnation == sender.incarnation:
                self._exchange.tell(peer, "released", {"number": number}, sender.run)

    def give_all(
        self,
        run: str,
        nodes: Iterable[str],
        order_for: Callable[[str], Order],
        timeout_s: float = CALL_S,
    ) -> Answers[Any]:
        """Give each of several nodes its order, all at the same time.

        Blocks: until each has answered or failed.
        """
        return ask_all(
            self._spawn, nodes, lambda node: self.give(run, node, order_for(node), timeout_s)
        )
