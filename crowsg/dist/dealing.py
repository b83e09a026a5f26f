"""The throttles of a run, between the master that owns them and its workers."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from crowsg.cluster.exchange import Exchange, Sender
from crowsg.cluster.members import Members
from crowsg.dist.orders import Order, Orders
from crowsg.errors import CrowsgError, Refused
from crowsg.throttle.dealer import Dealer
from crowsg.throttle.processes import Processes
from crowsg.throttle.remote import Answer, answers

_LOGGER = logging.getLogger("crowsg")


class Dealing:
    """Carries reports and leases, and what workers ask of the owner of their throttles.

    Attributes:
        is_worker: Whether a message comes from a worker of the run.

    Args:
        exchange, members: How workers are reached.
        orders: How they are told for sure.
        processes: The throttles.
        spawn: Starts a function on a greenlet of this node.
        is_worker: Whether a message comes from a worker of the run.
    """

    def __init__(
        self,
        exchange: Exchange,
        members: Members,
        orders: Orders,
        processes: Processes,
        spawn: Callable[..., Any],
        is_worker: Callable[[Sender], bool],
    ) -> None:
        self._exchange = exchange
        self._members = members
        self._orders = orders
        self._processes = processes
        self._spawn = spawn
        self.is_worker = is_worker
        self._run = ""
        self._dealer = Dealer(processes, self._tell_leases, self._announce_stop)

    def register(self) -> None:
        """Answer workers."""
        self._exchange.take("reports", self._hear_reports)
        for method, answer in answers(self._processes).items():
            self._exchange.answer(method, self._for_workers(answer))

    def begin(self, run: str) -> None:
        """Deal the throttles of a run from now on."""
        self._run = run

    def enrol(self, node: str) -> None:
        """Let a worker take part in every throttle."""
        self._dealer.enrol(node)

    def dismiss(self, node: str) -> None:
        """Give what a worker had to the others: it is known to grant nothing any more."""
        self._dealer.dismiss(node)

    def take_reports(self, node: str, reports: Any) -> None:
        """Take a worker's reports; see ``Dealer``."""
        self._dealer.take_reports(node, reports)

    def _hear_reports(self, sender: Sender, reports: Any) -> None:
        if self.is_worker(sender):
            self._dealer.take_reports(sender.name, reports)

    def _for_workers(self, answer: Answer) -> Callable[[Sender, Any], Any]:
        def answered(sender: Sender, body: Any) -> Any:
            if not self.is_worker(sender):
                raise Refused("stale", f"{sender.name} takes no part in a run of this node")
            return answer(sender.name, body)

        return answered

    def _tell_leases(self, node: str, leases: Any) -> None:
        # Of one that has just died the master is told a moment later.
        with suppress(Refused):
            self._exchange.tell(self._members.peer(node), "leases", leases, self._run)

    def _announce_stop(self, node: str, throttle: str, life: int) -> None:
        order = "throttle_closed", {"name": throttle, "life": life}
        self._spawn(self._tell_for_sure, node, order)

    def _tell_for_sure(self, node: str, order: Order) -> None:
        try:
            self._orders.give(self._run, node, order)
        except CrowsgError as error:
            # Its next report is answered with the same.
            _LOGGER.info("%s was not told at once: %s", node, error)
