"""The throttles of a node, by name."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from crowsg.clock import SECOND, Clock
from crowsg.errors import InvalidThrottle, NoSuchThrottle, WrongReconfiguration
from crowsg.metrics.histogram import Histogram
from crowsg.rate import Ramp, Rate
from crowsg.telemetry.bus import Bus
from crowsg.text import line_of, shown
from crowsg.throttle.gate import Gate
from crowsg.throttle.info import ThrottleInfo, Told, told
from crowsg.throttle.leases import Leases
from crowsg.throttle.permit import Holders, Permit
from crowsg.throttle.process import Declared, ThrottleProcess
from crowsg.throttle.tenant import Tenant

Spawn = Callable[..., Any]

HERE = "here"
"""What the one node is called that has every throttle to itself."""


class _Throttle:
    """A throttle of this node: who owns its rate, where its permits are waited for, its counts."""

    __slots__ = ("gate", "granted", "holders", "process", "requested", "tenant", "waits")

    def __init__(self, clock: Clock, gate: Gate, process: ThrottleProcess) -> None:
        self.gate = gate
        self.process = process
        self.tenant = Tenant(clock, gate, lambda: self.granted, partial(process.hear, HERE))
        self.holders = Holders()
        self.requested = 0
        self.granted = 0
        self.waits = Histogram()

    def info(self) -> ThrottleInfo:
        gate, process = self.gate, self.process
        return ThrottleInfo(
            process.rate,
            process.is_paused,
            gate.waiting,
            self.requested,
            self.granted,
            self.granted,
            gate.held,
            (gate.lost_ns + process.lost_ns) / SECOND,
            process.progress,
        )


class Throttles:
    """Starts, changes and ends throttles, and waits on them.

    Args:
        clock: Tells and waits.
        telemetry: Where events go.
        spawn: Starts a function on a greenlet of this node.
    """

    def __init__(self, clock: Clock, telemetry: Bus, spawn: Spawn) -> None:
        self._clock = clock
        self._telemetry = telemetry
        self._spawn = spawn
        self._throttles: dict[str, _Throttle] = {}
        self._ended: Told = {}
        self._request = telemetry.event(("crowsg", "throttle", "request"))
        self._execute = telemetry.event(("crowsg", "throttle", "execute"))

    def start(self, name: str, rate: object) -> Literal["started", "already_started"]:
        """Start a throttle, or find that it was declared the same; see ``crowsg.throttle``."""
        if not isinstance(name, str) or not name or name != line_of(name):
            raise InvalidThrottle(
                f"a throttle is named by a short line of text, not {shown(name, 60)}"
            )
        declared: Declared = rate if isinstance(rate, Ramp) else Rate.of(rate)
        known = self._throttles.get(name)
        if known is not None and known.process.declared != declared:
            raise WrongReconfiguration(name, known.process.declared, declared)
        if known is not None:
            return "already_started"
        self._throttles[name] = throttle = self._made(name, declared)
        self._telemetry.execute(("crowsg", "throttle", "init"), {"count": 1}, {"name": name})
        throttle.process.enrol(HERE, throttle.tenant.hold)
        throttle.process.start()
        return "started"

    def wait(self, name: str) -> Permit:
        """Wait for a permit; see ``crowsg.throttle``."""
        throttle = self._find(name)
        throttle.holders.give_back()
        return self._granted(throttle, name, is_held=True)

    def wait_unheld(self, name: str) -> Permit:
        """Wait for a permit that only its ``release`` gives back; otherwise as ``wait``."""
        return self._granted(self._find(name), name, is_held=False)

    def has_schedule(self, name: str) -> bool:
        """Whether permits fall due by time, and not by being asked for or given back.

        Raises:
            NoSuchThrottle: It does not run.
        """
        rate = self._find(name).gate.terms.rate
        return not (rate.is_unlimited or rate.is_parallel)

    def change_rate(self, name: str, rate: object) -> None:
        """Set the rate; see ``crowsg.throttle``."""
        self._find(name).process.change_rate(Rate.of(rate))

    def ramp(self, name: str, ramp: Ramp) -> None:
        """Begin a ramp; see ``crowsg.throttle``."""
        if not isinstance(ramp, Ramp):
            raise InvalidThrottle(f"a ramp is a crowsg.Ramp, not {shown(ramp, 60)}")
        self._find(name).process.ramp(ramp)

    def pause(self, name: str) -> None:
        """Grant nothing; see ``crowsg.throttle``."""
        self._find(name).process.pause()

    def resume(self, name: str) -> None:
        """Go on; see ``crowsg.throttle``."""
        self._find(name).process.resume()

    def unlock(self, name: str) -> None:
        """Lift the limit; see ``crowsg.throttle``."""
        self.change_rate(name, Rate.UNLIMITED)

    def stop(self, name: str) -> None:
        """End a throttle; see ``crowsg.throttle``."""
        throttle = self._find(name)
        ended = [(each, *known) for each, known in self._ended.items()]
        self._ended = told([*ended, (name, throttle.info(), throttle.waits)])
        throttle.process.stop()
        throttle.tenant.close()
        del self._throttles[name]

    def stop_all(self) -> None:
        """End every throttle, as the run ends."""
        for name in self.names():
            self.stop(name)

    def forget(self) -> None:
        """Forget the throttles of the last run, which have ended."""
        self._ended = {}

    def info(self, name: str) -> ThrottleInfo:
        """Return the throttle as it stands; see ``crowsg.throttle``."""
        return self._find(name).info()

    def infos(self) -> dict[str, ThrottleInfo]:
        """Return all throttles of the run, those that have ended as they then stood.

        What was started again counts on; beyond 200 names the rest is kept together.
        """
        return {name: info for name, (info, _) in self._told().items()}

    def waits(self) -> dict[str, Histogram]:
        """Return how long permits were waited for, by throttle, as ``infos``."""
        return {name: waits for name, (_, waits) in self._told().items()}

    def names(self) -> tuple[str, ...]:
        """Return the names of all throttles."""
        return tuple(self._throttles)

    def _told(self) -> Told:
        ended = [(name, *each) for name, each in self._ended.items()]
        live = [(name, each.info(), each.waits) for name, each in self._throttles.items()]
        return told([*ended, *live])

    def _made(self, name: str, declared: Declared) -> _Throttle:
        process = ThrottleProcess(
            name,
            declared,
            self._clock,
            Leases(ttl_ns=None),
            self._spawn,
            lambda rate: self._emit_rate(name, rate),
        )
        return _Throttle(self._clock, Gate(self._clock, name), process)

    def _granted(self, throttle: _Throttle, name: str, *, is_held: bool) -> Permit:
        throttle.requested += 1
        if self._request.handlers:
            self._request.fire({"count": 1}, {"name": name})
        asked_ns = self._clock.now_ns()
        due_ns = throttle.gate.wait()
        is_slot = throttle.gate.gave_slot
        if is_held and due_ns < asked_ns:
            # It fell due before it was wanted, which only an open model may count from.
            due_ns = asked_ns
        throttle.granted += 1
        now_ns = self._clock.now_ns()
        throttle.waits.record(now_ns - asked_ns)
        permit = Permit(due_ns, now_ns, throttle.gate.give_back if is_slot else None)
        if is_slot and is_held:
            throttle.holders.hold(permit)
        if self._execute.handlers:
            self._tell_granted(permit, name)
        return permit

    def _tell_granted(self, permit: Permit, name: str) -> None:
        try:
            self._execute.fire({"count": 1}, {"name": name})
        except BaseException:
            # Killed inside a handler: the caller never sees its permit.
            permit.release()
            raise

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
