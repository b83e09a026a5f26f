"""Greenlets pass one by one, in order, when their permit is due."""

import random
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import gevent
import pytest

from crowsg.errors import ThrottleStopped
from crowsg.rate import Rate
from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle
from crowsg.throttle.gate import TURN, Gate
from crowsg.throttle.lease import FRESH_NS, WHOLE, Terms
from crowsg.throttle.pacing import GRANULE_NS
from tests.throttle.stalling import StallingClock

SECOND = 1_000_000_000
MS = 1_000_000


def opened(clock: ManualClock, rate: Rate, name: str = "") -> Gate:
    gate = Gate(clock, name)
    gate.go_by(Terms.everything(rate))
    return gate


class Queue:
    """Greenlets that wait at a gate once and note when they passed."""

    def __init__(self, rate: Rate, waiters: int = 0) -> None:
        self.clock = StallingClock()
        self.gate = opened(self.clock, rate)
        self.passed: list[tuple[int, float]] = []
        self.greenlets = [gevent.spawn(self.pass_once, name) for name in range(waiters)]
        settle()

    def pass_once(self, name: int) -> None:
        self.gate.wait()
        self.passed.append((name, self.clock.now_ns() / 1e9))

    @property
    def names(self) -> list[int]:
        return [name for name, _ in self.passed]


class Crowd:
    """Greenlets that wait at a gate again and again, and stamp each time they pass.

    Args:
        rate: The first rate.
        rng: Decides on everything that happens by chance.
        stall_ns: How long each pass keeps the loop at the most, now and then.
    """

    def __init__(self, rate: Rate, rng: random.Random, stall_ns: int, waiters: int = 40) -> None:
        self.clock = StallingClock()
        self.gate = opened(self.clock, rate)
        self.stamps: list[int] = []
        self._rng = rng
        self._stall_ns = stall_ns
        self.greenlets = [gevent.spawn(self._loop) for _ in range(waiters)]

    def _loop(self) -> None:
        while True:
            self.gate.wait()
            self.stamps.append(self.clock.now_ns())
            if self._rng.random() < 0.05:
                self.clock.stall(self._rng.randrange(self._stall_ns))
            if self._rng.random() < 0.1:
                gevent.sleep(0)

    def replace(self, index: int) -> None:
        """Kill one and start another in its place, in one turn of the loop."""
        self.greenlets[index].kill(block=False)
        self.greenlets[index] = gevent.spawn(self._loop)

    def move(self, seconds: float) -> None:
        """Go on, waking late by up to a few ms each time, and now and then by much more."""
        end_ns = self.clock.now_ns() + int(seconds * SECOND)
        while self.clock.now_ns() < end_ns:
            self.clock.advance(self._rng.uniform(0, 0.004))
            if self._rng.random() < 0.03:
                self.clock.stall(self._rng.randrange(self._stall_ns))
        # What the last stall cost is known once the gate has woken.
        self.clock.advance(0.002)

    def end(self) -> None:
        gevent.killall(self.greenlets)


def worst_excess(stamps: list[int], per_second: float) -> float:
    """Return by how much the fullest of all windows exceeds rate x (W + g) + 1.

    The window from stamp i to stamp j holds j - i + 1; as a walk, its maximum is found in one go.
    """
    worst, lowest = -1e18, 1e18
    for index, stamp in enumerate(stamps):
        level = index - per_second * stamp / SECOND
        lowest = min(lowest, level)
        worst = max(worst, level - lowest + 1)
    return worst - per_second * GRANULE_NS / SECOND - 1


RATES = [
    pytest.param(Rate(1), 200.0, id="1/min"),
    pytest.param(Rate(7, per=1), 20.0, id="7/s"),
    pytest.param(Rate(100, per=1), 4.0, id="100/s"),
    pytest.param(Rate(1200), 8.0, id="1200/min"),
    pytest.param(Rate(1000, per=1), 1.0, id="1000/s"),
    pytest.param(Rate(10_000, per=1), 0.4, id="10000/s"),
]


def test_waiters_pass_in_order_at_their_due_times() -> None:
    queue = Queue(Rate(10, per=1), 4)

    queue.clock.advance(0.35)

    assert queue.passed == [(0, 0.0), (1, 0.1), (2, 0.2), (3, 0.3)]


def test_permits_faster_than_the_shortest_sleep_pass_in_small_groups() -> None:
    queue = Queue(Rate(10_000, per=1), 100)

    queue.clock.advance(0.01)

    assert queue.names == list(range(100))
    assert max(time for _, time in queue.passed) <= 0.0101


def test_one_greenlet_that_comes_again_and_again_gets_the_whole_rate() -> None:
    clock = ManualClock()
    gate = opened(clock, Rate(10_000, per=1))
    passed: list[int] = []

    def loop() -> None:
        while True:
            passed.append(gate.wait())

    greenlet = gevent.spawn(loop)
    clock.advance(1)
    greenlet.kill()

    assert len(passed) == pytest.approx(10_000, abs=21)


def test_an_unlimited_gate_lets_everybody_pass_without_a_timer() -> None:
    queue = Queue(Rate.UNLIMITED, 3)

    assert queue.names == [0, 1, 2]


def test_a_paused_gate_holds_everybody_until_the_rate_changes() -> None:
    queue = Queue(Rate.PAUSED, 3)
    queue.clock.advance(3600)
    assert (queue.names, queue.gate.waiting) == ([], 3)

    queue.gate.go_by(Terms.everything(Rate.UNLIMITED))
    settle()

    assert (queue.names, queue.gate.waiting) == ([0, 1, 2], 0)


def test_a_faster_rate_reaches_those_who_wait_already() -> None:
    queue = Queue(Rate(1, per=3600), 3)
    queue.clock.advance(1)

    queue.gate.go_by(Terms.everything(Rate(10, per=1)))
    queue.clock.advance(0.2)

    assert queue.names == [0, 1, 2]


def test_a_waiter_that_is_killed_uses_up_no_permit() -> None:
    queue = Queue(Rate(1, per=1), 3)
    queue.greenlets[1].kill()

    queue.clock.advance(1.5)

    assert queue.passed == [(0, 0.0), (2, 1.0)]


def test_a_permit_given_to_a_waiter_that_is_being_killed_goes_to_the_next() -> None:
    queue = Queue(Rate(1, per=1), 3)
    # Both fall into one turn of the loop: first the kill, then the permit.
    queue.clock.call_later(SECOND, lambda: queue.greenlets[1].kill(block=False))
    queue.gate._cancel_timer()
    queue.clock.call_later(SECOND, queue.gate._release)

    queue.clock.advance(1.5)

    assert queue.names == [0, 2]
    assert queue.gate.waiting == 0


def test_idle_time_earns_no_burst_beyond_the_granule() -> None:
    queue = Queue(Rate(100, per=1), 1)
    queue.clock.advance(60)

    more = [gevent.spawn(queue.pass_once, name) for name in range(1, 10)]
    settle()
    at_once = len(queue.passed) - 1
    queue.clock.advance(1)

    assert at_once == 2
    assert len(queue.passed) == 1 + len(more)


@pytest.mark.parametrize("rate", [Rate(1), Rate.PAUSED, Rate.parallel(1)], ids=str)
def test_closing_releases_every_waiter_with_an_error(rate: Rate) -> None:
    gate = opened(ManualClock(), rate, "a")
    greenlets = [gevent.spawn(gate.wait) for _ in range(3)]
    settle()
    stuck = [greenlet for greenlet in greenlets if not greenlet.dead]

    gate.close()
    settle()

    assert len(stuck) >= 2
    assert [type(greenlet.exception) for greenlet in stuck] == [ThrottleStopped] * len(stuck)
    assert gate.waiting == 0


def test_closing_reaches_those_whose_permit_is_on_its_way_too_late() -> None:
    queue = Queue(Rate(1, per=1), 2)

    def close_late() -> None:
        queue.gate._release()
        queue.clock.stall(20 * MS)
        queue.gate.close()

    queue.gate._cancel_timer()
    queue.clock.call_later(SECOND, close_late)
    queue.clock.advance(5)

    assert queue.names == [0]
    assert isinstance(queue.greenlets[1].exception, ThrottleStopped)


def test_a_closed_gate_asks_nothing_of_the_clock() -> None:
    queue = Queue(Rate(1, per=1), 2)
    queue.gate.close()

    queue.clock.advance(10)

    assert queue.names == [0]
    assert queue.clock._queue == []


@pytest.mark.parametrize("rate", [Rate.UNLIMITED, Rate(10_000_000, per=1)], ids=str)
def test_a_greenlet_that_passes_again_and_again_starves_nobody(rate: Rate) -> None:
    queue = Queue(rate)
    queue.clock.stall(10 * MS)
    order: list[str] = []

    def loop() -> None:
        for _ in range(10 * TURN):
            queue.gate.wait()
            order.append("loop")

    looping, other = gevent.spawn(loop), gevent.spawn(order.append, "other")
    gevent.joinall([looping, other])

    assert order.index("other") == TURN - 1
    assert len(order) == 10 * TURN + 1


def test_whoever_gives_the_others_a_turn_has_no_permit_meanwhile() -> None:
    queue = Queue(Rate(1000, per=1))
    queue.gate._at_once = TURN - 1
    greenlet = gevent.spawn(queue.pass_once, 0)
    gevent.spawn(lambda: greenlet.kill(block=False))
    settle()

    gevent.spawn(queue.pass_once, 1)
    settle()

    assert queue.passed == [(1, 0.0)]


def test_a_rate_that_changes_during_the_turn_of_the_others_counts() -> None:
    queue = Queue(Rate.UNLIMITED)
    queue.gate._at_once = TURN - 1
    greenlet = gevent.spawn(queue.pass_once, 0)
    gevent.spawn(queue.gate.go_by, Terms.everything(Rate.PAUSED))

    settle()

    assert (queue.passed, queue.gate.waiting) == ([], 1)
    greenlet.kill()


@pytest.mark.parametrize("at_once", [0, TURN - 1], ids=["at once", "after a turn of the others"])
def test_a_permit_without_a_limit_is_no_slot_even_after_one(at_once: int) -> None:
    gate = opened(ManualClock(), Rate.parallel(1))
    gate.wait()
    gate.go_by(Terms.everything(Rate.UNLIMITED))
    gate._at_once = at_once

    gate.wait()

    assert not gate.gave_slot


def test_a_slot_is_told_from_other_permits() -> None:
    gate = opened(ManualClock(), Rate.parallel(1))

    gate.wait()

    assert gate.gave_slot


def test_waiting_at_a_closed_gate_is_an_error() -> None:
    gate = opened(ManualClock(), Rate(1), "a")
    gate.close()

    with pytest.raises(ThrottleStopped, match="'a'"):
        gate.wait()


def test_all_who_are_on_their_way_when_the_loop_stalls_go_back_in_order() -> None:
    queue = Queue(Rate.PAUSED, 6)
    queue.gate.go_by(Terms.everything(Rate(300, per=1)))
    queue.clock.advance(0.0)
    queue.gate._cancel_timer()
    queue.clock.stall(8 * MS)
    queue.gate._release()

    queue.clock.stall(SECOND)
    queue.clock.advance(1)

    assert queue.names == list(range(6))


def stalled_after_the_grant() -> Queue:
    """Return a queue of twelve at 100/s whose second permit was granted a second ago."""
    queue = Queue(Rate(100, per=1), 12)
    queue.gate._cancel_timer()
    queue.clock.stall(10 * MS)
    queue.gate._release()
    queue.clock.stall(SECOND)
    return queue


def test_a_permit_that_comes_late_to_its_waiter_makes_no_burst() -> None:
    queue = stalled_after_the_grant()

    settle()

    assert queue.names == [0, 1]


def test_the_time_between_a_permit_and_its_late_waiter_is_counted_as_lost() -> None:
    queue = stalled_after_the_grant()

    settle()

    assert queue.gate.lost_ns == SECOND - GRANULE_NS // 2


def test_a_newcomer_makes_no_burst_of_the_permits_that_come_late() -> None:
    queue = Queue(Rate(200, per=1), 2)
    queue.gate._cancel_timer()
    queue.clock.stall(10 * MS)
    queue.gate._release()
    queue.clock.stall(SECOND)

    # Here a greenlet asks that had kept the loop; the one with the permit has not run since.
    queue.gate.wait()
    more = [gevent.spawn(queue.pass_once, name) for name in range(2, 9)]
    settle()

    assert queue.names == [0, 1]
    gevent.killall(more)


def test_permits_of_those_killed_on_their_way_make_no_burst_of_the_others() -> None:
    queue = Queue(Rate(1000, per=1), 60)

    def grant_kill_and_stall() -> None:
        queue.gate._release()
        for greenlet in queue.greenlets[1:6]:
            greenlet.throw(gevent.GreenletExit)
        queue.clock.stall(6 * MS)

    queue.gate._cancel_timer()
    queue.clock.stall(10 * MS)
    gevent.get_hub().loop.run_callback(grant_kill_and_stall)
    queue.clock.advance(0.2)

    stamps = [round(time * SECOND) for _, time in queue.passed]
    assert worst_excess(stamps, 1000) <= 1e-6


def test_a_waiter_that_was_woken_twice_is_left_alone_afterwards() -> None:
    queue = Queue(Rate(1000, per=1))

    def pass_and_sleep() -> None:
        queue.gate.wait()
        queue.clock.sleep(1)

    greenlets = [gevent.spawn(pass_and_sleep) for _ in range(20)]
    settle()
    queue.gate._cancel_timer()
    queue.clock.stall(10 * MS)
    queue.gate._release()
    queue.clock.stall(20 * MS)
    queue.clock.advance(10)

    assert [greenlet.successful() for greenlet in greenlets] == [True] * 20


def test_idle_time_is_not_counted_as_lost() -> None:
    queue = Queue(Rate(100, per=1), 1)
    queue.clock.advance(60)

    queue.gate.wait()

    assert queue.gate.lost_ns == 0


def test_a_gate_has_one_timer_at_a_time() -> None:
    queue = Queue(Rate(1, per=3600), 3)

    for permits in range(2, 20):
        queue.gate.go_by(Terms.everything(Rate(permits, per=3600)))

    timers = [timer for _, _, timer in queue.clock._queue if timer.callback is not None]
    assert len(timers) == 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("rate", "seconds"), RATES)
def test_no_window_holds_more_than_promised_however_the_loop_stalls(
    rate: Rate, seconds: float, seed: int
) -> None:
    crowd = Crowd(rate, random.Random(seed), stall_ns=50 * MS)

    crowd.move(seconds)

    crowd.end()
    assert len(crowd.stamps) > 2
    assert worst_excess(crowd.stamps, rate.permits * SECOND / rate.interval_ns) <= 1e-6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("rate", "seconds"), RATES)
def test_no_window_holds_more_than_promised_while_waiters_are_killed(
    rate: Rate, seconds: float, seed: int
) -> None:
    rng = random.Random(seed)
    crowd = Crowd(rate, rng, stall_ns=30 * MS)

    for _ in range(20):
        crowd.move(seconds / 20)
        for index in rng.sample(range(40), 10):
            crowd.replace(index)

    crowd.end()
    assert len(crowd.stamps) > 2
    assert worst_excess(crowd.stamps, rate.permits * SECOND / rate.interval_ns) <= 1e-6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("highest", [20, 500, 10_000])
def test_no_window_holds_more_than_the_highest_rate_while_it_changes(
    highest: int, seed: int
) -> None:
    rng = random.Random(seed)
    crowd = Crowd(Rate(highest, per=1), rng, stall_ns=30 * MS)
    rates = [Rate(highest, per=1), Rate(highest / 3, per=1), Rate(highest * 60), Rate.PAUSED]

    for _ in range(100):
        crowd.move(rng.uniform(0, 0.02))
        crowd.gate.go_by(Terms.everything(rng.choice(rates)))

    crowd.end()
    assert len(crowd.stamps) > 2
    assert worst_excess(crowd.stamps, highest) <= 1e-6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("permits", [50, 1000, 10_000])
def test_while_permits_are_wanted_the_whole_rate_is_given_but_for_lost_time(
    permits: int, seed: int
) -> None:
    crowd = Crowd(Rate(permits, per=1), random.Random(seed), stall_ns=50 * MS)

    crowd.move(3)

    crowd.end()
    seconds = (crowd.clock.now_ns() - crowd.gate.lost_ns) / SECOND
    assert len(crowd.stamps) >= 0.995 * permits * (seconds - 0.02) - 1


def test_a_rate_that_changes_often_loses_nothing_that_fell_due_before() -> None:
    crowd = Crowd(Rate(10_000, per=1), random.Random(1), stall_ns=1)

    for step in range(300):
        crowd.clock.advance(0.0095)
        crowd.gate.go_by(Terms.everything(Rate(10_000 + step % 2, per=1)))

    crowd.end()
    assert len(crowd.stamps) >= 0.995 * 10_000 * crowd.clock.now()


class Slots:
    """Greenlets that take, hold and lose slots of one gate by chance, and what was seen of it."""

    def __init__(self, limit: int, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = ManualClock()
        self.limit = limit
        self.gate = opened(self.clock, Rate.parallel(limit))
        self.out = 0
        self.order: list[int] = []
        self.excess = 0
        self.greenlets: list[Any] = []

    def _hold(self, number: int) -> None:
        self.gate.wait()
        self.order.append(number)
        self.out += 1
        # Somebody was let in: then there was room for it.
        self.excess = max(self.excess, self.out - self.limit)
        try:
            self.clock.sleep(self.rng.uniform(0, 0.05))
            if self.rng.random() < 0.1:
                raise gevent.GreenletExit
        finally:
            self.out -= 1
            self.gate.give_back()

    def act(self) -> None:
        """Do one thing at random; several may fall into one turn of the loop."""
        choice = self.rng.random()
        if choice < 0.6:
            self.greenlets.append(gevent.spawn(self._hold, len(self.greenlets)))
        elif choice < 0.8 and self.greenlets:
            self.rng.choice(self.greenlets[-20:]).kill(block=False)
        elif choice < 0.83:
            settle()
            self.limit = self.rng.randrange(1, 12)
            self.gate.go_by(Terms.everything(Rate.parallel(self.limit)))
        else:
            self.clock.advance(self.rng.uniform(0, 0.02))

    @property
    def is_idle_while_wanted(self) -> bool:
        return self.gate.waiting > 0 and self.gate.held < self.limit


@pytest.mark.parametrize("seed", range(15))
def test_no_more_slots_are_out_than_the_limit_when_one_is_given(seed: int) -> None:
    slots = Slots(5, seed)

    for _ in range(600):
        slots.act()

    gevent.killall(slots.greenlets)
    assert slots.excess <= 0
    assert len(slots.order) > 50


@pytest.mark.parametrize("seed", range(15))
def test_no_slot_is_lost_whatever_becomes_of_its_holder(seed: int) -> None:
    slots = Slots(5, seed)

    for _ in range(600):
        slots.act()
    slots.clock.advance(60)

    assert (slots.out, slots.gate.held, slots.gate.waiting) == (0, 0, 0)


@pytest.mark.parametrize("seed", range(15))
def test_nobody_waits_while_a_slot_is_free(seed: int) -> None:
    slots = Slots(2, seed)
    idle = []

    for _ in range(600):
        slots.act()
        idle.append(slots.is_idle_while_wanted)

    gevent.killall(slots.greenlets)
    assert not any(idle)


@pytest.mark.parametrize("seed", range(15))
def test_slots_are_given_in_the_order_of_arrival(seed: int) -> None:
    slots = Slots(3, seed)

    for _ in range(600):
        slots.act()

    gevent.killall(slots.greenlets)
    assert all(earlier < later for earlier, later in pairwise(slots.order))


def test_a_lowered_limit_lets_nobody_in_until_enough_came_back() -> None:
    queue = Queue(Rate.parallel(3), 5)
    queue.gate.go_by(Terms.everything(Rate.parallel(1)))
    passed = []

    for _ in range(3):
        queue.gate.give_back()
        settle()
        passed.append(len(queue.passed))

    assert passed == [3, 3, 4]


def test_a_raised_limit_lets_in_at_once() -> None:
    queue = Queue(Rate.parallel(1), 5)

    queue.gate.go_by(Terms.everything(Rate.parallel(4)))
    settle()

    assert (queue.names, queue.gate.held) == ([0, 1, 2, 3], 4)


@pytest.mark.parametrize(
    "between",
    [
        pytest.param(Rate.PAUSED, id="paused"),
        pytest.param(Rate(1), id="a rate in time"),
        pytest.param(Rate.UNLIMITED, id="unlimited"),
    ],
)
def test_slots_that_are_out_count_when_the_limit_comes_back(between: Rate) -> None:
    queue = Queue(Rate.parallel(2), 2)
    queue.gate.go_by(Terms.everything(between))
    queue.gate.go_by(Terms.everything(Rate.parallel(2)))

    gevent.spawn(queue.pass_once, 2)
    settle()

    assert (queue.names, queue.gate.held) == ([0, 1], 2)


def _kill_before(queue: Queue) -> None:
    queue.greenlets[1].kill(block=False)
    queue.gate.give_back()


def _kill_after(queue: Queue) -> None:
    def kill() -> None:
        queue.gate.give_back()
        queue.greenlets[1].throw(gevent.GreenletExit)

    gevent.get_hub().loop.run_callback(kill)


@pytest.mark.parametrize(
    "kill",
    [
        pytest.param(_kill_before, id="before it is granted"),
        pytest.param(_kill_after, id="after it was granted"),
    ],
)
def test_a_slot_of_a_waiter_that_is_killed_goes_to_the_next(kill: Callable[[Queue], None]) -> None:
    queue = Queue(Rate.parallel(1), 3)

    kill(queue)
    settle()

    assert (queue.names, queue.gate.held, queue.gate.waiting) == ([0, 2], 1, 0)


def share_of(rate: Rate, parts: int, phase: Fraction = Fraction(0)) -> Terms:
    """Return terms of so many quarters of a paced rate."""
    return Terms(rate, parts * WHOLE // 4, phase)


def singles(given: int) -> Terms:
    """Return terms of a rate of which so many permits were handed out one at a time."""
    return Terms(Rate(2, per=1), 0, singles=given)


def times_of(queue: Queue) -> list[float]:
    return [time for _, time in queue.passed]


def needs_of(queue: Queue) -> list[int]:
    """Return a list that gets the number of those who wait each time somebody is in need."""
    needs: list[int] = []
    queue.gate.on_need = lambda: needs.append(queue.gate.waiting)
    return needs


def join(queue: Queue, waiters: int) -> None:
    first = len(queue.greenlets)
    names = range(first, first + waiters)
    queue.greenlets += [gevent.spawn(queue.pass_once, name) for name in names]
    settle()


def test_a_gate_grants_nothing_at_first() -> None:
    clock = ManualClock()
    gate = Gate(clock)
    greenlet = gevent.spawn(gate.wait)

    clock.advance(60)

    assert (greenlet.dead, gate.waiting) == (False, 1)
    greenlet.kill()


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
def test_a_share_is_paced_at_its_part_of_the_rate(parts: int) -> None:
    queue = Queue(Rate.PAUSED, 40)
    queue.gate.go_by(share_of(Rate(40, per=1), parts))

    queue.clock.advance(0.999)

    assert len(queue.passed) == 10 * parts


def test_without_a_share_nothing_is_granted() -> None:
    queue = Queue(Rate.PAUSED, 3)
    queue.gate.go_by(share_of(Rate(40, per=1), 0))

    queue.clock.advance(60)

    assert queue.passed == []


@pytest.mark.parametrize(
    ("phase", "first_s"),
    [(Fraction(0), 0.0), (Fraction(1, 2), 0.2), (Fraction(3, 4), 0.3), (Fraction(1), 0.4)],
    ids=str,
)
def test_where_nothing_was_paced_the_first_permit_waits_for_its_phase_of_the_share(
    phase: Fraction, first_s: float
) -> None:
    queue = Queue(Rate.PAUSED, 2)
    queue.gate.go_by(share_of(Rate(10, per=1), 1, phase))

    queue.clock.advance(1)

    assert times_of(queue) == pytest.approx([first_s, first_s + 0.4])


def test_where_something_was_paced_the_phase_does_not_count() -> None:
    queue = Queue(Rate(10, per=1), 2)

    queue.gate.go_by(share_of(Rate(10, per=1), 4, Fraction(9, 10)))
    queue.clock.advance(0.5)

    assert times_of(queue) == pytest.approx([0, 0.1])


def test_what_is_left_of_a_period_is_left_when_the_share_changes() -> None:
    queue = Queue(Rate(10, per=1), 2)
    queue.clock.advance(0.05)

    queue.gate.go_by(share_of(Rate(10, per=1), 1))
    queue.clock.advance(1)

    assert times_of(queue) == pytest.approx([0, 0.25])


@pytest.mark.parametrize(
    "between",
    [
        pytest.param(Terms.everything(Rate.PAUSED), id="paused"),
        pytest.param(share_of(Rate(10, per=1), 0), id="no share"),
        pytest.param(Terms(Rate.parallel(5), 0), id="no slots"),
    ],
)
def test_what_is_left_of_a_period_is_left_when_a_share_comes_back(between: Terms) -> None:
    queue = Queue(Rate(10, per=1), 2)
    queue.clock.advance(0.05)
    queue.gate.go_by(between)
    queue.clock.advance(7)

    queue.gate.go_by(share_of(Rate(10, per=1), 4))
    queue.clock.advance(1)

    assert times_of(queue) == pytest.approx([0, 7.1])


def test_after_single_permits_a_share_begins_by_its_phase() -> None:
    queue = Queue(Rate(10, per=1), 2)
    queue.gate.go_by(singles(0))
    queue.clock.advance(1)

    queue.gate.go_by(share_of(Rate(10, per=1), 4, Fraction(1, 2)))
    queue.clock.advance(1)

    assert times_of(queue) == pytest.approx([0, 1.05])


def test_time_that_was_lost_still_counts_however_often_single_permits_came_after() -> None:
    queue = Queue(Rate(1000, per=1))
    lost_ns = []

    for _ in range(3):
        join(queue, 1)
        queue.clock.stall(50 * MS)
        queue.gate.go_by(singles(0))
        queue.gate.go_by(share_of(Rate(1000, per=1), 4, Fraction(1)))
        join(queue, 2)
        queue.clock.stall(50 * MS)
        queue.clock.advance(0.1)
        lost_ns.append(queue.gate.lost_ns)

    assert lost_ns[0] > 0
    assert lost_ns == [lost_ns[0], 2 * lost_ns[0], 3 * lost_ns[0]]


@pytest.mark.parametrize(
    ("rate", "passed"), [(Rate.PAUSED, 1), (Rate(1, per=3600), 4)], ids=["paused", "another rate"]
)
def test_what_fell_due_since_the_last_look_is_granted_unless_nothing_is(
    rate: Rate, passed: int
) -> None:
    queue = Queue(Rate(1000, per=1), 9)
    queue.clock.stall(3 * MS)

    queue.gate.go_by(Terms.everything(rate))
    settle()

    assert len(queue.passed) == passed


@pytest.mark.parametrize("given", [1, 2, 3])
def test_of_those_who_wait_as_many_pass_as_single_permits_came(given: int) -> None:
    queue = Queue(Rate.PAUSED, 5)

    for count in range(1, given + 1):
        queue.gate.go_by(singles(count), queue.clock.now_ns())
        queue.clock.advance(0.5)

    assert (queue.names, queue.gate.singles_used) == (list(range(given)), given)


def test_a_single_permit_waits_for_somebody_to_come() -> None:
    queue = Queue(Rate.PAUSED)
    queue.gate.go_by(singles(1), 0)
    queue.clock.stall(FRESH_NS)

    join(queue, 1)

    assert queue.names == [0]


def test_a_single_permit_waits_for_nobody_once_it_is_stale() -> None:
    queue = Queue(Rate.PAUSED)
    queue.gate.go_by(singles(1), 0)
    queue.clock.stall(FRESH_NS + 1)

    join(queue, 1)

    assert (queue.names, queue.gate.waiting, queue.gate.singles_returned) == ([], 1, 1)


def test_a_single_permit_is_no_slot() -> None:
    gate = Gate(ManualClock())
    gate.go_by(singles(1), 0)

    gate.wait()

    assert not gate.gave_slot


@pytest.mark.parametrize(
    ("terms", "is_slot"),
    [
        pytest.param(Terms.everything(Rate.UNLIMITED), False, id="unlimited"),
        pytest.param(Terms.everything(Rate(1)), False, id="a rate in time"),
        pytest.param(singles(1), False, id="single permits"),
        pytest.param(Terms.everything(Rate.parallel(1)), True, id="parallel"),
    ],
)
def test_a_slot_is_told_from_other_permits_by_those_who_waited(terms: Terms, is_slot: bool) -> None:
    gate = Gate(ManualClock())
    seen: list[bool] = []

    def wait() -> None:
        gate.wait()
        seen.append(gate.gave_slot)

    gevent.spawn(wait)
    settle()
    gate.go_by(terms)
    settle()

    assert seen == [is_slot]


@pytest.mark.parametrize(
    ("late_ns", "returned"), [(FRESH_NS, 0), (FRESH_NS + 1, 1)], ids=["fresh", "stale"]
)
def test_a_single_permit_that_nobody_took_is_returned_when_it_is_stale(
    late_ns: int, returned: int
) -> None:
    queue = Queue(Rate.PAUSED)
    queue.gate.go_by(singles(1), 0)
    queue.clock.stall(late_ns)

    queue.gate.return_stale()

    assert queue.gate.singles_returned == returned


def test_a_single_permit_of_a_waiter_that_is_killed_goes_to_the_next() -> None:
    queue = Queue(Rate.PAUSED, 2)

    def grant_and_kill() -> None:
        queue.gate.go_by(singles(1), 0)
        queue.greenlets[0].throw(gevent.GreenletExit)

    gevent.get_hub().loop.run_callback(grant_and_kill)
    settle()

    assert (queue.names, queue.gate.singles_used) == ([1], 1)


def test_a_single_permit_that_comes_too_late_to_its_waiter_is_returned() -> None:
    queue = Queue(Rate.PAUSED, 1)

    def grant_and_stall() -> None:
        queue.gate.go_by(singles(1), 0)
        queue.clock.stall(FRESH_NS + 1)

    gevent.get_hub().loop.run_callback(grant_and_stall)
    settle()

    gate = queue.gate
    assert (queue.names, gate.waiting, gate.singles_used, gate.singles_returned) == ([], 1, 0, 1)


def test_in_a_new_life_single_permits_are_counted_from_the_beginning() -> None:
    queue = Queue(Rate.PAUSED, 2)
    queue.gate.go_by(singles(1), 0)
    settle()

    queue.gate.begin_epoch()
    counted = queue.gate.singles_used
    queue.gate.go_by(singles(1), 0)
    settle()

    assert (counted, queue.names, queue.gate.singles_used) == (0, [0, 1], 1)


NO_TIME_BRINGS_ONE = [
    pytest.param(Terms.everything(Rate.PAUSED), id="paused"),
    pytest.param(share_of(Rate(10, per=1), 0), id="no share"),
    pytest.param(Terms(Rate.parallel(5), 0), id="no slots"),
    pytest.param(singles(0), id="single permits"),
]


@pytest.mark.parametrize("terms", NO_TIME_BRINGS_ONE)
def test_the_first_who_waits_where_no_time_brings_a_permit_is_in_need(terms: Terms) -> None:
    queue = Queue(Rate.PAUSED)
    queue.gate.go_by(terms)
    needs = needs_of(queue)

    join(queue, 3)

    assert needs == [1]


@pytest.mark.parametrize("terms", NO_TIME_BRINGS_ONE)
def test_those_who_wait_are_in_need_when_no_time_brings_a_permit_any_more(terms: Terms) -> None:
    queue = Queue(Rate(1, per=3600), 3)
    needs = needs_of(queue)

    queue.gate.go_by(terms)

    assert needs == [2]


@pytest.mark.parametrize("terms", NO_TIME_BRINGS_ONE)
def test_where_nobody_waits_nobody_is_in_need(terms: Terms) -> None:
    queue = Queue(Rate(1))
    needs = needs_of(queue)

    queue.gate.go_by(terms)

    assert needs == []


def test_who_waits_for_its_time_is_not_in_need() -> None:
    queue = Queue(Rate(1))
    needs = needs_of(queue)

    join(queue, 3)
    queue.clock.advance(100)

    assert needs == []


@pytest.mark.parametrize("rate", [Rate.UNLIMITED, Rate.parallel(3)], ids=str)
def test_who_passes_at_once_is_not_in_need(rate: Rate) -> None:
    queue = Queue(rate)
    needs = needs_of(queue)

    join(queue, 3)

    assert needs == []


def test_when_a_single_permit_was_used_there_is_need_of_the_next() -> None:
    queue = Queue(Rate.PAUSED, 3)
    queue.gate.go_by(singles(0))
    needs = needs_of(queue)

    # Those who still wait are in need at once, and again when the permit is accounted for.
    queue.gate.go_by(singles(1), 0)
    settle()

    assert needs == [2, 2]


def test_that_the_last_single_permit_was_used_is_told_though_nobody_waits() -> None:
    queue = Queue(Rate.PAUSED, 1)
    needs = needs_of(queue)

    queue.gate.go_by(singles(1), 0)
    settle()

    assert needs == [0]


def test_who_goes_back_from_a_permit_that_came_too_late_is_in_need() -> None:
    queue = Queue(Rate.PAUSED, 1)
    needs = needs_of(queue)

    def grant_and_stall() -> None:
        queue.gate.go_by(singles(1), 0)
        queue.clock.stall(FRESH_NS + 1)

    gevent.get_hub().loop.run_callback(grant_and_stall)
    settle()

    assert needs == [1]


class SlowClock(StallingClock):
    """Each look at the clock takes 50 us, as what happens between two of them does."""

    def now_ns(self) -> int:
        self._now_ns += 50_000
        return self._now_ns


def test_after_a_stall_a_fast_rate_is_whole_again_at_once() -> None:
    clock = SlowClock()
    gate = opened(clock, Rate(25_000, per=1))
    passed: list[int] = []
    for _ in range(500):
        gevent.spawn(lambda: passed.append(gate.wait()))
    settle()
    clock.stall(100 * MS)

    clock.advance(0.005)

    # What is due within half a granule, not one after the other each time all are taken back.
    assert len(passed) >= 125
    gate.close()
