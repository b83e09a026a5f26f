"""Permits of a slow rate, handed out one at a time by the throttle process. Pure.

Below 20/s a share could be less than a permit a second, and nodes would sit on permits that others
wait for; so the process paces the rate itself and hands each permit to a node where somebody
waits. A node has at most one that it has not accounted for. One that is used by nobody within 50 ms
of when it was due comes back.

Delays move permits towards one another. A limit of one granule keeps the bound of a single node,
but where the way there and back takes longer, every permit comes back and the throttle stands
still; so the limit is what the bound of one permit a node leaves room for, and what the quickest of
the last ways took is not counted. What is left: where ways take longer than the limit, the bound is
as loose as they vary.
"""

from collections.abc import Mapping

from crowsg.rate import Rate
from crowsg.throttle.lease import Report
from crowsg.throttle.pacing import Pacing, period_of


class Account:
    """The permits of one node.

    Attributes:
        given: Permits handed out to it from the beginning.
        given_ns: When the last one was due.
        waiting: Greenlets that wait there.
    """

    __slots__ = ("_claim", "_returned", "_settled", "given", "given_ns", "waiting")

    def __init__(self) -> None:
        self.given = 0
        self.given_ns = 0
        self.waiting = 0
        self._settled = 0
        self._returned = 0
        self._claim = 0.0

    @property
    def wants_one(self) -> bool:
        """Whether somebody waits there and no permit is on its way."""
        return self.waiting > 0 and self._settled == self.given

    def note(self, report: Report) -> bool:
        """Take a report and return whether the permit that was out came back."""
        self.waiting = report.waiting
        self._settled = report.used + report.returned
        before, self._returned = self._returned, report.returned
        return report.returned > before

    def give(self, due_ns: int) -> None:
        """Hand one out, for one of its claims."""
        self._claim -= 1
        self.given += 1
        self.given_ns = due_ns

    def bid(self, all_waiting: int) -> float:
        """Raise the claim by the part of a permit that those who wait here have, and return it."""
        self._claim += self.waiting / all_waiting
        return self._claim


class Singles:
    """Paces a slow rate and chooses who gets the next permit.

    Args:
        rate: A paced rate.
        anchor_ns: When its first permit falls due.
        lost_ns: Time that was lost before.
    """

    def __init__(self, rate: Rate, anchor_ns: int, lost_ns: int = 0) -> None:
        self._pacing = Pacing(rate, anchor_ns)
        self._pacing.lost_ns = lost_ns
        self._period = period_of(rate)
        # When the last permit was due that is handed out; None when it came back.
        self._last_ns: int | None = None

    def change_rate(self, rate: Rate, since_ns: int, now_ns: int) -> None:
        """Go on at another rate; between ``since_ns`` and now none was in force."""
        self._pacing = self._pacing.follow(rate, since_ns, now_ns)
        self._period, self._last_ns = period_of(rate), None

    def hand_out(self, accounts: Mapping[str, Account], now_ns: int) -> None:
        """Give the permits that are due to nodes that want them."""
        wanting = {name: each for name, each in accounts.items() if each.wants_one}
        if not any(each.waiting for each in accounts.values()):
            self._pacing.rest(now_ns)
        while wanting and (due_ns := self._pacing.take(now_ns)) is not None:
            # By turns, in proportion to who waits.
            all_waiting = sum(each.waiting for each in wanting.values())
            bids = {name: each.bid(all_waiting) for name, each in wanting.items()}
            chosen = wanting.pop(max(bids, key=lambda name: bids[name]))
            chosen.give(due_ns)
            self._last_ns = due_ns

    def take_back(self, account: Account) -> None:
        """Take back the permit that a node did not use.

        It can be handed out again only where none was after it: a later one may have been used.
        """
        if account.given_ns == self._last_ns:
            self._pacing.put_back()
            self._last_ns = None
        else:
            self._pacing.lost_ns += int(self._period)

    @property
    def due_ns(self) -> int:
        """When the next permit falls due."""
        return self._pacing.due_ns

    @property
    def lost_ns(self) -> int:
        """Time by which the schedule fell behind while somebody waited."""
        return self._pacing.lost_ns
