"""When a run ends, and what it says of itself."""

from typing import Any

import gevent
import pytest

from crowsg import Variable, metrics, users
from crowsg.controller.status import Status
from crowsg.errors import InvalidDuration, ScenarioFailed, UnknownSetting
from crowsg.one_run import OneRun, RunOptions
from crowsg.summary import Summary
from tests.support.nodes import (
    UNLIMITED,
    Bench,
    ignore_the_stop,
    make_scenario,
    sleep_for_ever,
    survive_kills,
)


class Execution:
    """A run that goes on while the test moves the clock."""

    def __init__(self, bench: Bench, scenario: Any, **options: Any) -> None:
        self.samples: list[tuple[float, Status]] = []
        settings = {**UNLIMITED, **options.pop("settings", {})}
        asked = RunOptions(
            scenario, 1, options.pop("users", 1), settings, run_id="run-1", **options
        )
        self.run: OneRun = bench.node.one_run(asked, lambda *sample: self.samples.append(sample))
        self._greenlet = gevent.spawn(self._execute)
        self._failure: BaseException | None = None
        bench.clock.advance(0)

    def _execute(self) -> Summary | None:
        try:
            return self.run.execute()
        except Exception as error:  # noqa: BLE001 - raised again by summary
            self._failure = error
            return None

    @property
    def is_over(self) -> bool:
        return bool(self._greenlet.ready())

    def summary(self) -> Summary:
        assert self.is_over
        if self._failure is not None:
            raise self._failure
        summary = self._greenlet.value
        assert isinstance(summary, Summary)
        return summary


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
    def fail() -> None:
        raise RuntimeError("boom")

    execution = Execution(bench, make_scenario(lambda user_id: None, **{callback: fail}))
    bench.clock.advance(0)

    summary = execution.summary()
    assert (summary.exit_code, summary.users.finished) == (3, 1)
    assert summary.exit_reason.startswith(f"{callback} failed: RuntimeError: boom")
    assert [(group.kind, group.count) for group in summary.errors] == [("RuntimeError", 1)]


def test_a_run_that_cannot_start_raises(bench: Bench) -> None:
    def fail() -> None:
        raise RuntimeError("boom")

    with pytest.raises(ScenarioFailed):
        Execution(bench, make_scenario(init=fail)).summary()
    with pytest.raises(UnknownSetting):
        Execution(bench, make_scenario(), settings={"unknown": 1}).summary()


def test_a_sample_is_taken_each_second_and_at_the_end(bench: Bench) -> None:
    execution = Execution(bench, make_scenario(), users=4, duration_s=2.5)

    bench.clock.advance(3)

    assert [seconds for seconds, _ in execution.samples] == [1.0, 2.0, 2.5]
    assert [status.users.running for _, status in execution.samples] == [4, 4, 0]


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
