"""Greenlets pass one by one, in order, when their permit is due."""

import gevent
import pytest

from crowsg.rate import Rate
from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle
from crowsg.throttle.gate import Gate


class Queue:
    """Greenlets that wait at a gate once and note when they passed."""

    def __init__(self, rate: Rate, waiters: int = 0) -> None:
        self.clock = ManualClock()
        self.gate = Gate(self.clock, rate)
        self.passed: list[tuple[int, float]] = []
        self.greenlets = [gevent.spawn(self._pass, name) for name in range(waiters)]
        settle()

    def _pass(self, name: int) -> None:
        self.gate.wait()
        self.passed.append((name, self.clock.now_ns() / 1e9))

    @property
    def names(self) -> list[int]:
        return [name for name, _ in self.passed]


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
    gate = Gate(clock, Rate(10_000, per=1))
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

    queue.gate.change_rate(Rate.UNLIMITED)
    settle()

    assert (queue.names, queue.gate.waiting) == ([0, 1, 2], 0)


def test_a_faster_rate_reaches_those_who_wait_already() -> None:
    queue = Queue(Rate(1, per=3600), 3)
    queue.clock.advance(1)

    queue.gate.change_rate(Rate(10, per=1))
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
    queue.clock.call_later(1_000_000_000, lambda: queue.greenlets[1].kill(block=False))
    queue.gate._cancel_timer()
    queue.clock.call_later(1_000_000_000, queue.gate._release)

    queue.clock.advance(1.5)

    assert queue.names == [0, 2]
    assert queue.gate.waiting == 0


def test_idle_time_earns_no_burst_beyond_the_granule() -> None:
    queue = Queue(Rate(100, per=1), 1)
    queue.clock.advance(60)

    more = [gevent.spawn(queue._pass, name) for name in range(1, 10)]
    settle()
    at_once = len(queue.passed) - 1
    queue.clock.advance(1)

    assert at_once == 2
    assert len(queue.passed) == 1 + len(more)


def test_a_closed_gate_asks_nothing_of_the_clock() -> None:
    queue = Queue(Rate(1, per=1), 2)
    queue.gate.close()

    queue.clock.advance(10)

    assert queue.names == [0]
