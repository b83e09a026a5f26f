"""The throttles of a node, by name."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from crowsg.clock import SECOND, Clock
from crowsg.errors import NoSuchThrottle, WrongReconfiguration
from crowsg.metrics.histogram import Histogram
from crowsg.rate import Rate
from crowsg.telemetry.bus import Bus
from crowsg.throttle.gate import Gate


@dataclass(frozen=True, slots=True)
class ThrottleInfo:
    """A throttle as it stands.

    Attributes:
        rate: The rate in force.
        waiting: Greenlets that wait for a permit.
        requested, granted: Permits asked for and given so far.
        executed: Actions that a permit let run.
        lost_s: Seconds of schedule lost while permits were wanted.
    """

    rate: Rate
    waiting: int
    requested: int
    granted: int
    executed: int
    lost_s: float

    @property
    def per_second(self) -> float:
        """The rate in force in permits per second; infinite for one without an interval."""
        if self.rate.is_unlimited or self.rate.is_parallel:
            return math.inf
        return self.rate.permits * SECOND / self.rate.interval_ns

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values; an unlimited rate has no interval."""
        is_unlimited = self.rate.is_unlimited
        return {
            "rate": str(self.rate) if is_unlimited else self.rate.permits,
            "interval_s": None if is_unlimited else self.rate.interval_ns / SECOND,
            "requested": self.requested,
            "granted": self.granted,
            "executed": self.executed,
            "lost_s": self.lost_s,
        }


class _Throttle:
    """A gate, what it was declared as, and its counts."""

    __slots__ = ("declared", "gate", "granted", "requested", "waits")

    def __init__(self, declared: Rate, gate: Gate) -> None:
        self.declared = declared
        self.gate = gate
        self.requested = 0
        self.granted = 0
        self.waits = Histogram()

    def info(self) -> ThrottleInfo:
        gate = self.gate
        return ThrottleInfo(
            gate.rate,
            gate.waiting,
            self.requested,
            self.granted,
            self.granted,
            gate.lost_ns / SECOND,
        )


class Throttles:
    """Starts, changes and ends throttles, and waits on them."""

    def __init__(self, clock: Clock, telemetry: Bus) -> None:
        self._clock = clock
        self._telemetry = telemetry
        self._throttles: dict[str, _Throttle] = {}
        self._ended: dict[str, tuple[ThrottleInfo, Histogram]] = {}
        self._request = telemetry.event(("crowsg", "throttle", "request"))
        self._execute = telemetry.event(("crowsg", "throttle", "execute"))

    def start(self, name: str, rate: Rate) -> Literal["started", "already_started"]:
        """Start a throttle, or find that it was declared the same before.

        Raises:
            WrongReconfiguration: It was declared differently.

        Emits: ``throttle, init`` and ``throttle, rate``.
        Source: amoc_throttle:start/2.
        """
        known = self._throttles.get(name)
        if known is not None and known.declared != rate:
            raise WrongReconfiguration(name, known.declared, rate)
        if known is not None:
            return "already_started"
        self._throttles[name] = _Throttle(rate, Gate(self._clock, rate))
        self._telemetry.execute(("crowsg", "throttle", "init"), {"count": 1}, {"name": name})
        self._emit_rate(name, rate)
        return "started"

    def wait(self, name: str) -> int:
        """Wait for a permit; returns when it was due, in nanoseconds of the clock.

        Raises:
            NoSuchThrottle: It was not started.

        Blocks: until the permit is due.
        Emits: ``throttle, request``, then ``throttle, execute``.
        Source: amoc_throttle:wait/1.
        """
        throttle = self._find(name)
        throttle.requested += 1
        if self._request.handlers:
            self._request.fire({"count": 1}, {"name": name})
        asked_ns = self._clock.now_ns()
        due_ns = throttle.gate.wait()
        throttle.granted += 1
        throttle.waits.record(self._clock.now_ns() - asked_ns)
        if self._execute.handlers:
            self._execute.fire({"count": 1}, {"name": name})
        return due_ns

    def change_rate(self, name: str, rate: Rate) -> None:
        """Set the rate in force; the same one again changes nothing.

        Raises:
            NoSuchThrottle: It was not started.

        Emits: ``throttle, rate``.
        Source: amoc_throttle:change_rate/2.
        """
        gate = self._find(name).gate
        if gate.rate != rate:
            gate.change_rate(rate)
            self._emit_rate(name, rate)

    def stop(self, name: str) -> None:
        """End a throttle that nobody waits on any more.

        Raises:
            NoSuchThrottle: It was not started.

        Source: amoc_throttle:stop/1.
        """
        throttle = self._find(name)
        self._ended[name] = throttle.info(), throttle.waits
        throttle.gate.close()
        del self._throttles[name]

    def stop_all(self) -> None:
        """End every throttle, as the run ends."""
        for name in self.names():
            self.stop(name)

    def forget(self) -> None:
        """Forget the throttles of the last run, which have ended."""
        self._ended = {}

    def info(self, name: str) -> ThrottleInfo:
        """Return the throttle as it stands.

        Raises:
            NoSuchThrottle: It was not started.
        """
        return self._find(name).info()

    def infos(self) -> dict[str, ThrottleInfo]:
        """Return all throttles of the run, those that have ended as they then stood."""
        ended = {name: info for name, (info, _) in self._ended.items()}
        return ended | {name: each.info() for name, each in self._throttles.items()}

    def waits(self) -> dict[str, Histogram]:
        """Return how long permits were waited for, by throttle, as ``infos``."""
        ended = {name: waits for name, (_, waits) in self._ended.items()}
        return ended | {name: each.waits for name, each in self._throttles.items()}

    def names(self) -> tuple[str, ...]:
        """Return the names of all throttles."""
        return tuple(self._throttles)

    def _find(self, name: str) -> _Throttle:
        try:
            return self._throttles[name]
        except KeyError:
            raise NoSuchThrottle(name) from None

    def _emit_rate(self, name: str, rate: Rate) -> None:
        measurements = {"rate": rate.permits, "interval": rate.interval_ns / SECOND}
        if rate.is_unlimited:
            del measurements["interval"]
        self._telemetry.execute(("crowsg", "throttle", "rate"), measurements, {"name": name})
