"""What the throttle process and the nodes tell each other: leases one way, reports the other. Pure.

A *lease* lets one node grant permits by itself for a while: a share of a paced rate, a number of
slots of a parallel one, or one permit at a time of a slow one. A node without a valid lease grants
nothing. A *report* tells what the node needs and which lease it goes by.

Messages go one way and may be late, lost or out of order, so nothing in them is relative to the
message before: leases are numbered, the later one counts; single permits and grants are counted
from the beginning. Clocks of two machines are never compared. A lease says which report it answers,
so its node counts the time to live from when it *sent* that report, which was before the process
began to count: a node never believes in a lease for longer than the process does.
"""

from dataclasses import dataclass
from fractions import Fraction

from crowsg.rate import Rate

WHOLE = 1 << 20
"""Into so many equal parts a paced rate is divided. Whole parts always add up."""

TTL_NS = 300_000_000
"""How long a lease lasts that is not renewed."""

FRESH_NS = 50_000_000
"""How long after it was due a permit that was handed out may be used.

At 20/s, the fastest rate that is handed out, as long as one period: with two nodes or more, what is
moved by so much stays within the bound of one permit a node.
"""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a node may grant.

    Attributes:
        rate: The rate of the whole throttle; ``Rate.PAUSED`` grants nothing.
        units: How much of it: parts of ``WHOLE`` where it is paced, slots where it is parallel.
        phase: Where nothing was paced before, periods of the share until its first permit.
        singles: Where permits are handed out one at a time, how many were so far; otherwise None.
    """

    rate: Rate
    units: int = WHOLE
    phase: Fraction = Fraction(0)
    singles: int | None = None

    @classmethod
    def everything(cls, rate: Rate) -> "Terms":
        """Return the terms of a node that has ``rate`` to itself."""
        return cls(rate, int(rate.permits) if rate.is_parallel else WHOLE)

    @property
    def share(self) -> Fraction:
        """The share of a paced rate."""
        return Fraction(self.units, WHOLE)


NOTHING = Terms(Rate.PAUSED, 0)


@dataclass(frozen=True, slots=True)
class Lease:
    """Terms, and when they hold.

    Attributes:
        terms: What may be granted.
        epoch: Which life of the throttle it belongs to; a later one ends all before.
        sequence: Its number in that life; of two leases the later one counts.
        ttl_ns: How long it lasts, in nanoseconds from when the report it answers was sent; None
            for ever.
        answers: The number of that report, 0 where none is needed.
        kept_ns: How long that report lay with the process before this answer.
        age_ns: How long ago the last of ``terms.singles`` was due.
    """

    terms: Terms
    epoch: int
    sequence: int
    ttl_ns: int | None = None
    answers: int = 0
    kept_ns: int = 0
    age_ns: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """How one node stands with one throttle.

    Attributes:
        number: Counts up with each report of this node.
        epoch, sequence: The lease it goes by, 0 for none yet.
        waiting: Greenlets that wait for a permit.
        granted: Permits granted so far.
        held: Slots of a parallel rate that are out.
        used, returned: What became of the permits handed out one at a time.
    """

    number: int
    epoch: int = 0
    sequence: int = 0
    waiting: int = 0
    granted: int = 0
    held: int = 0
    used: int = 0
    returned: int = 0
