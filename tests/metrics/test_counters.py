"""Counters: bounded in number, nothing counted is lost."""

import random
from typing import Any

import pytest

from crowsg import metrics
from crowsg.context import node_context
from crowsg.errors import NoCurrentNode
from crowsg.metrics.counters import MAX_NAMES, Counters
from crowsg.metrics.failures import OTHER
from crowsg.node import Node
from crowsg.testing import ManualClock


@pytest.fixture
def counters() -> Counters:
    return Counters()


def fill(counters: Counters) -> None:
    """Use up all names."""
    for number in range(MAX_NAMES):
        counters.count(f"name {number}")


def test_a_counter_counts_by_one(counters: Counters) -> None:
    counters.count("sent")
    counters.count("sent")

    assert counters.values() == {"sent": 2}


@pytest.mark.parametrize(
    ("n", "total"), [(5, 6), (0.5, 1.5), (-1, 0), (0, 1), (10**30, 10**30 + 1)]
)
def test_a_counter_counts_by_any_number(counters: Counters, n: float, total: float) -> None:
    counters.count("sent")

    counters.count("sent", n)

    assert counters.values() == {"sent": total}


def test_whole_numbers_stay_whole(counters: Counters) -> None:
    counters.count("sent", 2**60)
    counters.count("sent")

    assert counters.values() == {"sent": 2**60 + 1}


def test_two_hundred_names_are_kept(counters: Counters) -> None:
    fill(counters)

    assert len(counters.values()) == MAX_NAMES == 200
    assert OTHER not in counters.values()


def test_further_names_are_counted_together(counters: Counters) -> None:
    fill(counters)

    counters.count("one too many", 3)
    counters.count("two too many", 4)

    assert counters.values()[OTHER] == 7
    assert len(counters.values()) == MAX_NAMES + 1


def test_a_known_name_goes_on_when_there_is_no_room_for_new_ones(counters: Counters) -> None:
    fill(counters)
    counters.count("one too many")

    counters.count("name 7")

    assert counters.values()["name 7"] == 2


@pytest.mark.parametrize("seed", range(20))
def test_nothing_counted_is_lost(counters: Counters, seed: int) -> None:
    rng = random.Random(seed)
    steps = [(f"name {rng.randrange(500)}", rng.randrange(10)) for _ in range(2000)]

    for name, n in steps:
        counters.count(name, n)

    assert sum(counters.values().values()) == sum(n for _, n in steps)


def test_a_reset_forgets_every_counter(counters: Counters) -> None:
    fill(counters)

    counters.reset()
    counters.count("sent")

    assert counters.values() == {"sent": 1}


def test_values_are_a_copy(counters: Counters) -> None:
    counters.count("sent")

    counters.values()["sent"] = 17

    assert counters.values() == {"sent": 1}


@pytest.mark.parametrize("name", ["", None, 17, b"sent", ("sent",), ["sent"]], ids=repr)
@pytest.mark.parametrize("is_full", [False, True], ids=["empty", "full"])
def test_a_name_that_is_no_text_is_refused(counters: Counters, is_full: bool, name: Any) -> None:
    if is_full:
        fill(counters)
    before = counters.values()

    with pytest.raises(TypeError):
        counters.count(name)

    assert counters.values() == before


def test_the_facade_counts_on_the_current_node_alone() -> None:
    a, b = Node("a@host", clock=ManualClock()), Node("b@host", clock=ManualClock())

    with node_context(a):
        metrics.count("sent")
        metrics.count("sent", 2)

    assert (a.recorder.counters.values(), b.recorder.counters.values()) == ({"sent": 3}, {})


def test_the_facade_needs_a_node() -> None:
    with pytest.raises(NoCurrentNode):
        metrics.count("sent")
