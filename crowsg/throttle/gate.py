"""Where greenlets wait for the permits of one throttle on this node.

Waiters stand in a queue and are let go in order, each at its due time. The gate grants what its
terms allow, at first nothing. It sleeps until the next due time, at least 1 ms, and only while
somebody waits.
"""

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import Any

import gevent
from greenlet import getcurrent

from crowsg.clock import Clock, Timer
from crowsg.errors import ThrottleStopped
from crowsg.throttle.lease import NOTHING, Terms
from crowsg.throttle.pacing import Pacing, period_of
from crowsg.throttle.supply import Paced, Paused, Single, Slots, Supply, Unlimited

MIN_SLEEP_NS = 1_000_000
FOREVER_NS = 1 << 62
TURN = 64
"""Permits that are there at once, one after the other, before everybody else gets a turn."""


def _do_nothing() -> None:
    """Where nobody needs to be told."""


class _Waiter:
    """One greenlet in the queue.

    Attributes:
        greenlet: Who waits; None when it has left.
        due_ns: When its permit was due, None while it has none.
        is_over: Whether it will never get one.
    """

    __slots__ = ("due_ns", "greenlet", "is_over", "supply")

    def __init__(self, greenlet: Any) -> None:
        self.greenlet = greenlet
        self.due_ns: int | None = None
        self.supply: Supply | None = None
        self.is_over = False

    def wake(self) -> None:
        if self.greenlet is not None:
            self.greenlet.switch()


class Gate:
    """Lets greenlets through by terms that may change while they wait.

    Attributes:
        terms: What it goes by.
        ends_ns: From when on it grants nothing whatever they say: the loop may have stood still
            when that fell due.
        gave_slot: Whether the permit that ``wait`` just returned is a slot; no switch in between.
        on_need: Called when somebody waits where nobody did, and no time will bring a permit; when
            one that was handed out has been used.

    Args:
        clock: Tells and waits.
        name: What the throttle is called, for the error of those who wait when it ends.
    """

    def __init__(self, clock: Clock, name: str = "") -> None:
        self._clock = clock
        self._name = name
        self._queue: OrderedDict[_Waiter, None] = OrderedDict()
        # Those who have a permit and are on their way, in order.
        self._granted: OrderedDict[_Waiter, None] = OrderedDict()
        self._timer: Timer | None = None
        self._pacing: Pacing | None = None
        # When the pacing was left for something else.
        self._left_ns = 0
        self._lost_ns = 0
        self._slots = Slots()
        self._singles = Single()
        self._supply: Supply = Paused()
        self._at_once = 0
        self._is_closed = False
        # Whether nobody waits and nobody is on the way.
        self._is_free = True
        self.gave_slot = False
        self.terms = NOTHING
        self.ends_ns = FOREVER_NS
        self.on_need: Callable[[], object] = _do_nothing

    @property
    def waiting(self) -> int:
        """How many greenlets stand in the queue."""
        return len(self._queue)

    @property
    def held(self) -> int:
        """How many permits of a parallel rate are out."""
        return self._slots.held

    @property
    def singles_used(self) -> int:
        """How many permits that were handed out one at a time were used."""
        return self._singles.used

    @property
    def singles_returned(self) -> int:
        """How many of them were not."""
        return self._singles.returned

    @property
    def lost_ns(self) -> int:
        """Time by which the schedule fell behind while permits were wanted, in nanoseconds."""
        return self._lost_ns + (self._pacing.lost_ns if self._pacing else 0)

    def wait(self) -> int:
        """Wait for a permit and return when it was due, in nanoseconds of the clock.

        Raises:
            ThrottleStopped: The gate was closed meanwhile.

        Blocks: until the permit is due, in the order of arrival; when one is there already and
            nobody stands in front, only for a turn of everybody else now and then. A waiter that
            is killed uses up no permit.
        """
        if self._is_free or self._has_nobody_in_front():
            now_ns = self._clock.now_ns()
            supply = self._supply
            supply.rest(now_ns)
            due_ns = supply.take(now_ns) if now_ns < self.ends_ns else None
            if due_ns is not None:
                at_once = self._at_once + 1
                if at_once < TURN:
                    self._at_once = at_once
                    self.gave_slot = supply is self._slots
                    return due_ns
                supply.put_back()
                return self._let_others_run(supply)
        return self._stand_in_line(self._arm)

    def go_by(self, terms: Terms, single_ns: int = 0) -> None:
        """Grant by ``terms`` from now on; who waits keeps its place, and who has a slot keeps it.

        Args:
            terms: What may be granted.
            single_ns: When the last of ``terms.singles`` was handed out.
        """
        if not terms.rate.is_paused:
            # What fell due since the last look would be lost with the pace it fell due at.
            self._release()
        if isinstance(self._supply, Paced):
            self._left_ns = self._clock.now_ns()
        self._supply = self._supply_of(terms, single_ns)
        self.terms = terms
        self._release()
        self._tell_need()

    def return_stale(self) -> None:
        """Return what was handed out and waits here for nobody."""
        self._singles.return_stale(self._clock.now_ns())

    def begin_epoch(self) -> None:
        """Count permits that are handed out one at a time from the beginning."""
        self._singles = Single()

    def give_back(self) -> None:
        """Take back a permit of a parallel rate."""
        self._slots.put_back()
        self._release()

    def close(self) -> None:
        """Let nobody through any more, and those who wait know it."""
        self.terms, self._supply = NOTHING, Paused()
        self._is_closed = True
        self._take_all_back()
        loop = gevent.get_hub().loop
        while self._queue:
            waiter, _ = self._queue.popitem(last=False)
            waiter.is_over = True
            loop.run_callback(waiter.wake)

    def _supply_of(self, terms: Terms, single_ns: int) -> Supply:
        if terms.rate.is_paused:
            return Paused()
        if terms.rate.is_unlimited:
            return Unlimited()
        if terms.rate.is_parallel:
            self._slots.limit = terms.units
            return self._slots
        if terms.singles is not None:
            self._forget_the_pace()
            self._singles.give(terms.singles, single_ns)
            return self._singles
        return Paced(self._paced(terms)) if terms.units else Paused()

    def _paced(self, terms: Terms) -> Pacing:
        # Kept while there was no pace: what was left of its period still is when one comes back.
        now_ns = self._clock.now_ns()
        if self._pacing is None:
            wait_ns = ceil(period_of(terms.rate) / terms.share * terms.phase)
            self._pacing = Pacing(terms.rate, now_ns + wait_ns, terms.share)
        else:
            self._pacing = self._pacing.follow(terms.rate, self._left_ns, now_ns, terms.share)
        return self._pacing

    def _forget_the_pace(self) -> None:
        """Leave pacing to who hands out single permits; the next share begins by its phase."""
        self._lost_ns, self._pacing = self.lost_ns, None

    def _tell_need(self) -> None:
        if self._queue and self._supply.next_ns() is None:
            self.on_need()

    def _let_others_run(self, supply: Supply) -> int:
        self._at_once = 0
        if not isinstance(supply, Unlimited):
            # It asks again, in line, when they had their turn.
            return self._stand_in_line(self._release_soon)
        gevent.sleep(0)
        if self._supply is not supply:
            return self.wait()
        self.gave_slot = False
        return self._clock.now_ns()

    def _stand_in_line(self, look_again: Callable[[], object]) -> int:
        if self._is_closed:
            raise ThrottleStopped(self._name)
        waiter = _Waiter(getcurrent())
        self._queue[waiter] = None
        self._is_free = False
        look_again()
        if len(self._queue) == 1:
            self._tell_need()
        hub = gevent.get_hub()
        try:
            while not self._has_passed(waiter):
                hub.switch()
        except BaseException:
            self._leave(waiter)
            raise
        assert waiter.due_ns is not None
        # It may have been woken twice, and must not be once it waits for something else.
        waiter.greenlet = None
        del self._granted[waiter]
        self._is_free = not (self._queue or self._granted)
        self.gave_slot = waiter.supply is self._slots
        if waiter.supply is self._singles:
            self.on_need()
        return waiter.due_ns

    def _has_passed(self, waiter: _Waiter) -> bool:
        if waiter.is_over:
            raise ThrottleStopped(self._name)
        if waiter.due_ns is None:
            return False
        # Judged by the waiter, last thing before it goes: the loop may have stood still since.
        if self._is_late(waiter):
            self._take_all_back()
        return waiter.due_ns is not None

    def _has_nobody_in_front(self) -> bool:
        # A newcomer takes the permit after those that are on their way, so they are judged first:
        # put back afterwards, they would be granted twice.
        if self._granted and self._is_late(next(iter(self._granted))):
            self._take_all_back()
        return not self._queue

    def _is_late(self, waiter: _Waiter) -> bool:
        assert waiter.due_ns is not None
        assert waiter.supply is not None
        patience_ns = waiter.supply.patience_ns
        return patience_ns is not None and self._clock.now_ns() - waiter.due_ns > patience_ns

    def _take_all_back(self) -> None:
        """Let all who are on their way go back to the head of the queue, and grant anew.

        All of them: were they to go back one by one, each would get the permit of the one before,
        and all would pass at once.
        """
        while self._granted:
            waiter, _ = self._granted.popitem(last=True)
            self._put_back(waiter)
            self._queue[waiter] = None
            self._queue.move_to_end(waiter, last=False)
        self._supply.catch_up(self._clock.now_ns())
        self._release()
        self._tell_need()

    def _put_back(self, waiter: _Waiter) -> None:
        assert waiter.supply is not None
        waiter.supply.put_back()
        waiter.due_ns = waiter.supply = None

    def _leave(self, waiter: _Waiter) -> None:
        waiter.greenlet = None
        if waiter.due_ns is not None:
            self._move_up_behind(waiter)
            del self._granted[waiter]
            self._put_back(waiter)
            self._release()
        else:
            self._queue.pop(waiter, None)
        self._is_free = not (self._queue or self._granted)

    def _move_up_behind(self, leaving: _Waiter) -> None:
        """Hand due times up to the end, so that the one that is put back is the last one taken."""
        if not isinstance(leaving.supply, Paced):
            return
        is_behind, due_ns = False, leaving.due_ns
        for waiter in self._granted:
            if is_behind and waiter.supply is leaving.supply:
                waiter.due_ns, due_ns = due_ns, waiter.due_ns
            is_behind = is_behind or waiter is leaving

    def _release_soon(self) -> None:
        gevent.get_hub().loop.run_callback(self._release)

    def _release(self) -> None:
        self._cancel_timer()
        now_ns, supply = self._clock.now_ns(), self._supply
        loop = gevent.get_hub().loop
        current = getcurrent()
        while self._queue and now_ns < self.ends_ns:
            due_ns = supply.take(now_ns)
            if due_ns is None:
                break
            waiter, _ = self._queue.popitem(last=False)
            waiter.due_ns, waiter.supply = due_ns, supply
            self._granted[waiter] = None
            if waiter.greenlet is not current:
                loop.run_callback(waiter.wake)
        self._arm()

    def _arm(self) -> None:
        if self._timer is None and self._queue:
            due_ns = self._supply.next_ns()
            if due_ns is not None:
                delay_ns = max(MIN_SLEEP_NS, due_ns - self._clock.now_ns())
                self._timer = self._clock.call_later(delay_ns, self._release)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
