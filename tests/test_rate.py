"""Rates: every spelling is read, every rate is spelled so that it is read again."""

import math
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from crowsg.errors import InvalidThrottle
from crowsg.rate import Rate

SECOND = 1_000_000_000


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError


SPELLINGS = [
    pytest.param(1200, Rate(1200), id="a minute's worth"),
    pytest.param(0.5, Rate(0.5), id="a fraction of a permit a minute"),
    pytest.param("1200", Rate(1200), id="a number as text"),
    pytest.param(" 200\n", Rate(200), id="blanks"),
    pytest.param("1e3", Rate(1000), id="an exponent"),
    pytest.param("1_200", Rate(1200), id="an underscore"),
    pytest.param("100/s", Rate(100, per=1), id="a second"),
    pytest.param("100/sec", Rate(100, per=1), id="sec"),
    pytest.param("100/min", Rate(100, per=60), id="a minute"),
    pytest.param("100/h", Rate(100, per=3600), id="an hour"),
    pytest.param(" 0.5 / s ", Rate(0.5, per=1), id="blanks around the slash"),
    pytest.param("5e-05/s", Rate(0.00005, per=1), id="a negative exponent"),
    pytest.param("1.5e+3/h", Rate(1500, per=3600), id="a positive exponent"),
    pytest.param([100, 10], Rate(100, per=10), id="list"),
    pytest.param((100, 0.5), Rate(100, per=0.5), id="tuple"),
    pytest.param("[100, 10]", Rate(100, per=10), id="a list as text"),
    pytest.param("(100, 10)", Rate(100, per=10), id="a tuple as text"),
    pytest.param([10, 0], Rate.parallel(10), id="an interval of 0"),
    pytest.param(math.inf, Rate.UNLIMITED, id="inf"),
    pytest.param("infinity", Rate.UNLIMITED, id="the word infinity"),
    pytest.param("inf", Rate.UNLIMITED, id="the word inf"),
    pytest.param(" Infinity ", Rate.UNLIMITED, id="a capital letter"),
    pytest.param("1e400", Rate.UNLIMITED, id="beyond all floats"),
    pytest.param([math.inf, 1], Rate.UNLIMITED, id="inf in any interval"),
    pytest.param([math.inf, 0], Rate.UNLIMITED, id="inf in parallel"),
    pytest.param(0, Rate.PAUSED, id="0"),
    pytest.param("0", Rate.PAUSED, id="0 as text"),
    pytest.param("paused", Rate.PAUSED, id="the word paused"),
    pytest.param("10 parallel", Rate.parallel(10), id="parallel"),
    pytest.param(" 10parallel ", Rate.parallel(10), id="parallel without blank"),
    pytest.param("1000000 parallel", Rate.parallel(1_000_000), id="a million in parallel"),
    pytest.param(Rate(7, per=2), Rate(7, per=2), id="a rate"),
]


@pytest.mark.parametrize(("spelling", "rate"), SPELLINGS)
def test_every_spelling_is_read(spelling: object, rate: Rate) -> None:
    assert Rate.of(spelling) == rate


@pytest.mark.parametrize(("spelling", "rate"), SPELLINGS)
def test_a_rate_is_spelled_so_that_it_is_read_again(spelling: object, rate: Rate) -> None:
    assert Rate.of(str(rate)) == rate


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        pytest.param(Rate(100, per=1), "100/s", id="a second"),
        pytest.param(Rate(1200), "1200/min", id="a minute"),
        pytest.param(Rate(0.5, per=3600), "0.5/h", id="an hour"),
        pytest.param(Rate(100, per=10), "[100, 10]", id="any other interval"),
        pytest.param(Rate.interarrival(0.02), "[1, 0.02]", id="interarrival"),
        pytest.param(Rate.parallel(1_234_567), "1234567 parallel", id="parallel"),
        pytest.param(Rate.UNLIMITED, "infinity", id="unlimited"),
        pytest.param(Rate.PAUSED, "0/min", id="paused"),
    ],
)
def test_a_rate_is_spelled_for_people(rate: Rate, text: str) -> None:
    assert str(rate) == text


@pytest.mark.parametrize("seed", range(200))
def test_any_rate_is_spelled_so_that_it_is_read_again(seed: int) -> None:
    rng = random.Random(seed)
    permits = rng.choice([rng.randrange(10**9), 10 ** rng.uniform(-12, 12)])
    per = rng.choice([1, 60, 3600, rng.randrange(1, 10**6), 10 ** rng.uniform(-9, 15)])

    rate = Rate(permits, per=per)

    assert Rate.of(str(rate)) == rate


@pytest.mark.parametrize(
    ("seconds", "rate"),
    [
        pytest.param(0.05, Rate(1, per=0.05), id="50 ms"),
        pytest.param(90, Rate(1, per=90), id="longer than a minute"),
        pytest.param(1e-9, Rate(1, per=1e-9), id="1 ns"),
        pytest.param(0, Rate.UNLIMITED, id="0"),
        pytest.param(math.inf, Rate.PAUSED, id="infinity"),
    ],
)
def test_an_interarrival_is_one_permit_in_that_time(seconds: float, rate: Rate) -> None:
    assert Rate.interarrival(seconds) == rate


@pytest.mark.parametrize("seed", range(50))
def test_an_interarrival_is_kept_to_the_nanosecond(seed: int) -> None:
    interval_ns = random.Random(seed).randrange(1, 10 ** random.Random(-seed).randrange(1, 15))

    assert Rate.interarrival(interval_ns / SECOND).interval_ns == interval_ns


@pytest.mark.parametrize(
    ("rate", "is_unlimited", "is_paused", "is_parallel"),
    [
        pytest.param(Rate(1200), False, False, False, id="a rate in time"),
        pytest.param(Rate.UNLIMITED, True, False, False, id="unlimited"),
        pytest.param(Rate.PAUSED, False, True, False, id="paused"),
        pytest.param(Rate(0, per=1), False, True, False, id="paused in another interval"),
        pytest.param(Rate.parallel(1), False, False, True, id="parallel"),
    ],
)
def test_a_rate_tells_its_kind(
    rate: Rate, is_unlimited: bool, is_paused: bool, is_parallel: bool
) -> None:
    kind = (rate.is_unlimited, rate.is_paused, rate.is_parallel)

    assert kind == (is_unlimited, is_paused, is_parallel)


def test_a_rate_without_an_interval_is_a_minute_s_worth() -> None:
    assert Rate(100).interval_ns == 60 * SECOND


def test_equal_rates_are_one_key() -> None:
    assert len({Rate(100), Rate.of("100/min"), Rate(100.0, per=60.0)}) == 1


def test_a_rate_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Rate(1).permits = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("", id="empty"),
        pytest.param("fast", id="word"),
        pytest.param("100/", id="no unit"),
        pytest.param("/s", id="no number"),
        pytest.param("100/day", id="unknown unit"),
        pytest.param("100 per s", id="words"),
        pytest.param("--1/s", id="two signs"),
        pytest.param("1-1/s", id="difference"),
        pytest.param("1.2.3/s", id="two points"),
        pytest.param("nan", id="NaN as text"),
        pytest.param("-1", id="negative text"),
        pytest.param("-5/s", id="negative per second"),
        pytest.param("-inf", id="minus infinity as text"),
        pytest.param("True", id="bool as text"),
        pytest.param("None", id="None as text"),
        pytest.param("'200'", id="quoted twice"),
        pytest.param("0 parallel", id="0 parallel"),
        pytest.param("-1 parallel", id="negative parallel"),
        pytest.param("1.5 parallel", id="a fraction in parallel"),
        pytest.param("9" * 5000 + " parallel", id="a number too long to be read, parallel"),
        pytest.param("9" * 5000, id="a number too long to be read"),
        pytest.param("9" * 5000 + "/s", id="a number too long to be read, per second"),
        pytest.param("{[]: 1}", id="unhashable"),
        pytest.param("[" * 100_000, id="nested too deeply"),
        pytest.param("\0", id="NUL"),
        pytest.param("\udcff", id="no Unicode"),
        pytest.param("x" * 1_000_000, id="1 MB"),
        pytest.param("\N{ARABIC-INDIC DIGIT ONE}/s", id="digits of another script"),
        pytest.param(-1, id="negative"),
        pytest.param(-math.inf, id="minus infinity"),
        pytest.param(math.nan, id="NaN"),
        pytest.param(10**400, id="beyond all floats"),
        pytest.param(True, id="bool"),
        pytest.param(None, id="None"),
        pytest.param(b"100/s", id="bytes"),
        pytest.param(1j, id="complex"),
        pytest.param(Decimal(1), id="Decimal"),
        pytest.param(Fraction(1, 2), id="Fraction"),
        pytest.param([], id="empty list"),
        pytest.param([1], id="one item"),
        pytest.param([1, 2, 3], id="three items"),
        pytest.param([10**5000] * 3, id="items too long to be written"),
        pytest.param([1, -1], id="negative interval"),
        pytest.param([1, math.inf], id="infinite interval"),
        pytest.param([math.inf, -1], id="unlimited in a negative interval"),
        pytest.param([1, math.nan], id="NaN interval"),
        pytest.param([1, 1e-10], id="interval below a nanosecond"),
        pytest.param([1, 1e300], id="interval beyond all nanoseconds"),
        pytest.param([0, 0], id="nothing in parallel"),
        pytest.param([1.5, 0], id="a fraction in an interval of 0"),
        pytest.param(["1", 2], id="text in a list"),
        pytest.param([1, True], id="bool in a list"),
        pytest.param({1, 2}, id="set"),
        pytest.param({"rate": 1}, id="dict"),
        pytest.param(Unprintable(), id="unprintable"),
    ],
)
def test_anything_else_is_refused_in_a_short_line(spelling: object) -> None:
    with pytest.raises(InvalidThrottle) as caught:
        Rate.of(spelling)

    assert isinstance(caught.value, ValueError)
    assert 0 < len(str(caught.value)) < 200
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("seconds", [-1, math.nan, 1e-10, 1e300, True, None, "1"], ids=repr)
def test_a_bad_interarrival_is_refused(seconds: Any) -> None:
    with pytest.raises(InvalidThrottle):
        Rate.interarrival(seconds)


@pytest.mark.parametrize("permits", [0, -1, 1.5, math.nan, True, None, "1"], ids=repr)
def test_a_bad_number_of_parallel_permits_is_refused(permits: Any) -> None:
    with pytest.raises(InvalidThrottle):
        Rate.parallel(permits)
