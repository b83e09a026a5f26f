"""Throttles by name, and what they tell."""

from collections.abc import Callable
from typing import Any

import gevent
import pytest

from crowsg.errors import (
    CannotChangeRate,
    InvalidThrottle,
    NoSuchThrottle,
    ThrottleError,
    ThrottleStopped,
    WrongReconfiguration,
)
from crowsg.metrics.names import MAX_NAMES, OTHER
from crowsg.rate import Ramp, Rate
from crowsg.telemetry.bus import Bus
from crowsg.testing import ManualClock, capture_events
from crowsg.testing.manual_clock import settle
from crowsg.throttle.beats import plain_ending, plain_grant
from crowsg.throttle.lease import Lease, Terms
from crowsg.throttle.owner import ThrottleState
from crowsg.throttle.process import RampProgress
from crowsg.throttle.service import Throttles

UP = Ramp("10/s", "50/s", steps=4, step_interval=2)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def throttles(clock: ManualClock) -> Throttles:
    return Throttles(clock, Bus(clock), gevent.spawn)


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
        pytest.param(lambda throttles: throttles.wait_unheld("none"), id="wait_unheld"),
        pytest.param(lambda throttles: throttles.change_rate("none", Rate(1)), id="change_rate"),
        pytest.param(lambda throttles: throttles.ramp("none", UP), id="ramp"),
        pytest.param(lambda throttles: throttles.pause("none"), id="pause"),
        pytest.param(lambda throttles: throttles.resume("none"), id="resume"),
        pytest.param(lambda throttles: throttles.unlock("none"), id="unlock"),
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
    throttles = Throttles(clock, bus, gevent.spawn)
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
    throttles = Throttles(clock, bus, gevent.spawn)
    throttles.start("a", Rate.UNLIMITED)
    names = [("crowsg", "throttle", "request"), ("crowsg", "throttle", "execute")]
    with capture_events(bus, *names) as events:
        throttles.wait("a")

    assert [(event.name[-1], event.metadata["name"]) for event in events] == [
        ("request", "a"),
        ("execute", "a"),
    ]


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(Ramp("10/s", "50/s", steps=4, step_interval=2), id="the same ramp"),
        pytest.param(Ramp([10, 1], (50, 1), 4, 2), id="the same ramp spelled otherwise"),
    ],
)
def test_a_ramp_is_a_declaration_too(throttles: Throttles, again: Ramp) -> None:
    throttles.start("a", UP)

    assert throttles.start("a", again) == "already_started"
    throttles.stop("a")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(UP, UP.start, id="a ramp, then its first rate"),
        pytest.param(UP.start, UP, id="a rate, then a ramp from it"),
        pytest.param("10 parallel", 10, id="in parallel, then in time"),
        pytest.param("10/s", "600/min", id="the same pace in another interval"),
        pytest.param(UP, Ramp("10/s", "50/s", steps=4, step_interval=3), id="slower steps"),
    ],
)
def test_another_declaration_is_an_error(
    throttles: Throttles, first: object, second: object
) -> None:
    throttles.start("a", first)

    with pytest.raises(WrongReconfiguration):
        throttles.start("a", second)

    throttles.stop("a")


def test_a_rate_is_declared_in_any_spelling(throttles: Throttles) -> None:
    throttles.start("a", "100/min")

    assert throttles.start("a", [100, 60]) == "already_started"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("a\nb", id="two lines"),
        pytest.param("a\0", id="NUL"),
        pytest.param("\x1b[2J", id="moves the cursor"),
        pytest.param("\udcff", id="no Unicode"),
        pytest.param("x" * 10_000, id="too long"),
        pytest.param(b"a", id="bytes"),
        pytest.param(None, id="None"),
        pytest.param(7, id="number"),
        pytest.param(["a"], id="list"),
    ],
)
def test_a_name_that_is_no_line_of_text_is_refused(throttles: Throttles, name: Any) -> None:
    with pytest.raises(InvalidThrottle, match="named by a short line"):
        throttles.start(name, 10)

    assert throttles.names() == ()


@pytest.mark.parametrize("rate", ["fast", -1, None, [1, 2, 3]], ids=repr)
def test_a_throttle_of_no_rate_is_not_started(throttles: Throttles, rate: object) -> None:
    with pytest.raises(InvalidThrottle):
        throttles.start("a", rate)

    assert throttles.names() == ()


def test_what_is_no_rate_changes_nothing(throttles: Throttles) -> None:
    throttles.start("a", 10)

    with pytest.raises(InvalidThrottle):
        throttles.change_rate("a", "fast")

    assert throttles.info("a").rate == Rate(10)


@pytest.mark.parametrize("ramp", [Rate(10), "10/s", None], ids=repr)
def test_what_is_no_ramp_is_refused(throttles: Throttles, ramp: Any) -> None:
    throttles.start("a", 10)

    with pytest.raises(InvalidThrottle, match=r"crowsg\.Ramp"):
        throttles.ramp("a", ramp)


def test_a_ramp_sets_the_pace(throttles: Throttles, clock: ManualClock) -> None:
    throttles.start("a", Ramp("1/s", "100/s", steps=1, step_interval=10))
    greenlets = [gevent.spawn(throttles.wait, "a") for _ in range(200)]
    granted = []
    for _ in range(2):
        clock.advance(9.9)
        granted.append(throttles.info("a").granted)
        clock.advance(0.1)

    assert granted[0] == 10
    assert 990 > granted[1] - granted[0] > 180
    gevent.killall(greenlets)


def test_a_ramp_is_told_by_its_progress(throttles: Throttles, clock: ManualClock) -> None:
    throttles.start("a", 10)
    throttles.ramp("a", UP)

    clock.advance(4)

    info = throttles.info("a")
    assert (info.progress, info.rate) == (RampProgress(UP, 2), Rate(30, per=1))
    throttles.stop("a")


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda throttles: throttles.change_rate("a", 5), id="change_rate"),
        pytest.param(lambda throttles: throttles.unlock("a"), id="unlock"),
        pytest.param(lambda throttles: throttles.ramp("a", Ramp(1, 2)), id="another ramp"),
    ],
)
def test_only_its_end_changes_the_rate_of_a_ramp(
    throttles: Throttles, call: Callable[[Throttles], object]
) -> None:
    throttles.start("a", UP)

    with pytest.raises(CannotChangeRate, match=r"'a'.*10/s to 50/s"):
        call(throttles)

    throttles.stop("a")


def test_stopping_ends_the_steps_of_a_ramp(clock: ManualClock) -> None:
    bus = Bus(clock)
    throttles = Throttles(clock, bus, gevent.spawn)
    throttles.start("a", UP)
    clock.advance(2)

    with capture_events(bus, ("crowsg", "throttle", "rate")) as events:
        throttles.stop("a")
        clock.advance(100)

    assert list(events) == []


def test_each_step_of_a_ramp_is_told(clock: ManualClock) -> None:
    bus = Bus(clock)
    throttles = Throttles(clock, bus, gevent.spawn)
    with capture_events(bus, ("crowsg", "throttle", "rate")) as events:
        throttles.start("a", UP)
        clock.advance(100)

    assert [event.measurements["rate"] for event in events] == [10, 20, 30, 40, 50]


@pytest.mark.parametrize("rate", [1, 0, "1 parallel"], ids=str)
def test_stopping_releases_those_who_wait(throttles: Throttles, rate: object) -> None:
    throttles.start("a", rate)
    greenlets = [gevent.spawn(throttles.wait_unheld, "a") for _ in range(4)]
    settle()
    waiting = throttles.info("a").waiting

    throttles.stop("a")
    settle()

    stopped = [each for each in greenlets if isinstance(each.exception, ThrottleStopped)]
    assert waiting == len(stopped) >= 3
    assert str(stopped[0].exception) == "throttle 'a' was stopped"


def test_a_slot_may_come_back_after_the_throttle_was_stopped(throttles: Throttles) -> None:
    throttles.start("a", "1 parallel")
    permit = throttles.wait("a")
    throttles.stop("a")
    throttles.start("a", "1 parallel")

    permit.release()

    assert throttles.info("a").held == 0


def test_a_paused_throttle_grants_nothing(throttles: Throttles, clock: ManualClock) -> None:
    throttles.start("a", "100/s")
    throttles.pause("a")
    greenlet = gevent.spawn(throttles.wait, "a")

    clock.advance(3600)

    assert (throttles.info("a").granted, throttles.info("a").waiting) == (0, 1)
    greenlet.kill()


@pytest.mark.parametrize("times", [1, 2])
def test_resuming_grants_again(throttles: Throttles, clock: ManualClock, times: int) -> None:
    throttles.start("a", "1/s")
    greenlets = [gevent.spawn(throttles.wait, "a") for _ in range(5)]
    clock.advance(0.5)
    for _ in range(times):
        throttles.pause("a")
    clock.advance(100)

    for _ in range(times):
        throttles.resume("a")
    clock.advance(1.5)

    assert throttles.info("a").granted == 3
    gevent.killall(greenlets)


def test_a_paused_throttle_stays_so_at_another_rate(
    throttles: Throttles, clock: ManualClock
) -> None:
    throttles.start("a", 10)
    throttles.pause("a")
    throttles.unlock("a")
    greenlet = gevent.spawn(throttles.wait, "a")

    clock.advance(10)

    info = throttles.info("a")
    assert (info.is_paused, info.rate, info.granted) == (True, Rate.UNLIMITED, 0)
    greenlet.kill()


def test_unlocking_lifts_the_limit(throttles: Throttles) -> None:
    throttles.start("a", 1)
    greenlets = [gevent.spawn(throttles.wait, "a") for _ in range(100)]
    settle()

    throttles.unlock("a")
    settle()

    assert all(greenlet.successful() for greenlet in greenlets)


def test_slots_are_told_by_how_many_are_held(throttles: Throttles) -> None:
    throttles.start("a", "3 parallel")
    permits = [throttles.wait_unheld("a") for _ in range(2)]

    permits[0].release()

    assert throttles.info("a").held == 1


def test_a_permit_that_is_not_held_outlives_its_greenlet(throttles: Throttles) -> None:
    throttles.start("a", "3 parallel")
    greenlet = gevent.spawn(throttles.wait_unheld, "a")
    settle()

    assert throttles.info("a").held == 1
    greenlet.value.release()
    assert throttles.info("a").held == 0


@pytest.mark.parametrize("method", ["wait", "wait_unheld"])
def test_a_slot_of_whoever_is_killed_inside_a_handler_comes_back(
    clock: ManualClock, method: str
) -> None:
    bus = Bus(clock)
    throttles = Throttles(clock, bus, gevent.spawn)
    throttles.start("a", "1 parallel")
    bus.attach("stuck", ("crowsg", "throttle", "execute"), lambda *_: clock.sleep(1000))
    greenlet = gevent.spawn(getattr(throttles, method), "a")
    settle()

    greenlet.kill()
    settle()

    assert throttles.info("a").held == 0


def test_a_permit_tells_how_late_it_was(throttles: Throttles, clock: ManualClock) -> None:
    throttles.start("a", "10/s")
    throttles.wait("a")
    clock.advance(0.104)

    permit = throttles.wait_unheld("a")

    assert [permit.due, permit.late] == pytest.approx([0.1, 0.004])


def test_time_lost_is_told(throttles: Throttles, clock: ManualClock) -> None:
    throttles.start("a", "10/s")
    greenlets = [gevent.spawn(throttles.wait, "a") for _ in range(3)]
    clock.advance(0.05)
    clock._now_ns += 1_000_000_000

    clock.advance(0.1)

    assert throttles.info("a").lost_s == pytest.approx(0.94)
    gevent.killall(greenlets)


def test_beyond_two_hundred_names_no_end_takes_a_name_from_another(throttles: Throttles) -> None:
    names = [f"t{at}" for at in range(MAX_NAMES + 2)]
    for name in names:
        throttles.start(name, "infinity")
        throttles.wait(name)
    before = set(throttles.waits())

    throttles.stop(names[-1])

    assert set(throttles.waits()) == before
    assert throttles.infos()[OTHER].granted == 2


def test_the_names_of_the_next_run_are_its_own(throttles: Throttles) -> None:
    for at in range(MAX_NAMES):
        throttles.start(f"t{at}", "infinity")
    throttles.infos()
    throttles.stop_all()

    throttles.forget()
    throttles.start("new", "infinity")

    assert list(throttles.infos()) == ["new"]


def test_how_long_permits_were_waited_for_is_kept(throttles: Throttles, clock: ManualClock) -> None:
    throttles.start("a", "1/s")
    greenlets = [gevent.spawn(throttles.wait, "a") for _ in range(3)]

    clock.advance(2)

    assert all(greenlet.dead for greenlet in greenlets)
    waits = throttles.waits()["a"].quantiles([0.5, 1])
    assert waits == pytest.approx([1_000_000_000, 2_000_000_000], rel=0.05)


@pytest.mark.parametrize(
    ("rate", "interval_s", "is_active", "per_second"),
    [
        pytest.param("7/s", 1, True, 7, id="in time"),
        pytest.param([10, 2], 2, True, 5, id="in an interval of its own"),
        pytest.param("3 parallel", 0, True, float("inf"), id="parallel"),
        pytest.param("infinity", None, True, float("inf"), id="unlimited"),
        pytest.param(0, 60, False, 0, id="a rate of 0"),
    ],
)
def test_a_rate_is_told_in_every_way(
    throttles: Throttles, rate: object, interval_s: float, is_active: bool, per_second: float
) -> None:
    throttles.start("a", rate)

    info = throttles.info("a")

    told = (info.interval_s, info.is_active, info.per_second)
    assert told == (interval_s, is_active, per_second)


@pytest.mark.parametrize("rate", ["7/s", "3 parallel", "infinity"])
def test_a_paused_throttle_is_not_active(throttles: Throttles, rate: object) -> None:
    throttles.start("a", rate)
    throttles.pause("a")

    info = throttles.info("a")

    assert (info.is_active, info.per_second, info.rate) == (False, 0, Rate.of(rate))


@pytest.mark.parametrize(
    ("rate", "spelled", "interval_s"),
    [
        pytest.param("7/s", 7.0, 1.0, id="in time"),
        pytest.param("3 parallel", 3.0, 0.0, id="parallel"),
        pytest.param("infinity", "infinity", None, id="unlimited"),
    ],
)
def test_a_throttle_is_summed_up_in_plain_values(
    throttles: Throttles, rate: object, spelled: object, interval_s: object
) -> None:
    throttles.start("a", rate)
    throttles.wait("a")

    assert throttles.info("a").as_dict() == {
        "rate": spelled,
        "interval_s": interval_s,
        "requested": 1,
        "granted": 1,
        "executed": 1,
        "lost_s": 0.0,
    }


def test_a_permit_that_is_waited_for_is_never_due_before_it_was_asked_for(
    throttles: Throttles, clock: ManualClock
) -> None:
    throttles.start("a", "1000/s")
    clock.advance(0.009)

    assert throttles.wait("a").due == pytest.approx(0.009)


def test_a_permit_of_an_open_model_is_due_as_the_schedule_says(
    throttles: Throttles, clock: ManualClock
) -> None:
    throttles.start("a", "1000/s")
    clock.advance(0.009)

    assert throttles.wait_unheld("a").due == 0


class FarOwner:
    """An owner on another node, that starts whatever is asked."""

    def __init__(self) -> None:
        self.life = 5
        self.lost_ns = 0
        self.asked: list[tuple[str, bool]] = []

    def start(self, name: str, declared: Any, *, is_late: bool = False) -> Any:
        self.asked.append((name, is_late))
        return "started", self.state(name)

    def state(self, name: str) -> ThrottleState:
        return ThrottleState(Rate(10), False, None, self.lost_ns, Rate(10), self.life)

    def stop(self, name: str) -> None:
        """Nothing is left of it."""


def following(throttles: Throttles, *, is_late: bool = False) -> FarOwner:
    far = FarOwner()
    owner: Any = far
    throttles.follow(owner, lambda _: None, is_late=is_late)
    return far


def lease(throttles: Throttles, rate: Rate, sequence: int = 1, life: int = 5) -> Any:
    """Return a lease of everything, in answer to a report that is sent now."""
    number = throttles.reports()[0][2][0]
    state = ThrottleState(rate, False, None, 0, rate, life)
    return plain_grant("a", Lease(Terms.everything(rate), life, sequence, 300, number), state)


def foreign_lease(life: int) -> Any:
    """Return a lease that nobody asked for."""
    state = ThrottleState(Rate.UNLIMITED, False, None, 0, Rate.UNLIMITED, life)
    return plain_grant("a", Lease(Terms.everything(Rate.UNLIMITED), life, 1, 300), state)


@pytest.mark.parametrize("is_late", [True, False])
def test_a_start_asks_whoever_owns_the_throttles(throttles: Throttles, is_late: bool) -> None:
    owner = following(throttles, is_late=is_late)

    outcome = throttles.start("a", 10)

    assert (outcome, owner.asked, throttles.names()) == ("started", [("a", is_late)], ("a",))


def test_what_the_owner_tells_of_the_rate_is_told(throttles: Throttles) -> None:
    following(throttles)
    throttles.start("a", 10)

    throttles.take_leases([lease(throttles, Rate(20))])

    assert throttles.infos()["a"].rate == Rate(20)


@pytest.mark.parametrize("is_joined", [True, False], ids=["joined", "asked for"])
def test_what_its_owner_has_lost_is_told_by_the_owner_alone(
    throttles: Throttles, is_joined: bool
) -> None:
    following(throttles).lost_ns = 2_000_000_000
    if is_joined:
        throttles.start("a", 10)

    assert throttles.info("a").lost_s == 0


def test_an_older_lease_tells_nothing(throttles: Throttles) -> None:
    following(throttles)
    throttles.start("a", 10)
    throttles.take_leases([lease(throttles, Rate(20), sequence=2)])

    throttles.take_leases([lease(throttles, Rate(30), sequence=1)])

    assert throttles.info("a").rate == Rate(20)


@pytest.mark.parametrize(
    ("life", "is_open"),
    [
        pytest.param(4, True, id="a former life"),
        pytest.param(5, False, id="this life"),
        pytest.param(6, False, id="a later one, which ends all before"),
    ],
)
@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda throttles, life: throttles.closed_by_owner("a", life), id="word"),
        pytest.param(
            lambda throttles, life: throttles.take_leases([plain_ending("a", life)]), id="answer"
        ),
    ],
)
def test_the_owner_ends_a_life_of_a_throttle(
    throttles: Throttles, end: Callable[[Throttles, int], None], life: int, is_open: bool
) -> None:
    following(throttles)
    throttles.start("a", 10)
    greenlet = gevent.spawn(throttles.wait, "a")
    settle()

    end(throttles, life)
    settle()

    assert (bool(throttles.names()), not greenlet.dead) == (is_open, is_open)
    greenlet.kill()


def test_a_lease_of_a_later_life_ends_the_one_before(throttles: Throttles) -> None:
    following(throttles)
    throttles.start("a", 10)

    throttles.take_leases([lease(throttles, Rate(10), life=6)])

    assert throttles.names() == ()


def test_a_start_joins_the_later_life(throttles: Throttles) -> None:
    owner = following(throttles)
    throttles.start("a", 10)
    greenlet = gevent.spawn(throttles.wait, "a")
    settle()
    owner.life = 6

    throttles.start("a", 10)
    settle()

    assert isinstance(greenlet.exception, ThrottleStopped)
    assert throttles.names() == ("a",)


def test_what_ended_here_is_not_joined_again(throttles: Throttles) -> None:
    following(throttles)
    throttles.start("a", 10)
    throttles.stop_all()

    with pytest.raises(NoSuchThrottle):
        throttles.wait("a")


def test_a_name_that_is_none_is_asked_of_nobody(throttles: Throttles) -> None:
    owner = following(throttles)

    with pytest.raises(InvalidThrottle):
        throttles.start("a\n", 10)

    assert owner.asked == []


def test_a_node_alone_has_nothing_to_report(throttles: Throttles) -> None:
    throttles.start("a", 10)

    assert throttles.reports() == []


@pytest.mark.parametrize(
    "meddle",
    [
        pytest.param(lambda throttles: throttles.closed_by_owner("a", 1 << 61), id="word"),
        pytest.param(
            lambda throttles: throttles.take_leases([plain_ending("a", 1 << 61)]), id="answer"
        ),
        pytest.param(
            lambda throttles: throttles.take_leases([foreign_lease(1 << 61)]), id="a later life"
        ),
    ],
)
def test_nobody_else_ends_or_grants_what_this_node_owns(
    throttles: Throttles, meddle: Callable[[Throttles], None]
) -> None:
    throttles.start("a", "1/min")
    throttles.wait("a")
    greenlet = gevent.spawn(throttles.wait, "a")
    settle()

    meddle(throttles)
    settle()

    info = throttles.info("a")
    assert (info.granted, info.waiting) == (1, 1)
    greenlet.kill()


def test_a_lease_of_a_former_life_grants_nothing(throttles: Throttles) -> None:
    following(throttles)
    throttles.start("a", 10)
    greenlet = gevent.spawn(throttles.wait, "a")
    settle()

    throttles.take_leases([lease(throttles, Rate.UNLIMITED, life=4)])
    settle()

    assert (greenlet.dead, throttles.info("a").rate) == (False, Rate(10))
    greenlet.kill()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda throttles: throttles.own(), id="own"),
        pytest.param(following, id="follow"),
    ],
)
def test_the_owner_changes_only_while_no_throttle_runs(
    throttles: Throttles, change: Callable[[Throttles], object]
) -> None:
    throttles.start("a", 10)

    with pytest.raises(ThrottleError, match="while they run: a"):
        change(throttles)

    throttles.stop("a")
    change(throttles)


def test_a_node_that_followed_owns_again(throttles: Throttles) -> None:
    following(throttles)
    throttles.start("a", 10)
    throttles.stop("a")

    throttles.own()
    throttles.start("a", "infinity")

    assert throttles.wait("a").late == 0


def test_a_spoilt_message_of_leases_changes_nothing(throttles: Throttles) -> None:
    following(throttles)
    throttles.start("a", 10)

    with pytest.raises(InvalidThrottle):
        throttles.take_leases([lease(throttles, Rate(20)), None])

    assert throttles.info("a").rate == Rate(10)
