"""Whether permits kept to a rate: every window of time, no sample of them. Pure."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from crowsg.clock import SECOND

GRANULE_NS = 10_000_000
"""The granule of a throttle: permits come that much late at the most."""


class Grant(NamedTuple):
    """A permit that was used: when, in nanoseconds, and by whom it was granted."""

    at: int
    by: object


@dataclass(frozen=True, slots=True)
class InForce:
    """A rate, and when it may have been in force.

    Attributes:
        since: From when on, in nanoseconds.
        alone_since: From when on no other rate is in force any more.
        alone_until: Until when none is again; infinite for the last one.
        until: Until when it is.
        permits: Permits per interval; infinite for no limit.
        interval: The interval in nanoseconds; 0 for permits that are held.
    """

    since: int
    alone_since: int
    alone_until: float
    until: float
    permits: float
    interval: int

    @property
    def per_ns(self) -> float:
        """Permits per nanosecond; infinite where time does not limit them."""
        return self.permits / self.interval if self.interval else float("inf")


class Excess(NamedTuple):
    """A window with more permits than the rate lets through."""

    since: int
    until: int
    permits: int
    bound: float

    def __str__(self) -> str:
        seconds = (self.until - self.since) / SECOND
        return f"{self.permits} permits in {seconds:.3f} s, where {self.bound:.1f} were allowed"


def in_force(rates: Sequence[tuple[int, float, int]], confirmed_ns: int) -> list[InForce]:
    """Return when each rate may have been in force.

    Args:
        rates: When each was set, its permits and its interval, in order.
        confirmed_ns: How much longer the one before may be in force.
    """
    ends = [*(float(since) for since, _, _ in rates[1:]), float("inf")]
    return [
        InForce(
            since,
            since + (confirmed_ns if number else 0),
            end,
            end + confirmed_ns,
            permits,
            interval,
        )
        for number, ((since, permits, interval), end) in enumerate(zip(rates, ends, strict=True))
    ]


def excesses(
    grants: Sequence[Grant], rates: Sequence[InForce], stamped_ns: int = 0
) -> Iterator[Excess]:
    """Yield the worst window of each kind that holds too many permits.

    In every window W: permits <= rate x W + rate x 10 ms + n, with the highest rate in force within
    the window, and n who granted in it. Looked at are all windows of each interval, across changes
    of the rate; and windows of every length between two changes.

    Where permits are not stamped at once, a window may begin with one of each node whose stamp is
    late, as the process was not run for a moment; those behind it are not judged before that. So it
    may hold more of them by rate x the delay, and by n at the most.

    Args:
        grants: All permits, the earliest first.
        rates: The rates, in order.
        stamped_ns: How much later than it was judged a permit may be stamped.
    """
    for interval in sorted({rate.interval for rate in rates if rate.interval}):
        yield from _worst(_windows_of(interval, grants, rates, stamped_ns))
    moments = [each.at for each in grants]
    for rate in rates:
        begin = bisect_left(moments, rate.alone_since)
        within = grants[begin : bisect_left(moments, rate.alone_until)]
        yield from _worst(_windows_within(within, rate, stamped_ns))


def _worst(found: Iterator[Excess]) -> list[Excess]:
    worst = max(found, key=lambda each: each.permits - each.bound, default=None)
    return [] if worst is None else [worst]


def _windows_of(
    interval: int, grants: Sequence[Grant], rates: Sequence[InForce], stamped_ns: int
) -> Iterator[Excess]:
    """Yield the windows of one length, each from one grant on, that hold too many."""
    lowest = min(rate.per_ns for rate in rates)
    begins, ends = [rate.since for rate in rates], [rate.until for rate in rates]
    by: Counter[object] = Counter()
    end = 0
    for begin, first in enumerate(grants):
        while end < len(grants) and grants[end].at < first.at + interval:
            by[grants[end].by] += 1
            end += 1
        count, nodes = end - begin, sum(number > 0 for number in by.values())
        # Most windows keep even to the lowest rate: the one in force is looked up for the others.
        if count > lowest * interval + _slack(lowest, nodes, stamped_ns):
            within = rates[bisect_right(ends, first.at) : bisect_left(begins, first.at + interval)]
            highest = max((rate.per_ns for rate in within), default=0.0)
            bound = highest * interval + _slack(highest, nodes, stamped_ns)
            if count > bound + 1e-6:
                yield Excess(first.at, first.at + interval, count, bound)
        by[first.by] -= 1


def _slack(per_ns: float, nodes: int, stamped_ns: int) -> float:
    """Return how many permits any window may hold beside those of its length."""
    return per_ns * GRANULE_NS + nodes + min(per_ns * stamped_ns, nodes)


def _windows_within(grants: Sequence[Grant], rate: InForce, stamped_ns: int) -> Iterator[Excess]:
    """Yield the window with the most permits above a rate that is the only one in force."""
    if not grants or rate.per_ns == float("inf"):
        return
    if rate.permits == 0:
        yield Excess(grants[0].at, grants[-1].at, len(grants), 0.0)
        return
    slack = _slack(rate.per_ns, len({each.by for each in grants}), stamped_ns)
    # What lies above the line of the rate, from its lowest point so far: the most of all windows.
    lowest, begin = float("inf"), 0
    for number, each in enumerate(grants):
        above = number - rate.per_ns * (each.at - grants[0].at)
        if above < lowest:
            lowest, begin = above, number
        if above - lowest + 1 > slack + 1e-6:
            length = each.at - grants[begin].at
            bound = rate.per_ns * length + slack
            yield Excess(grants[begin].at, each.at, number - begin + 1, bound)


def gaps(moments: Sequence[int], longer_than: float) -> Iterator[tuple[int, int]]:
    """Yield (from, to) of the times between two moments that are longer than so many ns."""
    for before, after in pairwise(moments):
        if after - before > longer_than:
            yield before, after
