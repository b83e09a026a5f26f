"""What workers tell their master, and what becomes of those that leave or tell nothing more."""

import logging
from collections.abc import Mapping
from typing import Any

from crowsg.cluster.exchange import Exchange, Sender
from crowsg.cluster.membership import Member
from crowsg.dist.crew import Crew, Hand
from crowsg.dist.dealing import Dealing
from crowsg.dist.joining import Joining
from crowsg.dist.losses import Loss
from crowsg.dist.orders import Orders
from crowsg.dist.standing import Standing
from crowsg.dist.tally import Tally
from crowsg.errors import NotPackable, Refused
from crowsg.journal import Journal

_LOGGER = logging.getLogger("crowsg")


class Hearing:
    """Listens to the workers of a run.

    Args:
        exchange, orders: How they are heard, and told that they are none.
        crew: The workers.
        tally: Takes what they recorded.
        dealing: Takes their reports on throttles, and knows them from strangers.
        joining: Lets those take part anew that are heard again.
        standing: Told of each that is lost.
        journal: Takes what is worth a later look.
    """

    def __init__(
        self,
        exchange: Exchange,
        orders: Orders,
        crew: Crew,
        tally: Tally,
        dealing: Dealing,
        joining: Joining,
        standing: Standing,
        journal: Journal,
    ) -> None:
        self._exchange = exchange
        self._orders = orders
        self._crew = crew
        self._tally = tally
        self._dealing = dealing
        self._joining = joining
        self._standing = standing
        self._journal = journal

    def register(self) -> None:
        """Begin to listen."""
        self._exchange.take("beat", self._hear_beat)
        self._exchange.answer("worker_leaves", self._let_leave)

    def lose_if_gone(self, member: Member) -> None:
        """Give up the worker that a member was, where that life of it is gone."""
        hand = self._crew.hand(member.name)
        if hand is not None and (member.is_gone or member.incarnation != hand.incarnation):
            self._lose(hand)

    def lose_strangers(self, failures: Mapping[str, Exception], hands: Mapping[str, Hand]) -> None:
        """Give up workers that say they are none; what they still had is lost.

        Args:
            failures: What asking nodes raised, by name.
            hands: The workers when they were asked.
        """
        for name, error in failures.items():
            hand = self._crew.hand(name)
            is_same = hand is not None and hand is hands.get(name)
            if hand and is_same and isinstance(error, Refused) and error.kind == "unknown":
                _LOGGER.error("%s takes no part in the run any more: %s", name, error)
                self._lose(hand)

    def _lose(self, hand: Hand) -> None:
        self._journal.note("lost", name=hand.name, incarnation=hand.incarnation)
        self._part_with(hand.name)
        self._regret(Loss(hand.name, self._tally.lose(hand), hand.missing))

    def _part_with(self, name: str) -> None:
        self._crew.let_go(name)
        self._dealing.dismiss(name)

    def _regret(self, loss: Loss) -> None:
        _LOGGER.error("%s", loss)
        self._standing.lose(loss)
        # One that lives after all may take part anew, once it has left what it still does.
        self._joining.note(loss.node)

    def _let_leave(self, sender: Sender, body: Mapping[str, Any]) -> int | None:
        """Take the last of what a worker recorded that leaves in order, or as it was cut off.

        Returns:
            From which ended user on it is to tell more; None: that was all.
        """
        totals, hand = self._tally.totals, self._crew.hand(sender.name)
        # What a former part of it has counted, which was given up, would turn back what is lost.
        if hand is None or not self._dealing.is_worker(sender):
            own = self._exchange.identity.name
            raise Refused("stale", f"{own} does not know the run of {sender.name}")
        try:
            is_new = self._tally.merge(sender.name, sender.incarnation, body["snapshot"])
        except NotPackable:
            # What it counted last is not known, nor is what became of its users.
            self._lose(hand)
            return None
        if is_new and totals.has_more(sender.name, sender.incarnation):
            return totals.lives_from(sender.name, sender.incarnation)
        self._part_with(sender.name)
        if "fenced" in body:
            fenced = int(body["fenced"])
            # All is counted, but its users are gone as those of one that is lost.
            self._regret(Loss(sender.name, fenced, fenced))
        self._standing.look()
        return None

    def _hear_beat(self, sender: Sender, beat: Mapping[str, Any]) -> None:
        if not self._dealing.is_worker(sender):
            self._orders.release(sender, beat["number"])
            return
        self._dealing.take_reports(sender.name, beat["reports"])
        hand = self._crew.hand(sender.name)
        if hand is not None:
            hand.hear(beat)
            self._standing.look()
