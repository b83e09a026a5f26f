"""The status machine: amoc's controller_SUITE, cases 18 to 42."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import gevent
import pytest

import crowsg
from crowsg import Variable, config, throttle, users
from crowsg.errors import (
    InvalidRange,
    InvalidScenario,
    InvalidStatus,
    NoSuchScenario,
    ScenarioFailed,
    SettingsRejected,
)
from crowsg.testing import capture_events
from tests.support.nodes import UNLIMITED, Bench, is_balanced, make_scenario, survive_kills


def fail(*_: object) -> None:
    raise RuntimeError("boom")


def finish_after_100_ms(user_id: int) -> None:
    users.sleep(0.1)


def test_a_fresh_node_is_idle(bench: Bench) -> None:
    """amoc case 18."""
    assert bench.state() == "idle"


def test_a_disabled_node_says_so(bench: Bench) -> None:
    """amoc case 19."""
    bench.node.controller.disable()

    assert bench.state() == "disabled"


def test_a_disabled_node_starts_nothing(bench: Bench) -> None:
    """amoc case 20."""
    bench.node.controller.disable()

    with pytest.raises(InvalidStatus, match="disabled") as caught:
        bench.node.controller.start_scenario(make_scenario())
    assert caught.value.reason == "invalid_status"


def test_a_running_node_cannot_be_disabled(bench: Bench) -> None:
    bench.do(make_scenario(), 0)

    with pytest.raises(InvalidStatus):
        bench.node.controller.disable()


def test_an_unknown_scenario_is_refused_and_changes_nothing(bench: Bench) -> None:
    """amoc case 21."""
    with pytest.raises(NoSuchScenario, match="nowhere"):
        bench.node.controller.start_scenario("nowhere")

    assert bench.state() == "idle"


def test_a_scenario_without_its_required_value_is_refused(bench: Bench) -> None:
    """amoc cases 2 and 22."""
    scenario = make_scenario(required_variables=[Variable("testing_var1", "needed")])

    with pytest.raises(SettingsRejected) as caught:
        bench.node.controller.start_scenario(scenario)

    assert [name for name, _, _ in caught.value.rejected] == ["testing_var1"]
    assert bench.state() == "error"
    assert "testing_var1" in bench.node.local.status().reason


def test_a_started_scenario_runs_without_users(bench: Bench) -> None:
    """amoc cases 3, 23 and 24."""
    bench.node.local.do(make_scenario(name="quiet"), 0)

    status = bench.node.local.status()
    assert (status.state, status.scenario) == ("running", "quiet")
    assert (status.users.asked, status.users.running, status.highest_user_id) == (0, 0, 0)


def test_users_can_be_added_to_a_started_scenario(bench: Bench) -> None:
    """amoc cases 5 and 25."""
    bench.do(make_scenario(), 0)

    bench.node.controller.add_users(1, 10)
    bench.clock.advance(0)

    assert bench.count("running") == 10


@pytest.mark.parametrize(
    ("first_id", "last_id"),
    [
        pytest.param(10, 1, id="descending"),
        pytest.param(0, 1, id="zero"),
        pytest.param(-5, -1, id="negative"),
        pytest.param(3, 8, id="given away in part"),
        pytest.param(5, 5, id="the highest again"),
        pytest.param(6, 7.5, id="no whole number"),
        pytest.param(True, 7, id="no number"),
    ],
)
def test_a_bad_range_of_ids_is_refused(bench: Bench, first_id: int, last_id: int) -> None:
    """amoc case 26."""
    bench.do(make_scenario(), 5)

    with pytest.raises(InvalidRange):
        bench.node.controller.add_users(first_id, last_id)

    assert bench.count("asked") == 5


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda controller: controller.add_users(1, 2), id="add_users"),
        pytest.param(lambda controller: controller.remove_users(1), id="remove_users"),
        pytest.param(lambda controller: controller.stop_scenario(), id="stop_scenario"),
        pytest.param(lambda controller: controller.update_settings({}), id="update_settings"),
    ],
)
@pytest.mark.parametrize("state", ["idle", "finished", "error", "disabled"])
def test_what_needs_a_running_scenario_is_refused_without(
    bench: Bench, state: str, call: Callable[[Any], object]
) -> None:
    """amoc cases 27, 28 and 34."""
    controller = bench.node.controller
    if state == "finished":
        controller.start_scenario(make_scenario())
        controller.stop_scenario()
    elif state == "error":
        with pytest.raises(ScenarioFailed):
            controller.start_scenario(make_scenario(init=fail))
    elif state == "disabled":
        controller.disable()
    assert bench.state() == state

    with pytest.raises(InvalidStatus, match=state):
        call(controller)


def test_status_counts_users_and_names_the_highest_id(bench: Bench) -> None:
    """amoc case 29."""
    bench.do(make_scenario(), 0)

    bench.node.controller.add_users(6, 10)
    bench.clock.advance(0)

    assert bench.count("running") == 5
    assert bench.node.local.status().highest_user_id == 10


@pytest.mark.parametrize(
    ("users_at_first", "asked", "chosen"),
    [
        pytest.param(10, 1, 1, id="case 30: one"),
        pytest.param(10, 7, 7, id="case 31: many"),
        pytest.param(10, 999, 10, id="case 32: more than there are"),
        pytest.param(200, 120, 120, id="case 33: big"),
        pytest.param(0, 10, 0, id="case 10: none there"),
    ],
)
def test_forced_removal_ends_as_many_users_as_there_are(
    bench: Bench, users_at_first: int, asked: int, chosen: int
) -> None:
    """amoc cases 9, 10 and 30 to 33."""
    bench.do(make_scenario(), users_at_first)

    assert bench.node.controller.remove_users(asked, force=True) == chosen
    bench.clock.advance(0)

    assert bench.count("running") == users_at_first - chosen
    assert bench.count("removed") == chosen
    assert bench.node.local.status().highest_user_id == users_at_first


def test_stop_without_users_finishes_at_once(bench: Bench) -> None:
    """amoc case 35."""
    bench.do(make_scenario(), 0)

    bench.node.controller.stop_scenario()

    assert bench.state() == "finished"


def test_stop_with_users_terminates_and_then_finishes(bench: Bench) -> None:
    """amoc cases 36 and 37."""
    bench.do(make_scenario(), 10)

    bench.node.controller.stop_scenario()
    assert bench.state() == "terminating"

    bench.clock.advance(0)
    assert bench.state() == "finished"


def test_rate_zero_starts_no_user(bench: Bench) -> None:
    """amoc case 38."""
    bench.node.local.do(make_scenario(), 1000, {"user_rate": 0})
    bench.clock.advance(3600)

    assert (bench.count("running"), bench.count("waiting")) == (0, 1000)


def test_an_unlimited_rate_starts_everybody_without_time_passing(bench: Bench) -> None:
    """amoc case 39; ours in zero virtual seconds, theirs within 5 ms of real time."""
    bench.node.local.do(make_scenario(), 1000, UNLIMITED)
    bench.clock.advance(0)

    assert bench.count("running") == 1000


def test_start_gets_the_state_and_a_crashing_terminate_still_finishes(bench: Bench) -> None:
    """amoc case 40."""
    seen: list[object] = []
    scenario = make_scenario(
        lambda user_id, state: seen.append(state), init=lambda: "state", terminate=fail
    )
    bench.do(scenario, 1)

    bench.node.controller.stop_scenario()
    bench.clock.advance(0)

    assert seen == ["state"]
    assert bench.state() == "finished"
    assert "boom" in str(bench.node.controller.trouble[0])


def test_a_scenario_without_start_is_refused(bench: Bench) -> None:
    """amoc case 41."""
    scenario = make_scenario()
    del scenario.start

    with pytest.raises(InvalidScenario, match="start is missing"):
        bench.node.controller.start_scenario(scenario)


def test_a_failing_init_is_an_error(bench: Bench) -> None:
    """amoc case 42."""
    with pytest.raises(ScenarioFailed, match="init failed: RuntimeError: boom") as caught:
        bench.node.controller.start_scenario(make_scenario(init=fail))

    assert caught.value.exit_code == 3
    assert bench.state() == "error"


def test_a_failed_start_leaves_no_throttle_behind(bench: Bench) -> None:
    with pytest.raises(ScenarioFailed):
        bench.node.controller.start_scenario(make_scenario(init=fail), {"user_rate": 7})

    assert bench.node.throttles.names() == ()


def test_a_node_runs_again_after_stop_and_after_a_failure(bench: Bench) -> None:
    """amoc cases 12 and 13: there the second run needs a restart, here it does not."""
    bench.do(make_scenario(), 3)
    bench.node.local.stop()
    bench.clock.advance(0)
    with pytest.raises(ScenarioFailed):
        bench.node.controller.start_scenario(make_scenario(init=fail))

    bench.do(make_scenario(), 2)

    assert (bench.state(), bench.count("asked"), bench.count("running")) == ("running", 2, 2)


@pytest.mark.parametrize("callback", ["setup", "init", "terminate", "teardown"])
def test_a_callback_cannot_reset_its_own_run(bench: Bench, callback: str) -> None:
    refused: list[str] = []

    def reset() -> None:
        with pytest.raises(InvalidStatus) as caught:
            crowsg.reset()
        refused.append(caught.value.status)

    bench.do(make_scenario(**{callback: reset}), 1)
    bench.node.local.stop()
    bench.clock.advance(0)

    assert (refused, bench.state()) == (["starting or ending a scenario"], "finished")


def test_a_disabled_node_is_idle_after_a_reset(bench: Bench) -> None:
    bench.node.controller.disable()

    bench.node.local.reset()

    assert bench.state() == "idle"


def test_a_failed_start_forgets_the_settings_of_the_run_before(bench: Bench) -> None:
    bench.do(make_scenario(required_variables=[Variable("old", "a", default=1)]), 0)
    bench.node.local.stop()
    with pytest.raises(SettingsRejected):
        bench.node.local.do(make_scenario(), 0, {"user_rate": "bad"})

    assert bench.node.local.status().settings == {}


def test_reset_forgets_the_run(bench: Bench) -> None:
    """amoc case 13."""
    bench.do(make_scenario(), 3)

    bench.node.local.reset()

    status = bench.node.local.status()
    assert (status.state, status.scenario, status.users.asked) == ("idle", None, 0)
    bench.do(make_scenario(), 1)
    assert bench.count("running") == 1


def test_stop_cancels_users_that_wait_for_their_start(bench: Bench) -> None:
    bench.node.local.do(make_scenario(), 10, {"user_rate": 0})

    bench.node.local.stop()

    counts = bench.node.local.status().users
    assert (counts.cancelled, counts.waiting, bench.state()) == (10, 0, "finished")


def test_setup_comes_first_and_teardown_last(bench: Bench) -> None:
    calls: list[str] = []
    scenario = make_scenario(
        setup=lambda: calls.append("setup"),
        init=lambda: calls.append("init"),
        terminate=lambda: calls.append("terminate"),
        teardown=lambda: calls.append("teardown"),
    )
    bench.do(scenario, 1)

    bench.node.local.stop()
    bench.clock.advance(0)

    assert calls == ["setup", "init", "terminate", "teardown"]


def test_what_setup_returns_stands_above_what_was_given(bench: Bench) -> None:
    scenario = make_scenario(
        required_variables=[Variable("port", "a port", default=1)], setup=lambda: {"port": 3}
    )

    bench.do(scenario, 0, port=2)

    assert bench.node.settings.get("port") == 3


def test_setup_reads_the_settings_given(bench: Bench) -> None:
    seen: list[object] = []
    scenario = make_scenario(
        required_variables=[Variable("port", "a port", default=1)],
        setup=lambda: seen.append(config.get("port")),
    )

    bench.do(scenario, 0, port=2)

    assert seen == [2]


@pytest.mark.parametrize(
    "returned",
    [
        pytest.param({"undeclared": 1}, id="undeclared"),
        pytest.param({"port": "no port"}, id="refused"),
        pytest.param(17, id="no dict"),
    ],
)
def test_a_setup_that_returns_nonsense_fails_and_is_torn_down(
    bench: Bench, returned: object
) -> None:
    calls: list[str] = []
    scenario = make_scenario(
        required_variables=[Variable("port", "a port", default=1, verify=range(10))],
        setup=lambda: returned,
        teardown=lambda: calls.append("teardown"),
    )

    with pytest.raises(ScenarioFailed, match="setup failed"):
        bench.node.local.do(scenario, 1)

    assert calls == ["teardown"]


def test_a_failing_init_is_torn_down_but_not_terminated(bench: Bench) -> None:
    calls: list[str] = []
    scenario = make_scenario(
        setup=lambda: None,
        init=fail,
        terminate=lambda: calls.append("terminate"),
        teardown=lambda: calls.append("teardown"),
    )

    with pytest.raises(ScenarioFailed):
        bench.node.local.do(scenario, 1)

    assert calls == ["teardown"]


@pytest.mark.parametrize("callback", ["setup", "init"])
def test_a_callback_that_exits_does_not_end_the_node(bench: Bench, callback: str) -> None:
    def leave() -> None:
        raise SystemExit(1)

    with pytest.raises(ScenarioFailed, match=f"{callback} failed: SystemExit"):
        bench.node.local.do(make_scenario(**{callback: leave}), 1)


def test_a_call_from_within_init_is_refused_instead_of_hanging(bench: Bench) -> None:
    with pytest.raises(ScenarioFailed, match="the controller is starting"):
        bench.node.local.do(make_scenario(init=lambda: crowsg.add(1)), 1)


def test_updating_user_rate_lets_waiting_users_start(bench: Bench) -> None:
    bench.node.local.do(make_scenario(), 100, {"user_rate": 0})

    bench.node.local.update_settings({"user_rate": "100/s"})
    bench.clock.advance(2)

    assert bench.count("running") == 100


@pytest.mark.parametrize("rate", ["fast", -1, "10 parallel", None, True])
def test_a_bad_user_rate_is_refused(bench: Bench, rate: object) -> None:
    with pytest.raises(SettingsRejected, match="user_rate"):
        bench.node.local.do(make_scenario(), 1, {"user_rate": rate})


@pytest.mark.parametrize("grace", ["long", -1, float("nan"), True, float("inf")])
def test_a_bad_stop_timeout_is_refused(bench: Bench, grace: object) -> None:
    with pytest.raises(SettingsRejected, match="stop_timeout"):
        bench.node.local.do(make_scenario(), 1, {"stop_timeout": grace})


def test_an_update_function_that_raises_is_counted_and_told(bench: Bench) -> None:
    variable = Variable("size", "a size", default=1, update=lambda name, value: fail())
    bench.do(make_scenario(required_variables=[variable]), 0)

    with capture_events(bench.node.telemetry, ("crowsg", "config", "update")) as events:
        bench.node.local.update_settings({"size": 2})
        bench.clock.advance(0)

    assert bench.node.settings.get("size") == 2
    assert events[0].metadata["setting"] == "size"
    assert bench.node.recorder.failures.groups()[0].kind == "RuntimeError"


def test_adding_and_removing_users_is_told(bench: Bench) -> None:
    bench.do(make_scenario(name="told"), 0)

    with capture_events(bench.node.telemetry, ("crowsg", "controller", "users")) as events:
        bench.node.local.add(5)
        bench.clock.advance(0)
        bench.node.local.remove(9)

    told = [(event.metadata["type"], event.measurements["count"]) for event in events]
    assert told == [("add", 5), ("remove", 5)]
    assert events[0].metadata["scenario"] == "told"


def test_users_that_cannot_be_killed_end_the_run_in_error(bench: Bench) -> None:
    terminated: list[bool] = []
    scenario = make_scenario(survive_kills, terminate=lambda: terminated.append(True))
    bench.do(scenario, 2)

    bench.node.local.stop()
    bench.clock.advance(2.4)
    assert (bench.count("running"), bench.count("stuck")) == (2, 0)
    bench.clock.advance(2)

    assert (bench.count("running"), bench.count("stuck")) == (2, 2)
    assert (bench.state(), terminated) == ("error", [True])
    with pytest.raises(InvalidStatus):
        bench.node.local.reset()


def test_a_run_ends_although_users_start_new_ones_while_it_stops(bench: Bench) -> None:
    def multiply(user_id: int) -> None:
        try:
            users.sleep(1000)
        finally:
            crowsg.add(1)

    bench.do(make_scenario(multiply), 5)

    bench.node.local.stop()
    bench.clock.advance(5)

    assert bench.state() == "finished"
    assert is_balanced(bench.node.local.status().users.as_dict())


def test_two_nodes_in_one_process_keep_their_users_apart() -> None:
    first, second = Bench(), Bench()
    seen: list[tuple[str, int]] = []

    def tell(user_id: int) -> None:
        seen.append((crowsg.context.current_node().name, user_id))
        users.sleep(1000)

    first.node.name, second.node.name = "a", "b"
    scenario: ModuleType = make_scenario(tell)
    with first.node, second.node:
        first.do(scenario, 1)
        second.do(scenario, 2)

        assert (first.count("running"), second.count("running")) == (1, 2)
    assert sorted(seen) == [("a", 1), ("b", 1), ("b", 2)]


def test_a_caller_that_gives_up_does_not_leave_the_end_half_done(bench: Bench) -> None:
    scenario = make_scenario(terminate=lambda: users.sleep(5))
    bench.do(scenario, 0)
    stopping = gevent.spawn(bench.node.local.stop)
    bench.clock.advance(1)

    stopping.kill()
    bench.clock.advance(5)

    assert bench.state() == "finished"
    bench.node.local.reset()
    assert bench.state() == "idle"


def test_users_found_unkillable_that_end_after_all_free_the_node(bench: Bench) -> None:
    ends: list[bool] = []

    def survive_until_told(user_id: int) -> None:
        while not ends:
            try:
                users.sleep(5)
            except gevent.GreenletExit:
                continue

    bench.do(make_scenario(survive_until_told), 1)
    bench.node.local.stop()
    bench.clock.advance(4)
    assert (bench.state(), bench.count("stuck")) == ("error", 1)

    ends.append(True)
    bench.clock.advance(10)
    bench.do(make_scenario(), 1)

    assert (bench.state(), bench.count("running")) == ("running", 1)


def test_an_update_of_the_rate_that_comes_with_the_end_is_no_failure(bench: Bench) -> None:
    bench.do(make_scenario(), 1)

    bench.node.local.update_settings({"user_rate": 5})
    bench.node.local.stop()
    bench.clock.advance(1)

    assert bench.node.recorder.failures.groups() == ()


def test_an_update_function_does_not_tell_a_secret(bench: Bench) -> None:
    def refuse(name: str, value: object) -> None:
        raise ValueError(f"bad {value}")

    variable = Variable("pin", "a secret", default="0", update=refuse, secret=True)
    bench.do(make_scenario(required_variables=[variable]), 0)
    with capture_events(bench.node.telemetry, ("crowsg", "config", "update")) as events:
        bench.node.local.update_settings({"pin": "S3CRET"})
        bench.clock.advance(0)

    told = f"{events} {bench.node.recorder.failures.groups()}"
    assert "S3CRET" not in told
    assert "updating the secret pin raised ValueError" in told


def test_the_status_tells_of_the_throttles(bench: Bench) -> None:
    bench.do(make_scenario(init=lambda: throttle.start("chat", "5 parallel")), 1)

    throttles = bench.node.local.status().throttles

    assert {name: str(info.rate) for name, info in throttles.items()} == {
        "user_rate": "infinity",
        "chat": "5 parallel",
    }
