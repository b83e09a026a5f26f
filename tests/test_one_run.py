"""When a run ends, and what it says of itself."""

import itertools
import logging
from typing import Any

import gevent
import pytest
from gevent.event import Event

from crowsg import Variable, metrics, users
from crowsg.errors import (
    CrowsgError,
    InvalidDuration,
    InvalidStatus,
    ScenarioFailed,
    UnknownSetting,
)
from crowsg.one_run import RunOptions
from crowsg.record.sample import Sample
from crowsg.summary import Summary
from crowsg.testing import ManualClock
from tests.record.runs import BusyBench, Execution, Witness, counts_of
from tests.support.nodes import (
    Bench,
    ignore_the_stop,
    make_scenario,
    sleep_for_ever,
    survive_kills,
)


class Failing(Witness):
    """An observer that raises whatever it is shown."""

    def see(self, sample: Sample) -> None:
        super().see(sample)
        raise OSError("boom")

    def end(self, summary: Summary | None) -> None:
        super().end(summary)
        raise OSError("boom")


class Slow(Witness):
    """An observer that takes its time."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self._seconds = seconds

    def see(self, sample: Sample) -> None:
        self._clock.sleep(self._seconds)
        super().see(sample)


def fail() -> None:
    raise RuntimeError("boom")


def test_a_run_ends_when_its_users_are_done(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(lambda user_id: users.sleep(user_id)), users=3)

    bench.clock.advance(3)

    summary = execution.summary()
    assert (summary.exit_code, summary.exit_reason) == (0, "all users are done")
    assert (summary.users.finished, summary.duration_s) == (3, 3.0)


def test_a_run_ends_when_its_duration_is_over(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(), users=5, duration_s=10)

    bench.clock.advance(10)

    summary = execution.summary()
    assert (summary.exit_code, summary.exit_reason) == (0, "the duration is over")
    assert (summary.users.removed, summary.users.asked) == (5, 5)


def test_a_run_that_was_stopped_ends_as_asked(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(), users=2)

    bench.node.local.stop()
    bench.clock.advance(0)

    assert (execution.summary().exit_code, execution.summary().exit_reason) == (0, "stopped")


def test_a_forgotten_run_is_aborted(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(), max_duration_s=60)

    bench.clock.advance(60)

    assert execution.summary().exit_code == 97


def test_an_interrupted_run_ends_gracefully(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(ignore_the_stop), users=3)

    execution.run.interrupt()
    bench.clock.advance(1.9)
    assert not execution.is_over
    bench.clock.advance(1)

    summary = execution.summary()
    assert (summary.exit_code, summary.exit_reason) == (97, "interrupted")
    assert summary.users.killed == 3


def test_a_second_interrupt_leaves_no_grace(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(ignore_the_stop), users=3)

    execution.run.interrupt()
    bench.clock.advance(0.1)
    execution.run.interrupt()
    bench.clock.advance(0.1)

    assert bench.count("killed") == 3


def test_an_interrupt_of_a_run_that_is_ending_already_leaves_the_grace(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(ignore_the_stop), users=3, duration_s=1)
    bench.clock.advance(1)

    execution.run.interrupt()
    bench.clock.advance(1)

    assert bench.count("killed") == 0


@pytest.mark.parametrize("callback", ["setup", "init"])
def test_an_interrupt_ends_a_start_that_hangs(bench: Bench, callback: str) -> None:
    torn_down: list[bool] = []
    scenario = make_scenario(
        **{callback: lambda: users.sleep(1000)}, teardown=lambda: torn_down.append(True)
    )
    execution = Execution(bench, scenario)

    execution.run.interrupt()
    bench.clock.advance(0)

    summary = execution.summary()
    assert (summary.exit_code, summary.users.asked) == (97, 0)
    assert torn_down == ([True] if callback == "init" else [])


def test_a_start_that_is_interrupted_is_seen_once_and_summed_up(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(init=lambda: users.sleep(1000)))
    bench.clock.advance(2.5)

    execution.run.interrupt()
    bench.clock.advance(1)

    assert [(each.from_s, each.to_s) for each in execution.witness.samples] == [(0, 2.5)]
    assert execution.witness.ends == [execution.summary()]


def test_users_that_cannot_be_killed_are_said(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(survive_kills), users=2, duration_s=1)

    bench.clock.advance(10)

    summary = execution.summary()
    assert (summary.exit_code, summary.users.stuck) == (5, 2)


def test_a_removed_user_that_cannot_be_killed_ends_the_run(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(survive_kills), users=2)

    bench.node.local.remove(1, force=True)
    bench.clock.advance(10)

    assert execution.summary().exit_code == 5


@pytest.mark.parametrize("callback", ["terminate", "teardown"])
def test_a_failing_end_is_said(bench: Bench, callback: str) -> None:
    execution = Execution(bench, make_scenario(lambda user_id: None, **{callback: fail}))
    bench.clock.advance(0)

    summary = execution.summary()
    assert (summary.exit_code, summary.users.finished) == (3, 1)
    assert summary.exit_reason.startswith(f"{callback} failed: RuntimeError: boom")
    assert [(group.kind, group.count) for group in summary.errors] == [("RuntimeError", 1)]


def test_a_run_that_cannot_start_raises(bench: Bench) -> None:
    with pytest.raises(ScenarioFailed):
        Execution(bench, make_scenario(init=fail)).summary()
    with pytest.raises(UnknownSetting):
        Execution(bench, make_scenario(), settings={"unknown": 1}).summary()


def test_a_sample_is_taken_each_second_and_at_the_end(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(), users=4, duration_s=2.5)

    bench.clock.advance(3)

    samples = execution.witness.samples
    assert [(sample.from_s, sample.to_s) for sample in samples] == [(0, 1), (1, 2), (2, 2.5)]
    assert [sample.status.users.running for sample in samples] == [4, 4, 0]


def test_the_summary_says_what_was_run_and_keeps_secrets(bench: Bench) -> None:
    def start(user_id: int) -> None:
        metrics.count("greetings", 2)
        raise ValueError(f"user {user_id}")

    scenario = make_scenario(
        start,
        name="said",
        required_variables=[
            Variable("token", "a secret", default="S3CRET", secret=True),
            Variable("sizes", "sizes", default=(1, 2)),
        ],
    )
    execution = Execution(bench, scenario, users=3)
    bench.clock.advance(0)

    said = execution.summary().as_dict()

    assert (said["scenario"], said["run_id"], said["schema"]) == ("said", "run-1", 1)
    assert said["settings"] == {
        "token": "***",
        "sizes": [1, 2],
        "user_rate": "infinity",
        "stop_timeout": 2.0,
        "init_timeout": 30.0,
        "terminate_timeout": 10.0,
    }
    assert said["counters"] == {"greetings": 6}
    assert (said["errors"][0]["template"], said["errors"][0]["count"]) == ("user *", 3)
    assert "S3CRET" not in str(said)


def test_records_begin_anew_with_each_run(bench: Bench) -> None:
    scenario = make_scenario(lambda user_id: metrics.count("steps"))
    for _ in range(2):
        execution = Execution(bench, scenario, users=2)
        bench.clock.advance(0)

    assert execution.summary().counters == {"steps": 2}
    assert execution.summary().users.asked == 2


def test_users_added_while_the_run_goes_on_belong_to_it(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(sleep_for_ever), users=2, duration_s=5)

    bench.node.local.add(3)
    bench.clock.advance(5)

    assert execution.summary().users.asked == 5


@pytest.mark.parametrize("callback", ["terminate", "teardown"])
def test_a_second_interrupt_ends_a_callback_that_hangs(bench: Bench, callback: str) -> None:
    scenario = make_scenario(lambda user_id: None, **{callback: lambda: users.sleep(10_000)})
    execution = Execution(bench, scenario)
    bench.clock.advance(1)

    execution.run.interrupt()
    bench.clock.advance(1)
    execution.run.interrupt()
    bench.clock.advance(1)

    assert execution.summary().exit_code == 3


def test_a_callback_that_hangs_does_not_outlive_the_maximal_duration(bench: Bench) -> None:
    scenario = make_scenario(terminate=lambda: users.sleep(10_000))
    execution = Execution(bench, scenario, max_duration_s=5)

    bench.clock.advance(16)

    assert execution.summary().exit_code == 3


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "1s", True])
@pytest.mark.parametrize("name", ["duration_s", "max_duration_s"])
def test_a_duration_that_is_none_is_refused(name: str, seconds: Any) -> None:
    with pytest.raises(InvalidDuration):
        RunOptions("crows", **{name: seconds})


def test_a_run_says_why_it_ended_when_one_user_cannot_be_killed(bench: Bench) -> None:
    def start(user_id: int) -> None:
        (survive_kills if user_id == 1 else sleep_for_ever)(user_id)

    execution = Execution(bench, make_scenario(start), users=3)
    bench.node.local.remove(1, force=True)
    bench.clock.advance(20)

    assert execution.summary().exit_reason == "users could not be killed"


def test_observers_are_told_the_summary_once_after_the_last_sample(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(), duration_s=1.5)

    bench.clock.advance(1)
    assert execution.witness.ends == []
    bench.clock.advance(5)

    assert execution.witness.ends == [execution.summary()]
    assert len(execution.witness.samples) == 2


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"scenario": "nowhere"}, id="no-scenario"),
        pytest.param({"scenario": make_scenario(init=fail)}, id="init-fails"),
        pytest.param({"scenario": make_scenario(), "settings": {"no": 1}}, id="bad-setting"),
        pytest.param({"scenario": make_scenario(), "users": -1}, id="bad-ids"),
    ],
)
def test_observers_are_told_that_a_run_could_not_start(
    bench: Bench, options: dict[str, Any]
) -> None:
    execution = Execution(bench, **options)

    with pytest.raises(CrowsgError):
        execution.summary()
    assert (execution.witness.samples, execution.witness.ends) == ([], [None])


def test_an_observer_that_raises_is_reported_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    Execution(bench, make_scenario(), observers=[Failing()], duration_s=5)

    bench.clock.advance(5)

    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "left out from now on" in record.message


def test_an_observer_that_raises_is_shown_nothing_more(bench: Bench) -> None:
    failing = Failing()
    execution = Execution(bench, make_scenario(), observers=[failing], duration_s=5)

    bench.clock.advance(5)

    assert (len(failing.samples), failing.ends) == (1, [])
    assert len(execution.witness.samples) == 5
    assert execution.summary().exit_code == 0


def test_an_observer_that_raises_at_the_end_leaves_the_others_and_the_summary(
    bench: Bench,
) -> None:
    failing = Failing()
    execution = Execution(bench, make_scenario(init=fail), observers=[failing])

    assert (failing.ends, execution.witness.ends) == ([None], [None])
    with pytest.raises(ScenarioFailed):
        execution.summary()


def test_a_sample_that_observers_still_look_at_when_the_run_ends_is_shown_to_all(
    bench: Bench,
) -> None:
    def start(user_id: int) -> None:
        users.sleep(0.5)
        metrics.observe("login", 0.1)
        sleep_for_ever(user_id)

    slow = Slow(bench.clock, 0.3)
    execution = Execution(bench, make_scenario(start), observers=[slow], duration_s=1.1)

    bench.clock.advance(5)

    assert execution.witness.recorded() == counts_of(execution.summary()) == {"login": (1, 0, 0)}
    assert len(execution.witness.samples) == 2


def test_a_sample_in_progress_is_not_cut_when_the_run_ends() -> None:
    bench = BusyBench(look_s=0.003)
    turn = Event()

    def start(user_id: int) -> None:
        for n in itertools.count():
            turn.wait()
            turn.clear()
            metrics.observe(f"operation {n % 50}", 0.1)
            # Some twenty operations after the sampler began, with thirty before it.
            if bench.clock.now() >= 1.06 and not execution.run.is_interrupted:
                execution.run.interrupt()

    def init() -> None:
        for n in range(50):
            metrics.observe(f"operation {n}", 0.1)

    with bench.node:
        bench.clock.on_look = turn.set
        execution = Execution(bench, make_scenario(start, init=init))
        bench.clock.advance(1.5)

    assert execution.summary().exit_reason == "interrupted"
    assert execution.witness.recorded() == counts_of(execution.summary())


def test_samples_that_take_long_are_taken_by_the_second_all_the_same(bench: Bench) -> None:
    slow = Slow(bench.clock, 0.4)
    execution = Execution(bench, make_scenario(), observers=[slow], duration_s=4.5)

    bench.clock.advance(6)

    assert [sample.to_s for sample in execution.witness.samples] == [1, 2, 3, 4, 4.5]


def test_a_run_that_is_broken_off_shows_its_last_sample(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(), users=3)
    bench.clock.advance(1.5)

    gevent.spawn(execution.greenlet.throw, gevent.Timeout())
    bench.clock.advance(5)

    samples, ends = execution.witness.samples, execution.witness.ends
    assert [sample.status.users.removed for sample in samples] == [0, 3]
    assert ends == [None]
    with pytest.raises(gevent.Timeout):
        execution.summary()


def test_a_node_that_runs_already_is_left_alone(bench: Bench) -> None:
    first = Execution(bench, make_scenario(), users=3, duration_s=5)
    bench.clock.advance(2)

    second = Execution(bench, make_scenario(), users=2)
    bench.clock.advance(5)

    with pytest.raises(InvalidStatus):
        second.summary()
    assert (first.summary().exit_reason, first.summary().users.removed) == (
        "the duration is over",
        3,
    )
    assert first.witness.samples[-1].to_s == first.summary().duration_s == 5


def block_the_loop(bench: BusyBench) -> Any:
    """Return a scenario whose user holds up everybody."""

    def start(user_id: int) -> None:
        users.sleep(0.5)
        bench.clock.spend(0.4)
        users.sleep(1)

    return start


@pytest.mark.parametrize(
    ("options", "exit_code", "exit_reason"),
    [
        pytest.param({}, 0, "all users are done", id="not-asked"),
        pytest.param(
            {"fail_on_saturation": True},
            98,
            "all users are done, but the generator was the limit",
            id="asked",
        ),
        pytest.param(
            {"fail_on_saturation": True, "max_duration_s": 1.5},
            97,
            "the maximal duration is over",
            id="aborted",
        ),
    ],
)
def test_a_run_that_the_generator_limited_fails_where_that_is_asked_for(
    options: dict[str, Any], exit_code: int, exit_reason: str
) -> None:
    bench = BusyBench()
    with bench.node:
        bench.node.watch()
        execution = Execution(bench, make_scenario(block_the_loop(bench)), **options)
        bench.clock.advance(3)

    summary = execution.summary()
    assert summary.health.saturated_s > 0
    assert (summary.exit_code, summary.exit_reason) == (exit_code, exit_reason)


def test_a_failing_end_is_worse_than_a_generator_that_was_the_limit() -> None:
    bench = BusyBench()
    with bench.node:
        bench.node.watch()
        scenario = make_scenario(block_the_loop(bench), terminate=fail)
        execution = Execution(bench, scenario, fail_on_saturation=True)
        bench.clock.advance(3)

    assert execution.summary().exit_code == 3


def test_users_that_are_stuck_are_worse_than_a_generator_that_was_the_limit() -> None:
    bench = BusyBench()

    def start(user_id: int) -> None:
        bench.clock.spend(0.4)
        survive_kills(user_id)

    with bench.node:
        bench.node.watch()
        execution = Execution(bench, make_scenario(start), duration_s=1, fail_on_saturation=True)
        bench.clock.advance(10)

    assert execution.summary().exit_code == 5


def test_a_generator_that_was_not_the_limit_fails_nothing(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(), duration_s=3, fail_on_saturation=True)

    bench.clock.advance(3)

    assert execution.summary().exit_code == 0
