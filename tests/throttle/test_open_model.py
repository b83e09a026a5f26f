"""Calls that begin on schedule: what becomes of each, and how the user that drives them ends."""

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from greenlet import getcurrent

from crowsg import throttle, users
from crowsg.errors import InvalidCount, NoCurrentUser, NoSuchThrottle, ThrottleStopped
from crowsg.metrics.operation import Operation
from crowsg.testing import capture_events
from crowsg.throttle import Permit
from tests.support.nodes import Bench, make_scenario

ERRORS = [
    pytest.param(ValueError("bad"), id="Exception"),
    pytest.param(SystemExit(3), id="SystemExit"),
    pytest.param(gevent.Timeout(3), id="Timeout"),
]


class Calls:
    """What a user calls on schedule.

    Args:
        bench: Where it lives.
        lasts_s: Seconds that each call lasts.

    Attributes:
        began: When each call began.
        permits: What each call was given.
        greenlets: Where each call ran.
    """

    def __init__(self, bench: Bench, lasts_s: float = 0) -> None:
        self.began: list[float] = []
        self.permits: list[Permit] = []
        self.greenlets: list[Any] = []
        self._clock = bench.clock
        self._lasts_s = lasts_s

    def __call__(self, permit: Permit) -> None:
        self.began.append(self._clock.now())
        self.permits.append(permit)
        self.greenlets.append(getcurrent())
        if self._lasts_s:
            users.sleep(self._lasts_s)


def drive(
    bench: Bench,
    function: Callable[[Permit], object],
    rate: object = "1/s",
    max_in_flight: int = 10,
    **settings: Any,
) -> Operation:
    """Start a user that drives the calls of the throttle ``"a"``; return their operation."""

    def start(user_id: int) -> None:
        throttle.arrivals("a", function, max_in_flight=max_in_flight)

    bench.do(make_scenario(start, init=lambda: throttle.start("a", rate)), 1, **settings)
    return bench.node.recorder.operations["a"]


def fail_with(error: BaseException) -> Callable[[Permit], None]:
    def fail(permit: Permit) -> None:
        raise error

    return fail


def test_calls_begin_on_schedule_however_long_those_before_take(bench: Bench) -> None:
    calls = Calls(bench, lasts_s=4.5)

    drive(bench, calls)
    bench.clock.advance(5)

    assert calls.began == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_call_is_given_its_permit(bench: Bench) -> None:
    calls = Calls(bench)

    drive(bench, calls)
    bench.clock.advance(2)

    assert [permit.due for permit in calls.permits] == [0.0, 1.0, 2.0]


def test_a_permit_that_finds_no_room_is_dropped_and_counted(bench: Bench) -> None:
    calls = Calls(bench, lasts_s=100)

    operation = drive(bench, calls, max_in_flight=2)
    bench.clock.advance(5)

    assert (calls.began, operation.dropped) == ([0.0, 1.0], 4)


def test_what_was_dropped_is_not_made_up_for(bench: Bench) -> None:
    calls = Calls(bench, lasts_s=2.5)

    operation = drive(bench, calls, max_in_flight=1)
    bench.clock.advance(6.5)

    assert (calls.began, operation.dropped) == ([0.0, 3.0, 6.0], 4)


def test_the_summary_tells_what_was_dropped(bench: Bench) -> None:
    drive(bench, Calls(bench, lasts_s=100), max_in_flight=2)
    bench.clock.advance(5)

    summary = bench.node.record.summary()

    assert summary.operations["a"].as_dict()["dropped"] == 4


def test_each_call_is_an_operation_with_its_service_time(bench: Bench) -> None:
    operation = drive(bench, Calls(bench, lasts_s=0.5))
    bench.clock.advance(2.6)

    assert (operation.ok.total, operation.ok.sum_ns) == (3, 1_500_000_000)


def test_the_response_time_of_a_call_runs_from_the_moment_it_was_due(bench: Bench) -> None:
    # At 2000/s every wake of the throttle, 2 ms apart, lets four permits go, most of them late.
    operation = drive(bench, Calls(bench, lasts_s=0.1), "2000/s", max_in_flight=1000)
    bench.clock.advance(1)

    late_ns = operation.response.sum_ns - operation.ok.sum_ns
    assert operation.response.total == operation.ok.total > 1000
    assert late_ns == operation.late_ns > 0


@pytest.mark.parametrize("error", ERRORS)
def test_a_call_that_raises_is_a_failure_of_its_class(bench: Bench, error: BaseException) -> None:
    operation = drive(bench, fail_with(error))
    bench.clock.advance(2)

    assert (operation.ok.total, operation.failures) == (0, {type(error).__name__: 3})


@pytest.mark.parametrize("error", ERRORS)
def test_a_call_that_raises_is_an_error_of_the_run(bench: Bench, error: BaseException) -> None:
    drive(bench, fail_with(error))
    bench.clock.advance(2)

    (group,) = bench.node.recorder.failures.groups()
    assert (group.kind, group.count) == (type(error).__name__, 3)


@pytest.mark.parametrize("error", ERRORS)
def test_a_user_goes_on_when_its_calls_raise(bench: Bench, error: BaseException) -> None:
    drive(bench, fail_with(error))
    bench.clock.advance(2)
    assert bench.count("running") == 1

    bench.node.local.remove(1)
    bench.clock.advance(0)

    assert (bench.count("removed"), bench.count("failed")) == (1, 0)


def test_a_call_is_part_of_the_user(bench: Bench) -> None:
    found: list[int] = []

    drive(bench, lambda permit: found.append(users.current().id))

    assert found == [1]


def test_a_call_that_ends_the_user_lets_it_finish(bench: Bench) -> None:
    operation = drive(bench, lambda permit: users.stop())
    bench.clock.advance(2)

    assert (bench.count("finished"), operation.interrupted.total) == (1, 1)


@pytest.mark.parametrize(
    ("lasts_s", "greenlets"),
    [
        pytest.param(0.5, 1, id="one call at a time"),
        pytest.param(2.5, 3, id="three calls at a time"),
    ],
)
def test_calls_use_the_greenlets_of_those_before(
    bench: Bench, lasts_s: float, greenlets: int
) -> None:
    calls = Calls(bench, lasts_s)

    drive(bench, calls)
    bench.clock.advance(20)

    assert (len(calls.began), len(set(calls.greenlets))) == (21, greenlets)


def test_no_call_begins_after_the_stop(bench: Bench) -> None:
    calls = Calls(bench, lasts_s=2)
    drive(bench, calls, stop_timeout=10)
    bench.clock.advance(1.5)

    bench.node.local.remove(1)
    bench.clock.advance(5)

    assert calls.began == [0.0, 1.0]


def test_calls_that_go_on_at_the_stop_come_to_their_end(bench: Bench) -> None:
    operation = drive(bench, Calls(bench, lasts_s=2), stop_timeout=10)
    bench.clock.advance(1.5)

    bench.node.local.remove(1)
    bench.clock.advance(5)

    assert (operation.ok.total, operation.interrupted.total) == (2, 0)


def test_the_user_is_removed_when_the_last_call_has_ended(bench: Bench) -> None:
    drive(bench, Calls(bench, lasts_s=2), stop_timeout=10)
    bench.clock.advance(1.5)
    bench.node.local.remove(1)
    bench.clock.advance(1.4)
    assert bench.count("running") == 1

    bench.clock.advance(0.1)

    assert bench.count("removed") == 1


@pytest.mark.parametrize("rate", ["1/s", 0], ids=["between calls", "paused"])
def test_a_stop_that_finds_no_call_ends_the_user_at_once(bench: Bench, rate: object) -> None:
    drive(bench, Calls(bench), rate)
    bench.clock.advance(0.5)

    bench.node.local.remove(1)
    bench.clock.advance(0)

    assert bench.count("removed") == 1


def test_a_call_that_outlasts_the_stop_timeout_is_interrupted(bench: Bench) -> None:
    operation = drive(bench, Calls(bench, lasts_s=100), rate="1/min", stop_timeout=5)

    bench.node.local.remove(1)
    bench.clock.advance(4.9)
    assert (operation.interrupted.total, bench.count("running")) == (0, 1)

    bench.clock.advance(0.2)
    assert (operation.interrupted.total, bench.count("removed")) == (1, 1)


def test_a_call_that_ignores_everything_is_killed_with_its_user(bench: Bench) -> None:
    def hold_on(permit: Permit) -> None:
        users.sleep(100)

    def start(user_id: int) -> None:
        while True:
            try:
                throttle.arrivals("a", hold_on, max_in_flight=1)
            except users.UserStop:
                users.sleep(100)

    throttle.start("a", "1/min")
    bench.do(make_scenario(start), 1, stop_timeout=4)

    bench.node.local.remove(1, force=True)
    bench.clock.advance(4.1)

    assert bench.count("killed") == 1
    assert bench.node.recorder.operations["a"].interrupted.total == 1


def test_calls_of_a_run_that_stops_come_to_their_end(bench: Bench) -> None:
    operation = drive(bench, Calls(bench, lasts_s=1), stop_timeout=10)
    bench.clock.advance(0.5)

    bench.node.local.stop()
    bench.clock.advance(5)

    assert (bench.state(), operation.ok.total, bench.count("removed")) == ("finished", 1, 1)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "3", None])
def test_room_for_less_than_one_call_is_refused(bench: Bench, count: Any) -> None:
    refused: list[str] = []

    def start(user_id: int) -> None:
        try:
            throttle.arrivals("a", print, max_in_flight=count)
        except InvalidCount as error:
            refused.append(error.reason)

    throttle.start("a", "1/s")
    bench.do(make_scenario(start), 1)

    assert refused == ["invalid_count"]


def test_calls_need_a_user(bench: Bench) -> None:
    throttle.start("a", "1/s")

    with pytest.raises(NoCurrentUser):
        throttle.arrivals("a", print, max_in_flight=1)


def test_calls_need_a_throttle(bench: Bench) -> None:
    refused: list[str] = []

    def start(user_id: int) -> None:
        try:
            throttle.arrivals("none", print, max_in_flight=1)
        except NoSuchThrottle as error:
            refused.append(error.name)

    bench.do(make_scenario(start), 1)

    assert refused == ["none"]


def test_a_user_is_told_that_the_throttle_was_stopped(bench: Bench) -> None:
    told: list[float] = []

    def start(user_id: int) -> None:
        try:
            throttle.arrivals("a", Calls(bench), max_in_flight=1)
        except ThrottleStopped:
            told.append(bench.clock.now())

    throttle.start("a", "1/s")
    bench.do(make_scenario(start), 1)
    bench.clock.advance(1.5)

    throttle.stop("a")
    bench.clock.advance(0)

    assert told == [1.5]


def test_calls_that_go_on_outlive_the_throttle(bench: Bench) -> None:
    def start(user_id: int) -> None:
        with pytest.raises(ThrottleStopped):
            throttle.arrivals("a", Calls(bench, lasts_s=5), max_in_flight=9)
        users.sleep(100)

    throttle.start("a", "1/s")
    bench.do(make_scenario(start), 1)
    bench.clock.advance(1.5)

    throttle.stop("a")
    bench.clock.advance(10)

    assert bench.node.recorder.operations["a"].ok.total == 2


def test_calls_follow_a_change_of_the_rate(bench: Bench) -> None:
    calls = Calls(bench)
    drive(bench, calls, "1/s")
    bench.clock.advance(1.5)

    throttle.change_rate("a", "2/s")
    bench.clock.advance(1.6)

    due = [permit.due for permit in calls.permits]
    assert due == pytest.approx([0.0, 1.0, 1.75, 2.25, 2.75])


def test_no_call_begins_while_the_throttle_is_paused(bench: Bench) -> None:
    calls = Calls(bench)
    operation = drive(bench, calls, "1/s")
    bench.clock.advance(1.5)

    throttle.pause("a")
    bench.clock.advance(10)
    throttle.resume("a")
    bench.clock.advance(1.6)

    assert calls.began == pytest.approx([0.0, 1.0, 12.0, 13.0])
    assert operation.dropped == 0


def test_each_call_is_told_as_requested_and_executed(bench: Bench) -> None:
    names = [("crowsg", "throttle", "request"), ("crowsg", "throttle", "execute")]
    drive(bench, Calls(bench))
    bench.clock.advance(0.5)

    with capture_events(bench.node.telemetry, *names) as events:
        bench.clock.advance(1)

    told = [(event.name[-1], event.metadata["name"]) for event in events]
    assert told == [("execute", "a"), ("request", "a")]


def test_two_users_share_the_schedule_of_one_throttle(bench: Bench) -> None:
    calls = Calls(bench)

    def start(user_id: int) -> None:
        throttle.arrivals("a", calls, max_in_flight=1)

    throttle.start("a", "1/s")
    bench.do(make_scenario(start), 2)
    bench.clock.advance(3)

    assert calls.began == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize("force", [False, True], ids=["stop", "kill"])
def test_the_slots_of_calls_come_back_with_the_end_of_the_user(bench: Bench, force: bool) -> None:
    drive(bench, Calls(bench, lasts_s=100), "2 parallel", stop_timeout=5)
    assert throttle.info("a").held == 2

    bench.node.local.remove(1, force=force)
    bench.clock.advance(10)

    assert (throttle.info("a").held, bench.count("running")) == (0, 0)


def test_a_call_that_exits_makes_no_room_for_a_queue(bench: Bench) -> None:
    calls = Calls(bench)

    def exit_at_first(permit: Permit) -> None:
        calls(permit)
        if len(calls.began) == 1:
            raise gevent.GreenletExit

    operation = drive(bench, exit_at_first, max_in_flight=1)
    bench.clock.advance(3)

    assert (calls.began, operation.dropped) == ([0.0, 1.0, 2.0, 3.0], 0)


def test_a_slot_comes_back_where_its_call_never_began(bench: Bench) -> None:
    calls = Calls(bench)

    def end_it() -> None:
        throttle.change_rate("a", "1 parallel")
        users.stop()

    def start(user_id: int) -> None:
        users.spawn(end_it)
        throttle.arrivals("a", calls, max_in_flight=1)

    throttle.start("a", 0)
    bench.do(make_scenario(start), 1)

    info = throttle.info("a")
    assert (calls.began, info.granted, info.held) == ([], 1, 0)


def test_no_greenlet_is_left_of_calls_that_are_over(bench: Bench) -> None:
    calls = Calls(bench)

    def start(user_id: int) -> None:
        with pytest.raises(ThrottleStopped):
            throttle.arrivals("a", calls, max_in_flight=9)
        users.sleep(100)

    throttle.start("a", "1/s")
    bench.do(make_scenario(start), 1)
    bench.clock.advance(1.5)

    throttle.stop("a")
    bench.clock.advance(0)

    assert all(greenlet.dead for greenlet in calls.greenlets)


def test_a_user_that_goes_on_after_its_stop_gets_no_call(bench: Bench) -> None:
    calls = Calls(bench)

    def start(user_id: int) -> None:
        with pytest.raises(users.UserStop):
            users.sleep(100)
        throttle.arrivals("a", calls, max_in_flight=1)

    throttle.start("a", "1/s")
    bench.do(make_scenario(start), 1)

    bench.node.local.remove(1)
    bench.clock.advance(5)

    assert (calls.began, bench.count("removed")) == ([], 1)


@pytest.mark.parametrize("rate", ["infinity", "5 parallel"])
def test_without_a_schedule_nothing_is_dropped_and_calls_follow_one_another(
    bench: Bench, rate: str
) -> None:
    def act(user_id: int) -> None:
        throttle.start("calls", rate)
        throttle.arrivals("calls", lambda permit: users.sleep(1), max_in_flight=2)

    bench.do(make_scenario(act), 1)
    bench.clock.advance(5.5)

    operation = bench.node.recorder.operations["calls"]
    assert (operation.ok.total, operation.dropped) == (10, 0)
