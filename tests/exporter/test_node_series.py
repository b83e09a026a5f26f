"""What a node tells of itself agrees with its status."""

import math
from dataclasses import replace
from importlib.metadata import version
from typing import get_args

import pytest

from crowsg.controller.status import State, Status
from crowsg.exporter.callbacks import CallbackTimes
from crowsg.exporter.node_series import NodeSeries
from crowsg.health.monitor import Health
from crowsg.health.process import ProcessReading
from crowsg.metrics.lives import Lives
from crowsg.testing import ManualClock
from crowsg.users.counts import Outcome, UserCounts
from tests.exporter.scrapes import Scrape
from tests.exporter.serving import UNKEPT

IDLE = Status("idle", None, UserCounts(), 0, "", {})
CALLBACK = "crowsg_scenario_callback_duration_seconds"
READING = ProcessReading(
    cpu_s=12.5,
    resident_bytes=10**9,
    virtual_bytes=3 * 10**9,
    open_files=77,
    max_files=1024,
    started_at=1.75e9,
)


class Told:
    """The series of a node that stands where it is said to stand."""

    def __init__(self, status: Status = IDLE, node: str = "a@localhost") -> None:
        clock = ManualClock()
        self.status = status
        self.lives = Lives()
        self.callbacks = CallbackTimes()
        self.health = Health(clock, UNKEPT, lambda: READING)
        self._series = NodeSeries(
            node, lambda: "lone", lambda: self.status, self.lives, self.callbacks, self.health
        )

    def scrape(self) -> Scrape:
        return Scrape(self._series.pieces())


def test_a_node_says_who_it_is() -> None:
    (labels,) = Told().scrape().labels("crowsg_node_info")

    assert labels == {"node": "a@localhost", "role": "lone", "version": version("crowsg")}


@pytest.mark.parametrize("state", get_args(State))
def test_just_the_state_a_node_is_in_is_set(state: State) -> None:
    states = Told(replace(IDLE, state=state)).scrape().by("state", "crowsg_node_state")

    assert states == {each: float(each == state) for each in get_args(State)}


def test_no_reason_and_no_setting_is_told() -> None:
    status = replace(IDLE, state="error", reason="the secret reason", settings={"a": "the secret"})

    assert "secret" not in Told(status).scrape().text


def test_users_are_told_as_they_stand() -> None:
    counts = UserCounts(asked=100, waiting=30, running=20, cancelled=10, finished=40, stuck=5)

    scrape = Told(replace(IDLE, scenario="chat", users=counts)).scrape()

    assert scrape.value("crowsg_users", scenario="chat") == 20
    assert scrape.value("crowsg_users_started_total", scenario="chat") == 60


def test_ended_users_are_told_by_outcome() -> None:
    outcomes = {outcome: n for n, outcome in enumerate(get_args(Outcome), 1)}
    counts = UserCounts(asked=21, **outcomes)

    scrape = Told(replace(IDLE, scenario="chat", users=counts)).scrape()

    assert scrape.by("outcome", "crowsg_users_ended_total") == outcomes


def test_before_the_first_run_the_scenario_has_no_name() -> None:
    assert Told().scrape().value("crowsg_users", scenario="") == 0


def test_lives_of_users_are_told() -> None:
    told = Told(replace(IDLE, scenario="chat"))
    for user_id, seconds in enumerate((1, 100, 7000, 10**6)):
        told.lives.end(user_id, 0, seconds * 10**9, "finished")

    found = told.scrape().distribution("crowsg_user_duration_seconds", scenario="chat")

    assert (found.count, found.sum) == (4, 1_007_101)
    assert [found.buckets[limit] for limit in (0.8, 1.6, 102, 13100, math.inf)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "name", ["crowsg_event_loop_lag_seconds", "crowsg_gc_pause_seconds"], ids=["lag", "pauses"]
)
def test_delays_of_the_node_itself_are_told(name: str) -> None:
    told = Told()
    samples = told.health.lag.lags if "lag" in name else told.health.pauses.pauses
    for milliseconds in (0, 3, 30, 20_000):
        samples.record(milliseconds * 10**6)

    found = told.scrape().distribution(name)

    assert (found.count, found.sum) == (4, 20.033)
    assert [found.buckets[limit] for limit in (0.002, 0.004, 0.032, math.inf)] == [1, 2, 3, 4]


def test_the_lag_and_the_pauses_are_told_apart() -> None:
    told = Told()

    told.health.lag.lags.record(1)

    scrape = told.scrape()
    assert scrape.distribution("crowsg_event_loop_lag_seconds").count == 1
    assert scrape.distribution("crowsg_gc_pause_seconds").count == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("process_cpu_seconds_total", 12.5, id="cpu"),
        pytest.param("process_resident_memory_bytes", 1e9, id="resident"),
        pytest.param("process_virtual_memory_bytes", 3e9, id="virtual"),
        pytest.param("process_open_fds", 77, id="open files"),
        pytest.param("process_max_fds", 1024, id="allowed files"),
        pytest.param("process_start_time_seconds", 1.75e9, id="start"),
    ],
)
def test_the_process_is_told_under_the_usual_names(name: str, value: float) -> None:
    assert Told().scrape().value(name) == value


@pytest.mark.parametrize("name", ["bad\ud800", "\udcff.py", 'q"\\\n', "ünï 🦆"], ids=ascii)
def test_no_name_of_a_scenario_or_node_makes_a_scrape_fail(name: str) -> None:
    scrape = Told(replace(IDLE, scenario=name), node=name).scrape()

    shown = name.encode(errors="replace").decode().replace("\n", " ")
    assert scrape.labels("crowsg_users") == [{"scenario": shown}]
    assert scrape.labels("crowsg_node_info")[0]["node"] == shown


def test_text_and_kind_of_every_family_are_told() -> None:
    families = Told().scrape().families.values()

    assert all(family.documentation.endswith(".") for family in families)
    assert "unknown" not in {family.type for family in families}


def test_callbacks_tell_their_time() -> None:
    told = Told()
    told.callbacks.times["chat", "init", "failed"] = told.lives.durations
    told.lives.durations.record(2 * 10**9)

    found = told.scrape().distribution(CALLBACK, scenario="chat", callback="init", outcome="failed")

    assert (found.count, found.sum, found.buckets[0.729], found.buckets[2.19]) == (1, 2, 0, 1)
