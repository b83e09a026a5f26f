"""What a user can do: sleep, keep a pace, talk."""

from typing import Any

import gevent
import pytest

from crowsg import users
from crowsg.errors import NoCurrentUser
from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle
from tests.support.nodes import Bench, make_scenario, sleep_for_ever


def test_pace_makes_each_round_take_its_time(bench: Bench) -> None:
    beats: list[float] = []

    def start(user_id: int) -> None:
        for work in (0.2, 0.9, 0.0):
            users.pace(1)
            beats.append(bench.clock.now_ns() / 1e9)
            users.sleep(work)

    bench.do(make_scenario(start), 1)
    bench.clock.advance(5)

    assert beats == [0.0, 1.0, 2.0]


def test_a_late_user_goes_on_at_once_and_does_not_catch_up(bench: Bench) -> None:
    beats: list[float] = []

    def start(user_id: int) -> None:
        for work in (2.5, 0.0, 0.0):
            users.pace(1)
            beats.append(bench.clock.now_ns() / 1e9)
            users.sleep(work)

    bench.do(make_scenario(start), 1)
    bench.clock.advance(5)

    assert beats == [0.0, 2.5, 3.5]


def test_a_message_reaches_another_user(bench: Bench) -> None:
    received: list[object] = []
    found: list[users.User] = []

    def start(user_id: int) -> None:
        if user_id == 1:
            found.append(users.current())
            received.append(users.receive())
        else:
            found[0].send(("hello", {"from": user_id}))

    bench.do(make_scenario(start), 2)
    bench.clock.advance(0)

    assert received == [("hello", {"from": 2})]


def test_receive_gives_up_after_its_timeout(bench: Bench) -> None:
    waited: list[float] = []

    def start(user_id: int) -> None:
        with pytest.raises(TimeoutError):
            users.receive(timeout=3)
        waited.append(bench.clock.now_ns() / 1e9)

    bench.do(make_scenario(start), 1)
    bench.clock.advance(10)

    assert waited == [3.0]


def test_sleep_works_in_init_where_no_user_is(bench: Bench) -> None:
    bench.do(make_scenario(init=lambda: users.sleep(0)), 0)

    assert bench.state() == "running"


@pytest.mark.parametrize("call", [users.current, users.receive, users.stop])
def test_what_needs_a_user_says_so_in_init(bench: Bench, call: object) -> None:
    def init() -> None:
        with pytest.raises(NoCurrentUser):
            call()  # type: ignore[operator]

    bench.do(make_scenario(init=init), 0)

    assert bench.state() == "running"


def test_a_user_knows_its_id(bench: Bench) -> None:
    seen: list[int] = []

    def start(user_id: int) -> None:
        users.spawn(lambda: seen.append(users.current().id))
        sleep_for_ever(user_id)

    bench.do(make_scenario(start), 2)
    bench.clock.advance(0)

    assert seen == [1, 2]
    assert repr(users.User(7, bench.clock)) == "<User 7>"


class Life:
    """A user whose greenlet waits until it is stopped, and what it was stopped by."""

    def __init__(self) -> None:
        self.user = users.User(1, ManualClock())
        self.stopped_by: list[type[BaseException]] = []
        self.user.began_ns = 0
        self.user.begin(gevent.Greenlet(self._live))
        settle()

    def _live(self) -> None:
        try:
            gevent.get_hub().switch()
        except BaseException as error:  # noqa: BLE001 - whatever it is
            self.stopped_by.append(type(error))


def test_a_stop_reaches_a_user_that_holds_nothing() -> None:
    life = Life()

    life.user.ask_to_stop()
    settle()

    assert life.stopped_by == [users.UserStop]


def test_a_stop_waits_while_something_is_held() -> None:
    life = Life()
    life.user.held += 1

    life.user.ask_to_stop()
    settle()

    assert (life.stopped_by, life.user.stop_is_due) == ([], True)


def test_a_stop_that_waited_comes_through_with_the_release_of_the_last() -> None:
    life = Life()
    life.user.held = 2
    life.user.ask_to_stop()

    for _ in range(2):
        settle()
        assert life.stopped_by == []
        life.user.held -= 1
        life.user.release()
    settle()

    assert life.stopped_by == [users.UserStop]


@pytest.mark.parametrize(
    ("end", "error"),
    [
        pytest.param(users.User.insist, users.UserStop, id="insist"),
        pytest.param(users.User.kill, gevent.GreenletExit, id="kill"),
    ],
)
def test_who_insists_or_kills_does_not_wait(end: Any, error: type[BaseException]) -> None:
    life = Life()
    life.user.held += 1
    life.user.ask_to_stop()

    end(life.user)
    settle()

    assert life.stopped_by == [error]


def test_a_release_without_a_stop_changes_nothing() -> None:
    life = Life()

    life.user.release()
    settle()

    assert life.stopped_by == []


def test_nothing_is_refused_while_no_stop_is_due(bench: Bench) -> None:
    reached: list[int] = []

    def start(user_id: int) -> None:
        users.current().refuse_to_begin()
        reached.append(user_id)

    bench.do(make_scenario(start), 1)

    assert reached == [1]


def test_what_would_hold_up_a_stop_that_is_due_is_refused_once(bench: Bench) -> None:
    refused: list[bool] = []

    def start(user_id: int) -> None:
        user = users.current()
        user.ask_to_stop()
        with pytest.raises(users.UserStop):
            user.refuse_to_begin()
        user.refuse_to_begin()
        refused.append(user.stop_is_due)

    bench.do(make_scenario(start), 1)

    assert (refused, bench.count("removed")) == ([False], 1)


def test_nothing_is_refused_within_what_a_stop_waits_for(bench: Bench) -> None:
    due: list[bool] = []

    def start(user_id: int) -> None:
        user = users.current()
        user.held += 1
        user.ask_to_stop()
        user.refuse_to_begin()
        due.append(user.stop_is_due)

    bench.do(make_scenario(start), 1)

    assert due == [True]


def test_a_stop_that_is_due_is_raised_in_no_child(bench: Bench) -> None:
    due: list[bool] = []

    def child() -> None:
        user = users.current()
        user.held += 1
        user.ask_to_stop()
        user.held -= 1
        user.refuse_to_begin()
        due.append(user.stop_is_due)

    def start(user_id: int) -> None:
        users.spawn(child)
        sleep_for_ever(user_id)

    bench.do(make_scenario(start), 1)

    assert (due, bench.count("removed")) == ([True], 1)


def test_a_user_began_when_it_took_its_first_step(bench: Bench) -> None:
    began: list[int | None] = []
    bench.clock.advance(2)

    def start(user_id: int) -> None:
        began.append(users.current().began_ns)

    bench.do(make_scenario(start), 1)

    assert began == [2_000_000_000]


def test_a_user_has_not_begun_before_its_first_step(bench: Bench) -> None:
    assert users.User(7, bench.clock).began_ns is None
