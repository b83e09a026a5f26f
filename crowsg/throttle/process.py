"""The owner of one throttle's rate: what was declared, what is in force, and the ramp between."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crowsg.clock import SECOND, Clock
from crowsg.errors import CannotChangeRate
from crowsg.rate import Ramp, Rate

Declared = Rate | Ramp


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
    """Decides on the rate in force.

    Attributes:
        declared: What the throttle was started with.
        rate: The rate as it was set last; not in force while the throttle is paused.
        is_paused: Whether it is; a change of the rate meanwhile does not end that.

    Args:
        declared: What it starts with.
        clock: Tells and waits.
        spawn: Starts a function on a greenlet of this node.
        apply: Puts a rate in force; returns when it is.
        on_rate: Called with each rate that is set.
    """

    def __init__(
        self,
        declared: Declared,
        clock: Clock,
        spawn: Callable[..., Any],
        apply: Callable[[Rate], object],
        on_rate: Callable[[Rate], object],
    ) -> None:
        self.declared = declared
        self.rate = declared if isinstance(declared, Rate) else declared.start
        self.is_paused = False
        self._clock = clock
        self._spawn = spawn
        self._apply = apply
        self._on_rate = on_rate
        self._progress: RampProgress | None = None
        self._greenlet: Any = None

    @property
    def progress(self) -> RampProgress | None:
        """How far the ramp that is running has come; None while none is."""
        return self._progress

    def start(self, name: str) -> None:
        """Begin, with the ramp where one was declared."""
        self._on_rate(self.rate)
        if isinstance(self.declared, Ramp):
            self.ramp(name, self.declared)

    def change_rate(self, name: str, rate: Rate) -> None:
        """Set the rate; the one that is set already changes nothing.

        Raises:
            CannotChangeRate: A ramp is running.
        """
        if self._progress is not None:
            raise CannotChangeRate(name, self._progress.ramp)
        self._set(rate)

    def ramp(self, name: str, ramp: Ramp) -> None:
        """Begin a ramp: its first rate at once; the one that is running already goes on.

        Raises:
            CannotChangeRate: Another ramp is running.
        """
        if self._progress is not None:
            if self._progress.ramp == ramp:
                return
            raise CannotChangeRate(name, self._progress.ramp)
        self._progress = RampProgress(ramp, 0)
        self._set(ramp.at(0))
        self._greenlet = self._spawn(self._climb, ramp)

    def pause(self) -> None:
        """Grant nothing until ``resume``."""
        if not self.is_paused:
            self.is_paused = True
            self._apply(Rate.PAUSED)

    def resume(self) -> None:
        """Go on at the rate that was set last."""
        if self.is_paused:
            self.is_paused = False
            self._apply(self.rate)

    def stop(self) -> None:
        """End a ramp where it is."""
        self._progress = None
        if self._greenlet is not None:
            self._greenlet.kill(block=False)
            self._greenlet = None

    def _climb(self, ramp: Ramp) -> None:
        began_ns = self._clock.now_ns()
        for step in range(1, ramp.steps + 1):
            # By moments from the beginning, so that late steps do not add up.
            due_ns = began_ns + step * ramp.step_ns
            self._clock.sleep(max(0, due_ns - self._clock.now_ns()) / SECOND)
            if self._progress is None:
                # Stopped between waking and running, when its kill was still on the way.
                return
            self._progress = RampProgress(ramp, step) if step < ramp.steps else None
            self._set(ramp.at(step))

    def _set(self, rate: Rate) -> None:
        if rate == self.rate:
            return
        self.rate = rate
        if not self.is_paused:
            self._apply(rate)
        self._on_rate(rate)
