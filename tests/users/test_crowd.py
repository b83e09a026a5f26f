"""However a user ends, it is accounted for exactly once, and the node goes on."""

import logging
import random
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event

from crowsg import users
from crowsg.metrics.lives import Life
from crowsg.testing import capture_events
from crowsg.testing.manual_clock import settle
from tests.support.nodes import (
    Bench,
    ignore_the_stop,
    is_balanced,
    make_scenario,
    sleep_for_ever,
    survive_kills,
)

SECOND = 1_000_000_000


class Unprintable(Exception):
    """An exception that fails when it is looked at."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


def throw(error: BaseException) -> Callable[[int], None]:
    def start(user_id: int) -> None:
        users.sleep(1)
        raise error

    return start


def recurse(user_id: int) -> None:
    recurse(user_id)


def leave_the_program(user_id: int) -> None:
    sys.exit(user_id)  # noqa: TID251 - what scenarios do


def time_out(user_id: int) -> None:
    with gevent.Timeout(0.001):
        gevent.get_hub().switch()


ENDINGS = [
    pytest.param(lambda user_id: None, "finished", id="return"),
    pytest.param(lambda user_id: "value", "finished", id="return a value"),
    pytest.param(lambda user_id: users.stop(), "finished", id="stop itself"),
    pytest.param(lambda user_id: users.stop(users.current(), True), "finished", id="force itself"),
    pytest.param(throw(gevent.GreenletExit()), "finished", id="GreenletExit"),
    pytest.param(throw(ValueError("bad")), "failed", id="Exception"),
    pytest.param(throw(SystemExit(1)), "failed", id="SystemExit"),
    pytest.param(throw(KeyboardInterrupt()), "failed", id="KeyboardInterrupt"),
    pytest.param(throw(BaseException("base")), "failed", id="BaseException"),
    pytest.param(throw(StopIteration()), "failed", id="StopIteration"),
    pytest.param(throw(GeneratorExit()), "failed", id="GeneratorExit"),
    pytest.param(throw(MemoryError()), "failed", id="MemoryError"),
    pytest.param(throw(Unprintable()), "failed", id="unprintable"),
    pytest.param(throw(ValueError("x" * 10_000_000)), "failed", id="10 MB of text"),
    pytest.param(throw(ExceptionGroup("many", [ValueError()])), "failed", id="ExceptionGroup"),
    pytest.param(recurse, "failed", id="RecursionError"),
    pytest.param(time_out, "failed", id="Timeout"),
    pytest.param(leave_the_program, "failed", id="sys.exit"),
]


@pytest.mark.parametrize(("start", "outcome"), ENDINGS)
def test_every_ending_is_counted_once(bench: Bench, start: Any, outcome: str) -> None:
    """R10: 100 users of each, and the node goes on."""
    bench.do(make_scenario(start), 100)

    bench.clock.advance_until(lambda: bench.count("running") == 0)

    counts = bench.node.local.status().users.as_dict()
    assert counts[outcome] == 100
    assert is_balanced(counts)
    assert bench.state() == "running"
    groups = bench.node.recorder.failures.groups()
    assert sum(group.count for group in groups) == (100 if outcome == "failed" else 0)


@pytest.mark.parametrize(("start", "outcome"), ENDINGS)
def test_every_ending_has_one_start_and_one_end_event(
    bench: Bench, start: Any, outcome: str
) -> None:
    """R10."""
    with capture_events(bench.node.telemetry, ("crowsg", "scenario", "start", "*")) as events:
        bench.do(make_scenario(start, name="ends"), 3)
        bench.clock.advance_until(lambda: bench.count("running") == 0)

    kinds = [event.name[-1] for event in events]
    assert (kinds.count("start"), kinds.count("stop") + kinds.count("exception")) == (3, 3)
    assert {event.metadata["user_id"] for event in events} == {1, 2, 3}
    assert all(event.metadata["scenario"] == "ends" for event in events)


def test_a_user_that_is_asked_to_stop_is_removed_however_it_returns(bench: Bench) -> None:
    def crash_when_stopped(user_id: int) -> None:
        try:
            sleep_for_ever(user_id)
        except users.UserStop:
            raise ValueError from None

    bench.do(make_scenario(crash_when_stopped), 3)

    bench.node.local.remove(3)
    bench.clock.advance(0)

    assert (bench.count("removed"), bench.count("failed")) == (3, 0)


def test_user_stop_is_raised_once_and_told_ever_after(bench: Bench) -> None:
    seen: list[bool] = []

    def go_on(user_id: int) -> None:
        seen.append(users.current().stopping)
        with pytest.raises(users.UserStop):
            users.sleep(1000)
        users.sleep(10)
        seen.append(users.current().stopping)

    bench.do(make_scenario(go_on), 1)

    bench.node.local.remove(1)
    bench.clock.advance(1)
    bench.node.crowd.stop(bench.node.crowd._leaving[1])
    bench.clock.advance(20)

    assert (seen, bench.count("removed")) == ([False, True], 1)


def test_a_forced_user_is_killed_when_its_grace_is_over(bench: Bench) -> None:
    bench.do(make_scenario(ignore_the_stop), 1, stop_timeout=5)

    bench.node.local.remove(1, force=True)
    bench.clock.advance(4.9)
    assert bench.count("running") == 1

    bench.clock.advance(0.2)
    assert bench.count("killed") == 1


def test_cleaning_up_may_take_as_long_as_the_grace(bench: Bench) -> None:
    cleaned: list[int] = []

    def clean_up(user_id: int) -> None:
        try:
            sleep_for_ever(user_id)
        finally:
            users.sleep(1.5)
            cleaned.append(user_id)

    bench.do(make_scenario(clean_up), 3)

    bench.node.local.stop()
    bench.clock.advance(2)

    assert (sorted(cleaned), bench.count("removed")) == ([1, 2, 3], 3)


def test_a_user_that_survives_its_kill_is_running_and_stuck(bench: Bench) -> None:
    bench.do(make_scenario(survive_kills), 2)

    bench.node.local.remove(1, force=True)
    bench.clock.advance(2.6)

    assert (bench.count("running"), bench.count("stuck")) == (2, 1)
    assert not bench.node.crowd.unkillable.is_set()
    bench.clock.advance(1)
    assert bench.node.crowd.unkillable.is_set()


def test_a_user_that_dies_of_the_second_kill_is_no_longer_stuck(bench: Bench) -> None:
    def survive_one(user_id: int) -> None:
        for _ in range(2):
            try:
                sleep_for_ever(user_id)
            except gevent.GreenletExit:
                continue
        sleep_for_ever(user_id)

    bench.do(make_scenario(survive_one), 1)

    bench.node.local.remove(1, force=True)
    bench.clock.advance(2.6)

    assert (bench.count("killed"), bench.count("stuck")) == (1, 0)


def test_a_user_stopped_before_its_first_step_never_takes_it(bench: Bench) -> None:
    steps: list[int] = []
    bench.do(make_scenario(lambda user_id: steps.append(user_id)), 0)

    bench.node.crowd._begin(4, 0.0)
    bench.node.crowd._users[4].ask_to_stop()
    bench.node.crowd._users[4].kill()
    bench.clock.advance(0)

    assert (steps, bench.count("killed"), bench.count("running")) == ([], 1, 0)


def test_an_exception_of_a_child_fails_its_user(bench: Bench) -> None:
    def spawn_a_failure(user_id: int) -> None:
        users.spawn(lambda: 1 / 0)
        users.sleep(1)

    bench.do(make_scenario(spawn_a_failure), 2)
    bench.clock.advance(1)

    assert bench.count("failed") == 2
    group = bench.node.recorder.failures.groups()[0]
    assert (group.kind, group.count) == ("ZeroDivisionError", 2)


def test_children_end_with_their_user(bench: Bench) -> None:
    ended: list[str] = []

    def child() -> None:
        try:
            users.sleep(1000)
        finally:
            ended.append("child")

    def start(user_id: int) -> None:
        users.spawn(child)
        users.sleep(1)

    bench.do(make_scenario(start), 1)
    bench.clock.advance(1)

    assert (ended, bench.count("finished")) == (["child"], 1)


def test_a_child_can_stop_its_user(bench: Bench) -> None:
    def start(user_id: int) -> None:
        users.spawn(users.stop)
        sleep_for_ever(user_id)

    bench.do(make_scenario(start), 1)
    bench.clock.advance(0)

    assert bench.count("finished") == 1


def test_a_stray_greenlet_that_exits_harms_nobody(bench: Bench) -> None:
    def start(user_id: int) -> None:
        gevent.spawn(leave_the_program, 3)
        users.sleep(1)

    bench.do(make_scenario(start), 2)
    bench.clock.advance(1)

    assert bench.count("finished") == 2
    assert bench.node.recorder.failures.groups()[0].kind == "SystemExit"


class OddType(type):
    """A metaclass that hides what its classes are called."""

    def __getattribute__(cls, name: str) -> Any:
        if name == "__name__":
            raise RuntimeError
        return super().__getattribute__(name)


class OddError(Exception, metaclass=OddType):
    """An exception that lies about itself."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise RuntimeError


def test_an_exception_that_cannot_be_examined_is_counted(bench: Bench) -> None:
    bench.do(make_scenario(throw(OddError())), 3)
    bench.clock.advance(1)

    assert (bench.count("failed"), bench.count("running")) == (3, 0)


def test_a_log_that_blocks_holds_up_no_count(bench: Bench) -> None:
    written = Event()

    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.wait()

    handler = Slow()
    logging.getLogger("crowsg").addHandler(handler)
    try:
        bench.do(make_scenario(throw(ValueError())), 3)
        bench.clock.advance(1)
        assert (bench.count("failed"), bench.count("running")) == (3, 0)
    finally:
        logging.getLogger("crowsg").removeHandler(handler)
        written.set()
        settle()


def test_a_handler_that_kills_the_starter_stops_only_those_users(bench: Bench) -> None:
    def give_up(*_: object) -> None:
        raise gevent.GreenletExit

    event = ("crowsg", "throttle", "request")
    bench.node.telemetry.attach("gives up", event, give_up)
    bench.do(make_scenario(), 2)
    bench.node.telemetry.detach("gives up")

    bench.node.local.add(1)
    bench.clock.advance(0)

    assert bench.count("running") == 3


def test_one_user_can_stop_another(bench: Bench) -> None:
    found: list[users.User] = []

    def start(user_id: int) -> None:
        found.append(users.current())
        if user_id == 2:
            users.stop(found[0])
            users.stop(found[0], force=True)
        sleep_for_ever(user_id)

    bench.do(make_scenario(start), 2)
    bench.clock.advance(0)
    users_left = bench.count("running")
    bench.node.crowd.stop(found[0])

    assert (users_left, bench.count("removed")) == (1, 1)


@pytest.mark.parametrize("seed", range(20))
def test_the_identity_of_users_holds_at_every_moment(bench: Bench, seed: int) -> None:
    rng = random.Random(seed)

    def live(user_id: int) -> None:
        try:
            users.sleep(rng.uniform(0, 3))
            if rng.random() < 0.2:
                raise ValueError
        except users.UserStop:
            if rng.random() < 0.5:
                users.sleep(rng.uniform(0, 5))

    acts: list[Callable[[], object]] = [
        lambda: bench.node.local.add(rng.randrange(20)),
        lambda: bench.node.local.remove(rng.randrange(10), rng.random() < 0.5),
        lambda: bench.node.local.update_settings({"user_rate": rng.choice([0, "5/s", "inf"])}),
        lambda: bench.clock.advance(rng.uniform(0, 2)),
    ]
    bench.node.local.do(make_scenario(live), 10, {"user_rate": "5/s"})

    for _ in range(100):
        rng.choice(acts)()
        assert is_balanced(bench.node.local.status().users.as_dict())
    bench.node.local.stop()
    bench.clock.advance(10)

    counts = bench.node.local.status().users
    assert (bench.state(), counts.waiting, counts.running) == ("finished", 0, 0)
    assert is_balanced(counts.as_dict())


def test_the_durations_of_users_are_kept(bench: Bench) -> None:
    bench.do(make_scenario(lambda user_id: users.sleep(user_id)), 3)
    bench.clock.advance(5)

    durations = bench.node.recorder.lives.durations
    assert (durations.total, durations.sum_ns, durations.max_ns) == (3, 6 * SECOND, 3 * SECOND)


@pytest.mark.parametrize(("start", "outcome"), ENDINGS)
def test_every_ending_leaves_one_life(bench: Bench, start: Any, outcome: str) -> None:
    """R10."""
    bench.node.recorder.lives.keep()
    bench.do(make_scenario(start), 3)

    bench.clock.advance_until(lambda: bench.count("running") == 0)

    lives = [life for life in bench.node.recorder.lives.take() if isinstance(life, Life)]
    assert sorted((life.user_id, life.outcome) for life in lives) == [
        (user_id, outcome) for user_id in (1, 2, 3)
    ]


def test_a_life_runs_from_the_first_step_to_the_end(bench: Bench) -> None:
    bench.node.recorder.lives.keep()
    bench.clock.advance(1)
    bench.do(make_scenario(lambda user_id: users.sleep(2)), 1)
    bench.clock.advance(5)

    (life,) = bench.node.recorder.lives.take()
    assert isinstance(life, Life)
    assert (life.began_ns, life.ended_ns) == (1 * SECOND, 3 * SECOND)


def test_a_user_that_was_waiting_leaves_a_life_without_times(bench: Bench) -> None:
    bench.node.recorder.lives.keep()
    bench.node.local.do(make_scenario(), 2, {"user_rate": 0})
    bench.clock.advance(1)

    bench.node.local.remove(1)

    lives = bench.node.recorder.lives
    assert lives.take() == [range(2, 3)]
    assert lives.durations.total == 0


def test_a_user_killed_before_its_first_step_lived_no_time(bench: Bench) -> None:
    bench.node.recorder.lives.keep()
    bench.do(make_scenario(), 0)

    bench.node.crowd._begin(4, 0.0)
    bench.node.crowd._users[4].kill()
    bench.clock.advance(1)

    assert bench.node.recorder.lives.take() == [Life(4, 0, 0, "killed")]


@pytest.mark.parametrize("seed", range(10))
def test_lives_and_counts_agree(bench: Bench, seed: int) -> None:
    rng = random.Random(seed)

    def live(user_id: int) -> None:
        users.sleep(rng.uniform(0, 3))
        if rng.random() < 0.3:
            raise ValueError

    bench.node.recorder.lives.keep()
    bench.node.local.do(make_scenario(live), 20, {"user_rate": "5/s"})
    for _ in range(20):
        bench.node.local.add(rng.randrange(1, 5))
        bench.node.local.remove(rng.randrange(5), rng.random() < 0.5)
        bench.clock.advance(rng.uniform(0, 1))
    bench.node.local.stop()
    bench.clock.advance(10)

    lives, counts = bench.node.recorder.lives, bench.node.local.status().users
    outcomes: Counter[str] = Counter()
    for life in lives.take():
        if isinstance(life, range):
            outcomes["cancelled"] += len(life)
        else:
            outcomes[life.outcome] += 1
    assert outcomes == {name: n for name, n in counts.as_dict().items() if n and name != "asked"}
    assert lives.durations.total == counts.started


def test_a_user_is_found_until_it_has_ended(bench: Bench) -> None:
    crowd = bench.node.crowd
    bench.do(make_scenario(ignore_the_stop), 1)
    user = crowd.find(1)
    found = [user]

    crowd.remove(1)
    bench.clock.advance(0)
    found.append(crowd.find(1))
    crowd.stop_all(at_once=True)
    bench.clock.advance(1)
    found.append(crowd.find(1))

    assert user is not None
    assert found == [user, user, None]


def test_nobody_is_found_where_nobody_is(bench: Bench) -> None:
    assert bench.node.crowd.find(1) is None
