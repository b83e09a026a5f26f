"""Gathers what the nodes of a run recorded: asked for each second, and at its end once more."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from crowsg.clock import Clock
from crowsg.cluster.exchange import Exchange
from crowsg.dist.crew import Crew, Hand
from crowsg.dist.orders import CALL_S, Order, Orders
from crowsg.dist.snapshot import Snapshots, read
from crowsg.dist.totals import Totals
from crowsg.errors import NotPackable

PULL_S = 0.5
"""Seconds a worker may take for a snapshot, while another is asked for each second."""

_LAST_TRIES = 3

_LOGGER = logging.getLogger("crowsg")


class Tally:
    """What all nodes recorded in the runs of a master, its own records included.

    Attributes:
        totals: Of the current or last run.
        keeps_lives: Whether somebody wants to know of each user that ends; asked at the start.

    Args:
        exchange: Tells who the master is.
        orders: How workers are asked.
        snapshots: What the master itself recorded.
        clock: Tells when.
    """

    def __init__(
        self, exchange: Exchange, orders: Orders, snapshots: Snapshots, clock: Clock
    ) -> None:
        self._exchange = exchange
        self._orders = orders
        self._snapshots = snapshots
        self._clock = clock
        self.totals = Totals()
        self.keeps_lives = False
        # Of whom it was said that nothing more counts.
        self._told: set[tuple[str, int]] = set()

    def begin(self) -> None:
        """Begin a run with nothing."""
        self._told.clear()
        self.totals = Totals()
        self.totals.keeps_lives = self.keeps_lives
        self._snapshots.begin()
        mine = self._exchange.identity
        self.enter(mine.name, mine.incarnation)

    def pull(self, run: str, lives: Mapping[str, int]) -> dict[str, Exception]:
        """Take what workers recorded so far, and return why some did not tell.

        Args:
            run: Names the run.
            lives: The workers, and which life of each.

        Blocks: until each has answered, half a second at the most.
        """
        self.merge_own()
        return self._pull(run, lives, PULL_S)

    def pull_last(self, run: str, crew: Crew) -> None:
        """Take the last of what the workers recorded; who does not answer is said to be lost.

        Blocks: until each has answered, or was asked three times.
        """
        lives = crew.incarnations(crew.names())
        for _ in range(_LAST_TRIES):
            # Who has left meanwhile has handed it in.
            lives = crew.incarnations(self._pull(run, lives, CALL_S))
        for name in lives:
            _LOGGER.error("%s did not hand in the last of what it counted", name)
            self.lose(crew.hands()[name])

    def merge(self, node: str, incarnation: int, snapshot: Any) -> bool:
        """Take a snapshot of a node; tells whether it was new.

        Raises:
            NotPackable: It cannot be read; it is left out.
        """
        return self._merge(self.totals, node, incarnation, snapshot)

    def merge_own(self) -> None:
        """Take what the master itself recorded."""
        mine = self._exchange.identity
        # One that cannot be read is written down, and no reason to leave out the others.
        with suppress(NotPackable):
            self.merge(mine.name, mine.incarnation, self._snapshots.take())

    def enter(self, name: str, incarnation: int) -> None:
        """Let a worker take part from now on, anew where it did before."""
        self.totals.enter(name, incarnation, self._clock.now_ns())

    def lose(self, hand: Hand) -> int:
        """Give up a worker that is dead; returns how many users are lost with it."""
        return self.totals.lose(hand.name, hand.incarnation, self._clock.now_ns(), hand.asked)

    def _pull(self, run: str, lives: Mapping[str, int], timeout_s: float) -> dict[str, Exception]:
        # By the time of an answer another run may have begun.
        totals = self.totals
        silent: dict[str, Exception] = {}

        def take(name: str) -> Order:
            return "snapshot", {"lives_from": totals.lives_from(name, lives[name])}

        def goes_on(name: str, snapshot: Any) -> bool:
            try:
                is_new = self._merge(totals, name, lives[name], snapshot)
            except NotPackable as error:
                silent[name] = error
                return False
            return is_new and totals.has_more(name, lives[name])

        asked = list(lives)
        while asked:
            answers = self._orders.give_all(run, asked, take, timeout_s)
            silent.update(answers.failures)
            asked = [name for name, each in answers.results.items() if goes_on(name, each)]
        return silent

    def _merge(self, totals: Totals, node: str, incarnation: int, snapshot: Any) -> bool:
        try:
            return totals.merge(node, incarnation, read(snapshot), self._clock.now_ns())
        except NotPackable as error:
            if (node, incarnation) not in self._told:
                self._told.add((node, incarnation))
                _LOGGER.error("what %s counts is left out from now on: %s", node, error)
            raise
