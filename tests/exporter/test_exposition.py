"""Values in, lines out; read back by Prometheus' own parser."""

import math
import random
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from crowsg.clock import SECOND, to_ns
from crowsg.exporter.exposition import Limits, header, histogram, number, sample
from crowsg.exporter.node_series import CALLBACKS, DELAYS, LIVES
from crowsg.exporter.recorded import LATENCIES
from crowsg.metrics.histogram import Histogram
from tests.exporter.scrapes import Distribution, Scrape

ALL_LIMITS = [
    pytest.param(LATENCIES, 0.0001, 60, id="latencies"),
    pytest.param(LIVES, 0.1, 7200, id="lives"),
    pytest.param(DELAYS, 0.001, 10, id="delays"),
    pytest.param(CALLBACKS, 0.001, 600, id="callbacks"),
]

# A bucket of the recording histogram is at most 1/64 wide and counts by its middle.
TOLERANCE = 1 / 128


UGLY = [
    "plain", "", "back\\slash", "\\", "\\n", 'quo"te', '"', "new\nline", "\r\t\x00", "ünï 🦆",
    "{,", "}", ',le="1"', "# HELP x y", "a b 1",
]  # fmt: skip


class Odd(float):
    """A number that prints like those of some libraries do."""

    def __repr__(self) -> str:
        return f"odd.float({float(self)})"


def samples_of(*values_ns: int) -> Histogram:
    samples = Histogram()
    for value_ns in values_ns:
        samples.record(value_ns)
    return samples


def written(samples: Histogram, limits: Limits = LATENCIES) -> Distribution:
    return typed("histogram", histogram("x", (("a", "b"),), samples, limits)).distribution(
        "x", a="b"
    )


def typed(kind: str, lines: str) -> Scrape:
    return Scrape(header("x", kind, "Something.") + lines)


@pytest.mark.parametrize(("limits", "first", "last"), ALL_LIMITS)
def test_limits_go_from_the_first_to_the_last(limits: Limits, first: float, last: float) -> None:
    assert limits.seconds[0] == first
    assert limits.seconds[-2] < last <= limits.seconds[-1]


@pytest.mark.parametrize(("limits", "first", "last"), ALL_LIMITS)
def test_limits_ascend_and_none_comes_twice(limits: Limits, first: float, last: float) -> None:
    assert all(low < high for low, high in pairwise(limits.seconds))
    assert all(low < high for low, high in pairwise(limits.ends))
    assert len(set(limits.labels)) == len(limits.seconds) + 1


def test_limits_of_latencies_lie_close_enough_for_quantiles() -> None:
    assert max(high / low for low, high in pairwise(LATENCIES.seconds)) < 1.51


@pytest.mark.parametrize("seed", range(50))
def test_buckets_never_fall_and_end_at_the_count(seed: int) -> None:
    rng = random.Random(seed)
    values = [int(rng.lognormvariate(17, 5)) for _ in range(rng.randrange(300))]

    found = written(samples_of(*values))

    counts = list(found.buckets.values())
    assert counts == sorted(counts)
    assert counts[-1] == found.buckets[math.inf] == found.count == len(values)


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize(("limits", "first", "last"), ALL_LIMITS)
def test_only_samples_close_to_a_limit_may_lie_on_either_side(
    limits: Limits, first: float, last: float, seed: int
) -> None:
    rng = random.Random(seed)
    values = [to_ns(rng.choice(limits.seconds) * rng.uniform(0.97, 1.03)) for _ in range(200)]

    found = written(samples_of(*values), limits)

    for limit in limits.seconds:
        surely_below = sum(value <= limit * SECOND * (1 - TOLERANCE) for value in values)
        maybe_below = sum(value <= limit * SECOND * (1 + TOLERANCE) for value in values)
        assert surely_below <= found.buckets[limit] <= maybe_below


def test_a_sample_far_above_all_limits_is_counted_by_the_infinite_one_alone() -> None:
    found = written(samples_of(to_ns(3600)))

    assert [limit for limit, count in found.buckets.items() if count] == [math.inf]


@pytest.mark.parametrize("seed", range(20))
def test_the_sum_is_exact(seed: int) -> None:
    rng = random.Random(seed)
    values = [rng.randrange(10 ** rng.randrange(1, 14)) for _ in range(100)]

    assert written(samples_of(*values)).sum == sum(values) / SECOND


def test_a_histogram_without_samples_is_all_zeros() -> None:
    found = written(Histogram())

    assert (set(found.buckets.values()), found.count, found.sum) == ({0}, 0, 0)
    assert len(found.buckets) == len(LATENCIES.seconds) + 1


def test_a_histogram_needs_no_labels() -> None:
    lines = histogram("x", (), samples_of(to_ns(1)), LATENCIES)

    assert typed("histogram", lines).distribution("x").count == 1


@pytest.mark.parametrize(
    ("value", "read"),
    [
        pytest.param(0, 0, id="zero"),
        pytest.param(2**53 + 1, 2**53 + 1, id="beyond exact floats"),
        pytest.param(-2.5, -2.5, id="negative"),
        pytest.param(5e-324, 5e-324, id="smallest"),
        pytest.param(1.7e308, 1.7e308, id="largest"),
        pytest.param(math.inf, math.inf, id="inf"),
        pytest.param(-math.inf, -math.inf, id="-inf"),
        pytest.param(10**5000, math.inf, id="too large"),
        pytest.param(-(10**5000), -math.inf, id="too small"),
        pytest.param(True, 1, id="bool"),
        pytest.param(Decimal("1.5"), 1.5, id="decimal"),
        pytest.param(Fraction(1, 4), 0.25, id="fraction"),
        pytest.param(Odd(3.5), 3.5, id="of a library"),
    ],
)
def test_a_number_is_read_as_it_was(value: Any, read: float) -> None:
    assert typed("gauge", sample("x", (), value)).value("x") == read


@pytest.mark.parametrize("value", [math.nan, 1j, "text", None], ids=repr)
def test_what_is_no_number_says_so(value: Any) -> None:
    assert number(value) == "NaN"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(math.inf, "+Inf", id="inf"),
        pytest.param(-math.inf, "-Inf", id="-inf"),
        pytest.param(7, "7", id="whole"),
        pytest.param(0.1, "0.1", id="fraction"),
    ],
)
def test_numbers_are_spelled_as_prometheus_spells_them(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize("text", UGLY, ids=repr)
def test_a_label_is_read_as_it_was(text: str) -> None:
    lines = sample("x", (("a", text), ("b", "next")), 1)

    assert typed("gauge", lines).value("x", a=text, b="next") == 1


@pytest.mark.parametrize("text", UGLY, ids=repr)
def test_a_label_of_a_histogram_is_read_as_it_was(text: str) -> None:
    lines = histogram("x", (("a", text), ("b", "next")), samples_of(1), LATENCIES)

    found = typed("histogram", lines).distribution("x", a=text, b="next")

    assert (len(found.buckets), found.count) == (len(LATENCIES.labels), 1)


@pytest.mark.parametrize("text", ["plain", "back\\slash", "\\n", "new\nline", 'quo"te'], ids=repr)
def test_a_help_text_is_read_as_it_was(text: str) -> None:
    scrape = Scrape(header("x", "gauge", text))

    assert scrape.families["x"].documentation == text


@pytest.mark.parametrize("kind", ["counter", "gauge", "histogram"])
def test_the_header_tells_the_kind(kind: str) -> None:
    assert Scrape(header("x", kind, "What it is.")).families["x"].type == kind
