"""Throttles by name, and what they tell."""

from collections.abc import Callable

import pytest

from crowsg.errors import NoSuchThrottle, WrongReconfiguration
from crowsg.rate import Rate
from crowsg.telemetry.bus import Bus
from crowsg.testing import ManualClock, capture_events
from crowsg.throttle.service import Throttles


@pytest.fixture
def throttles() -> Throttles:
    clock = ManualClock()
    return Throttles(clock, Bus(clock))


def test_the_same_declaration_again_finds_the_throttle_started(throttles: Throttles) -> None:
    assert throttles.start("a", Rate(10)) == "started"

    assert throttles.start("a", Rate(10)) == "already_started"


def test_it_is_compared_with_what_was_declared_and_not_with_the_rate_in_force(
    throttles: Throttles,
) -> None:
    throttles.start("a", Rate(10))
    throttles.change_rate("a", Rate(20))

    assert throttles.start("a", Rate(10)) == "already_started"
    with pytest.raises(WrongReconfiguration, match=r"10/min.*20/min"):
        throttles.start("a", Rate(20))


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda throttles: throttles.wait("none"), id="wait"),
        pytest.param(lambda throttles: throttles.change_rate("none", Rate(1)), id="change_rate"),
        pytest.param(lambda throttles: throttles.stop("none"), id="stop"),
        pytest.param(lambda throttles: throttles.info("none"), id="info"),
    ],
)
def test_an_unknown_name_is_an_error(
    throttles: Throttles, call: Callable[[Throttles], object]
) -> None:
    with pytest.raises(NoSuchThrottle, match="none"):
        call(throttles)


def test_a_stopped_throttle_can_be_started_otherwise(throttles: Throttles) -> None:
    throttles.start("a", Rate(10))
    throttles.stop("a")

    assert throttles.start("a", Rate(20)) == "started"
    assert throttles.names() == ("a",)


def test_info_counts_what_was_asked_for_and_given(throttles: Throttles) -> None:
    throttles.start("a", Rate.UNLIMITED)
    for _ in range(3):
        throttles.wait("a")

    info = throttles.info("a")

    assert (info.rate, info.waiting, info.requested, info.granted) == (Rate.UNLIMITED, 0, 3, 3)
    assert (info.executed, info.lost_s) == (3, 0.0)


def test_what_has_ended_is_told_as_it_then_stood(throttles: Throttles) -> None:
    throttles.start("a", Rate.UNLIMITED)
    throttles.wait("a")

    throttles.stop_all()

    assert throttles.infos()["a"].rate == Rate.UNLIMITED
    assert (throttles.infos()["a"].granted, throttles.waits()["a"].total) == (1, 1)


def test_what_has_ended_is_forgotten_with_the_next_run(throttles: Throttles) -> None:
    throttles.start("a", Rate.UNLIMITED)
    throttles.stop_all()

    throttles.forget()

    assert (throttles.infos(), throttles.waits()) == ({}, {})


@pytest.mark.parametrize(
    ("rate", "per_second"),
    [
        pytest.param(Rate(120), 2.0, id="a minute's worth"),
        pytest.param(Rate.PAUSED, 0.0, id="paused"),
        pytest.param(Rate.UNLIMITED, float("inf"), id="unlimited"),
    ],
)
def test_the_limit_is_told_per_second(throttles: Throttles, rate: Rate, per_second: float) -> None:
    throttles.start("a", rate)

    assert throttles.info("a").per_second == per_second


def test_starting_and_changing_are_told() -> None:
    clock = ManualClock()
    bus = Bus(clock)
    throttles = Throttles(clock, bus)
    names = [("crowsg", "throttle", "init"), ("crowsg", "throttle", "rate")]
    with capture_events(bus, *names) as events:
        throttles.start("a", Rate(10, per=2))
        throttles.change_rate("a", Rate(10, per=2))
        throttles.change_rate("a", Rate.UNLIMITED)

    told = [(event.name[-1], dict(event.measurements)) for event in events]
    assert told == [
        ("init", {"count": 1}),
        ("rate", {"rate": 10.0, "interval": 2.0}),
        ("rate", {"rate": float("inf")}),
    ]
    assert all(event.metadata["name"] == "a" for event in events)


def test_waiting_and_passing_are_told() -> None:
    clock = ManualClock()
    bus = Bus(clock)
    throttles = Throttles(clock, bus)
    throttles.start("a", Rate.UNLIMITED)
    names = [("crowsg", "throttle", "request"), ("crowsg", "throttle", "execute")]
    with capture_events(bus, *names) as events:
        throttles.wait("a")

    assert [(event.name[-1], event.metadata["name"]) for event in events] == [
        ("request", "a"),
        ("execute", "a"),
    ]
