"""What is run or sent at the pace of a throttle, and who is told when it fails."""

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from greenlet import getcurrent

from crowsg import throttle, users
from crowsg.errors import NoCurrentUser, NoSuchThrottle, NotSendable
from crowsg.testing import capture_events
from tests.support.nodes import Bench, make_scenario, sleep_for_ever

FAILURE = ("crowsg", "throttle", "failure")


def raise_error(error: BaseException) -> None:
    raise error


def live(bench: Bench, act: Callable[[], Any], rate: object = "infinity", **settings: Any) -> None:
    """Start a throttle ``"a"`` and a user that does ``act`` and then idles."""

    def start(user_id: int) -> None:
        act()
        sleep_for_ever(user_id)

    bench.do(make_scenario(start, init=lambda: throttle.start("a", rate)), 1, **settings)


def run_three(function: Callable[..., Any], *args: Any) -> None:
    for _ in range(3):
        throttle.run("a", function, *args)


def run_and_leave(function: Callable[..., Any], after_s: float) -> Callable[[int], None]:
    """Return a user that runs something and ends a while later."""

    def start(user_id: int) -> None:
        throttle.run("a", function)
        users.sleep(after_s)

    return start


def test_functions_are_called_one_at_each_permit(bench: Bench) -> None:
    called: list[float] = []

    live(bench, lambda: run_three(lambda: called.append(bench.clock.now())), "1/s")
    bench.clock.advance(5)

    assert called == [0.0, 1.0, 2.0]


def test_run_returns_before_the_function_is_called(bench: Bench) -> None:
    order: list[str] = []

    def act() -> None:
        throttle.run("a", order.append, "called")
        order.append("returned")

    live(bench, act)

    assert order == ["returned", "called"]


def test_each_function_has_a_greenlet_of_its_own(bench: Bench) -> None:
    greenlets: list[Any] = []

    def act() -> None:
        greenlets.append(getcurrent())
        run_three(lambda: greenlets.append(getcurrent()))

    live(bench, act)

    assert len(set(greenlets)) == 4


def test_a_function_is_part_of_the_user(bench: Bench) -> None:
    found: list[users.User] = []

    live(bench, lambda: throttle.run("a", lambda: found.append(users.current())))

    assert [user.id for user in found] == [1]


def test_a_function_gets_its_arguments(bench: Bench) -> None:
    got: list[tuple[int, str]] = []

    live(bench, lambda: throttle.run("a", lambda *args: got.append(args), 1, "two"))

    assert got == [(1, "two")]


def test_slow_functions_hold_up_no_later_one(bench: Bench) -> None:
    begun: list[float] = []

    def work() -> None:
        begun.append(bench.clock.now())
        users.sleep(100)

    live(bench, lambda: run_three(work), "1/s")
    bench.clock.advance(5)

    assert begun == [0.0, 1.0, 2.0]


def test_a_function_that_goes_on_ends_with_its_user(bench: Bench) -> None:
    ended: list[float] = []

    def work() -> None:
        try:
            users.sleep(100)
        finally:
            ended.append(bench.clock.now())

    throttle.start("a", "infinity")
    bench.do(make_scenario(run_and_leave(work, 1)), 1)
    bench.clock.advance(5)

    assert (ended, bench.count("finished")) == ([1.0], 1)


def test_a_function_whose_user_has_ended_uses_up_no_permit(bench: Bench) -> None:
    called: list[int] = []
    throttle.start("a", 0)
    bench.do(make_scenario(run_and_leave(lambda: called.append(1), 1)), 1)
    bench.clock.advance(2)

    throttle.change_rate("a", "infinity")
    bench.clock.advance(1)

    assert (called, throttle.info("a").granted) == ([], 0)


def test_init_runs_functions_too(bench: Bench) -> None:
    called: list[float] = []

    def init() -> None:
        throttle.start("a", "1/s")
        run_three(lambda: called.append(bench.clock.now()))

    bench.do(make_scenario(init=init), 0)
    bench.clock.advance(5)

    assert called == [0.0, 1.0, 2.0]


def test_a_function_that_no_user_runs_belongs_to_none(bench: Bench) -> None:
    found: list[str] = []

    def work() -> None:
        with pytest.raises(NoCurrentUser):
            users.current()
        found.append("none")

    throttle.start("a", "infinity")
    throttle.run("a", work)
    bench.clock.advance(0)

    assert found == ["none"]


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda: None, id="return"),
        pytest.param(lambda: raise_error(ValueError()), id="failure"),
        pytest.param(lambda: raise_error(SystemExit()), id="SystemExit"),
        pytest.param(lambda: raise_error(gevent.GreenletExit()), id="GreenletExit"),
        pytest.param(users.stop, id="end of the user"),
    ],
)
def test_the_slot_comes_back_however_the_function_ends(
    bench: Bench, work: Callable[[], object]
) -> None:
    live(bench, lambda: throttle.run("a", work), "1 parallel")
    bench.clock.advance(1)

    info = throttle.info("a")
    assert (info.granted, info.held) == (1, 0)


@pytest.mark.parametrize("force", [False, True], ids=["stop", "kill"])
def test_the_slot_comes_back_when_the_user_is_removed(bench: Bench, force: bool) -> None:
    live(bench, lambda: throttle.run("a", users.sleep, 100), "1 parallel")
    assert throttle.info("a").held == 1

    bench.node.local.remove(1, force=force)
    bench.clock.advance(1)

    assert throttle.info("a").held == 0


def test_a_parallel_throttle_lets_only_so_many_functions_go_on(bench: Bench) -> None:
    begun: list[float] = []

    def work() -> None:
        begun.append(bench.clock.now())
        users.sleep(1)

    live(bench, lambda: run_three(work), "2 parallel")
    bench.clock.advance(5)

    assert begun == [0.0, 0.0, 1.0]


ERRORS = [
    pytest.param(ValueError("bad"), id="Exception"),
    pytest.param(SystemExit(3), id="SystemExit"),
    pytest.param(KeyboardInterrupt(), id="KeyboardInterrupt"),
    pytest.param(gevent.Timeout(3), id="Timeout"),
    pytest.param(ValueError("x" * 1_000_000), id="a long text"),
]


@pytest.mark.parametrize("error", ERRORS)
def test_a_failure_is_an_error_of_the_run(bench: Bench, error: BaseException) -> None:
    live(bench, lambda: throttle.run("a", raise_error, error))

    (group,) = bench.node.recorder.failures.groups()
    assert (group.kind, group.count) == (type(error).__name__, 1)


@pytest.mark.parametrize("error", ERRORS)
def test_a_failure_is_an_event(bench: Bench, error: BaseException) -> None:
    with capture_events(bench.node.telemetry, FAILURE) as events:
        live(bench, lambda: throttle.run("a", raise_error, error))

    (event,) = events
    assert event.measurements == {"error": 1}
    assert event.metadata["name"] == "a"
    assert event.metadata["reason"].startswith(type(error).__name__)


@pytest.mark.parametrize("error", ERRORS)
def test_a_failure_is_told_to_the_user(bench: Bench, error: BaseException) -> None:
    told: list[Any] = []

    def act() -> None:
        throttle.run("a", raise_error, error)
        told.append(users.receive())

    live(bench, act)

    ((word, name, reason),) = told
    assert (word, name) == ("throttle_failed", "a")
    assert reason.startswith(type(error).__name__)


@pytest.mark.parametrize("error", ERRORS)
def test_a_failure_does_not_fail_the_user(bench: Bench, error: BaseException) -> None:
    throttle.start("a", "infinity")

    bench.do(make_scenario(run_and_leave(lambda: raise_error(error), 1)), 1)
    bench.clock.advance(2)

    assert (bench.count("finished"), bench.count("failed")) == (1, 0)


def test_a_failure_of_what_no_user_runs_is_an_error_and_an_event(bench: Bench) -> None:
    throttle.start("a", "infinity")

    with capture_events(bench.node.telemetry, FAILURE) as events:
        throttle.run("a", raise_error, ValueError())
        bench.clock.advance(0)

    (group,) = bench.node.recorder.failures.groups()
    assert (group.kind, group.count, len(events)) == ("ValueError", 1, 1)


def test_a_function_that_ends_its_user_has_not_failed(bench: Bench) -> None:
    with capture_events(bench.node.telemetry, FAILURE) as events:
        live(bench, lambda: throttle.run("a", users.stop))

    assert (events, bench.count("finished")) == ([], 1)


@pytest.mark.parametrize(
    "after_s",
    [pytest.param(1, id="while it waits"), pytest.param(None, id="before its first step")],
)
def test_a_stop_of_the_throttle_is_told_but_is_no_error(
    bench: Bench, after_s: float | None
) -> None:
    told: list[Any] = []

    def act() -> None:
        throttle.run("a", print)
        if after_s is not None:
            users.sleep(after_s)
        throttle.stop("a")
        told.append(users.receive())

    live(bench, act, 0)
    bench.clock.advance(2)

    assert told == [("throttle_failed", "a", "ThrottleStopped: throttle 'a' was stopped")]
    assert bench.node.recorder.failures.groups() == ()


def test_a_function_that_meets_another_stopped_throttle_has_failed(bench: Bench) -> None:
    def act() -> None:
        throttle.start("b", 0)
        throttle.run("a", throttle.wait, "b")
        users.sleep(1)
        throttle.stop("b")

    live(bench, act)
    bench.clock.advance(2)

    (group,) = bench.node.recorder.failures.groups()
    assert (group.kind, group.count) == ("ThrottleStopped", 1)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda: throttle.run("none", print), id="run"),
        pytest.param(lambda: throttle.send("none", "hello"), id="send"),
    ],
)
def test_an_unknown_throttle_is_refused_at_once(bench: Bench, call: Callable[[], object]) -> None:
    refused: list[str] = []

    def act() -> None:
        try:
            call()
        except NoSuchThrottle as error:
            refused.append(error.name)

    live(bench, act)

    assert refused == ["none"]


def test_what_is_run_is_told_as_requested_and_executed(bench: Bench) -> None:
    names = [("crowsg", "throttle", "request"), ("crowsg", "throttle", "execute")]
    throttle.start("a", "infinity")

    with capture_events(bench.node.telemetry, *names) as events:
        throttle.run("a", lambda: None)
        bench.clock.advance(0)

    told = [(event.name[-1], event.metadata["name"]) for event in events]
    assert told == [("request", "a"), ("execute", "a")]


def test_a_user_sends_to_itself_at_the_pace_of_the_throttle(bench: Bench) -> None:
    got: list[tuple[float, str]] = []

    def act() -> None:
        for text in ("one", "two"):
            throttle.send("a", text)
        for _ in range(2):
            message = users.receive()
            got.append((bench.clock.now(), message))

    live(bench, act, "1/s")
    bench.clock.advance(5)

    assert got == [(0.0, "one"), (1.0, "two")]


def test_a_user_sends_to_another(bench: Bench) -> None:
    everybody: dict[int, users.User] = {}
    got: list[tuple[int, str]] = []

    def start(user_id: int) -> None:
        everybody[user_id] = users.current()
        if user_id == 2:
            throttle.send("a", "hello", everybody[1])
        got.append((user_id, users.receive()))

    throttle.start("a", "infinity")
    bench.do(make_scenario(start), 2)

    assert got == [(1, "hello")]


def test_what_no_user_sends_needs_a_receiver(bench: Bench) -> None:
    throttle.start("a", "infinity")

    with pytest.raises(NoCurrentUser):
        throttle.send("a", "hello")


def test_what_cannot_be_sent_is_refused_at_once(bench: Bench) -> None:
    refused: list[str] = []

    def act() -> None:
        try:
            throttle.send("a", object())
        except NotSendable as error:
            refused.append(error.reason)

    live(bench, act)

    assert refused == ["not_sendable"]


def test_a_message_arrives_as_it_was_when_it_was_sent(bench: Bench) -> None:
    told: list[Any] = []

    def act() -> None:
        message = ["as it is"]
        throttle.send("a", message)
        message.append("and more")
        told.append(users.receive())

    live(bench, act)

    assert told == [["as it is"]]
