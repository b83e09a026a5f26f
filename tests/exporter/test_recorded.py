"""What the recorder holds is what the text says, value for value."""

import math
import random
from collections.abc import Callable
from decimal import Decimal
from itertools import groupby

import pytest

from crowsg import metrics
from crowsg.clock import SECOND
from crowsg.exporter.recorded import LATENCIES, recorded
from crowsg.metrics.names import OTHER
from crowsg.rate import Rate
from crowsg.users.user import UserStop
from tests.exporter.scrapes import Scrape, recorded_by
from tests.support.nodes import Bench

DURATION = "crowsg_operation_duration_seconds"
RESPONSE = "crowsg_operation_response_seconds"
UGLY = 'a\\b "c" {,} d="e" ünï 🦆'


def record_anything(rng: random.Random) -> None:
    """Record one sample of something, at random."""
    name, labels = f"thing {rng.randrange(5)}", {"to": rng.choice("abc")}
    kind = rng.randrange(5)
    if kind == 0:
        metrics.observe(name, rng.expovariate(1), rng.choice([None, 3.5]), rng.choice(["", "bad"]))
    elif kind == 1:
        metrics.observe(name, rng.expovariate(9), None, rng.choice(["", "bad"]), **labels)
    elif kind == 2:
        metrics.count(name, rng.random(), **labels)
    elif kind == 3:
        metrics.gauge(name, rng.gauss(0, 1e9), **labels)
    else:
        metrics.check(name, rng.random() < 0.5)


@pytest.fixture(params=range(5), ids=lambda seed: f"seed {seed}")
def at_random(request: pytest.FixtureRequest, bench: Bench) -> Bench:
    rng = random.Random(request.param)
    for _ in range(1000):
        record_anything(rng)
    return bench


def labels_of(key: metrics.names.Key, label: str) -> dict[str, str]:
    name, labels = metrics.names.parts_of(key)
    return {label: name, **dict(labels)}


def test_every_operation_is_told_by_outcome(at_random: Bench) -> None:
    scrape = recorded_by(at_random.node)

    for key, operation in at_random.node.recorder.operations.items():
        for outcome in ("ok", "failed", "interrupted"):
            samples = getattr(operation, outcome)
            found = scrape.distribution(DURATION, outcome=outcome, **labels_of(key, "operation"))
            assert list(found.buckets.values()) == LATENCIES.cumulated(samples)
            assert (found.count, found.sum) == (samples.total, samples.sum_ns / SECOND)


def test_every_response_time_is_told(at_random: Bench) -> None:
    scrape = recorded_by(at_random.node)

    told = 0
    for key, operation in at_random.node.recorder.operations.items():
        if operation.response.total:
            found = scrape.distribution(RESPONSE, **labels_of(key, "operation"))
            assert (found.count, found.sum) == (
                operation.response.total,
                operation.response.sum_ns / SECOND,
            )
            told += 1
    assert len(scrape.labels(f"{RESPONSE}_count")) == told > 0


def test_every_counter_and_gauge_is_told(at_random: Bench) -> None:
    scrape, recorder = recorded_by(at_random.node), at_random.node.recorder

    for series, numbers in (
        ("crowsg_counter_total", recorder.counters),
        ("crowsg_gauge", recorder.gauges),
    ):
        assert len(scrape.labels(series)) == len(numbers) > 0
        for key, number in numbers.items():
            assert scrape.value(series, **labels_of(key, "name")) == number.value


def test_every_check_is_told_both_ways(at_random: Bench) -> None:
    scrape, checks = recorded_by(at_random.node), at_random.node.recorder.checks

    assert len(scrape.labels("crowsg_checks_total")) == 2 * len(checks) > 0
    for name, check in checks.items():
        told = [
            scrape.value("crowsg_checks_total", check=str(name), outcome=outcome)
            for outcome in ("passed", "failed")
        ]
        assert told == [check.passed, check.failed]


def test_nothing_else_is_told_than_what_was_recorded(at_random: Bench) -> None:
    scrape, operations = recorded_by(at_random.node), at_random.node.recorder.operations

    assert len(scrape.labels(f"{DURATION}_count")) == 3 * len(operations)


def test_a_sample_cut_by_a_stop_is_interrupted(bench: Bench) -> None:
    with pytest.raises(UserStop), metrics.time("log in"):
        raise UserStop

    scrape = recorded_by(bench.node)

    assert scrape.by("outcome", f"{DURATION}_count") == {"ok": 0, "failed": 0, "interrupted": 1}


@pytest.mark.parametrize("failure", ["", "refused"], ids=["ok", "failed"])
def test_all_outcomes_are_there_from_the_first_sample_on(bench: Bench, failure: str) -> None:
    metrics.observe("log in", 0.5, failure=failure)

    scrape = recorded_by(bench.node)

    for outcome in {"failed", "interrupted", "ok"} - {"failed" if failure else "ok"}:
        found = scrape.distribution(DURATION, operation="log in", outcome=outcome)
        assert set(found.buckets.values()) == {0}


def test_an_operation_without_intended_moments_has_no_response_times(bench: Bench) -> None:
    metrics.observe("with", 0.5, response=1)
    metrics.observe("without", 0.5)

    assert recorded_by(bench.node).labels(f"{RESPONSE}_count") == [{"operation": "with"}]


@pytest.mark.parametrize(
    ("record", "series", "generic", "value"),
    [
        pytest.param(
            lambda: metrics.count("mine", 3, to="a"),
            "mine_total", "crowsg_counter_total", 3, id="counter",
        ),
        pytest.param(
            lambda: metrics.gauge("mine", 3, to="a"), "mine", "crowsg_gauge", 3, id="gauge",
        ),
    ],
)  # fmt: skip
def test_a_declared_number_has_its_own_series_only(
    bench: Bench, record: Callable[[], None], series: str, generic: str, value: float
) -> None:
    metrics.declare("gauge" if series == "mine" else "counter", "mine", "My own.", ["to"])

    record()

    scrape = recorded_by(bench.node)
    assert (scrape.value(series, to="a"), scrape.labels(generic)) == (value, [])
    assert scrape.families["mine"].documentation == "My own."


def test_a_declared_operation_has_its_own_series_only(bench: Bench) -> None:
    metrics.declare("operation", "mine", "My own.", ["to"])

    metrics.observe("mine", 0.5, to="a")

    scrape = recorded_by(bench.node)
    assert scrape.distribution("mine_seconds", to="a", outcome="ok").sum == 0.5
    assert scrape.labels(f"{DURATION}_count") == []


def test_response_times_of_a_declared_operation_stand_with_all_others(bench: Bench) -> None:
    metrics.declare("operation", "mine", "My own.", ["to"])

    metrics.observe("mine", 0.5, response=2, to="a")

    assert recorded_by(bench.node).distribution(RESPONSE, operation="mine", to="a").sum == 2


@pytest.mark.parametrize(
    ("kind", "series"),
    [
        pytest.param("counter", "mine_total", id="counter"),
        pytest.param("operation", "mine_seconds_count", id="operation"),
    ],
)
def test_a_declared_metric_without_labels_is_there_before_its_first_sample(
    bench: Bench, kind: metrics.declared.Kind, series: str
) -> None:
    metrics.declare(kind, "mine", "My own.")

    scrape = recorded_by(bench.node)

    assert {scrape.value(series, **labels) for labels in scrape.labels(series)} == {0}


def test_a_gauge_that_was_never_set_says_nothing(bench: Bench) -> None:
    metrics.declare("gauge", "mine", "My own.")

    assert recorded_by(bench.node).labels("mine") == []


def test_labels_are_real_labels(bench: Bench) -> None:
    metrics.count("sent", 2, to=UGLY, code=200)

    assert recorded_by(bench.node).labels("crowsg_counter_total") == [
        {"name": "sent", "to": UGLY, "code": "200"}
    ]


def test_ugly_names_are_told_as_they_are(bench: Bench) -> None:
    metrics.count(UGLY)
    metrics.gauge(UGLY, 1)
    metrics.check(UGLY, True)
    metrics.observe(UGLY, 1)

    scrape = recorded_by(bench.node)

    assert scrape.labels("crowsg_counter_total") == scrape.labels("crowsg_gauge")
    assert scrape.labels("crowsg_gauge") == [{"name": UGLY}]
    assert scrape.value("crowsg_checks_total", check=UGLY, outcome="passed") == 1
    assert scrape.value(f"{DURATION}_count", operation=UGLY, outcome="ok") == 1


def test_what_goes_beyond_two_hundred_names_is_told_together(bench: Bench) -> None:
    for number in range(205):
        metrics.count(f"counter {number}")

    counters = recorded_by(bench.node).by("name", "crowsg_counter_total")

    assert (len(counters), counters[OTHER], sum(counters.values())) == (201, 5, 205)


@pytest.mark.parametrize(
    "value", [math.inf, -math.inf, 1e308, -0.5, 10**400, Decimal("2.5")], ids=repr
)
def test_a_gauge_stands_where_it_was_set(bench: Bench, value: float) -> None:
    metrics.gauge("level", value)

    told = recorded_by(bench.node).value("crowsg_gauge", name="level")

    assert told == (math.inf if value == 10**400 else value)


def test_a_gauge_that_is_no_number_is_told_as_none(bench: Bench) -> None:
    metrics.gauge("level", math.nan)

    assert math.isnan(recorded_by(bench.node).value("crowsg_gauge", name="level"))


@pytest.fixture
def of_every_kind(bench: Bench) -> Bench:
    """Hold metrics declared and undeclared, their samples mixed."""
    for kind in ("counter", "gauge", "operation"):
        for name in (f"own_{kind}", f"bare_{kind}"):
            metrics.declare(kind, name, "My own.", ["to"] if name.startswith("own") else ())
    bench.node.throttles.start("slow", Rate.of("10/s"))
    bench.node.throttles.start("fast", Rate.UNLIMITED)
    for to in ("a", "b", "c"):
        metrics.check(f"check {to}", True)
        for prefix, labels in (("own", {"to": to}), ("bare", {}), (f"free {to}", {"by": to})):
            metrics.observe(f"{prefix}_operation", 0.5, response=0.75, **labels)
            metrics.count(f"{prefix}_counter", 1, **labels)
            metrics.gauge(f"{prefix}_gauge", 1, **labels)
    return bench


def family_of(line: str) -> str:
    name = line.split()[2] if line.startswith("#") else line.partition(" ")[0].partition("{")[0]
    for suffix in ("_bucket", "_sum", "_count"):
        name = name.removesuffix(suffix)
    return name


def test_the_lines_of_a_family_stand_together(of_every_kind: Bench) -> None:
    lines = recorded_by(of_every_kind.node).text.splitlines()

    families = [name for name, _ in groupby(lines, family_of)]

    assert len(families) == len(set(families)) == 10 + 6


def test_each_family_has_one_header_in_front(of_every_kind: Bench) -> None:
    lines = recorded_by(of_every_kind.node).text.splitlines()

    for name, family in groupby(lines, family_of):
        words = [line.split()[:3] for line in family]
        assert words[:2] == [["#", "HELP", name], ["#", "TYPE", name]]
        assert "#" not in {first for first, *_ in words[2:]}


def test_a_run_that_begins_between_two_pieces_changes_no_series(of_every_kind: Bench) -> None:
    recorder, throttles = of_every_kind.node.recorder, of_every_kind.node.throttles
    before = recorded_by(of_every_kind.node).text

    pieces = recorded(recorder, throttles)
    text = next(pieces)
    recorder.reset()
    metrics.declare("gauge", "own_operation_seconds", "Another kind of the same series.")
    metrics.declare("gauge", "new", "There was none.")
    throttles.stop_all()
    text += "".join(pieces)

    assert Scrape(text).text == before


def test_samples_may_come_between_two_pieces(bench: Bench) -> None:
    metrics.observe("first", 0.5)
    pieces = recorded(bench.node.recorder, bench.node.throttles)

    text = next(pieces)
    metrics.observe("first", 0.5)
    metrics.observe("second", 0.5)
    scrape = Scrape(text + "".join(pieces))

    assert scrape.by("operation", f"{DURATION}_count").keys() == {"first"}


def test_a_million_names_make_a_text_of_bounded_size(bench: Bench) -> None:
    rng = random.Random(1)

    for _ in range(20_000):
        name = f"name {rng.randrange(10**6)}"
        metrics.observe(name, 1, response=1)
        metrics.count(name)
        metrics.gauge(name, 1)
        metrics.check(name, True)

    lines = [line for line in recorded_by(bench.node).text.splitlines() if line[0] != "#"]
    assert len(lines) == 201 * (4 * (len(LATENCIES.labels) + 2) + 1 + 1 + 2)
