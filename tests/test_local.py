"""The verbs of one node: amoc's amoc_SUITE, cases 1 to 13."""

from collections.abc import Callable
from typing import Any

import pytest

import crowsg
import crowsg.controller
from crowsg import Status
from crowsg.errors import InvalidCount, InvalidStatus
from crowsg.supervision import GreenletState
from tests.support.greenlets import kill
from tests.support.nodes import Bench, ignore_the_stop, make_scenario


def test_stopping_the_node_ends_every_user() -> None:
    """amoc case 1."""
    bench = Bench()
    ended: list[int] = []

    def tell_the_end(user_id: int) -> None:
        try:
            bench.node.clock.sleep(1000)
        finally:
            ended.append(user_id)

    with bench.node:
        bench.do(make_scenario(tell_the_end), 5)

    assert sorted(ended) == [1, 2, 3, 4, 5]


def test_do_starts_the_users_it_was_asked_for(bench: Bench) -> None:
    """amoc case 4."""
    bench.do(make_scenario(), 1)

    assert (bench.state(), bench.count("running")) == ("running", 1)
    assert bench.node.local.status().highest_user_id == 1


def test_add_goes_on_behind_the_highest_id(bench: Bench) -> None:
    """amoc case 5."""
    seen: list[int] = []
    bench.do(make_scenario(lambda user_id: seen.append(user_id)), 2)

    bench.node.local.add(3)
    bench.clock.advance(0)

    assert seen == [1, 2, 3, 4, 5]


def test_removal_takes_the_oldest_users_first(bench: Bench) -> None:
    """amoc case 6; there the order is that of process ids."""
    left: list[int] = []

    def tell_the_end(user_id: int) -> None:
        try:
            bench.node.clock.sleep(1000)
        finally:
            left.append(user_id)

    bench.do(make_scenario(tell_the_end), 50)

    assert bench.node.local.remove(10, force=True) == 10
    bench.clock.advance(0)

    assert left == list(range(1, 11))
    assert (bench.count("running"), bench.node.local.status().highest_user_id) == (40, 50)


@pytest.mark.parametrize("force", [pytest.param(True, id="case 7"), pytest.param(False, id="8")])
def test_one_of_two_users_is_removed(bench: Bench, force: bool) -> None:
    """amoc cases 7 and 8."""
    bench.do(make_scenario(), 2)

    assert bench.node.local.remove(1, force) == 1
    bench.clock.advance(0)

    assert (bench.count("running"), bench.count("removed")) == (1, 1)


def test_users_that_ignore_a_soft_stop_go_on(bench: Bench) -> None:
    """amoc case 11."""
    bench.do(make_scenario(ignore_the_stop), 2)

    assert bench.node.local.remove(10) == 2
    bench.clock.advance(100)

    assert bench.count("running") == 2


def test_no_user_is_removed_twice(bench: Bench) -> None:
    bench.do(make_scenario(ignore_the_stop), 4)

    chosen = [bench.node.local.remove(2, force=True) for _ in range(3)]
    bench.clock.advance(3)

    assert chosen == [2, 2, 0]
    assert (bench.count("running"), bench.count("killed")) == (0, 4)


def test_removal_takes_waiting_users_when_running_ones_do_not_suffice(bench: Bench) -> None:
    bench.do(make_scenario(), 3)
    bench.node.local.update_settings({"user_rate": 0})
    bench.clock.advance(0)
    bench.node.local.add(5)

    assert bench.node.local.remove(6) == 6
    bench.clock.advance(0)

    counts = bench.node.local.status().users
    assert (counts.removed, counts.cancelled, counts.waiting) == (3, 3, 2)


@pytest.mark.parametrize("count", [-1, 1.5, "3", None, True])
@pytest.mark.parametrize("verb", ["add", "remove"])
def test_a_number_of_users_that_is_none_is_refused(bench: Bench, verb: str, count: Any) -> None:
    bench.do(make_scenario(), 1)

    with pytest.raises(InvalidCount, match="whole number"):
        getattr(bench.node.local, verb)(count)

    assert bench.node.local.status().users.asked == 1


def test_a_bad_number_of_users_starts_nothing(bench: Bench) -> None:
    with pytest.raises(InvalidCount, match="whole number"):
        bench.node.local.do(make_scenario(), -1)

    assert bench.state() == "idle"


def test_a_second_do_while_running_is_refused(bench: Bench) -> None:
    bench.do(make_scenario(), 1)

    with pytest.raises(InvalidStatus, match="running"):
        bench.node.local.do(make_scenario(), 1)

    assert bench.count("running") == 1


def test_the_facade_drives_the_current_node(bench: Bench) -> None:
    crowsg.do(make_scenario(), 1, {"user_rate": "inf"})
    crowsg.add(2)
    crowsg.update_settings({"stop_timeout": 1.0})
    bench.clock.advance(0)
    removed = crowsg.remove(1)
    running = crowsg.status()
    crowsg.stop()
    bench.clock.advance(0)
    finished = crowsg.status()
    crowsg.reset()

    assert (removed, running.users.running, running.settings["stop_timeout"]) == (1, 3, 1.0)
    assert (finished.state, finished.users.removed, bench.state()) == ("finished", 3, "idle")


@pytest.mark.parametrize(
    "ask", [crowsg.status, crowsg.controller.status], ids=["node", "controller"]
)
def test_the_status_tells_of_the_loops_of_the_node(bench: Bench, ask: Callable[[], Status]) -> None:
    bench.node.keep("idling", lambda: bench.node.clock.sleep(1000))
    bench.clock.advance(0)
    before = ask().greenlets["idling"]

    kill(bench.node.supervisor, "idling")

    assert before == GreenletState("idling", is_running=True)
    assert ask().greenlets["idling"] == GreenletState("idling", True, 1, "it was killed")


def test_the_status_does_not_tell_of_a_loop_that_was_stopped(bench: Bench) -> None:
    kept = bench.node.keep("idling", lambda: bench.node.clock.sleep(1000))

    kept.stop()

    assert "idling" not in crowsg.status().greenlets


def test_a_node_that_stops_lets_none_of_its_loops_begin_anew() -> None:
    bench = Bench()
    begun: list[int] = []

    def idle() -> None:
        begun.append(1)
        bench.node.clock.sleep(1000)

    with bench.node:
        bench.node.keep("idling", idle)
        bench.clock.advance(0)
    bench.clock.advance(10)

    assert begun == [1]
    assert bench.node.supervisor.states() == {}


def test_a_loop_that_cannot_be_kept_alive_ends_the_process() -> None:
    """R37."""
    bench = Bench()
    with bench.node:
        bench.node.keep("idling", lambda: None)
        bench.clock.advance(1)

    assert bench.ended == ["idling has died 3 times within 60 s, the last time: it returned"]
