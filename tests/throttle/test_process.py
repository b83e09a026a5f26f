"""One owner of a rate: what is set comes in force, in time, and one thing at a time."""

from typing import Any

import gevent
import pytest

from crowsg.errors import CannotChangeRate
from crowsg.rate import Ramp, Rate
from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle
from crowsg.throttle.lease import Lease, Report
from crowsg.throttle.leases import Leases
from crowsg.throttle.process import Declared, RampProgress, ThrottleProcess

SLOW, FAST = Rate(10, per=1), Rate(50, per=1)
UP = Ramp(SLOW, FAST, steps=4, step_interval=2)


class Owner:
    """A process, and what came of it: rates in force and rates told, each with its second."""

    def __init__(self, declared: Declared = SLOW) -> None:
        self.clock = ManualClock()
        self.applied: list[tuple[float, float]] = []
        self.told: list[tuple[float, float]] = []
        self.process = started_on(self.clock, declared, gevent.spawn, self._note_told)
        self.process.enrol("here", self._go_by)
        self.told.clear()
        self.applied.clear()
        settle()

    def _note_told(self, rate: Rate) -> None:
        self.told.append((self.clock.now(), rate.permits))

    def _go_by(self, lease: Lease) -> None:
        self.applied.append((self.clock.now(), lease.terms.rate.permits))
        self.process.hear("here", Report(lease.sequence, lease.epoch, lease.sequence))


def started_on(clock: ManualClock, declared: Declared, spawn: Any, on_rate: Any) -> ThrottleProcess:
    process = ThrottleProcess("a", declared, clock, Leases(ttl_ns=None), spawn, on_rate)
    process.start()
    return process


def test_a_ramp_sets_its_first_rate_at_once() -> None:
    owner = Owner(FAST)

    owner.process.ramp(UP)

    assert (owner.process.rate, owner.applied) == (SLOW, [(0.0, 10.0)])


def test_each_step_of_a_ramp_comes_on_time() -> None:
    owner = Owner(FAST)
    owner.process.ramp(UP)

    owner.clock.advance(3600)

    assert owner.applied == [(0, 10), (2, 20), (4, 30), (6, 40), (8, 50)]


def test_each_step_of_a_ramp_is_told() -> None:
    owner = Owner(FAST)
    owner.process.ramp(UP)

    owner.clock.advance(3600)

    assert owner.told == owner.applied


def test_steps_of_a_tenth_of_a_second_never_drift() -> None:
    owner = Owner()
    owner.process.ramp(Ramp(Rate(0, per=1), Rate(300, per=1), duration=30))

    owner.clock.advance(30)

    assert [round(time * 10) for time, _ in owner.applied] == list(range(301))
    assert owner.applied[-1] == (30.0, 300.0)


def test_a_ramp_ends_exactly_at_its_end() -> None:
    owner = Owner()
    owner.process.ramp(Ramp(SLOW, Rate(1, per=0.3), steps=7, step_interval=1))

    owner.clock.advance(7)

    assert owner.process.rate == Rate(1, per=0.3)


def test_steps_that_come_late_do_not_delay_those_after_them() -> None:
    owner = Owner()
    owner.process.ramp(UP)
    owner.clock.advance(1)
    owner.clock._now_ns += 4_000_000_000

    owner.clock.advance(2)

    assert owner.applied == [(5, 20), (5, 30), (6, 40)]


def test_a_ramp_tells_how_far_it_has_come() -> None:
    owner = Owner()
    owner.process.ramp(UP)

    steps = []
    for _ in range(4):
        assert owner.process.progress is not None
        steps.append(owner.process.progress.step)
        owner.clock.advance(2)

    assert (steps, owner.process.progress) == ([0, 1, 2, 3], None)


def test_a_declared_ramp_begins_at_once() -> None:
    owner = Owner(UP)

    owner.clock.advance(2)

    assert owner.process.progress == RampProgress(UP, 1)
    assert owner.applied == [(2, 20)]


def test_a_start_leaves_it_to_its_caller_to_tell_the_first_rate() -> None:
    told: list[Rate] = []

    process = started_on(ManualClock(), UP, gevent.spawn, told.append)

    assert told == []
    process.stop()
    settle()


def test_the_same_ramp_again_changes_nothing() -> None:
    owner = Owner()
    owner.process.ramp(UP)
    owner.clock.advance(5)

    owner.process.ramp(Ramp(SLOW, FAST, steps=4, step_interval=2))
    owner.clock.advance(100)

    assert owner.applied == [(2, 20), (4, 30), (6, 40), (8, 50)]


def test_one_ramp_runs_at_a_time() -> None:
    owner = Owner()
    owner.process.ramp(UP)

    with pytest.raises(CannotChangeRate, match="10/s to 50/s in 8 s"):
        owner.process.ramp(Ramp(SLOW, FAST, steps=5, step_interval=2))

    assert owner.process.progress == RampProgress(UP, 0)


def test_a_rate_is_refused_while_a_ramp_runs() -> None:
    owner = Owner()
    owner.process.ramp(UP)
    owner.clock.advance(7.9)

    with pytest.raises(CannotChangeRate, match="'a'"):
        owner.process.change_rate(FAST)

    assert owner.process.rate.permits == 40


def test_a_rate_can_be_set_after_a_ramp() -> None:
    owner = Owner()
    owner.process.ramp(UP)
    owner.clock.advance(8)

    owner.process.change_rate(SLOW)

    assert owner.applied[-1] == (8, 10)


def test_another_ramp_can_follow() -> None:
    owner = Owner()
    owner.process.ramp(UP)
    owner.clock.advance(8)

    owner.process.ramp(Ramp(FAST, SLOW, steps=1, step_interval=1))
    owner.clock.advance(1)

    assert owner.applied[-1] == (9, 10)


def test_the_rate_that_is_set_already_is_not_told_again() -> None:
    owner = Owner(SLOW)

    owner.process.change_rate(Rate(10, per=1))

    assert (owner.told, owner.applied) == ([], [])


def test_stopping_ends_a_ramp_where_it_is() -> None:
    owner = Owner()
    owner.process.ramp(UP)
    owner.clock.advance(2)

    owner.process.stop()
    owner.clock.advance(100)

    assert owner.applied == [(2, 20)]
    assert owner.process.progress is None


def test_stopping_ends_a_ramp_whose_next_step_is_due() -> None:
    owner = Owner()
    owner.process.ramp(UP)
    settle()
    # The step's timer comes first, and the stop before its greenlet has run.
    woken, _, timer = owner.clock._queue[0]
    step = timer.callback
    assert step is not None

    def step_and_stop() -> None:
        step()
        owner.process.stop()

    timer.callback = step_and_stop

    owner.clock.advance(100)

    assert (woken, owner.applied, owner.told) == (2_000_000_000, [], [])


def test_stopping_leaves_no_greenlet_behind() -> None:
    greenlets: list[Any] = []

    def spawn(*args: Any) -> Any:
        greenlets.append(gevent.spawn(*args))
        return greenlets[-1]

    process = started_on(ManualClock(), UP, spawn, lambda _: None)
    settle()

    process.stop()
    settle()

    assert [greenlet.dead for greenlet in greenlets] == [True]


@pytest.mark.parametrize("times", [1, 2])
def test_stopping_without_a_ramp_is_harmless(times: int) -> None:
    owner = Owner()

    for _ in range(times):
        owner.process.stop()

    assert owner.process.rate == SLOW


def test_a_pause_puts_nothing_in_force() -> None:
    owner = Owner()

    owner.process.pause()

    assert owner.applied == [(0, 0)]


def test_a_pause_leaves_the_rate_as_it_was_set() -> None:
    owner = Owner()

    owner.process.pause()

    assert (owner.process.rate, owner.process.is_paused, owner.told) == (SLOW, True, [])


def test_a_pause_after_a_pause_is_harmless() -> None:
    owner = Owner()

    owner.process.pause()
    owner.process.pause()
    owner.process.resume()

    assert (owner.applied, owner.process.is_paused) == ([(0, 0), (0, 10)], False)


def test_resuming_what_is_not_paused_is_harmless() -> None:
    owner = Owner()

    owner.process.resume()

    assert owner.applied == []


def test_resuming_twice_is_harmless() -> None:
    owner = Owner()
    owner.process.pause()

    owner.process.resume()
    owner.process.resume()

    assert owner.applied == [(0, 0), (0, 10)]


def test_a_pause_survives_a_change_of_the_rate() -> None:
    owner = Owner()
    owner.process.pause()

    owner.process.change_rate(FAST)

    assert (owner.applied, owner.told) == ([(0, 0)], [(0, 50)])


def test_a_pause_survives_the_steps_of_a_ramp() -> None:
    owner = Owner()
    owner.process.ramp(UP)
    owner.process.pause()

    owner.clock.advance(100)

    assert (owner.applied, owner.process.is_paused) == ([(0, 0)], True)


def test_resuming_goes_on_at_the_rate_that_was_set_last() -> None:
    owner = Owner()
    owner.process.pause()
    owner.process.change_rate(FAST)

    owner.process.resume()

    assert owner.applied[-1] == (0, 50)


def test_resuming_goes_on_within_a_ramp() -> None:
    owner = Owner()
    owner.process.ramp(UP)
    owner.process.pause()
    owner.clock.advance(5)

    owner.process.resume()
    owner.clock.advance(1)

    assert owner.applied == [(0, 0), (5, 30), (6, 40)]
