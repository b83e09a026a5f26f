"""Due times: never faster than the rate allows, never slower than they must be."""

import random
from fractions import Fraction
from itertools import pairwise

import pytest

from crowsg.errors import InvalidThrottle
from crowsg.rate import Rate
from crowsg.throttle.pacing import GRANULE_NS, Pacing

SECOND = 1_000_000_000

RATES = [
    pytest.param(Rate(1, per=3600), id="1/h"),
    pytest.param(Rate(7, per=60), id="7/min"),
    pytest.param(Rate(1200), id="1200/min"),
    pytest.param(Rate(100, per=1), id="100/s"),
    pytest.param(Rate(3, per=0.001), id="3 per ms"),
    pytest.param(Rate(100_000, per=1), id="100000/s"),
    pytest.param(Rate(0.3, per=10), id="a fraction of a permit per 10 s"),
]


def taken(pacing: Pacing, moments: list[int]) -> list[int]:
    """Take whatever is due at each of the moments; return when."""
    times = []
    for now_ns in moments:
        while pacing.take(now_ns) is not None:
            times.append(now_ns)
    return times


def wake_ups(rate: Rate, rng: random.Random) -> list[int]:
    """Return jittered and now and then stalled moments over some hundred permits."""
    period = rate.interval_ns / rate.permits
    now_ns, moments = 0.0, []
    for _ in range(1000):
        stall = rng.random() < 0.02
        now_ns += rng.uniform(0.05, 1.5) * period * (rng.uniform(1, 30) if stall else 1)
        moments.append(int(now_ns))
    return moments


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("rate", RATES)
def test_no_window_holds_more_than_the_rate_the_granule_and_one(rate: Rate, seed: int) -> None:
    rng = random.Random(seed)
    times = taken(Pacing(rate, 0), wake_ups(rate, rng))

    per_ns = rate.permits / rate.interval_ns
    for first in range(0, len(times), 7):
        for last in (first + 1, first + 3, first + 17, first + 200):
            if last < len(times):
                window_ns = times[last] - times[first] + 1
                allowed = per_ns * window_ns + per_ns * GRANULE_NS + 1
                assert last - first + 1 <= allowed + 1e-6


@pytest.mark.parametrize("interval_s", [5, 60, 3600])
@pytest.mark.parametrize("permits", [1, 7, 1200, 100_000])
def test_a_window_of_a_long_interval_never_exceeds_the_rate(permits: int, interval_s: int) -> None:
    pacing = Pacing(Rate(permits, per=interval_s), 0)
    dues = [pacing.take(pacing.due_ns) for _ in range(permits + 1)]

    # Even when the first of them comes as late as it may and the last in time.
    first, last = dues[0], dues[-1]
    assert first is not None
    assert last is not None
    assert last - (first + GRANULE_NS) >= interval_s * SECOND - 1


@pytest.mark.parametrize("rate", RATES)
def test_due_times_only_rise_and_errors_never_add_up(rate: Rate) -> None:
    pacing = Pacing(rate, 5)
    dues = [pacing.take(pacing.due_ns) for _ in range(10_000)]

    assert all(
        later is not None and earlier is not None and later >= earlier
        for earlier, later in pairwise(dues)
    )
    period = rate.interval_ns / rate.permits
    if rate.interval_ns >= 5 * SECOND:
        period /= 1 - GRANULE_NS / rate.interval_ns
    assert dues[-1] == pytest.approx(5 + 9_999 * period, rel=1e-12, abs=1)


def test_a_permit_within_the_granule_does_not_move_the_schedule() -> None:
    pacing = Pacing(Rate(10, per=1), 0)

    assert pacing.take(GRANULE_NS) == 0

    assert (pacing.due_ns, pacing.lost_ns) == (SECOND // 10, 0)


def test_time_lost_beyond_the_granule_is_counted_and_not_made_up() -> None:
    pacing = Pacing(Rate(10, per=1), 0)
    pacing.take(0)

    late_ns = SECOND // 10 + GRANULE_NS + 7
    assert pacing.take(late_ns) == late_ns - GRANULE_NS

    assert pacing.lost_ns == 7
    assert pacing.due_ns == 2 * SECOND // 10 + 7


def test_time_in_which_nobody_asked_is_forgotten_and_not_counted() -> None:
    pacing = Pacing(Rate(100, per=1), 0)
    pacing.take(0)

    pacing.rest(60 * SECOND)
    burst = taken(pacing, [60 * SECOND])

    assert (len(burst), pacing.lost_ns) == (2, 0)


def test_a_permit_put_back_is_due_again() -> None:
    pacing = Pacing(Rate(10, per=1), 0)
    pacing.take(0)
    due = pacing.take(SECOND)

    pacing.put_back()

    assert pacing.due_ns == due


@pytest.mark.parametrize(
    ("before", "after", "due_s"),
    [
        pytest.param(Rate(1, per=1), Rate(10, per=1), 0.415, id="faster"),
        pytest.param(Rate(10, per=1), Rate(1, per=1), 0.85, id="slower"),
        pytest.param(Rate(10, per=1), Rate(10, per=1), 0.4, id="the same"),
    ],
)
def test_what_is_left_of_a_period_is_left_of_the_next(
    before: Rate, after: Rate, due_s: float
) -> None:
    pacing = Pacing(before, 0)
    taken(pacing, [tenth * SECOND // 10 for tenth in range(4)])

    following = pacing.follow(after, SECOND * 35 // 100, SECOND * 35 // 100)

    assert following.due_ns / SECOND == pytest.approx(due_s, abs=1e-6)


def test_time_without_a_pace_brings_no_permit_nearer() -> None:
    pacing = Pacing(Rate(1, per=1), 0)
    taken(pacing, [0])

    following = pacing.follow(Rate(1, per=1), SECOND // 4, 10 * SECOND)

    assert following.due_ns == 10 * SECOND + SECOND * 3 // 4


def test_a_permit_that_was_due_is_due_at_once() -> None:
    pacing = Pacing(Rate(10, per=1), 0)

    following = pacing.follow(Rate(1, per=1), SECOND, 3 * SECOND)

    assert following.due_ns == 3 * SECOND


@pytest.mark.parametrize("seed", range(20))
def test_shares_that_move_all_the_time_never_bring_a_permit_too_many(seed: int) -> None:
    rng = random.Random(seed)
    rate = Rate(rng.choice([30, 100, 1000]), per=1)
    pacings = [Pacing(rate, 0, Fraction(1, 2)) for _ in range(2)]
    times, now_ns = [], 0
    for _ in range(2000):
        now_ns += rng.randrange(2_000_000)
        for pacing in pacings:
            times += taken(pacing, [now_ns])
        if rng.random() < 0.3:
            share = Fraction(rng.randrange(1, 100), 100)
            shares = (share, 1 - share)
            pacings = [
                each.follow(rate, now_ns, now_ns, part)
                for each, part in zip(pacings, shares, strict=True)
            ]

    for first in range(0, len(times), 3):
        for last in range(first, min(len(times), first + 60)):
            window_s = (times[last] - times[first]) / SECOND
            most = rate.permits * (window_s + GRANULE_NS / SECOND) + 2
            assert last - first + 1 <= most + 1e-6


@pytest.mark.parametrize("seed", range(20))
def test_a_rate_that_changes_again_and_again_never_exceeds_the_highest(seed: int) -> None:
    rng = random.Random(seed)
    rates = [Rate(permits, per=1) for permits in (1, 2, 5)]
    pacing, now_ns, times = Pacing(rates[0], 0), 0, []
    for _ in range(2000):
        now_ns += rng.randrange(20_000_000)
        times += taken(pacing, [now_ns])
        if rng.random() < 0.5:
            pacing = pacing.follow(rng.choice(rates), now_ns, now_ns)

    for first in range(0, len(times), 3):
        for last in range(first, min(len(times), first + 40)):
            window_s = (times[last] - times[first]) / SECOND
            assert last - first + 1 <= 5 * (window_s + GRANULE_NS / SECOND) + 1 + 1e-6


@pytest.mark.parametrize("rate", [Rate.UNLIMITED, Rate.PAUSED, Rate.parallel(3)])
def test_what_has_no_period_is_refused(rate: Rate) -> None:
    with pytest.raises(InvalidThrottle, match="no period"):
        Pacing(rate, 0)


def test_lost_time_adds_up_over_the_shares_of_a_rate() -> None:
    halves = [Pacing(Rate(1000, per=1), 0, Fraction(1, 2)) for _ in range(2)]

    for half in halves:
        half.take(SECOND)

    assert sum(half.lost_ns for half in halves) == SECOND - GRANULE_NS
