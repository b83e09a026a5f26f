"""The schema describes summary.json: every key of every run, and no other."""

import copy
import gc
import math
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, get_args

import pytest
from gevent.event import Event

from crowsg import Rate, Variable, metrics, users
from crowsg.controller.status import State
from crowsg.summary import DEAD, Summary
from crowsg.summary import SCHEMA as VERSION
from tests.record.runs import BusyBench, Execution, summary_of_run
from tests.results.example import SUMMARY
from tests.results.schema import (
    SCHEMA,
    at,
    described,
    fixed,
    judge,
    names,
    problems,
    read,
    spelled,
)
from tests.support.nodes import make_scenario, survive_kills

FULL = read(SUMMARY)


def operations(bench: BusyBench) -> Summary:
    def start(user_id: int) -> None:
        with metrics.time("login", since=bench.clock.now() - 0.5):
            users.sleep(0.1)
        metrics.observe("get", 0.1, failure="refused", path="/a b")
        metrics.observe("get", 0.2, response=0.3, path='say "hi"')
        with metrics.time("endless"):
            users.sleep(1000)

    def init() -> None:
        metrics.declare("operation", "quiet", "what nobody does")

    return summary_of_run(bench, make_scenario(start, init=init), 9, users=3, duration_s=2)


def numbers(bench: BusyBench) -> Summary:
    def start(user_id: int) -> None:
        for value in (math.inf, -math.inf, math.nan, -3.5, 7):
            metrics.gauge("gauge", value, of=value)
        metrics.count("bytes", 2.5)
        metrics.count("all", math.inf, to="nowhere")
        metrics.check("sound", user_id % 2)

    return summary_of_run(bench, make_scenario(start), users=3)


def throttles(bench: BusyBench) -> Summary:
    def init() -> None:
        rates = (Rate.UNLIMITED, Rate.PAUSED, Rate(2.5, per=3))
        for name, rate in zip(("free", "shut", "timed"), rates, strict=True):
            bench.node.throttles.start(name, rate)

    return summary_of_run(bench, make_scenario(init=init), 9, duration_s=2)


def errors(bench: BusyBench) -> Summary:
    def fail(*_: object) -> None:
        raise ValueError("it's 7 o'clock\n")

    return summary_of_run(bench, make_scenario(fail, terminate=fail), users=3)


def settings(bench: BusyBench) -> Summary:
    values = (None, True, "text", math.inf, [1, {2}], {"a": {1: object}}, Rate(5, per=1), object)
    variables = [Variable(f"v{n}", "any", default=value) for n, value in enumerate(values)]
    variables.append(Variable("token", "a secret", default="S3CRET", secret=True))
    return summary_of_run(bench, make_scenario(required_variables=variables), 9, duration_s=2)


def stalls(bench: BusyBench) -> Summary:
    bench.node.watch()

    def start(user_id: int) -> None:
        users.sleep(0.5)
        bench.clock.spend(1.5)
        gc.collect()
        users.sleep(2)

    return summary_of_run(bench, make_scenario(start), 9)


def changes(bench: BusyBench) -> Summary:
    execution = Execution(bench, make_scenario(), users=3, duration_s=9)
    for change in (
        lambda: bench.node.local.add(2),
        lambda: bench.node.local.remove(1),
        lambda: bench.node.local.update_settings({"user_rate": "infinity", "stop_timeout": 3}),
        lambda: bench.node.local.update_settings({"user_rate": "5/min"}),
        lambda: bench.node.record.changes.note("results.users", rows=5, one_in=100),
    ):
        bench.clock.advance(1)
        change()
    bench.clock.advance(9)
    return execution.summary()


def stuck(bench: BusyBench) -> Summary:
    return summary_of_run(bench, make_scenario(survive_kills), 20, users=2, duration_s=1)


def interrupted(bench: BusyBench) -> Summary:
    execution = Execution(bench, make_scenario(init=Event().wait))
    execution.run.interrupt()
    bench.clock.advance(1)
    return execution.summary()


def going_on(bench: BusyBench) -> Summary:
    Execution(bench, make_scenario(), users=3)
    bench.clock.advance(5)
    return bench.node.record.summary()


RUNS = (
    operations, numbers, throttles, errors, settings, stalls, changes, stuck, interrupted, going_on,
)  # fmt: skip


@pytest.fixture
def busy_bench() -> Iterator[BusyBench]:
    bench = BusyBench()
    with bench.node:
        yield bench


OBJECTS = sorted(fixed(SCHEMA, FULL), key=spelled)
KEYS = [(*path, key) for path in OBJECTS for key in at(FULL, path)]


def test_it_is_a_sound_schema() -> None:
    judge(SCHEMA)


def test_an_unsound_schema_is_seen() -> None:
    with pytest.raises(ValueError, match="no-type"):
        judge({**SCHEMA, "type": "no-type"})


def test_it_ships_with_the_package() -> None:
    assert files("crowsg.results").joinpath("summary.schema.json").is_file()


def test_it_tells_its_version_and_the_states_of_a_node() -> None:
    assert SCHEMA["properties"]["schema"]["const"] == VERSION
    assert SCHEMA["$defs"]["node"]["properties"]["state"]["enum"] == [*get_args(State), DEAD]


def test_every_key_is_described() -> None:
    keys = [*described(SCHEMA), *SCHEMA["$defs"].items()]

    silent = [name for name, schema in keys if not schema.get("description")]

    assert (silent, len(keys) > 80) == ([], True)


def test_every_duration_names_its_unit() -> None:
    durations = [(name, each) for name, each in described(SCHEMA) if name.endswith("_s")]

    unnamed = [name for name, each in durations if "second" not in each["description"].lower()]

    assert (unnamed, len(durations) > 10) == ([], True)


@pytest.mark.parametrize("run", RUNS)
def test_every_run_is_described(busy_bench: BusyBench, run: Callable[[BusyBench], Summary]) -> None:
    assert problems(read(run(busy_bench))) == []


def test_every_described_key_stands_in_some_run() -> None:
    found: set[str] = set()
    for run in RUNS:
        bench = BusyBench()
        with bench.node:
            found |= names(read(run(bench)))

    assert {name for name, _ in described(SCHEMA)} - found == set()


def test_the_example_is_described() -> None:
    assert problems(FULL) == []
    assert len(KEYS) > 100


@pytest.mark.parametrize("path", KEYS, ids=spelled)
def test_a_missing_key_is_refused(path: tuple[Any, ...]) -> None:
    said = copy.deepcopy(FULL)

    del at(said, path[:-1])[path[-1]]

    assert problems(said)


@pytest.mark.parametrize("path", OBJECTS, ids=spelled)
def test_an_extra_key_is_refused(path: tuple[Any, ...]) -> None:
    said = copy.deepcopy(FULL)

    at(said, path)["extra"] = 1

    assert problems(said)


@pytest.mark.parametrize("path", KEYS, ids=spelled)
def test_a_mistyped_key_is_refused(path: tuple[Any, ...]) -> None:
    said = copy.deepcopy(FULL)

    at(said, path[:-1])[path[-1]] = ["mistyped"]

    assert problems(said)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("schema",), 2, id="other-version"),
        pytest.param(("duration_s",), -1, id="negative-duration"),
        pytest.param(("duration_s",), "1", id="duration-as-text"),
        pytest.param(("started_at",), "yesterday", id="no-moment"),
        pytest.param(("ended_at",), None, id="over-but-not-ended"),
        pytest.param(("exit_code",), None, id="ended-but-not-over"),
        pytest.param(("exit_code",), 256, id="no-exit-code"),
        pytest.param(("users", "asked"), 1.5, id="half-a-user"),
        pytest.param(("users", "asked"), -1, id="negative-user"),
        pytest.param(("counters", "sent"), None, id="no-value"),
        pytest.param(("operations", "login", "service", "p50"), None, id="no-quantile"),
        pytest.param(("operations", "login", "failures", "refused"), 0, id="failure-of-nobody"),
        pytest.param(("throttles", "calls", "rate"), "infinity", id="unlimited-in-an-interval"),
        pytest.param(("throttles", "calls", "interval_s"), None, id="limit-without-interval"),
        pytest.param(("nodes",), [], id="no-node"),
        pytest.param(("nodes", 0, "state"), "asleep", id="no-state"),
        pytest.param(("nodes", 0, "gaps", 0), [1, 2, 3], id="no-span"),
        pytest.param(("health", "saturated", 0), [1], id="half-a-span"),
        pytest.param(("errors", 0, "count"), 0, id="error-of-nobody"),
        pytest.param(("events", 0), {"at_s": 1, "node": "a@host"}, id="change-of-nothing"),
    ],
)
def test_a_wrong_value_is_refused(path: tuple[Any, ...], value: Any) -> None:
    said = copy.deepcopy(FULL)

    at(said, path[:-1])[path[-1]] = value

    assert problems(said)
