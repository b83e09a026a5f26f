"""Whether permits kept to a rate: every window of time."""

import math
import random

import pytest

from crowsg.clock import SECOND, to_ns
from crowsg.testing.invariants.windows import Excess, Grant, excesses, gaps, in_force

MINUTE = 60 * SECOND


def granted(*seconds: float, by: str = "a") -> list[Grant]:
    return [Grant(to_ns(each), by) for each in seconds]


def at_rate(per_s: float, seconds: float, since: float = 0.0) -> list[Grant]:
    return granted(*(since + each / per_s for each in range(round(per_s * seconds))))


def judged(grants: list[Grant], *rates: tuple[float, float, float]) -> list[Excess]:
    """Judge by rates, (since in s, permits, interval in s) each."""
    told = [(to_ns(since), permits, to_ns(interval)) for since, permits, interval in rates]
    return list(excesses(grants, in_force(told, to_ns(0.4))))


@pytest.mark.parametrize(
    ("grants", "rate"),
    [
        pytest.param([], (0, 10, 1), id="none"),
        pytest.param(at_rate(10, 20), (0, 10, 1), id="even"),
        pytest.param(at_rate(9.9, 20), (0, 10, 1), id="a-little-slower"),
        pytest.param(granted(*[1.0] * 2), (0, 100, 1), id="two-at-once-within-the-granule"),
        pytest.param(at_rate(1000, 5), (0, math.inf, 60), id="unlimited"),
        pytest.param(at_rate(1000, 5), (0, 3, 0), id="parallel"),
        pytest.param(at_rate(20, 120), (0, 1200, 60), id="a-minute"),
    ],
)
def test_what_keeps_to_its_rate_is_let_through(
    grants: list[Grant], rate: tuple[float, float, float]
) -> None:
    assert not judged(grants, rate)


@pytest.mark.parametrize(
    ("grants", "rate"),
    [
        pytest.param(at_rate(10.5, 20), (0, 10, 1), id="five-percent-too-fast"),
        pytest.param(granted(*[1.0] * 3), (0, 100, 1), id="three-at-once"),
        pytest.param([*at_rate(20, 30), *at_rate(1000, 0.1, 30)], (0, 1200, 60), id="burst"),
        pytest.param(granted(1.0), (0, 0, 60), id="one-while-the-rate-is-0"),
    ],
)
def test_what_is_too_fast_is_seen(grants: list[Grant], rate: tuple[float, float, float]) -> None:
    assert judged(grants, rate)


def test_each_node_that_grants_may_be_one_ahead() -> None:
    rate = 0, 10, 1
    both = sorted([*granted(1.0, 1.2), *granted(1.0, 1.2, by="b")])

    assert not judged(both, (0, 11, 1))
    assert judged([grant._replace(by="a") for grant in both], rate)


def test_over_a_change_the_highest_rate_within_the_window_counts() -> None:
    grants = [*at_rate(100, 2), *at_rate(10, 2, 2)]

    assert not judged(grants, (0, 100, 1), (2, 10, 1))


def test_a_rate_that_was_lowered_is_in_force_04_s_longer() -> None:
    kept = [*at_rate(100, 2.3), *at_rate(10, 3, 2.4)]
    broken = [*at_rate(100, 2.6), *at_rate(10, 3, 2.7)]

    assert not judged(kept, (0, 100, 1), (2, 10, 1))
    assert judged(broken, (0, 100, 1), (2, 10, 1))


def test_nothing_is_granted_04_s_after_the_rate_was_set_to_0() -> None:
    rates = (0, 100, 1), (2, 0, 60)

    assert not judged(at_rate(100, 2.3), *rates)
    assert judged([*at_rate(100, 2.3), *granted(2.5)], *rates)


def test_the_worst_window_is_told_with_its_figures() -> None:
    (whole, any_length) = judged(granted(0, 1.5, 1.5, 1.5), (0, 1, 1))

    assert str(whole) == "3 permits in 1.000 s, where 2.0 were allowed"
    assert (any_length.permits, any_length.since) == (3, 3 * SECOND // 2)


@pytest.mark.parametrize("seed", range(20))
def test_it_agrees_with_looking_at_every_window_one_by_one(seed: int) -> None:
    chance = random.Random(seed)
    moments = sorted(chance.uniform(0, 10) for _ in range(chance.randrange(60, 130)))
    grants = granted(*moments)
    bound = 10 * 0.01 + 1

    def excess(begin: int, end: int) -> float:
        return end - begin + 1 - 10 * (moments[end] - moments[begin]) - bound

    pairs = [(i, j) for i in range(len(moments)) for j in range(i, len(moments))]
    worst = max(pairs, key=lambda pair: excess(*pair))
    found = [each for each in judged(grants, (0, 10, 1)) if each.until - each.since != SECOND]
    assert len(found) == (excess(*worst) > 1e-6)
    for each in found:
        assert each.permits - each.bound == pytest.approx(excess(*worst))


def test_a_late_stamp_adds_one_permit_of_each_node_at_the_most() -> None:
    rates = in_force([(0, 100, SECOND)], 0)
    late = [*granted(1.013, 1.0131), *at_rate(100, 0.39, 1.02)]
    burst = granted(*[1.0] * 4)

    assert list(excesses(late, rates))
    assert not list(excesses(late, rates, to_ns(0.05)))
    assert list(excesses(burst, rates, to_ns(0.05)))


def test_a_late_stamp_adds_next_to_nothing_to_a_slow_rate() -> None:
    rates = in_force([(0, 1, SECOND)], 0)

    assert list(excesses(granted(1.0, 1.9), rates, to_ns(0.05)))


def test_a_window_is_open_at_its_end() -> None:
    assert not judged(granted(0, 1, 2, 3), (0, 1, 1))


def test_gaps_are_those_that_are_longer() -> None:
    assert list(gaps([0, 5, 6, 20], 5)) == [(6, 20)]
