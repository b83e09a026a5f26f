"""How a throttle stands, for whoever looks."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from crowsg.clock import SECOND
from crowsg.metrics.histogram import Histogram
from crowsg.metrics.names import MAX_NAMES, OTHER
from crowsg.rate import Rate
from crowsg.throttle.process import RampProgress


@dataclass(frozen=True, slots=True)
class ThrottleInfo:
    """A throttle as it stands.

    Attributes:
        rate: The rate as it was set last.
        is_paused: Whether nothing is granted, whatever the rate.
        waiting: Greenlets that wait for a permit.
        requested, granted: Permits asked for and given so far.
        executed: Actions that a permit let run.
        held: Permits of a parallel rate that are out.
        lost_s: Seconds of schedule lost while permits were wanted.
        progress: How far a ramp has come; None while none is running.
    """

    rate: Rate
    is_paused: bool
    waiting: int
    requested: int
    granted: int
    executed: int
    held: int
    lost_s: float
    progress: RampProgress | None

    @property
    def interval_s(self) -> float | None:
        """The interval of the rate in seconds, 0 for a parallel one; None without a limit."""
        return None if self.rate.is_unlimited else self.rate.interval_ns / SECOND

    @property
    def is_active(self) -> bool:
        """Whether permits are granted: it is not paused, and its rate is not 0."""
        return not (self.is_paused or self.rate.is_paused)

    @property
    def per_second(self) -> float:
        """The rate in force in permits per second; infinite for one without an interval."""
        if not self.is_active:
            return 0.0
        if self.rate.is_unlimited or self.rate.is_parallel:
            return math.inf
        return self.rate.permits * SECOND / self.rate.interval_ns

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, as in ``summary.json``."""
        return {
            "rate": str(self.rate) if self.rate.is_unlimited else self.rate.permits,
            "interval_s": self.interval_s,
            "requested": self.requested,
            "granted": self.granted,
            "executed": self.executed,
            "lost_s": self.lost_s,
        }

    def joined(self, later: "ThrottleInfo") -> "ThrottleInfo":
        """Return ``later`` with the counts of both."""
        return replace(
            later,
            waiting=self.waiting + later.waiting,
            requested=self.requested + later.requested,
            granted=self.granted + later.granted,
            executed=self.executed + later.executed,
            held=self.held + later.held,
            lost_s=self.lost_s + later.lost_s,
        )


Told = dict[str, tuple[ThrottleInfo, Histogram]]


class OwnNames:
    """Which throttles of a run are told under their own names: the first 200 that were told.

    It stays so while the run goes on: whoever looks again finds under a name what was there before,
    and perhaps more.
    """

    def __init__(self) -> None:
        self._names: set[str] = set()

    def kept(self, name: str) -> str:
        """Return what a throttle is told under."""
        if len(self._names) < MAX_NAMES:
            self._names.add(name)
        return name if name in self._names else OTHER


def told(throttles: Iterable[tuple[str, ThrottleInfo, Histogram]], names: OwnNames) -> Told:
    """Return throttles, and how long their permits were waited for, by name.

    What had the same name before is counted in; what has no name of its own is kept together.
    """
    known: Told = {}
    for name, info, waits in throttles:
        key = names.kept(name)
        if key in known:
            before, waited = known[key]
            both = waited.copy()
            both.merge(waits)
            known[key] = before.joined(info), both
        else:
            known[key] = info, waits
    return known
