"""Sums over nodes."""

import math
import random
from typing import Any

import pytest

from crowsg.dist.forms import ThrottleCounts
from crowsg.dist.sums import (
    gathered,
    kept,
    sum_of_failures,
    sum_of_kinds,
    sum_of_throttles,
    sum_of_users,
    total,
)
from crowsg.metrics.failures import FailureGroup
from crowsg.metrics.names import MAX_NAMES, OTHER
from crowsg.users.counts import UserCounts
from tests.dist.recorders import throttle
from tests.support.nodes import is_balanced

FULL = [f"name {number}" for number in range(MAX_NAMES)]


@pytest.mark.parametrize(
    ("known", "name", "under"),
    [
        pytest.param([], "a", "a", id="room"),
        pytest.param(FULL, "name 7", "name 7", id="known"),
        pytest.param(FULL, "a", OTHER, id="no-room"),
        pytest.param(FULL, OTHER, OTHER, id="the-rest"),
    ],
)
def test_a_name_is_kept_while_there_is_room(known: list[str], name: str, under: str) -> None:
    assert kept(name, known, OTHER) == under


@pytest.mark.parametrize("seed", range(20))
def test_no_value_gets_lost_whatever_the_names(seed: int) -> None:
    rng = random.Random(seed)
    nodes: list[dict[Any, int]] = [
        {f"{rng.randrange(300)}": rng.randrange(9) for _ in range(rng.randrange(200))}
        for _ in range(5)
    ]

    values = gathered(nodes)

    assert sum(map(sum, values.values())) == sum(sum(each.values()) for each in nodes)
    assert len(values) <= MAX_NAMES + 1
    assert sum(sum_of_kinds(nodes).values()) == sum(sum(each.values()) for each in nodes)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([2**70, 1], 2**70 + 1, id="whole"),
        pytest.param([0.1] * 10, 1.0, id="rounded-once"),
        pytest.param([1e308, 1e308, -1e308], math.inf, id="beyond-floats-on-the-way"),
    ],
)
def test_numbers_are_added_up(values: list[float], expected: float) -> None:
    assert total(values) == expected


def test_infinities_that_cancel_are_no_number() -> None:
    assert math.isnan(total([math.inf, -math.inf]))


@pytest.mark.parametrize("seed", range(20))
def test_the_sum_of_balanced_users_is_balanced(seed: int) -> None:
    rng = random.Random(seed)
    nodes = []
    for _ in range(rng.randrange(6)):
        parts = [rng.randrange(9) for _ in range(8)]
        nodes.append(UserCounts(sum(parts), *parts))

    users = sum_of_users(nodes)

    assert is_balanced(users.as_dict())
    assert users.asked == sum(each.asked for each in nodes)


def test_throttles_have_the_counts_of_the_nodes_alone() -> None:
    counts = ThrottleCounts.of(throttle(7, 0.5))

    sums = sum_of_throttles([{"a": counts}, {"a": counts}], {"a": throttle(99), "b": throttle(99)})

    assert (sums["a"].requested, sums["a"].lost_s, sums["b"].requested) == (14, 1.0, 0)


def test_failures_beyond_two_hundred_kinds_are_one_group() -> None:
    groups = [FailureGroup("E", f"{n}", 2, float(n), n + 1.0, f"E: {n}") for n in range(210)]

    sums = sum_of_failures(groups)

    assert (len(sums), sum(each.count for each in sums)) == (MAX_NAMES + 1, 420)
    assert (sums[0].kind, sums[0].template, sums[0].count) == (OTHER, OTHER, 20)
    assert (sums[0].first_s, sums[0].last_s, sums[0].sample) == (200.0, 210.0, "E: 200")
