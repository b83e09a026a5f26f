"""Rates: every spelling is read, every rate is spelled so that it is read again; ramps of them."""

import math
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from crowsg.errors import InvalidThrottle
from crowsg.rate import Ramp, Rate

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


def level(ramp: Ramp, rate: Rate) -> float:
    """Return the quantity that is linear in this ramp."""
    first, last = ramp.start, ramp.end
    if first.interval_ns == last.interval_ns:
        return rate.permits
    if first.permits == last.permits:
        return rate.interval_ns
    return rate.permits / rate.interval_ns


def random_rate(rng: random.Random) -> object:
    """Return a rate in any of the spellings a ramp takes."""
    permits = rng.choice([rng.randrange(1, 10**6), 10 ** rng.uniform(-6, 6)])
    return rng.choice(
        [
            permits,
            f"{permits}/s",
            f"{permits}/h",
            str(permits),
            [permits, 10 ** rng.uniform(-3, 4)],
            [1, rng.randrange(1, 1000)],
            Rate.interarrival(10 ** rng.uniform(-6, 4)),
            Rate(permits),
            0,
            "paused",
        ]
    )


def random_ramp(seed: int) -> Ramp:
    rng = random.Random(seed)
    return Ramp(random_rate(rng), random_rate(rng), steps=rng.randrange(1, 200))


@pytest.mark.parametrize("seed", range(300))
def test_a_ramp_begins_and_ends_exactly(seed: int) -> None:
    rng = random.Random(seed)
    start, end = random_rate(rng), random_rate(rng)

    ramp = Ramp(start, end, steps=rng.randrange(1, 200))

    assert (ramp.at(0), ramp.at(ramp.steps)) == (Rate.of(start), Rate.of(end))


@pytest.mark.parametrize("seed", range(300))
def test_the_steps_of_a_ramp_never_turn_back(seed: int) -> None:
    ramp = random_ramp(seed)

    levels = [level(ramp, ramp.at(step)) for step in range(ramp.steps + 1)]

    ordered = sorted(levels, reverse=levels[0] > levels[-1])
    assert levels == pytest.approx(ordered, rel=1e-12)


@pytest.mark.parametrize("seed", range(300))
def test_no_rate_of_a_ramp_leaves_its_ends_behind(seed: int) -> None:
    ramp = random_ramp(seed)
    ends = sorted(rate.permits / rate.interval_ns for rate in (ramp.start, ramp.end))

    rates = [ramp.at(step) for step in range(ramp.steps + 1)]

    paces = [rate.permits / rate.interval_ns for rate in rates]
    assert ends[0] * (1 - 1e-9) <= min(paces)
    assert max(paces) <= ends[1] * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(300))
def test_the_steps_of_a_ramp_are_equal(seed: int) -> None:
    ramp = random_ramp(seed)

    levels = [level(ramp, ramp.at(step)) for step in range(ramp.steps + 1)]

    step = (levels[-1] - levels[0]) / ramp.steps
    expected = [levels[0] + index * step for index in range(ramp.steps + 1)]
    # An interval is whole nanoseconds, which counts for the shortest of them.
    rounding = 1 if ramp.start.interval_ns != ramp.end.interval_ns else 0
    slack = rounding if ramp.start.permits == ramp.end.permits else 1e-9 * max(levels)
    assert levels == pytest.approx(expected, rel=1e-9, abs=slack)


@pytest.mark.parametrize(
    ("start", "end", "rates"),
    [
        pytest.param(10, 40, ["10/min", "20/min", "30/min", "40/min"], id="permits"),
        pytest.param("40/s", "10/s", ["40/s", "30/s", "20/s", "10/s"], id="downwards"),
        pytest.param(0, "30/min", [0, 10, 20, 30], id="from nothing"),
        pytest.param("30/s", [0, 1], ["30/s", "20/s", "10/s", [0, 1]], id="to nothing"),
        pytest.param([1, 0.1], [1, 0.4], [[1, 0.1], [1, 0.2], [1, 0.3], [1, 0.4]], id="intervals"),
        pytest.param("60/min", "4/s", ["60/min", "2/s", "3/s", "4/s"], id="another interval"),
        pytest.param(7, 7, [7, 7, 7, 7], id="level"),
    ],
)
def test_a_ramp_is_linear_in_what_it_is_spelled_in(
    start: object, end: object, rates: list[object]
) -> None:
    ramp = Ramp(start, end, steps=3)

    assert [ramp.at(step) for step in range(4)] == [Rate.of(rate) for rate in rates]


@pytest.mark.parametrize(("step", "rate"), [(-1, 10), (4, 40), (10**9, 40)])
def test_beyond_its_steps_a_ramp_is_level(step: int, rate: int) -> None:
    assert Ramp(10, 40, steps=3).at(step) == Rate(rate)


@pytest.mark.parametrize("tenths", [1, 2, 3, 7, 11, 29, 30, 600, 36_000])
def test_a_duration_is_a_tenth_of_a_second_a_step(tenths: int) -> None:
    ramp = Ramp(1, 2, duration=tenths / 10)

    assert (ramp.steps, ramp.step_ns) == (tenths, SECOND // 10)


@pytest.mark.parametrize("tenths", range(1, 1000, 7))
def test_no_step_is_lost_to_how_a_duration_adds_up(tenths: int) -> None:
    assert Ramp(1, 2, duration=sum([0.1] * tenths)).steps == tenths


def test_a_ramp_has_nine_steps_of_a_minute_unless_told_otherwise() -> None:
    ramp = Ramp(1, 10)

    assert (ramp.steps, ramp.step_ns) == (9, 60 * SECOND)


@pytest.mark.parametrize("seconds", [1e-9, 0.1, 2.5, 3600, 1e9], ids=str)
def test_a_step_interval_is_kept_to_the_nanosecond(seconds: float) -> None:
    assert Ramp(1, 2, steps=1, step_interval=seconds).step_ns == round(seconds * SECOND)


@pytest.mark.parametrize(
    ("ramp", "text"),
    [
        pytest.param(Ramp("1/s", "10/s", duration=90), "1/s to 10/s in 90 s", id="a duration"),
        pytest.param(Ramp(1, 10), "1/min to 10/min in 540 s", id="steps"),
        pytest.param(Ramp(1, 2, duration=0.3), "1/min to 2/min in 0.3 s", id="a fraction"),
    ],
)
def test_a_ramp_is_told_in_a_line(ramp: Ramp, text: str) -> None:
    assert str(ramp) == text


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Ramp("60/min", 120, 10, 0.1), id="steps"),
        pytest.param(Ramp(60, "120/min", duration=1), id="a duration"),
        pytest.param(Ramp(Rate(60), [120, 60], steps=10, step_interval=0.1), id="by name"),
    ],
)
def test_equal_ramps_are_one_key(other: Ramp) -> None:
    assert len({Ramp(60, 120, duration=1), other}) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Ramp("1/s", 120, duration=1), id="another start"),
        pytest.param(Ramp(60, "2/s", duration=1), id="another end"),
        pytest.param(Ramp(60, 120, duration=1.1), id="more steps"),
        pytest.param(Ramp(60, 120, steps=10, step_interval=0.2), id="longer steps"),
    ],
)
def test_ramps_that_differ_are_not_equal(other: Ramp) -> None:
    assert Ramp(60, 120, duration=1) != other


def test_a_ramp_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Ramp(1, 2).steps = 3  # type: ignore[misc]


BAD_ENDS = [
    pytest.param("infinity", id="unlimited"),
    pytest.param(math.inf, id="inf"),
    pytest.param(Rate.interarrival(0), id="an interarrival of 0"),
    pytest.param("10 parallel", id="parallel"),
    pytest.param([10, 0], id="an interval of 0"),
    pytest.param(-1, id="negative"),
    pytest.param(math.nan, id="NaN"),
    pytest.param("fast", id="word"),
    pytest.param(None, id="None"),
    pytest.param(True, id="bool"),
    pytest.param(Ramp(1, 2), id="a ramp"),
]


@pytest.mark.parametrize("start", BAD_ENDS)
def test_a_ramp_from_what_is_no_rate_in_time_is_refused(start: object) -> None:
    with pytest.raises(InvalidThrottle):
        Ramp(start, 10)


@pytest.mark.parametrize("end", BAD_ENDS)
def test_a_ramp_to_what_is_no_rate_in_time_is_refused(end: object) -> None:
    with pytest.raises(InvalidThrottle):
        Ramp(10, end)


@pytest.mark.parametrize(
    "steps",
    [0, -1, 10**10 + 1, 10**5000, 1.0, 2.5, math.nan, math.inf, True, None, "3", Unprintable()],
    ids=lambda steps: type(steps).__name__,
)
def test_a_bad_number_of_steps_is_refused(steps: Any) -> None:
    with pytest.raises(InvalidThrottle):
        Ramp(1, 2, steps=steps)


BAD_SECONDS = [0, -1, -0.0, math.nan, math.inf, -math.inf, 1e-10, 10**400, True, "1", b"1", [1]]


@pytest.mark.parametrize("seconds", [*BAD_SECONDS, None, 1.1e9], ids=lambda each: f"{each!r:.20}")
def test_a_bad_step_interval_is_refused(seconds: Any) -> None:
    with pytest.raises(InvalidThrottle):
        Ramp(1, 2, step_interval=seconds)


@pytest.mark.parametrize(
    "seconds", [*BAD_SECONDS, 0.05, 0.099, 1.1e9], ids=lambda each: f"{each!r:.20}"
)
def test_a_bad_duration_is_refused(seconds: Any) -> None:
    with pytest.raises(InvalidThrottle):
        Ramp(1, 2, duration=seconds)
