"""When the permits of a rate fall due. Pure arithmetic: moments in, moments out.

The k-th permit since the anchor is due at ``anchor + k x period``, rounded up: due times are
absolute, so errors never add up. With the granule g = 10 ms, in every window W the permits taken
are at most ``rate x W + rate x g + 1``:

* a permit may be taken up to g after it fell due without moving the schedule;
* beyond that the schedule moves by the excess. No due time is skipped and nothing is made up; what
  went by while somebody wanted permits is counted as lost, what went by unasked is only forgotten,
  so idle time earns no burst beyond the granule;
* permits that were granted and came too late to their waiters are put back, and the schedule moves
  on to half a granule: with a whole one the next of them would be too late again;
* for intervals of 5 s and more the pace is ``rate x (1 - g / interval)``, so that a window of the
  interval itself never holds more permits than the rate.

Taking a permit is O(1). amoc's timers drop a tick that is missed and tick in phase; vegeta's pacer
catches up with everything missed. This stands between: late by at most g, never faster.
"""

from fractions import Fraction
from math import ceil

from crowsg.errors import InvalidThrottle
from crowsg.rate import Rate

GRANULE_NS = 10_000_000
ALL = Fraction(1)
_SAFE_INTERVAL_NS = 5_000_000_000


def period_of(rate: Rate) -> Fraction:
    """Return the time from one permit to the next, in nanoseconds.

    Raises:
        InvalidThrottle: The rate is unlimited, paused or parallel, and so has no period.
    """
    if rate.is_unlimited or rate.is_paused or rate.is_parallel:
        raise InvalidThrottle(f"{rate} has no period")
    period = Fraction(rate.interval_ns) / Fraction(rate.permits)
    if rate.interval_ns >= _SAFE_INTERVAL_NS:
        period *= Fraction(rate.interval_ns, rate.interval_ns - GRANULE_NS)
    return period


class Pacing:
    """The due times of one rate, or of a share of it, from ``anchor_ns`` on.

    Attributes:
        lost_ns: Time that was lost, in nanoseconds of the whole rate: it adds up over its shares.

    Args:
        rate: A rate in time.
        anchor_ns: When the first permit falls due, in nanoseconds.
        share: The part of the rate, above 0.
    """

    __slots__ = ("_anchor_ns", "_denominator", "_index", "_numerator", "_share", "lost_ns")

    def __init__(self, rate: Rate, anchor_ns: int, share: Fraction = ALL) -> None:
        period = period_of(rate) / share
        self._numerator, self._denominator = period.numerator, period.denominator
        self._anchor_ns = anchor_ns
        self._share = share
        self._index = 0
        self.lost_ns = 0

    @property
    def due_ns(self) -> int:
        """When the next permit falls due, in nanoseconds."""
        return self._anchor_ns - (-self._index * self._numerator // self._denominator)

    def take(self, now_ns: int) -> int | None:
        """Take the next permit and return when it was due; None while it is not due yet."""
        due_ns = self.due_ns
        if due_ns > now_ns:
            return None
        excess_ns = now_ns - GRANULE_NS - due_ns
        if excess_ns > 0:
            self._lose(excess_ns)
            due_ns += excess_ns
        self._index += 1
        return due_ns

    def rest(self, now_ns: int) -> None:
        """Note that nobody wanted a permit until now: what fell due long ago is forgotten."""
        excess_ns = now_ns - GRANULE_NS - self.due_ns
        if excess_ns > 0:
            self._anchor_ns += excess_ns

    def catch_up(self, now_ns: int) -> None:
        """Note that permits came too late to those they were for, who need a little time again.

        Were the next one due a whole granule ago, it would be late too when its waiter wakes, and
        so each after it: half a granule is given up, and counted as lost.
        """
        excess_ns = now_ns - GRANULE_NS // 2 - self.due_ns
        if excess_ns > 0:
            self._lose(excess_ns)

    def put_back(self) -> None:
        """Return a permit that was taken and not used."""
        self._index -= 1

    def follow(self, rate: Rate, since_ns: int, now_ns: int, share: Fraction = ALL) -> "Pacing":
        """Return the pacing that takes over at ``now_ns``, where this one ended at ``since_ns``.

        What was left of a period is left of the new one: half a period at half the rate counts as
        half a permit, so rates and shares may change as often as they like without one too many.
        """
        following = Pacing(rate, now_ns, share)
        left = max(0, self.due_ns - since_ns) / self._period
        following._anchor_ns += ceil(left * following._period)
        following.lost_ns = self.lost_ns
        return following

    def _lose(self, excess_ns: int) -> None:
        self._anchor_ns += excess_ns
        # Permits lost by the whole rate: a half that stands still costs half the time.
        self.lost_ns += excess_ns * self._share.numerator // self._share.denominator

    @property
    def _period(self) -> Fraction:
        return Fraction(self._numerator, self._denominator)
