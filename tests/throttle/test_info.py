"""Throttles as they are told: counted on under the same name, bounded in number."""

import pytest

from crowsg.metrics.histogram import Histogram
from crowsg.metrics.names import MAX_NAMES, OTHER
from crowsg.rate import Rate
from crowsg.throttle.info import OwnNames, ThrottleInfo, told


def info(granted: int, rate: Rate = Rate.UNLIMITED, *, is_paused: bool = False) -> ThrottleInfo:
    return ThrottleInfo(rate, is_paused, 1, granted + 1, granted, granted, 2, 0.5, None)


def waits(*times_ns: int) -> Histogram:
    histogram = Histogram()
    for time_ns in times_ns:
        histogram.record(time_ns)
    return histogram


def test_what_is_started_again_counts_on_at_its_new_rate() -> None:
    parts = [("a", info(3), waits(5)), ("a", info(4, Rate(10)), waits(7, 9))]

    known = told(parts, OwnNames())

    ((both, waited),) = known.values()
    assert (both.rate, both.requested, both.granted, both.executed) == (Rate(10), 9, 7, 7)
    assert (both.waiting, both.held, both.lost_s) == (2, 4, 1.0)
    assert (waited.total, waited.sum_ns) == (3, 21)


def test_joining_leaves_the_parts_as_they_are() -> None:
    first = waits(5)

    told([("a", info(3), first), ("a", info(4), waits(7))], OwnNames())

    assert (first.total, first.sum_ns) == (1, 5)


def test_beyond_two_hundred_names_the_rest_is_kept_together() -> None:
    parts = [(f"t{at}", info(1), waits(at)) for at in range(MAX_NAMES + 50)]

    known = told(parts, OwnNames())

    assert len(known) == MAX_NAMES + 1
    assert (known[OTHER][0].granted, known[OTHER][1].total) == (50, 50)


def test_what_was_told_under_its_own_name_stays_so_whatever_is_told_before_it() -> None:
    parts = [(f"t{at}", info(1), waits(at)) for at in range(MAX_NAMES + 50)]
    names = OwnNames()
    before = told(parts, names)

    after = told(reversed(parts), names)

    assert after.keys() == before.keys()
    assert after[OTHER][0].granted == 50


@pytest.mark.parametrize(
    ("rate", "is_paused", "per_second", "is_active"),
    [
        pytest.param(Rate(120), False, 2.0, True, id="in time"),
        pytest.param(Rate(120), True, 0.0, False, id="paused"),
        pytest.param(Rate.PAUSED, False, 0.0, False, id="0"),
        pytest.param(Rate.parallel(3), False, float("inf"), True, id="parallel"),
    ],
)
def test_the_rate_in_force_is_told_per_second(
    rate: Rate, is_paused: bool, per_second: float, is_active: bool
) -> None:
    told_of = info(1, rate, is_paused=is_paused)

    assert (told_of.per_second, told_of.is_active) == (per_second, is_active)
