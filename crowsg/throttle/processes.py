"""The throttles of a run, by name, on the node that owns them."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from crowsg.clock import SECOND, Clock
from crowsg.errors import NoSuchThrottle, WrongReconfiguration
from crowsg.rate import Ramp, Rate
from crowsg.telemetry.bus import Bus
from crowsg.throttle.lease import TTL_NS, Lease, Report
from crowsg.throttle.leases import Leases
from crowsg.throttle.owner import Outcome, ThrottleState
from crowsg.throttle.process import Declared, ThrottleProcess

Tell = Callable[[str, int, Lease], object]
"""Sends a node a lease, with the name of the throttle and its life; must not block."""

Stopped = Callable[[str, int], object]
"""Tells a node that a throttle has ended, by its name and its life; must not block."""


class _Member(NamedTuple):
    """A node that takes part in every throttle."""

    tell: Tell
    stopped: Stopped


class _Life:
    """One throttle from its start to its stop."""

    __slots__ = ("life", "process")

    def __init__(self, life: int, process: ThrottleProcess) -> None:
        self.life = life
        self.process = process

    def state(self) -> ThrottleState:
        process = self.process
        return ThrottleState(
            process.rate,
            process.is_paused,
            process.progress,
            process.lost_ns,
            process.declared,
            self.life,
        )


def _do_nothing(_name: str, _state: ThrottleState) -> None:
    """Where nobody needs to be told."""


class Processes:
    """Owns throttles, and divides each among the nodes that are enrolled.

    Attributes:
        is_alone: Whether leases last for ever, as one node has everything to itself.
        on_stop: Called with the name of a throttle that ends, and how it stood.

    Args:
        clock: Tells and waits.
        telemetry: Where events go.
        spawn: Starts a function on a greenlet of this node.
        ttl_ns: How long a lease lasts; None for ever, where nobody can be cut off.
    """

    def __init__(
        self,
        clock: Clock,
        telemetry: Bus,
        spawn: Callable[..., Any],
        ttl_ns: int | None = TTL_NS,
    ) -> None:
        self.is_alone = ttl_ns is None
        self.on_stop: Callable[[str, ThrottleState], object] = _do_nothing
        self._clock = clock
        self._telemetry = telemetry
        self._spawn = spawn
        self._ttl_ns = ttl_ns
        self._lives: dict[str, _Life] = {}
        self._last_life = 0
        self._members: dict[str, _Member] = {}

    def enrol(self, node: str, tell: Tell, stopped: Stopped) -> None:
        """Let a node take part in every throttle, present and future, from its reports on.

        One that takes part already goes on; one that comes again must have been dismissed.

        Args:
            node: Its name.
            tell: Sends it a lease.
            stopped: Tells it that a throttle has ended; must not be lost.
        """
        if node in self._members:
            return
        self._members[node] = _Member(tell, stopped)
        for name, each in self._lives.items():
            each.process.enrol(node, partial(tell, name, each.life))

    def admit(self, name: str, node: str, tell: Callable[[Lease], object]) -> None:
        """Let a node take part in one throttle only.

        Raises:
            NoSuchThrottle: It does not run.
        """
        self._find(name).process.enrol(node, tell)

    def dismiss(self, node: str) -> None:
        """Give what a node had to the others: it is known to grant nothing any more."""
        self._members.pop(node, None)
        for each in self._lives.values():
            each.process.dismiss(node)

    def hear(self, node: str, name: str, life: int, report: Report) -> bool:
        """Take the report of a node about one life of a throttle.

        Returns:
            Whether that life is the one that goes on.

        Blocks: never.
        """
        known = self._lives.get(name)
        if known is None or known.life != life:
            return False
        known.process.hear(node, report)
        return True

    def start(
        self, name: str, declared: Declared, *, is_late: bool = False
    ) -> tuple[Outcome, ThrottleState]:
        """Start a throttle, or find it running; see ``Owner``.

        Emits: ``throttle, init`` and ``throttle, rate`` where it is started.
        """
        known = self._lives.get(name)
        if known is None:
            return "started", self._begin(name, declared)
        if known.process.declared != declared and not is_late:
            raise WrongReconfiguration(name, known.process.declared, declared)
        return "already_started", known.state()

    def change_rate(self, name: str, rate: Rate) -> None:
        """Set the rate; see ``Owner``."""
        self._find(name).process.change_rate(rate)

    def ramp(self, name: str, ramp: Ramp) -> None:
        """Begin a ramp; see ``Owner``."""
        self._find(name).process.ramp(ramp)

    def pause(self, name: str) -> None:
        """Grant nothing; see ``Owner``."""
        self._find(name).process.pause()

    def resume(self, name: str) -> None:
        """Go on; see ``Owner``."""
        self._find(name).process.resume()

    def stop(self, name: str) -> None:
        """End a throttle, here and on every node that takes part; see ``Owner``."""
        known = self._find(name)
        state = known.state()
        del self._lives[name]
        known.process.stop()
        self.on_stop(name, state)
        for member in self._members.values():
            member.stopped(name, known.life)

    def state(self, name: str) -> ThrottleState:
        """Return a throttle as it stands; see ``Owner``."""
        return self._find(name).state()

    def states(self) -> dict[str, ThrottleState]:
        """Return all throttles as they stand; see ``Owner``."""
        return {name: each.state() for name, each in self._lives.items()}

    def names(self) -> tuple[str, ...]:
        """Return the names of all throttles."""
        return tuple(self._lives)

    def _begin(self, name: str, declared: Declared) -> ThrottleState:
        # By the clock, so that no other owner on this node counts the same lives again.
        self._last_life = max(self._last_life + 1, self._clock.now_ns())
        process = ThrottleProcess(
            name,
            declared,
            self._clock,
            Leases(self._last_life, self._ttl_ns),
            self._spawn,
            lambda rate: self._emit_rate(name, rate),
        )
        self._lives[name] = known = _Life(self._last_life, process)
        for node, member in self._members.items():
            process.enrol(node, partial(member.tell, name, known.life))
        process.start()
        # Last, as whoever starts it may be killed inside a handler.
        self._telemetry.execute(("crowsg", "throttle", "init"), {"count": 1}, {"name": name})
        self._emit_rate(name, process.rate)
        return known.state()

    def _find(self, name: str) -> _Life:
        try:
            return self._lives[name]
        except KeyError:
            raise NoSuchThrottle(name) from None

    def _emit_rate(self, name: str, rate: Rate) -> None:
        measurements = {"rate": rate.permits, "interval": rate.interval_ns / SECOND}
        if rate.is_unlimited:
            del measurements["interval"]
        self._telemetry.execute(("crowsg", "throttle", "rate"), measurements, {"name": name})
