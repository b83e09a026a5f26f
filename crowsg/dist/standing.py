"""How a run over workers stands, as events that others wait for."""

from collections.abc import Callable
from functools import partial

import gevent
from gevent.event import Event

from crowsg.clock import Clock, Timer, to_ns
from crowsg.dist.crew import Crew
from crowsg.dist.losses import Loss, Losses

AWAIT_S = 60.0
"""Seconds in which a worker must have come in place of one that ended."""


class Standing:
    """What there is to say of the workers of a run, all together.

    Attributes:
        idle: Set while all users that were given to workers have ended.
        unkillable: Set when users somewhere survived their last kill.
        deserted: Set while workers are gone that the run cannot do without.
        desertion: Why the run cannot go on; "" while it can.

    Args:
        crew: The workers.
        losses: Those that were lost.
        is_running: Whether users may be added just now.
        clock: Waits.
    """

    def __init__(
        self, crew: Crew, losses: Losses, is_running: Callable[[], bool], clock: Clock
    ) -> None:
        self._crew = crew
        self._losses = losses
        self._is_running = is_running
        self._clock = clock
        self._refill: Callable[[], object] = lambda: None
        self._spread: Callable[[], object] = lambda: None
        self._awaited: dict[str, Timer] = {}
        self.idle, self.unkillable, self.deserted = Event(), Event(), Event()
        self._ended = Event()
        self.idle.set()
        self.desertion = ""

    def on_owed(self, refill: Callable[[], object]) -> None:
        """Call ``refill()`` when users of lost workers are to be started anew; it must not block.

        It is called again at the next look while some still are.
        """
        self._refill = refill

    def on_change(self, spread: Callable[[], object]) -> None:
        """Call ``spread()`` when a worker has come or was lost; it must not block."""
        self._spread = spread

    def lose(self, loss: Loss) -> None:
        """Take in that a worker was lost."""
        self._losses.note(loss)
        self._spread()
        self.look()

    def await_worker(self, name: str) -> None:
        """Note that a worker in place of one that ended is on its way, for a minute."""
        self._forget_awaited(name)
        self._losses.await_worker(name)
        give_up = partial(self.await_no_more, name)
        self._awaited[name] = self._clock.call_later(to_ns(AWAIT_S), give_up)
        self.look()

    def await_no_more(self, name: str) -> None:
        """Note that it has come, or never will."""
        self._forget_awaited(name)
        self._losses.await_no_more(name)
        self._spread()
        self.look()

    def _forget_awaited(self, name: str) -> None:
        timer = self._awaited.pop(name, None)
        if timer is not None:
            timer.cancel()

    def wait_for_the_end(self, seconds: float) -> None:
        """Wait until the run is over on every worker, so long at the most.

        Blocks: until then.
        """
        look_again = Event()
        timer = self._clock.call_later(to_ns(seconds), look_again.set)
        gevent.wait([self._ended, look_again], count=1)
        timer.cancel()

    def look(self) -> None:
        """Look again, as something has changed."""
        is_running, workers = self._is_running(), self._crew.names()
        if is_running and workers and self._losses.owed:
            self._refill()
        self.desertion = self._losses.ends(workers) if is_running else ""
        _switch(self.idle, self._crew.is_done and not self._losses.owed)
        _switch(self.unkillable, self._crew.has_unkillable)
        _switch(self.deserted, bool(self.desertion))
        _switch(self._ended, self._crew.has_ended)


def _switch(event: Event, is_set: bool) -> None:
    if is_set:
        event.set()
    else:
        event.clear()
