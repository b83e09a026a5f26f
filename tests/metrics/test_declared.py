"""A declared metric is named as Prometheus allows, once, and its samples keep to it."""

from collections.abc import Callable
from typing import Any

import pytest

from crowsg import metrics
from crowsg.errors import CrowsgError, InvalidMetric
from crowsg.metrics.declared import Declaration, Declarations
from crowsg.metrics.names import MAX_NAMES
from crowsg.metrics.recorder import Recorder, values_of
from tests.support.nodes import Bench, make_scenario

Record = Callable[[], object]


@pytest.fixture
def recorder(bench: Bench) -> Recorder:
    return bench.node.recorder


@pytest.fixture
def declarations() -> Declarations:
    return Declarations()


def problems_of(declare: Record) -> tuple[str, ...]:
    """Return what is wrong with a declaration that is refused."""
    with pytest.raises(InvalidMetric) as caught:
        declare()
    return caught.value.problems


@pytest.mark.parametrize(
    ("kind", "name", "series"),
    [
        ("counter", "sent", "sent_total"),
        ("counter", "sent_total", "sent_total"),
        ("counter", "total", "total_total"),
        ("counter", "wait_seconds", "wait_seconds_total"),
        ("gauge", "queue", "queue"),
        ("gauge", "wait_seconds", "wait_seconds"),
        ("operation", "login", "login_seconds"),
        ("operation", "login_seconds", "login_seconds"),
        ("operation", "count", "count_seconds"),
    ],
)
def test_the_series_ends_as_its_kind_does(
    declarations: Declarations, kind: Any, name: str, series: str
) -> None:
    declared = declarations.add(kind, name, "Some text.", ())

    assert declared is not None
    assert declared.series == series


@pytest.mark.parametrize(
    ("labels", "kept"),
    [
        pytest.param((), (), id="none"),
        pytest.param(["to", "code"], ("to", "code"), id="list"),
        pytest.param((label for label in ("to", "code")), ("to", "code"), id="generator"),
        pytest.param("code", ("code",), id="one text is one label"),
        pytest.param(["Code2", "aB_c"], ("Code2", "aB_c"), id="capital letters and digits"),
    ],
)
def test_labels_are_kept_in_order(
    declarations: Declarations, labels: Any, kept: tuple[str, ...]
) -> None:
    declarations.add("counter", "sent", "Sent.", labels)

    assert list(declarations) == [Declaration("counter", "sent", "Sent.", kept)]


def test_a_help_text_is_kept_in_one_line(declarations: Declarations) -> None:
    declared = declarations.add("counter", "sent", "Two\nlines.", ())

    assert declared is not None
    assert declared.help == "Two lines."


KIND = "a kind is one of counter, gauge, operation"
NAME = "a name is at most 200 small letters"
OWN = "are crowsg's own"
ENDING = "cannot end like that"
HELP = "the help text is empty"
LABEL = "is no label"


@pytest.mark.parametrize(
    ("kind", "name", "help", "labels", "problem"),
    [
        pytest.param("histogram", "a", "A.", (), KIND, id="kind: unknown"),
        pytest.param("Counter", "a", "A.", (), KIND, id="kind: capital letter"),
        pytest.param(None, "a", "A.", (), KIND, id="kind: None"),
        pytest.param([], "a", "A.", (), KIND, id="kind: not hashable"),
        pytest.param("counter", "", "A.", (), NAME, id="name: empty"),
        pytest.param("counter", None, "A.", (), NAME, id="name: None"),
        pytest.param("counter", [], "A.", (), NAME, id="name: not hashable"),
        pytest.param("counter", "Sent", "A.", (), NAME, id="name: capital letter"),
        pytest.param("counter", "2xx", "A.", (), NAME, id="name: digit first"),
        pytest.param("counter", "_sent", "A.", (), NAME, id="name: _ first"),
        pytest.param("counter", "sent-to", "A.", (), NAME, id="name: hyphen"),
        pytest.param("counter", "sent\n", "A.", (), NAME, id="name: line end"),
        pytest.param("counter", "é", "A.", (), NAME, id="name: accent"),
        pytest.param("counter", "a" * 201, "A.", (), NAME, id="name: too long"),
        pytest.param("counter", "__other__", "A.", (), NAME, id="name: of the rest"),
        pytest.param("counter", "crowsg_x", "A.", (), OWN, id="name: crowsg_"),
        pytest.param("gauge", "process_x", "A.", (), OWN, id="name: process_"),
        pytest.param("operation", "python_x", "A.", (), OWN, id="name: python_"),
        pytest.param("gauge", "a_total", "A.", (), ENDING, id="ending: gauge, _total"),
        pytest.param("operation", "a_total", "A.", (), ENDING, id="ending: operation, _total"),
        pytest.param("counter", "a_total_total", "A.", (), ENDING, id="ending: _total twice"),
        pytest.param("gauge", "a_bucket", "A.", (), ENDING, id="ending: _bucket"),
        pytest.param("counter", "a_count_total", "A.", (), ENDING, id="ending: _count before own"),
        pytest.param("operation", "a_sum_seconds", "A.", (), ENDING, id="ending: _sum before own"),
        pytest.param("gauge", "a_created", "A.", (), ENDING, id="ending: _created"),
        pytest.param("gauge", "a_info", "A.", (), ENDING, id="ending: _info"),
        pytest.param("gauge", "a", "", (), HELP, id="help: empty"),
        pytest.param("gauge", "a", "A.", ["le"], LABEL, id="label: le"),
        pytest.param("gauge", "a", "A.", ["name"], LABEL, id="label: name"),
        pytest.param("gauge", "a", "A.", ["operation"], LABEL, id="label: operation"),
        pytest.param("gauge", "a", "A.", ["outcome"], LABEL, id="label: outcome"),
        pytest.param("gauge", "a", "A.", ["__name__"], LABEL, id="label: Prometheus' own"),
        pytest.param("gauge", "a", "A.", ["_a"], LABEL, id="label: _ first"),
        pytest.param("gauge", "a", "A.", ["1a"], LABEL, id="label: digit first"),
        pytest.param("gauge", "a", "A.", ["a b"], LABEL, id="label: blank"),
        pytest.param("gauge", "a", "A.", ["a\n"], LABEL, id="label: line end"),
        pytest.param("gauge", "a", "A.", "", LABEL, id="label: empty"),
        pytest.param("gauge", "a", "A.", [None], LABEL, id="label: None"),
        pytest.param("gauge", "a", "A.", [[]], LABEL, id="label: not hashable"),
        pytest.param("gauge", "a", "A.", ["b", "b"], "there twice", id="label: twice"),
    ],
)
def test_what_no_series_can_have_is_refused_with_the_reason(
    declarations: Declarations, kind: Any, name: Any, help: str, labels: Any, problem: str
) -> None:
    (told,) = problems_of(lambda: declarations.add(kind, name, help, labels))

    assert problem in told
    assert list(declarations) == []


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        pytest.param("timer", "Bad Name", [KIND, NAME, HELP, LABEL, LABEL], id="bad kind and name"),
        pytest.param("timer", "crowsg_x", [KIND, OWN, HELP, LABEL, LABEL], id="bad kind, own name"),
        pytest.param("gauge", "9", [NAME, HELP, LABEL, LABEL], id="bad name"),
        pytest.param(
            "gauge", "process_sum", [OWN, ENDING, HELP, LABEL, LABEL], id="own name and ending"
        ),
    ],
)
def test_all_problems_are_told_at_once(
    declarations: Declarations, kind: Any, name: str, expected: list[str]
) -> None:
    problems = problems_of(lambda: declarations.add(kind, name, "", ["le", "fine", "1st"]))

    assert len(problems) == len(expected)
    assert all(part in told for part, told in zip(expected, problems, strict=True))


def test_the_error_names_the_metric_and_every_problem(declarations: Declarations) -> None:
    with pytest.raises(InvalidMetric) as caught:
        declarations.add("gauge", "9", "", ())

    assert caught.value.name == "9"
    assert str(caught.value) == "metric '9': " + "; ".join(caught.value.problems)


@pytest.mark.parametrize("base", [CrowsgError, ValueError])
def test_a_refusal_is_an_error_of_crowsg_and_of_values(
    declarations: Declarations, base: type[Exception]
) -> None:
    with pytest.raises(base, match="no label"):
        declarations.add("gauge", "a", "A.", ["le"])


def test_the_same_again_changes_nothing(declarations: Declarations) -> None:
    first = declarations.add("counter", "sent", "Sent.", ["to"])

    again = declarations.add("counter", "sent", "Sent.", ["to"])

    assert again is None
    assert list(declarations) == [first]


def test_the_same_again_is_harmless_after_the_first_sample(recorder: Recorder) -> None:
    metrics.declare("counter", "sent", "Sent.")
    metrics.count("sent", 3)

    metrics.declare("counter", "sent", "Sent.")

    assert values_of(recorder.counters) == {"sent": 3}


@pytest.mark.parametrize(
    ("kind", "help", "labels"),
    [
        pytest.param("gauge", "Sent.", ["to"], id="kind"),
        pytest.param("counter", "Sent!", ["to"], id="help"),
        pytest.param("counter", "Sent.", [], id="fewer labels"),
        pytest.param("counter", "Sent.", ["to", "code"], id="more labels"),
    ],
)
def test_another_declaration_of_a_name_is_refused(
    declarations: Declarations, kind: Any, help: str, labels: list[str]
) -> None:
    first = declarations.add("counter", "sent", "Sent.", ["to"])

    problems = problems_of(lambda: declarations.add(kind, "sent", help, labels))

    assert problems == ("it was declared before, as counter with to",)
    assert list(declarations) == [first]


@pytest.mark.parametrize(
    ("first", "second", "series"),
    [
        pytest.param(("counter", "sent"), ("counter", "sent_total"), "sent_total", id="counters"),
        pytest.param(
            ("operation", "login_seconds"), ("operation", "login"), "login_seconds", id="operations"
        ),
        pytest.param(("gauge", "a_seconds"), ("operation", "a"), "a_seconds", id="two kinds"),
    ],
)
def test_two_names_of_one_series_are_refused(
    declarations: Declarations, first: Any, second: Any, series: str
) -> None:
    (kind, name), (other_kind, other_name) = first, second
    declarations.add(kind, name, "The first.", ())

    problems = problems_of(lambda: declarations.add(other_kind, other_name, "The second.", ()))

    assert problems == (f"{name} has the series {series} already",)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(lambda: metrics.count("a"), id="counter"),
        pytest.param(lambda: metrics.count("a", to="b"), id="counter with labels"),
        pytest.param(lambda: metrics.gauge("a", 1), id="gauge of the name"),
        pytest.param(lambda: metrics.observe("a", 1), id="operation of the name"),
    ],
)
def test_after_the_first_sample_it_is_too_late(recorder: Recorder, record: Record) -> None:
    record()

    problems = problems_of(lambda: metrics.declare("counter", "a", "A."))

    assert problems == ("declare it before the first sample, in init",)
    assert list(recorder.declarations) == []


def test_samples_of_other_names_do_no_harm(recorder: Recorder) -> None:
    metrics.count("b")

    metrics.declare("counter", "a", "A.", ["b"])

    assert [declared.name for declared in recorder.declarations] == ["a"]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(lambda: metrics.count("sent"), id="no labels"),
        pytest.param(lambda: metrics.count("sent", to="a"), id="fewer labels"),
        pytest.param(lambda: metrics.count("sent", to="a", code=1, by="b"), id="more labels"),
        pytest.param(lambda: metrics.count("sent", to="a", by="b"), id="other labels"),
        pytest.param(lambda: metrics.gauge("sent", 1, to="a", code=1), id="gauge"),
        pytest.param(lambda: metrics.observe("sent", 1, to="a", code=1), id="observe"),
        pytest.param(lambda: metrics.time("sent", to="a", code=1), id="time"),
    ],
)
def test_samples_of_other_labels_or_kinds_than_declared_are_refused(
    recorder: Recorder, record: Record
) -> None:
    metrics.declare("counter", "sent", "Sent.", ["to", "code"])

    (problem,) = problems_of(record)

    assert problem.startswith("it is declared as counter with to, code, and recorded as ")
    assert [recorder.counters, recorder.gauges, recorder.operations] == [{}, {}, {}]


def test_samples_of_the_declared_labels_are_kept_in_any_order(recorder: Recorder) -> None:
    metrics.declare("counter", "sent", "Sent.", ["to", "code"])

    metrics.count("sent", to="a", code=200)
    metrics.count("sent", code=200, to="a")

    assert values_of(recorder.counters) == {'sent{code="200",to="a"}': 2}


@pytest.mark.parametrize("label", ["le", "operation", "outcome", "a-b", "1st", "_x", "é", ""])
@pytest.mark.parametrize(
    "record",
    [
        pytest.param(lambda labels: metrics.count("a", **labels), id="count"),
        pytest.param(lambda labels: metrics.gauge("a", 1, **labels), id="gauge"),
        pytest.param(lambda labels: metrics.observe("a", 1, **labels), id="observe"),
        pytest.param(lambda labels: metrics.time("a", **labels), id="time"),
    ],
)
def test_undeclared_samples_need_possible_labels_too(
    recorder: Recorder, record: Callable[[dict[str, object]], object], label: str
) -> None:
    (problem,) = problems_of(lambda: record({label: 1}))

    assert problem.startswith(f"{label!r} is no label")
    assert [recorder.counters, recorder.gauges, recorder.operations] == [{}, {}, {}]


def test_every_label_that_cannot_be_one_is_told(declarations: Declarations) -> None:
    declarations.add("gauge", "a", "A.", ())

    problems = problems_of(lambda: declarations.check("counter", "a", ("le", "fine", "name")))

    assert [problem.partition(" ")[0] for problem in problems] == ["'le'", "'name'", "it"]


def test_a_declared_counter_is_there_from_the_beginning(recorder: Recorder) -> None:
    metrics.declare("counter", "sent", "Sent.")

    assert values_of(recorder.counters) == {"sent": 0}


def test_a_declared_operation_is_there_from_the_beginning(recorder: Recorder) -> None:
    metrics.declare("operation", "login", "Logins.")

    assert {name: operation.count for name, operation in recorder.operations.items()} == {
        "login": 0
    }


@pytest.mark.parametrize("kind", ["counter", "gauge", "operation"])
def test_what_has_labels_is_not_there_before_its_first_sample(
    recorder: Recorder, kind: Any
) -> None:
    metrics.declare(kind, "a", "A.", ["to"])

    assert [recorder.counters, recorder.gauges, recorder.operations] == [{}, {}, {}]


def test_a_declared_gauge_is_not_there_before_it_is_set(recorder: Recorder) -> None:
    metrics.declare("gauge", "queue", "Length.")

    assert recorder.gauges == {}


def test_no_more_are_declared_than_names_are_kept(declarations: Declarations) -> None:
    for number in range(MAX_NAMES):
        declarations.add("counter", f"a{number}", "A.", ())

    with pytest.raises(InvalidMetric, match="200 are declared"):
        declarations.add("gauge", "b", "B.", ())


def test_the_declaration_of_a_sample_is_found_by_kind_and_name(declarations: Declarations) -> None:
    declared = declarations.add("counter", "sent", "Sent.", ())

    assert declarations.of("counter", "sent") is declared
    assert declarations.of("gauge", "sent") is None
    assert declarations.of("counter", "received") is None


def test_the_next_run_may_declare_otherwise(bench: Bench) -> None:
    def init(kind: Any) -> None:
        metrics.declare(kind, "a", "A.")

    bench.do(make_scenario(init=lambda: init("counter")), 0)
    bench.node.local.stop()
    bench.clock.advance(1)
    bench.do(make_scenario(init=lambda: init("gauge")), 0)

    assert [declared.kind for declared in bench.node.recorder.declarations] == ["gauge"]


def test_a_run_that_declares_nothing_knows_no_declaration_of_the_one_before(bench: Bench) -> None:
    bench.do(make_scenario(init=lambda: metrics.declare("counter", "a", "A.", ["to"])), 0)
    bench.node.local.stop()
    bench.clock.advance(1)
    bench.do(make_scenario(), 0)

    metrics.count("a")

    assert values_of(bench.node.recorder.counters) == {"a": 1}
