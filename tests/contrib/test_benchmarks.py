import sys

import pytest

from contrib.benchmarks.catalogue import SMOKE, catalogue
from contrib.benchmarks.measured import Benchmark, Figure, Subject
from contrib.benchmarks.runs import Broken, Spread, measure, spread
from contrib.benchmarks.sleepers import percentile
from contrib.benchmarks.table import verdict

PYTHONS = {False: sys.executable}


@pytest.mark.parametrize(
    ("value", "more_is_better", "expected"),
    [
        pytest.param(10, False, "aim met", id="at-the-aim"),
        pytest.param(11, False, "met", id="above-the-aim"),
        pytest.param(20, False, "met", id="at-the-bound"),
        pytest.param(21, False, "**missed**", id="above-the-bound"),
        pytest.param(21, True, "aim met", id="more-is-better-aim"),
        pytest.param(9, True, "**missed**", id="more-is-better-missed"),
    ],
)
def test_a_figure_is_judged_by_its_bounds(
    value: float, more_is_better: bool, expected: str
) -> None:
    must, aims = (10, 20) if more_is_better else (20, 10)

    assert verdict(Figure("key", "title", must, aims, more_is_better), value) == expected


def test_nothing_is_judged_where_nothing_is_asked() -> None:
    assert verdict(Figure("key", "title"), 1.0) == ""


def test_a_spread_is_the_middle_and_the_ends() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(median=2.0, least=1.0, most=3.0)


@pytest.mark.parametrize(("percent", "expected"), [(1, 1.0), (50, 50.0), (99, 99.0), (100, 100.0)])
def test_a_percentile_is_a_value_that_occurred(percent: float, expected: float) -> None:
    assert percentile([float(each) for each in range(1, 101)], percent) == expected


def test_the_names_of_benchmarks_differ() -> None:
    names = [benchmark.name for benchmark in catalogue(SMOKE)]

    assert len(set(names)) == len(names)


@pytest.mark.integration
@pytest.mark.long
@pytest.mark.parametrize(
    "benchmark",
    [
        pytest.param(each, id=each.name, marks=[pytest.mark.servers] if each.needs_servers else [])
        for each in catalogue(SMOKE)
        # Those of clusters take a minute: smoke mode runs them.
        if not each.name.startswith("cluster-")
    ],
)
def test_a_benchmark_works(benchmark: Benchmark) -> None:
    outcome = measure(benchmark, PYTHONS, rounds=1, report=str)

    assert set(outcome.spreads["crowsg"]) == {figure.key for figure in benchmark.figures}


@pytest.mark.integration
def test_a_peer_that_is_not_installed_is_left_out_and_told() -> None:
    answer = ("-c", "print('{\"key\": 1}')")
    here = Subject("crowsg", answer)
    missing = Subject("peer", answer, programs=("no-such-program",))
    said: list[str] = []

    outcome = measure(
        Benchmark("name", (Figure("key", "title"),), (here, missing)), PYTHONS, 1, said.append
    )

    assert set(outcome.spreads) == {"crowsg"}
    assert said[0] == "peer is left out: no no-such-program is installed"


@pytest.mark.integration
def test_a_peer_that_takes_long_is_measured_as_often_as_it_says() -> None:
    answer = ("-c", "print('{\"key\": 1}')")
    here, slow = Subject("crowsg", answer), Subject("peer", answer, most_rounds=1)
    said: list[str] = []

    measure(Benchmark("name", (Figure("key", "title"),), (here, slow)), PYTHONS, 2, said.append)

    assert [line.partition(":")[0] for line in said] == [
        "name, crowsg",
        "name, peer",
        "name, crowsg",
    ]


def test_nothing_that_takes_a_minute_is_in_smoke_mode() -> None:
    benchmarks = catalogue(SMOKE)

    assert "cluster-freeze-master" not in {each.name for each in benchmarks}
    assert all(subject.most_rounds is None for each in benchmarks for subject in each.subjects)


def test_nothing_is_measured_where_crowsg_cannot_be() -> None:
    needy = Subject("crowsg", ("-c", ""), programs=("no-such-program",))

    with pytest.raises(Broken):
        measure(Benchmark("name", (Figure("key", "title"),), (needy,)), PYTHONS, 1, str)


@pytest.mark.integration
@pytest.mark.parametrize(
    "program",
    [
        pytest.param("raise SystemExit(1)", id="fails"),
        pytest.param("print('{}')", id="leaves-the-figure-out"),
        pytest.param("print('{\"key\": NaN}')", id="is-no-number"),
        pytest.param("print('nonsense')", id="is-nonsense"),
    ],
)
def test_a_broken_benchmark_is_told(program: str) -> None:
    benchmark = Benchmark("name", (Figure("key", "title"),), (Subject("crowsg", ("-c", program)),))

    with pytest.raises(Broken):
        measure(benchmark, PYTHONS, rounds=1, report=str)
