"""The verbs that steer a run of the cluster while it goes on; only its master takes them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from gevent.lock import BoundedSemaphore

from crowsg.clock import Clock
from crowsg.cluster.members import Members
from crowsg.controller.life_cycle import LifeCycle
from crowsg.controller.machine import MAX_USER_ID, check_count
from crowsg.dist.asking import Answers
from crowsg.dist.crew import Hand
from crowsg.dist.master import Master
from crowsg.dist.orders import Orders
from crowsg.dist.recruiting import Plan
from crowsg.dist.run_settings import packed
from crowsg.dist.spread import blocks, removals, shares
from crowsg.dist.worker import BEAT_S
from crowsg.errors import BadNodes, InvalidRange, NotAMaster, NoWorkers, Unreachable

IDS_OF_A_NODE = 1 << 40
"""Ids that each node has to itself where users arrive."""

_BEATS = 10

Nodes = Sequence[str] | None
"""Names of workers; None for all of them."""


class Steering:
    """Changes the run of a master: one verb after the other, so that none overtakes another.

    Args:
        master: Whose run.
        members: Tells who is up.
        orders: How workers are told.
        life: That of the master itself, for its settings.
        clock: Waits.
    """

    def __init__(
        self, master: Master, members: Members, orders: Orders, life: LifeCycle, clock: Clock
    ) -> None:
        self._master = master
        self._members = members
        self._orders = orders
        self._life = life
        self._clock = clock
        self._run = ""
        self._last_id = 0
        # Where users arrive, every node counts on from what it was given last.
        self._ranges = 0
        self._most: int | None = None
        self._turn = BoundedSemaphore(1)
        self._refilling = BoundedSemaphore(1)

    def add(self, count: int, nodes: Nodes = None) -> dict[str, int]:
        """Deal new users with the next ids to workers; see ``crowsg.dist.add``."""
        with self._turn:
            plan, names = self._open("add"), self._chosen(nodes)
            check_count(count, least=0)
            if not count:
                return dict.fromkeys(names, 0)
            if self._ranges:
                return self._deal(
                    plan,
                    {
                        name: self._own_range(share)
                        for name, share in zip(names, shares(count, len(names)), strict=True)
                    },
                )
            return self._deal(plan, self._next_block(count, nodes))

    def add_block(self, first_id: int, last_id: int, nodes: Nodes = None) -> dict[str, int]:
        """Deal the users of a block of ids to workers.

        Raises:
            InvalidRange: Some of them were given away before.
            NotAMaster, NoWorkers, BadNodes, PartialFailure: As ``add``.
        """
        with self._turn:
            return self._add_block(first_id, last_id, nodes)

    def let_arrive(self, most: int) -> None:
        """Let users arrive on all workers, until the run ends.

        Args:
            most: How many may be there at once, over the whole cluster: each worker gets a share.

        Raises:
            NotAMaster, NoWorkers, PartialFailure: As ``add``.
        """
        with self._turn:
            plan = self._open("let_arrive")
            self._most = most
            self._spread(plan, most).required("let_arrive")

    def spread_arrivals(self) -> None:
        """Let users arrive on the workers that there are by now, where they arrive at all.

        Blocks: until each has been told. One that fails is lost soon, or told with the next change.
        """
        with self._turn, suppress(NotAMaster, NoWorkers, InvalidRange):
            plan = self._open("let_arrive")
            if self._most is not None:
                self._spread(plan, self._most)

    def _spread(self, plan: Plan, most: int) -> Answers[Any]:
        names = self._chosen(None)
        # One that may have nobody would take permits for nothing; whose users arrive already goes
        # on counting where it is.
        told = {
            name: {"first": self._own_range(0).start, "most": share}
            for name, share in zip(names, shares(most, len(names)), strict=True)
        }
        return self._tell(plan, list(told), lambda name: ("users_arrive", told[name]))

    def refill(self) -> None:
        """Start new users in place of those that were lost with their nodes, where there are any.

        Blocks: until they are dealt to workers. What fails is left for the next time.
        """
        losses = self._master.losses
        with self._refilling, suppress(NotAMaster, NoWorkers):
            while losses.owed and self._refill_once(losses.owed):
                pass

    def remove(self, count: int, force: bool = False, nodes: Nodes = None) -> dict[str, int]:
        """End users where they are; see ``crowsg.dist.remove``."""
        with self._turn:
            plan, names = self._open("remove"), self._chosen(nodes)
            check_count(count, least=0)
            removed = dict.fromkeys(names, 0)
            while count > 0:
                answers = self._remove_once(plan, names, count, force)
                for name, number in answers.results.items():
                    removed[name] += number
                count -= sum(answers.results.values())
                if answers.failures:
                    Answers(_removed(removed, answers), answers.failures).required("remove")
                if not any(answers.results.values()):
                    break
            return removed

    def update_settings(self, settings: Mapping[str, Any], nodes: Nodes = None) -> dict[str, str]:
        """Change settings everywhere or nowhere; see ``crowsg.dist.update_settings``."""
        with self._turn:
            plan, names = self._open("update_settings"), self._chosen(nodes)
            body = {"settings": packed(settings)}
            checked = self._tell(plan, names, lambda _: ("settings_check", body))
            checked.saying(dict.fromkeys(names, "unchanged")).required("update_settings")
            if nodes is None:
                self._life.adopt(settings)
                # Before the nodes: one that still joins finds it there, one that has is asked too.
                plan.above.update(settings)
                names = self._chosen(None)
            updated = self._tell(plan, names, lambda _: ("settings_update", body))
            return updated.saying(dict.fromkeys(names, "updated")).required("update_settings")

    def _add_block(self, first_id: int, last_id: int, nodes: Nodes) -> dict[str, int]:
        plan = self._open("add")
        return self._deal(plan, self._block(first_id, last_id, nodes))

    def _next_block(self, count: int, nodes: Nodes) -> dict[str, range]:
        return self._block(self._last_id + 1, self._last_id + count, nodes)

    def _block(self, first_id: int, last_id: int, nodes: Nodes) -> dict[str, range]:
        names = self._chosen(nodes)
        if nodes is None:
            # Who is silent or blocked would not take them.
            up = {member.name for member in self._members.up()}
            names = [name for name in names if name in up] or names
        if not self._last_id < first_id <= last_id <= MAX_USER_ID:
            raise InvalidRange(first_id, last_id, self._last_id)
        # Before the calls: what a node failed to take is never given to another one.
        self._last_id = last_id
        return blocks(first_id, last_id + 1 - first_id, names)

    def _refill_once(self, owed: int) -> bool:
        """Deal new users to workers; returns whether all were taken."""
        with self._turn:
            plan = self._open("refill")
            if self._ranges:
                # Whose users arrive gets others with the next permits.
                self._master.losses.settle(plan.run, owed)
                return True
            dealt = self._next_block(owed, None)
            answers = self._try_to_deal(plan, dealt)
            # Of one that is lost by now the loss tells: its users are owed anew.
            failed = [name for name in answers.failures if self._master.crew.hand(name)]
            missing = sum(len(dealt[name]) for name in failed)
            self._master.losses.settle(plan.run, owed - missing)
            return not missing

    def _open(self, call: str) -> Plan:
        plan = self._master.running(call)
        if plan.run != self._run:
            self._run, self._last_id, self._ranges, self._most = plan.run, 0, 0, None
        return plan

    def _own_range(self, count: int) -> range:
        """Return the first ids of a range of which no other node gets any.

        Raises:
            InvalidRange: All ranges were given away.
        """
        first_id = self._ranges * IDS_OF_A_NODE + 1
        last_id = first_id + max(count, 1) - 1
        if last_id > MAX_USER_ID:
            raise InvalidRange(first_id, last_id, first_id - 1)
        self._ranges += 1
        return range(first_id, first_id + count)

    def _deal(self, plan: Plan, dealt: Mapping[str, range]) -> dict[str, int]:
        counts = {name: len(ids) for name, ids in dealt.items()}
        self._try_to_deal(plan, dealt).saying(counts).required("add")
        return counts

    def _try_to_deal(self, plan: Plan, dealt: Mapping[str, range]) -> Answers[Any]:
        hands = {name: self._master.crew.hand(name) for name, ids in dealt.items() if ids}
        for name, hand in hands.items():
            self._master.give(hand, len(dealt[name]))
        answers = self._tell(plan, list(hands), lambda name: ("users_add", _ends(dealt[name])))
        for name, error in list(answers.failures.items()):
            hand = hands[name]
            if isinstance(error, Unreachable) and hand is not None and self._has_taken(hand):
                # Only its answer was lost.
                del answers.failures[name]
                answers.results[name] = None
            else:
                self._master.give(hand, -len(dealt[name]))
        return answers

    def _has_taken(self, hand: Hand) -> bool:
        """Whether a worker took the users it was given, as it tells when it is heard again.

        Blocks: for a second at the most; after the time of an order it is never carried out.
        """
        heard = hand.beats
        for _ in range(_BEATS):
            # The first may have been on its way.
            if hand.beats >= heard + 2:
                break
            self._clock.sleep(BEAT_S)
        return hand.beat_asked >= hand.asked

    def _chosen(self, nodes: Nodes) -> list[str]:
        known = self._master.crew.names()
        if nodes is not None and (strangers := self._master.crew.strangers(nodes)):
            raise BadNodes(strangers, known)
        chosen = [name for name in known if nodes is None or name in nodes]
        if not chosen:
            raise NoWorkers
        return chosen

    def _remove_once(self, plan: Plan, names: list[str], count: int, force: bool) -> Answers[int]:
        present = self._tell(plan, names, lambda _: ("users_count", {}))
        if present.failures:
            return present.saying(dict.fromkeys(names, 0))
        shares = removals(count, present.results)
        wanted = [name for name in names if shares[name]]
        return self._tell(
            plan, wanted, lambda name: ("users_remove", {"count": shares[name], "force": force})
        )

    def _tell(self, plan: Plan, names: Sequence[str], order_for: Any) -> Answers[Any]:
        return self._orders.give_all(plan.run, names, order_for)


def _removed(removed: Mapping[str, int], last: Answers[int]) -> dict[str, int]:
    """Return what was removed so far, also on nodes that failed only in the end."""
    return {name: n for name, n in removed.items() if n or name not in last.failures}


def _ends(ids: range) -> dict[str, int]:
    return {"first": ids[0], "last": ids[-1]}
