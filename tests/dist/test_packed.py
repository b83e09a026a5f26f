"""Histograms that travel: the same on the other side, and only what has grown is added."""

import random
from itertools import pairwise
from typing import Any

import msgpack
import pytest

from crowsg.dist.growing import HistogramSum, OperationSum
from crowsg.dist.packed import (
    EMPTY,
    MAX_SUMMANDS,
    NO_SAMPLES,
    growth,
    histogram_as_plain,
    operation_as_plain,
    operation_growth,
    packed,
    packed_operation,
)
from crowsg.errors import NotPackable
from crowsg.metrics.histogram import Histogram
from crowsg.metrics.operation import Operation
from tests.dist.recorders import histogram_of


def histogram(*values_ns: int) -> Histogram:
    made = Histogram()
    for value_ns in values_ns:
        made.record(value_ns)
    return made


def travelled(plain: Any) -> Any:
    """Return plain values as they arrive."""
    return msgpack.unpackb(msgpack.packb(plain))


def unpacked(plain: Any) -> Histogram:
    summed = HistogramSum(Histogram())
    summed.add(growth(packed(travelled(plain), "it"), EMPTY, "it"))
    summed.settle()
    return summed.histogram


def weighed(counts: dict[int, int]) -> Histogram:
    """Return a histogram with so many samples of each value."""
    made = histogram(*counts)
    for value, count in counts.items():
        made.counts[value] += count - 1
        made.sum_ns += value * (count - 1)
    return made


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(histogram(), id="empty"),
        pytest.param(histogram(0), id="zero"),
        pytest.param(histogram(1, 127, 128, 129), id="small"),
        pytest.param(histogram(*range(0, 10**7, 997)), id="many"),
        pytest.param(histogram(10**18, 3), id="years"),
        pytest.param(histogram(int(1.7e308) * 10), id="the-longest"),
        pytest.param(weighed({5: 255, 6: 256}), id="four-bytes"),
        pytest.param(weighed({5: 2**24 - 1, 6: 2**24}), id="eight-bytes"),
        pytest.param(weighed({5: 2**32, 6: 2**56 - 1}), id="the-most"),
    ],
)
def test_what_arrives_is_what_was_sent(made: Histogram) -> None:
    assert histogram_of(unpacked(histogram_as_plain(made))) == histogram_of(made)


@pytest.mark.parametrize("seed", range(30))
def test_growths_add_up_to_the_whole(seed: int) -> None:
    rng = random.Random(seed)
    made, states = Histogram(), [EMPTY]
    for _ in range(rng.randrange(1, 8)):
        for _ in range(rng.choice([0, 1, 3, 400])):
            made.record(rng.randrange(10 ** rng.randrange(1, 12)))
        states.append(packed(travelled(histogram_as_plain(made)), "it"))
    summed = HistogramSum(Histogram())

    for before, now in pairwise(states):
        summed.add(growth(now, before, "it"))
    summed.settle()

    assert histogram_of(summed.histogram) == histogram_of(made)


def test_as_many_growths_as_there_may_be_are_added_up_without_loss() -> None:
    made, before = weighed({5: 1, 6: 1}), EMPTY
    summed = HistogramSum(Histogram())
    for _ in range(3 * MAX_SUMMANDS):
        made.counts[5] += 10**5
        made.counts[6] += 1
        made.sum_ns += 1
        now = packed(histogram_as_plain(made), "it")
        summed.add(growth(now, before, "it"))
        before = now

    summed.settle()

    assert histogram_of(summed.histogram) == histogram_of(made)


def test_many_nodes_with_full_lanes_are_added_up_without_loss() -> None:
    state = packed(histogram_as_plain(weighed({5: 2**24 - 1, 6: 2**24 - 1})), "it")
    summed = HistogramSum(Histogram())

    for _ in range(1000):
        summed.add(growth(state, EMPTY, "it"))
    summed.settle()

    assert list(summed.histogram.nonzero()) == [(5, 1000 * (2**24 - 1)), (6, 1000 * (2**24 - 1))]


def test_what_has_not_grown_adds_nothing_and_makes_nothing_larger() -> None:
    state = packed(histogram_as_plain(histogram(5, 10**9)), "it")
    summed = HistogramSum(Histogram())

    summed.add(growth(state, state, "it"))
    summed.settle()

    nothing = summed.histogram
    assert (nothing.counts, nothing.sum_ns, nothing.max_ns) == ([], 0, 0)


def test_a_histogram_costs_what_its_octaves_hold() -> None:
    made = histogram(*[5] * 1000, 10**9)

    assert len(msgpack.packb(histogram_as_plain(made))) < 420


def test_an_operation_arrives_as_it_was_sent() -> None:
    operation = Operation()
    operation.record(5, "", 20)
    operation.record(6, "refused", None)
    operation.interrupted.record(7)
    operation.late_ns, operation.dropped = 2**70, 3

    read = packed_operation(travelled(operation_as_plain(operation, operation.failures)), "it")

    assert (read.late_ns, read.dropped, read.failures) == (2**70, 3, {"refused": 1})
    summed = OperationSum()
    summed.add(operation_growth(read, NO_SAMPLES, "it"))
    summed.settle()
    operation = summed.operation
    assert [
        histogram_of(each) for each in (operation.ok, operation.failed, operation.interrupted)
    ] == [
        histogram_of(histogram(5)),
        histogram_of(histogram(6)),
        histogram_of(histogram(7)),
    ]


OCTAVE = bytes([1]) + bytes(127)


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(None, id="nothing"),
        pytest.param({}, id="dictionary"),
        pytest.param([b"", b""], id="sum-without-counts"),
        pytest.param([b"", b"", 0], id="octave-without-counts"),
        pytest.param([b"", b"", 0, OCTAVE, 1], id="half-an-octave"),
        pytest.param([b"", b"", 0, bytes(128)], id="no-samples"),
        pytest.param([b"", b"", 0, b"x" * 127], id="short-octave"),
        pytest.param([b"", b"", 0, "x" * 128], id="text-for-counts"),
        pytest.param([b"", b"", 0, OCTAVE, 0, OCTAVE], id="an-octave-twice"),
        pytest.param([b"", b"", 3, OCTAVE, 2, OCTAVE], id="octaves-out-of-order"),
        pytest.param([b"", b"", -1, OCTAVE], id="negative-octave"),
        pytest.param([b"", b"", False, OCTAVE], id="octave-of-bool"),
        pytest.param([b"", b"", [], OCTAVE], id="octave-of-list"),
        pytest.param([b"", b"", 2**40, OCTAVE], id="octave-beyond-all"),
        pytest.param([b"", b"\x07", 0, OCTAVE], id="largest-in-another-bucket"),
        pytest.param([7, b"", 0, OCTAVE], id="sum-as-int"),
        pytest.param([b"x" * 200, b"", 0, OCTAVE], id="sum-beyond-all"),
        pytest.param([b"", None, 0, OCTAVE], id="no-largest"),
    ],
)
def test_a_garbled_histogram_is_refused(plain: Any) -> None:
    with pytest.raises(NotPackable):
        packed(plain, "it")


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param([5, 5], [5], id="fewer"),
        pytest.param([5, 10**6], [5], id="octave-gone"),
        pytest.param([5], [6], id="moved"),
        pytest.param([5, 10**6], [5, 10**9], id="octave-gone-though-more"),
        pytest.param([1_000_003], [1_000_000] * 2, id="largest-smaller"),
        pytest.param([], [], id="sum-alone"),
    ],
)
def test_what_has_shrunk_is_refused(before: list[int], now: list[int]) -> None:
    known = packed(histogram_as_plain(histogram(*before, 0)), "it")
    later = packed(histogram_as_plain(histogram(*now, 0)), "it")
    if not now:
        later = later._replace(sum_ns=9)

    with pytest.raises(NotPackable):
        growth(later, known, "it")


def test_counts_that_reach_into_the_next_are_refused() -> None:
    counts = bytes([0, 1]) + bytes(126)

    with pytest.raises(NotPackable):
        growth(packed([b"", b"", 0, counts], "it"), EMPTY, "it")


@pytest.mark.parametrize(
    ("at", "value"),
    [
        pytest.param(0, None, id="ok"),
        pytest.param(3, [1], id="response"),
        pytest.param(4, 5, id="late-as-int"),
        pytest.param(5, -1, id="dropped-below-zero"),
        pytest.param(5, True, id="dropped-as-bool"),
        pytest.param(5, 2**63, id="dropped-beyond-64-bits"),
        pytest.param(6, [], id="failures-as-list"),
        pytest.param(6, {"refused": -1}, id="failure-below-zero"),
        pytest.param(6, {"refused": 1.0}, id="failure-as-float"),
        pytest.param(6, {"a\nb": 1}, id="kind-of-two-lines"),
        pytest.param(6, {7: 1}, id="kind-as-int"),
        pytest.param(6, {"x" * 513: 1}, id="long-kind"),
        pytest.param(6, {f"k{n}": 1 for n in range(202)}, id="too-many-kinds"),
    ],
)
def test_a_garbled_operation_is_refused(at: int, value: Any) -> None:
    plain = operation_as_plain(Operation(), {})
    plain[at] = value

    with pytest.raises(NotPackable):
        packed_operation(plain, "it")


def test_an_operation_that_takes_back_what_was_late_is_refused() -> None:
    with pytest.raises(NotPackable):
        operation_growth(NO_SAMPLES, NO_SAMPLES._replace(late_ns=1), "it")
