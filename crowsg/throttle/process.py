"""Who owns a throttle: what was declared, what is in force, the ramp between, who has leases.

One process a throttle, on the node that owns the run. Nodes are enrolled with a way to tell them
leases; their reports come in by ``hear``. Whatever takes time - the steps of a ramp, the next of
the permits that are handed out one at a time - is done by one greenlet, woken by an event.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gevent.event import Event

from crowsg.clock import Clock, Timer
from crowsg.errors import CannotChangeRate
from crowsg.rate import Ramp, Rate
from crowsg.throttle.lease import Lease, Report
from crowsg.throttle.leases import Leases

Declared = Rate | Ramp
Tell = Callable[[Lease], object]


@dataclass(frozen=True, slots=True)
class RampProgress:
    """How far a ramp has come.

    Attributes:
        ramp: Which one.
        step: Steps taken so far, of ``ramp.steps``.
    """

    ramp: Ramp
    step: int


class ThrottleProcess:
    """Decides on the rate in force, and on who may grant how much of it.

    Attributes:
        declared: What the throttle was started with.
        rate: The rate as it was set last; not in force while the throttle is paused.
        is_paused: Whether it is; a change of the rate meanwhile does not end that.

    Args:
        name: What the throttle is called.
        declared: What it starts with.
        clock: Tells and waits.
        leases: How it is divided.
        spawn: Starts a function on a greenlet of this node.
        on_rate: Called with each rate that is set after the first.
    """

    def __init__(
        self,
        name: str,
        declared: Declared,
        clock: Clock,
        leases: Leases,
        spawn: Callable[..., Any],
        on_rate: Callable[[Rate], object],
    ) -> None:
        self.declared = declared
        self.rate = declared if isinstance(declared, Rate) else declared.start
        self.is_paused = False
        self._name = name
        self._clock = clock
        self._leases = leases
        self._spawn = spawn
        self._on_rate = on_rate
        self._nodes: dict[str, Tell] = {}
        self._progress: RampProgress | None = None
        self._step_ns = 0
        self._greenlet: Any = None
        self._timer: Timer | None = None
        self._timer_ns: int | None = None
        self._is_over = False
        self._wanted = Event()
        self._in_force = Event()

    @property
    def progress(self) -> RampProgress | None:
        """How far the ramp that is running has come; None while none is."""
        return self._progress

    @property
    def lost_ns(self) -> int:
        """Time by which the schedule of permits handed out one at a time fell behind."""
        return self._leases.lost_ns

    def start(self) -> None:
        """Begin, with the ramp where one was declared."""
        self._leases.change_rate(self.rate, self._clock.now_ns())
        self._greenlet = self._spawn(self._run)
        if isinstance(self.declared, Ramp):
            self.ramp(self.declared)
        self._offer()

    def enrol(self, node: str, tell: Tell) -> None:
        """Let a node take part; ``tell`` sends it a lease and must not block."""
        self._nodes[node] = tell
        self._leases.enrol(node, self._clock.now_ns())
        self._offer()

    def dismiss(self, node: str) -> None:
        """Give what a node had to the others: it is known to grant nothing any more."""
        self._nodes.pop(node, None)
        self._leases.dismiss(node, self._clock.now_ns())
        self._offer()

    def hear(self, node: str, report: Report) -> None:
        """Take the report of a node, which is answered where that is of use.

        Blocks: never.
        """
        self._leases.hear(node, report, self._clock.now_ns())
        self._offer()

    def change_rate(self, rate: Rate) -> None:
        """Set the rate; the one that is set already changes nothing.

        Raises:
            CannotChangeRate: A ramp is running.

        Blocks: until it is in force on every node.
        """
        if self._progress is not None:
            raise CannotChangeRate(self._name, self._progress.ramp)
        self._set(rate)
        self._wait_until_in_force()

    def ramp(self, ramp: Ramp) -> None:
        """Begin a ramp: its first rate at once; the one that is running already goes on.

        Raises:
            CannotChangeRate: Another ramp is running.
        """
        if self._progress is not None:
            if self._progress.ramp == ramp:
                return
            raise CannotChangeRate(self._name, self._progress.ramp)
        self._progress = RampProgress(ramp, 0)
        # By moments from the beginning, so that late steps do not add up.
        self._step_ns = self._clock.now_ns() + ramp.step_ns
        self._set(ramp.at(0))
        self._arm()

    def pause(self) -> None:
        """Grant nothing until ``resume``.

        Blocks: until it is in force on every node.
        """
        if not self.is_paused:
            self.is_paused = True
            self._apply(Rate.PAUSED)
        self._wait_until_in_force()

    def resume(self) -> None:
        """Go on at the rate that was set last."""
        if self.is_paused:
            self.is_paused = False
            self._apply(self.rate)

    def stop(self) -> None:
        """End a ramp where it is, and let go of all nodes; who waits for a rate goes on."""
        self._progress = None
        self._nodes = {}
        self._is_over = True
        self._in_force.set()
        self._arm()
        if self._greenlet is not None:
            self._greenlet.kill(block=False)
            self._greenlet = None

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            self._timer_ns = None
            self._climb()
            self._offer()

    def _arm(self) -> None:
        """Be woken when the next thing falls due."""
        due_ns = self._due_ns()
        if due_ns == self._timer_ns:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_ns = due_ns
        if due_ns is not None:
            delay_ns = max(0, due_ns - self._clock.now_ns())
            self._timer = self._clock.call_later(delay_ns, self._wanted.set)

    def _due_ns(self) -> int | None:
        if self._is_over:
            return None
        step_ns = None if self._progress is None else self._step_ns
        moments = (step_ns, self._leases.next_ns(self._clock.now_ns()))
        return min((each for each in moments if each is not None), default=None)

    def _climb(self) -> None:
        while self._progress is not None and self._step_ns <= self._clock.now_ns():
            ramp, step = self._progress.ramp, self._progress.step + 1
            self._step_ns += ramp.step_ns
            self._progress = RampProgress(ramp, step) if step < ramp.steps else None
            self._set(ramp.at(step))

    def _set(self, rate: Rate) -> None:
        if rate == self.rate:
            return
        self.rate = rate
        if not self.is_paused:
            self._apply(rate)
        self._on_rate(rate)

    def _apply(self, rate: Rate) -> None:
        self._leases.change_rate(rate, self._clock.now_ns())
        self._offer()

    def _offer(self) -> None:
        """Tell each node what changed for it, or what it waits to hear again."""
        for node, lease in self._leases.offers(self._clock.now_ns()):
            # What one node answers at once may have changed who takes part.
            if node in self._nodes:
                self._nodes[node](lease)
        if self._leases.is_in_force(self._clock.now_ns()):
            self._in_force.set()
        self._arm()

    def _wait_until_in_force(self) -> None:
        while not (self._is_over or self._leases.is_in_force(self._clock.now_ns())):
            self._in_force.clear()
            self._in_force.wait()
