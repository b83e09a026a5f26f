"""Pauses of the garbage collector are timed while somebody listens."""

import gc
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crowsg.clock import SECOND
from crowsg.health.pauses import CollectorPauses

PAUSE_NS = 3 * SECOND


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Lets the collector run only when it is told to, and nobody listen who did not before."""
    before = gc.callbacks.copy()
    gc.disable()
    yield
    gc.enable()
    gc.callbacks[:] = before


def make_pauses() -> CollectorPauses:
    """Return what times with a clock that goes on by three seconds at every look at it."""
    return CollectorPauses(itertools.count(SECOND, PAUSE_NS).__next__)


@pytest.fixture
def pauses() -> CollectorPauses:
    return make_pauses()


def test_a_collection_is_as_long_as_the_time_around_it(pauses: CollectorPauses) -> None:
    pauses.start()

    gc.collect()

    assert (pauses.pauses.total, pauses.pauses.max_ns) == (1, PAUSE_NS)


def test_every_collection_is_counted(pauses: CollectorPauses) -> None:
    pauses.start()

    for generation in (0, 1, 2, 0):
        gc.collect(generation)

    assert (pauses.pauses.total, pauses.pauses.sum_ns) == (4, 4 * PAUSE_NS)


def test_collections_before_start_are_not_counted(pauses: CollectorPauses) -> None:
    gc.collect()

    pauses.start()

    assert pauses.pauses.total == 0


def test_collections_after_stop_are_not_counted(pauses: CollectorPauses) -> None:
    pauses.start()
    gc.collect()
    pauses.stop()

    gc.collect()

    assert pauses.pauses.total == 1


def start_at_the_end_of(collect: Callable[[], int], pauses: CollectorPauses) -> None:
    """Start while a collection ends."""

    def start(phase: str, _: dict[str, Any]) -> None:
        if phase == "stop":
            pauses.start()

    gc.callbacks.append(start)
    collect()
    gc.callbacks.remove(start)


def test_a_collection_that_began_before_start_is_not_counted(pauses: CollectorPauses) -> None:
    start_at_the_end_of(gc.collect, pauses)

    assert pauses.pauses.total == 0


def test_a_collection_that_began_before_another_start_is_not_counted(
    pauses: CollectorPauses,
) -> None:
    pauses.start()
    gc.collect()
    pauses.stop()

    start_at_the_end_of(gc.collect, pauses)

    assert pauses.pauses.total == 1


def test_a_second_start_counts_nothing_twice(pauses: CollectorPauses) -> None:
    pauses.start()
    pauses.start()

    gc.collect()

    assert pauses.pauses.total == 1


def test_one_stop_is_enough_after_two_starts(pauses: CollectorPauses) -> None:
    before = gc.callbacks.copy()
    pauses.start()
    pauses.start()

    pauses.stop()

    assert gc.callbacks == before


@pytest.mark.parametrize("starts", [0, 1], ids=["never started", "stopped before"])
def test_a_stop_too_many_changes_nothing(pauses: CollectorPauses, starts: int) -> None:
    before = gc.callbacks.copy()
    for _ in range(starts):
        pauses.start()
        pauses.stop()

    pauses.stop()

    assert gc.callbacks == before


def test_counting_goes_on_after_another_start(pauses: CollectorPauses) -> None:
    for _ in range(2):
        pauses.start()
        gc.collect()
        pauses.stop()

    assert (pauses.pauses.total, pauses.pauses.max_ns) == (2, PAUSE_NS)


def test_two_nodes_count_for_themselves(pauses: CollectorPauses) -> None:
    other = make_pauses()
    pauses.start()
    other.start()
    gc.collect()

    other.stop()
    gc.collect()

    assert (pauses.pauses.total, other.pauses.total) == (2, 1)
