"""amoc's throttle cases, through the facade, and what crowsg makes of amoc's throttle faults."""

import math
import random
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

import pytest

from crowsg import throttle, users
from crowsg.errors import (
    CannotChangeRate,
    InvalidThrottle,
    NoSuchThrottle,
    ThrottleStopped,
    WrongReconfiguration,
)
from crowsg.rate import Ramp, Rate
from crowsg.testing import capture_events
from crowsg.throttle import Permit
from tests.support.nodes import Bench, make_scenario

MINUTE_NS = 60_000_000_000
GRANULE_NS = 10_000_000

RAMPS = [
    pytest.param(Ramp(10, 100, 9, 1), id="rates"),
    pytest.param(Ramp(Rate.interarrival(1), Rate.interarrival(0.1), 9, 1), id="interarrivals"),
]


class Line:
    """Greenlets that wait on the throttle ``"a"`` once, hold their permit, and note when it came.

    Args:
        bench: Where they live.
        count: How many.
        hold: Seconds that each holds its permit.
    """

    def __init__(self, bench: Bench, count: int = 1, hold: float = 0) -> None:
        self.passed: list[float] = []
        self.inside = self.most_inside = 0
        self._bench = bench
        self._hold = hold
        self.greenlets = [bench.node.spawn(self._pass) for _ in range(count)]
        bench.clock.advance(0)

    def _pass(self) -> None:
        with throttle.wait("a"):
            self.passed.append(self._bench.clock.now())
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            if self._hold:
                users.sleep(self._hold)
            self.inside -= 1


def take(bench: Bench, count: int) -> list[Permit]:
    """Let one greenlet wait on ``"a"`` again and again, and return its permits."""
    permits: list[Permit] = []

    def loop() -> None:
        permits.extend(throttle.wait("a") for _ in range(count))

    greenlet = bench.node.spawn(loop)
    bench.clock.advance_until(lambda: greenlet.dead, step=60)
    return permits


def due_of_a_line(bench: Bench, count: int) -> list[int]:
    """Let greenlets wait on ``"a"`` from now on, and return when their permits were due, in ns."""
    permits: list[Permit] = []
    for _ in range(count):
        bench.node.spawn(lambda: permits.append(throttle.wait("a")))
    bench.clock.advance_until(lambda: len(permits) == count, step=60)
    return [round(permit.due * 1e9) for permit in permits]


def per_second(rate: Rate) -> float:
    return rate.permits / rate.interval_ns


def is_monotone(values: list[float]) -> bool:
    ascending = values[0] <= values[-1]
    return values == sorted(values, reverse=not ascending)


def test_a_throttle_that_is_started_twice_is_the_same(bench: Bench) -> None:
    """amoc case 68"""
    answers = [throttle.start("a", 100), throttle.start("a", 100)]

    assert answers == ["started", "already_started"]


def test_a_throttle_is_not_started_with_another_rate(bench: Bench) -> None:
    """amoc case 68"""
    throttle.start("a", 100)

    with pytest.raises(WrongReconfiguration):
        throttle.start("a", 200)


@pytest.mark.parametrize(
    ("spelling", "permits", "interval_s"),
    [
        pytest.param([100, 5], 100, 5, id="69 rate and interval"),
        pytest.param(Rate.interarrival(0.05), 1, 0.05, id="70 interarrival"),
        pytest.param(Rate.interarrival(0), math.inf, None, id="71 no interarrival"),
        pytest.param(Rate.interarrival(math.inf), 0, 60, id="72 infinite interarrival"),
        pytest.param(0, 0, 60, id="73 rate zero"),
        pytest.param("infinity", math.inf, None, id="74 rate infinity"),
        pytest.param([60, 0], 60, 0, id="75 interval zero"),
        pytest.param([2, 0.1], 2, 0.1, id="76 low rate"),
        pytest.param([1, 0.001], 1, 0.001, id="77 low interval"),
    ],
)
def test_a_rate_is_kept_as_it_was_given(
    bench: Bench, spelling: object, permits: float, interval_s: float | None
) -> None:
    """amoc cases 69 to 77"""
    throttle.start("a", spelling)

    info = throttle.info("a")
    assert (info.rate.permits, info.interval_s) == (permits, interval_s)


def test_a_throttle_that_was_stopped_is_gone(bench: Bench) -> None:
    """amoc case 78"""
    throttle.start("a", 100)

    throttle.stop("a")

    with pytest.raises(NoSuchThrottle):
        throttle.info("a")


def test_a_throttle_that_was_stopped_starts_again_at_any_rate(bench: Bench) -> None:
    """amoc case 78"""
    throttle.start("a", 100)
    throttle.stop("a")

    assert throttle.start("a", 200) == "started"


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda: throttle.change_rate("none", 10), id="79 change_rate"),
        pytest.param(lambda: throttle.ramp("none", Ramp(10, 100)), id="83 ramp"),
        pytest.param(lambda: throttle.wait("none"), id="86 wait"),
        pytest.param(lambda: throttle.pause("none"), id="90 pause"),
        pytest.param(lambda: throttle.resume("none"), id="90 resume"),
        pytest.param(lambda: throttle.info("none"), id="91 info"),
    ],
)
def test_an_unknown_name_is_an_error(bench: Bench, call: Callable[[], object]) -> None:
    """amoc cases 79, 83, 84, 86, 90 and 91"""
    with pytest.raises(NoSuchThrottle):
        call()


@pytest.mark.parametrize(
    ("spelling", "rate"),
    [
        pytest.param(100, Rate(100, per=60), id="number"),
        pytest.param([100, 5], Rate(100, per=5), id="rate and interval"),
        pytest.param("100/s", Rate(100, per=1), id="text"),
        pytest.param(Rate.interarrival(2), Rate(1, per=2), id="interarrival"),
        pytest.param(0, Rate.PAUSED, id="zero"),
        pytest.param(math.inf, Rate.UNLIMITED, id="infinity"),
        pytest.param("7 parallel", Rate.parallel(7), id="parallel"),
    ],
)
def test_a_rate_is_changed_to_any_spelling(bench: Bench, spelling: object, rate: Rate) -> None:
    """amoc case 79"""
    throttle.start("a", 1)

    throttle.change_rate("a", spelling)

    assert throttle.info("a").rate == rate


@pytest.mark.parametrize(
    ("rate", "within_s", "arrived"),
    [
        pytest.param([100, 0.001], 0.1, 2, id="100 in a millisecond"),
        pytest.param(Rate.interarrival(0.001), 0.1, 2, id="interarrival of a millisecond"),
        pytest.param(0, 0.2, 0, id="zero"),
        pytest.param(Rate.interarrival(30), 0.2, 1, id="interarrival of half a minute"),
    ],
)
def test_a_changed_rate_decides_when_messages_come(
    bench: Bench, rate: object, within_s: float, arrived: int
) -> None:
    """amoc case 79"""
    came: list[str] = []
    throttle.start("a", 0)
    throttle.run("a", came.append, "first")
    throttle.run("a", came.append, "second")

    throttle.change_rate("a", rate)
    bench.clock.advance(within_s)

    assert len(came) == arrived


def test_what_was_held_up_by_zero_comes_with_the_next_rate(bench: Bench) -> None:
    """amoc case 79"""
    throttle.start("a", 0)
    line = Line(bench)
    bench.clock.advance(0.2)

    throttle.change_rate("a", "infinity")
    bench.clock.advance(0)

    assert line.passed == [0.2]


def test_interval_zero_limits_what_runs_in_parallel(bench: Bench) -> None:
    """amoc case 80"""
    throttle.start("a", [36, 0])

    line = Line(bench, 100, hold=1)
    bench.clock.advance(10)

    assert (line.most_inside, len(line.passed)) == (36, 100)


def test_a_change_to_interval_zero_limits_what_runs_in_parallel(bench: Bench) -> None:
    """amoc case 81"""
    throttle.start("a", 0)
    line = Line(bench, 100, hold=1)

    throttle.change_rate("a", [5, 0])
    bench.clock.advance(30)

    assert (line.most_inside, len(line.passed)) == (5, 100)


def test_a_change_of_rate_reaches_every_waiter(bench: Bench) -> None:
    """amoc case 82"""
    throttle.start("a", 1)
    line = Line(bench, 400)
    bench.clock.advance(1)

    throttle.change_rate("a", 60_000)
    bench.clock.advance(0.45)

    assert len(line.passed) == 400


@pytest.mark.parametrize("ramp", RAMPS)
def test_a_second_ramp_is_refused_while_one_runs(bench: Bench, ramp: Ramp) -> None:
    """amoc cases 83 and 84"""
    throttle.start("a", 1)
    throttle.ramp("a", ramp)

    with pytest.raises(CannotChangeRate):
        throttle.ramp("a", Ramp(1, 2))


@pytest.mark.parametrize("ramp", RAMPS)
def test_a_change_of_rate_is_refused_while_a_ramp_runs(bench: Bench, ramp: Ramp) -> None:
    """amoc cases 83 and 84"""
    throttle.start("a", 1)
    throttle.ramp("a", ramp)
    bench.clock.advance(8.5)

    with pytest.raises(CannotChangeRate):
        throttle.change_rate("a", 5)


@pytest.mark.parametrize("ramp", RAMPS)
def test_a_ramp_ends_at_its_last_rate_and_lets_go(bench: Bench, ramp: Ramp) -> None:
    """amoc cases 83 and 84"""
    throttle.start("a", 1)
    throttle.ramp("a", ramp)

    bench.clock.advance(9)

    assert (throttle.info("a").rate, throttle.info("a").progress) == (ramp.end, None)
    throttle.change_rate("a", 5)


@pytest.mark.parametrize(
    ("ramp", "steps", "step_s", "first", "last"),
    [
        pytest.param(Ramp(1, 10, 9, 0.1), 9, 0.1, Rate(1), Rate(10), id="up"),
        pytest.param(Ramp(10, 1, 9, 0.1), 9, 0.1, Rate(10), Rate(1), id="down"),
        pytest.param(Ramp(5, 5, 3, 1), 3, 1, Rate(5), Rate(5), id="level"),
        pytest.param(Ramp(1, 10), 9, 60, Rate(1), Rate(10), id="by default"),
        pytest.param(Ramp(1, 10, 1, 1), 1, 1, Rate(1), Rate(10), id="one step"),
        pytest.param(Ramp(0, 10, 4, 2), 4, 2, Rate(0), Rate(10), id="from zero"),
        pytest.param(Ramp(10, 0, 4, 2), 4, 2, Rate(10), Rate(0), id="to zero"),
        pytest.param(Ramp(1, 10, duration=3), 30, 0.1, Rate(1), Rate(10), id="duration"),
        pytest.param(Ramp("1/s", "9/s", 2, 1), 2, 1, Rate(1, 1), Rate(9, 1), id="of a second"),
        pytest.param(Ramp("1/s", 9, 2, 1), 2, 1, Rate(1, 1), Rate(9), id="of two intervals"),
        pytest.param(
            Ramp(Rate.interarrival(1), Rate.interarrival(0.1), 9, 1),
            *(9, 1, Rate(1, 1), Rate(1, 0.1)),
            id="interarrival, faster",
        ),
        pytest.param(
            Ramp(Rate.interarrival(0.1), Rate.interarrival(1), duration=2),
            *(20, 0.1, Rate(1, 0.1), Rate(1, 1)),
            id="interarrival, slower",
        ),
    ],
)
def test_the_steps_of_a_ramp_lead_from_its_first_rate_to_its_last(
    ramp: Ramp, steps: int, step_s: float, first: Rate, last: Rate
) -> None:
    """amoc case 85"""
    rates = [ramp.at(step) for step in range(ramp.steps + 1)]

    assert (ramp.steps, ramp.step_ns) == (steps, round(step_s * 1e9))
    assert (rates[0], rates[-1]) == (first, last)
    assert is_monotone([per_second(rate) for rate in rates])


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Ramp(1, 10, 0, 1), id="no steps"),
        pytest.param(lambda: Ramp(1, 10, -1, 1), id="negative steps"),
        pytest.param(lambda: Ramp(1, 10, 5, 0), id="no step interval"),
        pytest.param(lambda: Ramp(1, 10, duration=0.05), id="shorter than a step"),
        pytest.param(lambda: Ramp(1, "infinity"), id="to infinity"),
        pytest.param(lambda: Ramp(1, "5 parallel"), id="to parallel"),
        pytest.param(lambda: Ramp(Rate.interarrival(0), 10), id="from interarrival zero"),
        pytest.param(lambda: Ramp("fast", 10), id="no rate"),
    ],
)
def test_a_bad_ramp_is_refused(make: Callable[[], Ramp]) -> None:
    """amoc case 85"""
    with pytest.raises(InvalidThrottle):
        make()


@pytest.mark.parametrize("seed", range(100))
def test_any_ramp_is_monotone_and_ends_exactly(seed: int) -> None:
    """amoc case 92"""
    rng = random.Random(seed)
    first, last = (Rate(rng.randrange(1, 100_000), per=rng.choice([1, 60])) for _ in range(2))

    ramp = Ramp(first, last, rng.randrange(1, 200), rng.uniform(0.001, 60))

    rates = [ramp.at(step) for step in range(ramp.steps + 1)]
    assert (rates[0], rates[-1]) == (first, last)
    assert is_monotone([per_second(rate) for rate in rates])


@pytest.mark.parametrize("seed", range(100))
def test_any_ramp_of_interarrivals_is_monotone_and_ends_exactly(seed: int) -> None:
    """amoc case 92"""
    rng = random.Random(seed)
    first, last = (Rate.interarrival(rng.randrange(1, 100_000) / 1000) for _ in range(2))

    ramp = Ramp(first, last, rng.randrange(1, 200), rng.uniform(0.001, 60))

    rates = [ramp.at(step) for step in range(ramp.steps + 1)]
    assert (rates[0], rates[-1]) == (first, last)
    assert is_monotone([float(rate.interval_ns) for rate in rates])


def test_who_waits_passes(bench: Bench) -> None:
    """amoc case 86"""
    throttle.start("a", 100)

    line = Line(bench)

    assert line.passed == [0.0]


def test_who_waits_behind_a_long_queue_waits_for_all_of_it(bench: Bench) -> None:
    """amoc case 86"""
    throttle.start("a", "10000/s")
    Line(bench, 10_000)

    last = Line(bench)
    bench.clock.advance(0.2)
    early = len(last.passed)
    bench.clock.advance(0.81)

    assert (early, len(last.passed)) == (0, 1)


def test_a_failing_function_is_told_to_the_user_that_had_it_run(bench: Bench) -> None:
    """amoc case 87"""
    told: list[tuple[str, str, str]] = []

    def start(user_id: int) -> None:
        throttle.run("a", lambda: 1 / 0)
        told.append(users.receive(1))

    bench.do(make_scenario(start, init=lambda: throttle.start("a", "1/s")), 1)

    assert told[0][:2] == ("throttle_failed", "a")
    assert told[0][2].startswith("ZeroDivisionError")


def test_a_waiter_that_is_killed_uses_up_no_permit(bench: Bench) -> None:
    """amoc case 88"""
    throttle.start("a", "1/s")
    line = Line(bench, 3)

    line.greenlets[1].kill()
    bench.clock.advance(1)

    assert line.passed == [0.0, 1.0]


def test_who_waits_on_a_throttle_that_is_stopped_knows_it(bench: Bench) -> None:
    """amoc case 89"""
    reasons: list[str] = []

    def wait() -> None:
        try:
            throttle.wait("a")
        except ThrottleStopped as error:
            reasons.append(error.reason)

    throttle.start("a", 0)
    bench.node.spawn(wait)
    bench.clock.advance(1)

    throttle.stop("a")
    bench.clock.advance(0)

    assert reasons == ["throttle_wait_died"]


def test_nothing_passes_a_paused_throttle_until_it_is_resumed(bench: Bench) -> None:
    """amoc case 90"""
    throttle.start("a", "infinity")
    throttle.pause("a")
    line = Line(bench)
    bench.clock.advance(0.2)
    early = list(line.passed)

    throttle.resume("a")
    bench.clock.advance(0)

    assert (early, line.passed) == ([], [0.2])


def test_a_pause_keeps_the_rate(bench: Bench) -> None:
    """amoc case 90"""
    throttle.start("a", "7/s")

    throttle.pause("a")
    while_paused = throttle.info("a").rate
    throttle.resume("a")

    assert while_paused == throttle.info("a").rate == Rate(7, per=1)


@pytest.mark.parametrize(
    ("rate", "act", "is_active"),
    [
        pytest.param("7/s", lambda: None, True, id="running"),
        pytest.param("7/s", lambda: throttle.pause("a"), False, id="paused"),
        pytest.param(0, lambda: None, False, id="zero"),
    ],
)
def test_info_tells_rate_interval_and_whether_it_grants(
    bench: Bench, rate: object, act: Callable[[], None], is_active: bool
) -> None:
    """amoc case 91"""
    throttle.start("a", rate)

    act()

    info = throttle.info("a")
    assert (info.rate, info.is_active) == (Rate.of(rate), is_active)
    assert info.interval_s == info.rate.interval_ns / 1e9


@pytest.mark.parametrize("seed", range(50))
def test_every_rate_has_its_exact_period(bench: Bench, seed: int) -> None:
    """amoc cases 93 to 102"""
    tenth = seed % 10
    rate = random.Random(seed).randint(tenth * 100_000 + 1, (tenth + 1) * 100_000)
    throttle.start("a", rate)

    due_ns = due_of_a_line(bench, 1000)

    # In any minute of 60 s there are never more than the rate: hence the granule.
    period_ns = Fraction(MINUTE_NS, rate) * Fraction(MINUTE_NS, MINUTE_NS - GRANULE_NS)
    assert due_ns == [math.ceil(index * period_ns) for index in range(1000)]


@pytest.mark.parametrize("rate", [1, 15, 43, 1200, 60_000, 240_000, 600_000, 1_000_000])
def test_a_permit_is_granted_within_two_milliseconds_of_its_time(bench: Bench, rate: int) -> None:
    """amoc cases 93 to 102"""
    throttle.start("a", rate)

    permits = take(bench, 1000)

    assert max(permit.late for permit in permits) <= 0.002
    assert throttle.info("a").lost_s == 0


def test_a_parallel_throttle_grants_on_and_on(bench: Bench) -> None:
    throttle.start("a", "5 parallel")

    line = Line(bench, 50, hold=1)
    bench.clock.advance(9.5)

    assert line.passed == [float(second) for second in range(10) for _ in range(5)]


def test_a_rate_of_many_permits_in_a_millisecond_does_not_stall(bench: Bench) -> None:
    throttle.start("a", "50000/s")

    line = Line(bench, 10_000)
    bench.clock.advance(0.2)

    assert 9_900 <= len(line.passed) <= 10_000
    assert max(b - a for a, b in pairwise(line.passed)) <= 0.0021


def test_a_ramp_that_begins_low_reaches_every_waiter(bench: Bench) -> None:
    throttle.start("a", Ramp(1, 60_000, 10, 0.1))
    line = Line(bench, 400)

    bench.clock.advance(1.5)

    assert len(line.passed) == 400


def test_a_throttle_stopped_on_a_ramp_leaves_nothing_behind(bench: Bench) -> None:
    throttle.start("a", Ramp(10, 100, 9, 1))
    bench.clock.advance(2)

    throttle.stop("a")
    throttle.start("a", "7/s")
    bench.clock.advance(20)

    assert throttle.info("a").rate == Rate(7, per=1)


def test_a_ramp_takes_no_step_after_the_throttle_was_stopped(bench: Bench) -> None:
    throttle.start("a", Ramp(10, 100, 9, 1))
    bench.clock.advance(2)

    with capture_events(bench.node.telemetry, ("crowsg", "throttle", "rate")) as events:
        throttle.stop("a")
        bench.clock.advance(20)

    assert events == []


def pause_twice() -> None:
    throttle.pause("b")
    throttle.pause("b")


def ask_for_an_unknown_name() -> None:
    with pytest.raises(NoSuchThrottle):
        throttle.info("none")


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda: throttle.stop("ramp"), id="stop on a ramp"),
        pytest.param(pause_twice, id="pause twice"),
        pytest.param(lambda: throttle.resume("b"), id="resume while running"),
        pytest.param(ask_for_an_unknown_name, id="info of an unknown name"),
    ],
)
def test_nothing_harms_the_other_throttles(bench: Bench, act: Callable[[], object]) -> None:
    throttle.start("ramp", Ramp(10, 100, 9, 1))
    throttle.start("a", "1/s")
    throttle.start("b", "1/s")
    line = Line(bench, 5)

    act()
    bench.clock.advance(4)

    assert line.passed == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_pause_of_a_paused_throttle_is_ended_by_one_resume(bench: Bench) -> None:
    throttle.start("a", "infinity")
    throttle.pause("a")
    throttle.pause("a")

    throttle.resume("a")

    assert throttle.info("a").is_active
    assert Line(bench).passed == [0.0]


def test_a_resume_of_a_running_throttle_keeps_its_pace(bench: Bench) -> None:
    throttle.start("a", "1/s")
    line = Line(bench, 3)
    bench.clock.advance(0.5)

    throttle.resume("a")
    bench.clock.advance(5)

    assert line.passed == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("seconds", [7, 61, 90, 86_400])
def test_an_interarrival_of_any_length_is_kept(bench: Bench, seconds: float) -> None:
    throttle.start("a", Rate.interarrival(seconds))

    first, second, third = take(bench, 3)

    # Longer by the granule of 10 ms at most, so that no window of that length holds two.
    assert seconds < second.due - first.due < seconds + 0.0101
    assert third.due - second.due == pytest.approx(second.due - first.due)


def test_a_change_of_the_rate_does_not_end_a_pause(bench: Bench) -> None:
    throttle.start("a", "1/s")
    throttle.pause("a")
    line = Line(bench, 3)

    throttle.change_rate("a", "infinity")
    bench.clock.advance(5)

    assert (line.passed, throttle.info("a").is_active) == ([], False)


def test_the_steps_of_a_ramp_do_not_end_a_pause(bench: Bench) -> None:
    throttle.start("a", Ramp(60, 600, 9, 1))
    throttle.pause("a")
    line = Line(bench, 3)

    bench.clock.advance(20)

    assert (line.passed, throttle.info("a").rate) == ([], Rate(600))


def test_a_pause_ends_at_the_rate_that_was_set_meanwhile(bench: Bench) -> None:
    throttle.start("a", "1/s")
    line = Line(bench, 3)
    throttle.pause("a")
    throttle.change_rate("a", "10/s")
    bench.clock.advance(5)

    throttle.resume("a")
    bench.clock.advance(1)

    assert line.passed == pytest.approx([0.0, 5.1, 5.2])
