"""What a user can do: sleep, keep a pace, talk."""

import pytest

from crowsg import users
from crowsg.errors import NoCurrentUser
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
