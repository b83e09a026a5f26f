"""How a throttle is divided among nodes by what their users want. Pure arithmetic in whole units.

A node's demand is how many users wanted a permit since it was last asked: those who got one and
those who still wait. Shares in proportion to it come close to one common queue: a node with ten
times the users in line gets ten times the permits, and of two nodes with one caller each, both
get half. Waiting alone would not do: where lines are short it swings from one extreme to the other.
"""

from collections.abc import Sequence
from itertools import pairwise

WINDOW_NS = 80_000_000
"""Time over which demand is counted: less than from one report to the next."""

_GOLDEN = (5**0.5 - 1) / 2


def apportion(total: int, weights: Sequence[int], turn: int = 0) -> list[int]:
    """Divide ``total`` units by whole weights, so that they add up exactly.

    Args:
        total: Units, >= 0.
        weights: One for each, >= 0; where all are 0, all get alike.
        turn: Counts up where units are few, so that over the turns everybody gets what is
            proportional: one unit, for two who want it alike, goes to and fro.

    Returns:
        Units for each, no further than one from what is proportional.
    """
    if not weights:
        return []
    whole = sum(weights)
    if whole == 0:
        return apportion(total, [1] * len(weights), turn)
    # Ends of slices on a line: rounding them moves units between neighbours and loses none. Where
    # rounding begins moves by the golden section, which spreads turns evenly whatever the weights.
    ends, seen, begins = [0], 0, int(turn * _GOLDEN % 1 * whole)
    for weight in weights:
        seen += weight
        ends.append((total * seen + begins) // whole)
    return [high - low for low, high in pairwise(ends)]


def is_settled(before: Sequence[int], after: Sequence[int], total: int) -> bool:
    """Whether shares have moved too little to be worth a change.

    The part that moves is nobody's until its cut is confirmed, so a change of 0.2 % of the whole or
    less is left alone, unless somebody begins or ceases to have a share. Shares approach what is
    fair by steps, so a coarser limit would let them rest well before they are.
    """
    return all(
        abs(new - old) * 500 <= total and (new == 0) == (old == 0)
        for old, new in zip(before, after, strict=True)
    )


class Demand:
    """What one node wants, smoothed.

    Attributes:
        wanted: How many users wanted a permit within a window; falls by half a window at most.
    """

    __slots__ = ("_began_ns", "_granted", "wanted")

    def __init__(self, now_ns: int) -> None:
        self.wanted = 0
        self._began_ns = now_ns
        # What was granted before the first report is no demand of now.
        self._granted: int | None = None

    def note(self, waiting: int, granted: int, now_ns: int) -> None:
        """Take what a node reports: who waits there, and permits granted from the beginning."""
        if self._granted is None:
            self._granted = granted
        passed_ns, got = now_ns - self._began_ns, granted - self._granted
        if passed_ns < WINDOW_NS:
            self.wanted = max(self.wanted, waiting + got)
            return
        # By the time it took: reports come as they can, and a longer window is not more demand.
        self.wanted = max(waiting + got * WINDOW_NS // passed_ns, self.wanted // 2)
        self._began_ns, self._granted = now_ns, granted
