"""Where greenlets wait for the permits of one throttle on this node.

Waiters stand in a queue and are let go in order, each at its due time. The gate sleeps until the
next due time, at least 2 ms, and only while somebody waits.
"""

from collections import OrderedDict
from typing import Any

import gevent
from greenlet import getcurrent

from crowsg.clock import Clock, Timer
from crowsg.rate import Rate
from crowsg.throttle.pacing import Pacing

MIN_SLEEP_NS = 2_000_000


class _Waiter:
    """One greenlet in the queue."""

    __slots__ = ("due_ns", "greenlet")

    def __init__(self, greenlet: Any) -> None:
        self.greenlet = greenlet
        self.due_ns: int | None = None

    def wake(self) -> None:
        if self.greenlet is not None:
            self.greenlet.switch()


class Gate:
    """Lets greenlets through at a rate that may change while they wait.

    Args:
        clock: Tells and waits.
        rate: A rate in time, unlimited or paused.
    """

    def __init__(self, clock: Clock, rate: Rate) -> None:
        self._clock = clock
        self._queue: OrderedDict[_Waiter, None] = OrderedDict()
        self._timer: Timer | None = None
        self._pacing: Pacing | None = None
        self.rate = Rate.PAUSED
        self.change_rate(rate)

    @property
    def waiting(self) -> int:
        """How many greenlets stand in the queue."""
        return len(self._queue)

    @property
    def lost_ns(self) -> int:
        """Time by which the schedule fell behind while permits were wanted, in nanoseconds."""
        return self._pacing.lost_ns if self._pacing else 0

    def wait(self) -> int:
        """Wait for a permit and return when it was due, in nanoseconds of the clock.

        Blocks: until the permit is due, in the order of arrival; not at all when one is due
            already and nobody stands in front. A waiter that is killed uses up no permit.
        """
        if not self._queue:
            due_ns = self._take_at_once()
            if due_ns is not None:
                return due_ns
        return self._stand_in_line()

    def change_rate(self, rate: Rate) -> None:
        """Go on at ``rate`` from now on; those who wait keep their place."""
        now_ns = self._clock.now_ns()
        # Otherwise the pacing is kept: its last permit still counts when a pace comes back.
        if not (rate.is_unlimited or rate.is_paused):
            pacing = self._pacing
            self._pacing = pacing.follow(rate, now_ns) if pacing else Pacing(rate, now_ns)
        self.rate = rate
        self._cancel_timer()
        self._release()

    def close(self) -> None:
        """Let nobody through any more; the timer is given back."""
        self.rate = Rate.PAUSED
        self._cancel_timer()

    def _take(self, now_ns: int) -> int | None:
        if self.rate.is_unlimited:
            return now_ns
        if self.rate.is_paused or self._pacing is None:
            return None
        return self._pacing.take(now_ns)

    def _take_at_once(self) -> int | None:
        now_ns = self._clock.now_ns()
        if self._pacing is not None:
            self._pacing.rest(now_ns)
        return self._take(now_ns)

    def _stand_in_line(self) -> int:
        waiter = _Waiter(getcurrent())
        self._queue[waiter] = None
        self._arm()
        hub = gevent.get_hub()
        try:
            while waiter.due_ns is None:
                hub.switch()
        except BaseException:
            self._leave(waiter)
            raise
        return waiter.due_ns

    def _leave(self, waiter: _Waiter) -> None:
        waiter.greenlet = None
        if waiter.due_ns is None:
            del self._queue[waiter]
        elif self._pacing is not None and not self.rate.is_unlimited:
            self._pacing.put_back()
            self._cancel_timer()
            self._arm()

    def _release(self) -> None:
        self._timer = None
        now_ns = self._clock.now_ns()
        loop = gevent.get_hub().loop
        while self._queue:
            due_ns = self._take(now_ns)
            if due_ns is None:
                break
            waiter, _ = self._queue.popitem(last=False)
            waiter.due_ns = due_ns
            loop.run_callback(waiter.wake)
        self._arm()

    def _arm(self) -> None:
        if self._timer is None and self._queue and not self.rate.is_paused and self._pacing:
            delay_ns = self._pacing.due_ns - self._clock.now_ns()
            self._timer = self._clock.call_later(max(MIN_SLEEP_NS, delay_ns), self._release)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
