"""Timeouts of many requests with one timer.

A deadline is filed in the bucket of the tick at which it falls due, and one timer empties the
buckets as their ticks pass. Disarming leaves a deadline where it is filed, and arming it again
for a later moment does too: the sweep that comes across it files it anew. So what a request costs
is a few assignments, and what is kept is one deadline for each request under way.
"""

from typing import Any

import gevent
from greenlet import getcurrent

from crowsg.clock import Clock, Timer

TICK_NS = 50_000_000
"""How late a timeout may come; it never comes early."""

NEVER_NS = 1 << 62
"""A moment after all others."""


class DeadlinePassed(Exception):
    """Thrown into the greenlet that armed a deadline when it passes."""


class Deadline:
    """A moment at which a greenlet is interrupted.

    Attributes:
        greenlet: Who is, None while it is not armed.
        due_ns: When.
        tick: The bucket it is filed in, 0 for none.
    """

    __slots__ = ("due_ns", "greenlet", "tick")

    def __init__(self) -> None:
        self.greenlet: Any = None
        self.due_ns = 0
        self.tick = 0


class Deadlines:
    """All deadlines on one clock.

    Args:
        clock: Tells the time, and wakes the sweep.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[int, list[Deadline]] = {}
        self._free: list[Deadline] = []
        self._timer: Timer | None = None
        self.armed = 0

    def arm(self, due_ns: int) -> Deadline:
        """Throw ``DeadlinePassed`` into this greenlet at a moment, unless it disarms before."""
        deadline = self._free.pop() if self._free else Deadline()
        self.armed += 1
        deadline.greenlet = getcurrent()
        deadline.due_ns = due_ns
        tick = -(-due_ns // TICK_NS)
        if not deadline.tick or tick < deadline.tick:
            self._file(deadline, tick)
        if self._timer is None:
            self._wake_at_the_next_tick()
        return deadline

    def disarm(self, deadline: Deadline) -> None:
        """Take a deadline back; it must not be used any more."""
        deadline.greenlet = None
        self.armed -= 1
        self._free.append(deadline)

    def _file(self, deadline: Deadline, tick: int) -> None:
        deadline.tick = tick
        self._buckets.setdefault(tick, []).append(deadline)

    def _wake_at_the_next_tick(self) -> None:
        delay_ns = TICK_NS - self._clock.now_ns() % TICK_NS
        self._timer = self._clock.call_later(delay_ns, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        if not self.armed:
            # Nothing is under way: without this the timer would keep an idle process alive.
            self._forget()
            return
        now_tick = self._clock.now_ns() // TICK_NS
        for tick in sorted(tick for tick in self._buckets if tick <= now_tick):
            for deadline in self._buckets.pop(tick):
                # Filed again under an earlier tick, it has been looked at there.
                if deadline.tick == tick:
                    self._look_at(deadline, now_tick)
        self._wake_at_the_next_tick()

    def _look_at(self, deadline: Deadline, now_tick: int) -> None:
        deadline.tick = 0
        if deadline.greenlet is None:
            return
        due_tick = -(-deadline.due_ns // TICK_NS)
        if due_tick > now_tick:
            self._file(deadline, due_tick)
        else:
            loop = gevent.get_hub().loop
            loop.run_callback(_throw, deadline, deadline.greenlet, deadline.due_ns)

    def _forget(self) -> None:
        for bucket in self._buckets.values():
            for deadline in bucket:
                deadline.tick = 0
        self._buckets.clear()


def _throw(deadline: Deadline, greenlet: Any, due_ns: int) -> None:
    # Judged on delivery: the request may have ended since, and the deadline serve another.
    if deadline.greenlet is greenlet and deadline.due_ns == due_ns:
        greenlet.throw(DeadlinePassed())
