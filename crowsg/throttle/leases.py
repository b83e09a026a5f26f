"""Who holds how much of one throttle: the arithmetic of the throttle process. Pure.

Reports come in, leases go out; the process moves them and tells the time. What is promised, whoever
is late, silent or gone:

* The parts of a paced rate that nodes may go by never add up to more than the whole, nor do the
  slots of a parallel one: a part goes to another node only when its holder has confirmed the cut,
  or its lease has run out. Slots are out until their node says otherwise, or is dismissed.
* A rate is in force when no node may go by an older one any more.
* A rate below 20/s is not divided but handed out (see ``singles``), once no node has a share left.

A report is answered unless a lease went out a moment before, so leases are renewed as long as their
node reports. An offer costs time in proportion to the number of nodes.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from crowsg.clock import SECOND
from crowsg.rate import Rate
from crowsg.throttle.lease import NOTHING, TTL_NS, WHOLE, Lease, Report, Terms
from crowsg.throttle.pacing import GRANULE_NS, period_of
from crowsg.throttle.promises import Promise, Promises
from crowsg.throttle.shares import WINDOW_NS, Demand, apportion, is_settled
from crowsg.throttle.singles import Account, Singles

SLOW_PER_SECOND = 20
"""Below this rate permits are handed out one at a time where there is more than one node."""

_RENEWALS_PER_TTL = 6


class _Holder:
    """One node, as its reports tell."""

    def __init__(self, now_ns: int) -> None:
        self.promises = Promises()
        self.demand = Demand(now_ns)
        self.account = Account()
        self.heard = 0
        self.heard_ns = now_ns
        self.waiting = 0
        self.held = 0
        self.sequence = 0
        self.told = NOTHING
        self.told_ns = 0
        self.target = 0
        # Where in its period it begins, None while it has no pace to go on with.
        self.phase: Fraction | None = None

    def wants(self, is_parallel: bool) -> int:
        return self.demand.wanted + self.held if is_parallel else self.demand.wanted


class Leases:
    """Divides one throttle among nodes.

    Args:
        epoch: Which life of the throttle this is; counts up.
        ttl_ns: How long a lease lasts; None for ever, where nobody can be cut off.
    """

    def __init__(self, epoch: int = 1, ttl_ns: int | None = TTL_NS) -> None:
        self._epoch = epoch
        self._ttl_ns = ttl_ns
        self._rate = Rate.PAUSED
        self._change = 0
        self._holders: dict[str, _Holder] = {}
        self._singles: Singles | None = None
        # When the singles were left for something else, None while they are in force.
        self._left_ns: int | None = None
        self._has_run = False
        self._turn = 0
        self._divided_ns = 0
        self._total = 0

    @property
    def lost_ns(self) -> int:
        """Time by which the schedule of permits handed out one at a time fell behind."""
        return self._singles.lost_ns if self._singles else 0

    def enrol(self, node: str, now_ns: int) -> None:
        """Let a node take part, from its first report on."""
        self._holders[node] = _Holder(now_ns)
        self._total = 0
        self._choose_way(now_ns, self._rate)

    def dismiss(self, node: str, now_ns: int) -> None:
        """Take back whatever a node has; it must be known to grant nothing any more."""
        self._holders.pop(node, None)
        self._total = 0
        self._choose_way(now_ns, self._rate)

    def change_rate(self, rate: Rate, now_ns: int) -> None:
        """Offer another rate from now on."""
        self._change += 1
        self._choose_way(now_ns, rate)
        self._rate = rate

    def hear(self, node: str, report: Report, now_ns: int) -> None:
        """Take the report of a node; one that is older than the last is of no use."""
        holder = self._holders.get(node)
        if holder is None or report.number <= holder.heard:
            return
        holder.heard, holder.heard_ns = report.number, now_ns
        holder.waiting, holder.held = report.waiting, report.held
        holder.demand.note(report.waiting, report.granted, now_ns)
        # What was never told cannot be confirmed.
        is_ours = report.epoch == self._epoch and report.sequence <= holder.sequence
        holder.promises.confirm(report.sequence if is_ours else 0, report.held)
        if is_ours:
            has_come_back = holder.account.note(report)
            if has_come_back and self._singles:
                self._singles.take_back(holder.account)

    def offers(self, now_ns: int) -> list[tuple[str, Lease]]:
        """Return the leases to be told now: all that change, and all that are to be renewed."""
        for holder in self._holders.values():
            holder.promises.forget(now_ns)
        if self._is_slow(self._rate) and not self._parts_out():
            assert self._singles is not None
            self._singles.hand_out({n: h.account for n, h in self._present(now_ns)}, now_ns)
        units = self._units(now_ns)
        offers = [
            (node, self._promised(holder, terms, now_ns))
            for node, holder in self._present(now_ns)
            if (terms := self._terms(holder, units.get(node, 0))) != holder.told
            or self._is_to_be_renewed(holder, now_ns)
        ]
        self._has_run = self._has_run or bool(units and not self._rate.is_parallel)
        return offers

    def is_in_force(self, now_ns: int) -> bool:
        """Whether no node may go by an older rate than the one that was set last."""
        for holder in self._holders.values():
            holder.promises.forget(now_ns)
        return not any(each.promises.is_behind(self._change) for each in self._holders.values())

    def next_ns(self, now_ns: int) -> int | None:
        """Return when to look again even if no report comes; None for never."""
        is_waiting_for_ends = not self.is_in_force(now_ns)
        moments = []
        if self._singles and self._left_ns is None:
            if self._parts_out():
                is_waiting_for_ends = True
            elif any(each.account.wants_one for _, each in self._present(now_ns)):
                moments.append(self._singles.due_ns)
        if is_waiting_for_ends:
            ends = (each.promises.next_end_ns for each in self._holders.values())
            moments += [each for each in ends if each is not None]
        return min(moments, default=None)

    def _present(self, now_ns: int) -> Iterator[tuple[str, _Holder]]:
        """Yield the nodes that can be told something: where leases run out, those that report."""
        for node, holder in self._holders.items():
            if self._ttl_ns is None or (holder.heard and now_ns - holder.heard_ns <= self._ttl_ns):
                yield node, holder

    def _parts_out(self) -> int:
        return sum(each.promises.parts for each in self._holders.values())

    def _is_slow(self, rate: Rate) -> bool:
        return (
            len(self._holders) > 1
            and _is_paced(rate)
            and rate.permits * SECOND < SLOW_PER_SECOND * rate.interval_ns
        )

    def _choose_way(self, now_ns: int, rate: Rate) -> None:
        """Begin, go on with or leave the handing out of single permits."""
        if not self._is_slow(rate):
            self._left_ns = now_ns if self._left_ns is None else self._left_ns
            return
        if self._singles is not None and (self._left_ns is None or self._rate.is_paused):
            since_ns = now_ns if self._left_ns is None else self._left_ns
            self._singles.change_rate(rate, since_ns, now_ns)
        else:
            self._singles = self._begun(rate, now_ns)
        self._left_ns = None

    def _begun(self, rate: Rate, now_ns: int) -> Singles:
        # Shares may have brought a permit a moment ago, so the first one comes a period later.
        wait_ns = int(period_of(rate)) + 1 if self._has_run else 0
        return Singles(rate, now_ns + wait_ns, self.lost_ns)

    def _units(self, now_ns: int) -> dict[str, int]:
        """Divide what there is, giving nobody what another one may still be using."""
        is_parallel = self._rate.is_parallel
        if self._is_slow(self._rate) or not (is_parallel or _is_paced(self._rate)):
            self._total = 0
            return {}
        total = int(self._rate.permits) if is_parallel else WHOLE
        present = dict(self._present(now_ns))
        self._set_targets(list(present.values()), total, now_ns)
        out = {n: _out(h, is_parallel) for n, h in self._holders.items()}
        free = max(0, total - sum(out.values()))
        units = {}
        for node, holder in present.items():
            more = min(free, max(0, holder.target - out[node]))
            free -= more
            units[node] = min(holder.target, out[node] + more)
        return units

    def _set_targets(self, present: Sequence[_Holder], total: int, now_ns: int) -> None:
        is_window_over = now_ns - self._divided_ns >= WINDOW_NS
        is_starved = any(each.waiting and not each.target for each in present)
        if total == self._total and not is_window_over and not is_starved:
            return
        if is_window_over:
            self._divided_ns, self._turn = now_ns, self._turn + 1
        wants = [each.wants(self._rate.is_parallel) for each in present]
        targets = apportion(total, wants, self._turn if self._rate.is_parallel else 0)
        before = [each.target for each in present]
        if total != self._total or not is_settled(before, targets, total):
            for holder, target in zip(present, targets, strict=True):
                holder.target = target
        self._total = total

    def _terms(self, holder: _Holder, units: int) -> Terms:
        if self._rate.is_paused:
            return NOTHING
        if self._is_slow(self._rate):
            holder.phase = None
            return Terms(self._rate, 0, singles=holder.account.given)
        if self._rate.is_unlimited:
            return Terms.everything(self._rate)
        if holder.phase is None and units:
            holder.phase = self._phase_of(holder)
        return Terms(self._rate, units, holder.phase or Fraction(0))

    def _phase_of(self, holder: _Holder) -> Fraction:
        """Spread the first permits of nodes evenly, and not at once where permits came before."""
        place = list(self._holders.values()).index(holder) + int(self._has_run)
        return Fraction(place, len(self._holders))

    def _is_to_be_renewed(self, holder: _Holder, now_ns: int) -> bool:
        if self._ttl_ns is None:
            return False
        is_answered = holder.told_ns >= holder.heard_ns
        return not is_answered and now_ns - holder.told_ns >= self._ttl_ns // _RENEWALS_PER_TTL

    def _promised(self, holder: _Holder, terms: Terms, now_ns: int) -> Lease:
        holder.sequence += 1
        holder.told, holder.told_ns = terms, now_ns
        # From the report, as the node does; and who was let go may use up its granule.
        ends_ns = None
        if self._ttl_ns is not None:
            ends_ns = holder.heard_ns + self._ttl_ns + GRANULE_NS
        parts = terms.units if _is_paced(terms.rate) else 0
        slots = terms.units if terms.rate.is_parallel else 0
        promise = Promise(holder.sequence, self._change, parts, slots, ends_ns)
        holder.promises.make(promise)
        age_ns = now_ns - holder.account.given_ns
        return Lease(
            terms,
            self._epoch,
            holder.sequence,
            self._ttl_ns,
            holder.heard,
            now_ns - holder.heard_ns,
            age_ns,
        )


def _is_paced(rate: Rate) -> bool:
    return not (rate.is_paused or rate.is_unlimited or rate.is_parallel)


def _out(holder: _Holder, is_parallel: bool) -> int:
    return holder.promises.slots if is_parallel else holder.promises.parts
