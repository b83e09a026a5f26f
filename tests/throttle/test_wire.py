"""Values of throttles arrive as they were sent; what a stranger sends in their place is refused."""

import math
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from crowsg.cluster.packing import pack, unpack
from crowsg.errors import InvalidThrottle
from crowsg.rate import Ramp, Rate
from crowsg.throttle import wire
from crowsg.throttle.lease import NOTHING, WHOLE, Lease, Report, Terms
from crowsg.throttle.owner import ThrottleState
from crowsg.throttle.process import RampProgress

UP = Ramp("10/s", Rate(1, per=0.3), steps=7, step_interval=0.1)
TERMS = Terms(Rate(100, per=1), WHOLE // 3, Fraction(2, 3))
LEASE = Lease(TERMS, 5_000_000_000, 7, 300_000_000, 9, 1000, 12)
REPORT = Report(1, 2, 3, 4, 5, 6, 7, 8)
STATE = ThrottleState(Rate(10), True, RampProgress(UP, 3), 17, UP, 4)


def there_and_back(write: Callable[[Any], Any], read: Callable[[Any], Any], value: Any) -> Any:
    return read(unpack(pack(write(value))))


RATES = [
    Rate(100),
    Rate(0.1, per=7),
    Rate(1, per=1e-9),
    Rate(1 / 3, per=1 / 3),
    Rate(1, per=86_400 * 365.25),
    Rate(1, per=1e250),
    Rate(1e308, per=1),
    Rate.UNLIMITED,
    Rate.PAUSED,
    Rate(0, per=3),
    Rate.parallel(10),
    Rate.parallel(10**300),
    Rate.interarrival(0.007),
]


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_a_rate_arrives_as_it_was_sent(rate: Rate) -> None:
    assert there_and_back(wire.plain_rate, wire.read_rate, rate) == rate


@pytest.mark.parametrize("exponents", [(-9, 0), (0, 6), (6, 9), (9, 298)], ids=str)
def test_an_interval_arrives_to_the_nanosecond(exponents: tuple[int, int]) -> None:
    rng = random.Random(1)
    rates = [Rate(1, per=10 ** rng.uniform(*exponents)) for _ in range(3000)]

    assert [wire.read_rate(wire.plain_rate(each)) for each in rates] == rates


def test_a_step_of_a_ramp_arrives_to_the_nanosecond() -> None:
    rng = random.Random(1)
    ramps = [Ramp(1, 2, 3, 10 ** rng.uniform(-9, 9)) for _ in range(2000)]

    assert [wire.read_ramp(wire.plain_ramp(each)) for each in ramps] == ramps


def test_what_a_ramp_steps_on_arrives_as_it_is() -> None:
    steps = [UP.at(step) for step in range(8)]

    assert [wire.read_rate(wire.plain_rate(each)) for each in steps] == steps


@pytest.mark.parametrize("declared", [Rate(10), UP], ids=["rate", "ramp"])
def test_a_declaration_arrives_as_it_was_sent(declared: Any) -> None:
    assert there_and_back(wire.plain_declared, wire.read_declared, declared) == declared


@pytest.mark.parametrize("progress", [None, RampProgress(UP, 0), RampProgress(UP, 6)], ids=str)
def test_the_progress_of_a_ramp_arrives_as_it_was_sent(progress: RampProgress | None) -> None:
    assert there_and_back(wire.plain_progress, wire.read_progress, progress) == progress


@pytest.mark.parametrize(
    "terms",
    [
        pytest.param(NOTHING, id="nothing"),
        pytest.param(TERMS, id="a share"),
        pytest.param(Terms(Rate.parallel(9), 3), id="slots"),
        pytest.param(Terms(Rate(2, per=1), 0, singles=41), id="singles"),
        pytest.param(Terms.everything(Rate.UNLIMITED), id="unlimited"),
        pytest.param(Terms(Rate(5, per=1), WHOLE, Fraction(1)), id="a whole period of phase"),
    ],
)
def test_terms_arrive_as_they_were_sent(terms: Terms) -> None:
    assert there_and_back(wire.plain_terms, wire.read_terms, terms) == terms


def test_more_slots_than_anybody_has_arrive_as_many() -> None:
    rate = Rate.parallel(10**300)

    terms = there_and_back(wire.plain_terms, wire.read_terms, Terms.everything(rate))

    assert (terms.rate, terms.units) == (rate, 1 << 62)


def test_a_lease_arrives_as_it_was_sent() -> None:
    assert there_and_back(wire.plain_lease, wire.read_lease, LEASE) == LEASE


def test_a_report_arrives_as_it_was_sent() -> None:
    assert there_and_back(wire.plain_report, wire.read_report, REPORT) == REPORT


def test_the_state_of_a_throttle_arrives_as_it_was_sent() -> None:
    assert there_and_back(wire.plain_state, wire.read_state, STATE) == STATE


# The sad group.

JUNK: list[Any] = [
    None,
    True,
    7,
    -1,
    0.5,
    "text",
    b"bytes",
    [],
    [[]],
    {},
    {"rate": 1},
    [None] * 20,
    "10/s",
]
READERS = [
    wire.read_rate, wire.read_ramp, wire.read_declared, wire.read_terms, wire.read_lease,
    wire.read_report, wire.read_state,
]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK, ids=repr)
@pytest.mark.parametrize("read", READERS, ids=lambda read: str(read.__name__))
def test_junk_is_refused(read: Callable[[Any], Any], junk: Any) -> None:
    with pytest.raises(InvalidThrottle):
        read(junk)


@pytest.mark.parametrize("junk", [each for each in JUNK if each is not None], ids=repr)
def test_junk_is_no_progress(junk: Any) -> None:
    with pytest.raises(InvalidThrottle):
        wire.read_progress(junk)


def changed(plain: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return ``plain`` with one value inside replaced."""
    if not path:
        return value
    copy = plain.copy()
    copy[path[0]] = changed(plain[path[0]], path[1:], value)
    return copy


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param((0,), -1, id="negative permits"),
        pytest.param((0,), math.nan, id="permits are nan"),
        pytest.param((0,), True, id="permits are True"),
        pytest.param((0,), "1", id="permits are text"),
        pytest.param((0,), [1], id="permits are a list"),
        pytest.param((1,), -1, id="a negative interval"),
        pytest.param((1,), math.inf, id="an infinite interval"),
        pytest.param((1,), math.nan, id="an interval of nan"),
        pytest.param((1,), None, id="no interval"),
        pytest.param((1,), 1e-300, id="less than a nanosecond"),
        pytest.param((0,), 10**400, id="more than any float"),
        pytest.param((1,), 10**400, id="longer than any float"),
    ],
)
def test_a_rate_out_of_range_is_refused(path: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(InvalidThrottle):
        wire.read_rate(changed(wire.plain_rate(Rate(10)), path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param((0,), [None, 60.0], id="from no limit"),
        pytest.param((1,), [3.0, 0.0], id="to a parallel rate"),
        pytest.param((2,), 0, id="no steps"),
        pytest.param((2,), True, id="steps are True"),
        pytest.param((2,), 2.0, id="steps are a float"),
        pytest.param((2,), 10**11, id="too many steps"),
        pytest.param((3,), 0, id="steps without time"),
        pytest.param((3,), math.inf, id="steps that never come"),
    ],
)
def test_a_ramp_out_of_range_is_refused(path: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(InvalidThrottle):
        wire.read_ramp(changed(wire.plain_ramp(UP), path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param((0, 0, 0), -1, id="a rate out of range"),
        pytest.param((0, 1), WHOLE + 1, id="more than the whole"),
        pytest.param((0, 1), -1, id="less than nothing"),
        pytest.param((0, 3), 0, id="a phase over 0"),
        pytest.param((0, 2), 4, id="a phase of more than a period"),
        pytest.param((0, 4), -1, id="negative singles"),
        pytest.param((0, 4), False, id="singles are False"),
        pytest.param((1,), 0, id="epoch 0"),
        pytest.param((2,), 0, id="sequence 0"),
        pytest.param((3,), None, id="for ever"),
        pytest.param((3,), 0, id="no time to live"),
        pytest.param((3,), 10**12, id="very long to live"),
        pytest.param((4,), -1, id="answers a negative number"),
        pytest.param((5,), -1, id="kept for less than nothing"),
        pytest.param((6,), 1 << 63, id="a large age"),
        pytest.param((6,), 1.0, id="an age that is a float"),
    ],
)
def test_a_lease_out_of_range_is_refused(path: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(InvalidThrottle):
        wire.read_lease(changed(wire.plain_lease(LEASE), path, value))


@pytest.mark.parametrize("value", [-1, True, None, 1.0, 1 << 63, "1"], ids=repr)
@pytest.mark.parametrize("index", range(8))
def test_a_report_out_of_range_is_refused(index: int, value: Any) -> None:
    with pytest.raises(InvalidThrottle):
        wire.read_report(changed(wire.plain_report(REPORT), (index,), value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("rate",), None, id="no rate"),
        pytest.param(("is_paused",), 1, id="paused is 1"),
        pytest.param(("progress",), [wire.plain_ramp(UP), 8], id="beyond the last step"),
        pytest.param(("progress",), [wire.plain_ramp(UP), -1], id="before the first step"),
        pytest.param(("lost_ns",), -1, id="negative time lost"),
        pytest.param(("declared",), ["rate", wire.plain_ramp(UP)], id="another kind"),
        pytest.param(("declared",), ["word", wire.plain_ramp(UP)], id="an unknown kind"),
        pytest.param(("declared",), [[], wire.plain_ramp(UP)], id="a kind that is a list"),
        pytest.param(("life",), 0, id="life 0"),
        pytest.param(("more",), 0, id="more than there is"),
    ],
)
def test_a_state_out_of_range_is_refused(path: tuple[Any, ...], value: Any) -> None:
    plain = wire.plain_state(STATE)
    plain.setdefault("more", 1) if path == ("more",) else None

    with pytest.raises(InvalidThrottle):
        wire.read_state(changed(plain, path, value))
