"""Shares add up exactly, and are what is proportional."""

import random
from itertools import groupby

import pytest

from crowsg.throttle.lease import WHOLE
from crowsg.throttle.shares import WINDOW_NS, Demand, apportion, is_settled

Division = tuple[int, list[int], int]


def divisions(seed: int) -> list[Division]:
    """Return totals, weights and turns of every size."""
    rng = random.Random(seed)
    totals = [0, 1, 2, 7, 1000, WHOLE]
    largest = [1, 3, 100, 10**9]
    return [
        (
            rng.choice(totals),
            [rng.randrange(rng.choice(largest) + 1) for _ in range(rng.randrange(1, 12))],
            rng.randrange(10_000),
        )
        for _ in range(200)
    ]


@pytest.mark.parametrize("seed", range(10))
def test_shares_add_up_exactly(seed: int) -> None:
    cases = divisions(seed)

    sums = [sum(apportion(*case)) for case in cases]

    assert sums == [total for total, _, _ in cases]


@pytest.mark.parametrize("seed", range(10))
def test_shares_are_within_one_unit_of_what_is_proportional(seed: int) -> None:
    off = []

    for total, weights, turn in divisions(seed):
        alike = weights if any(weights) else [1] * len(weights)
        units = apportion(total, weights, turn)
        off += [
            abs(unit * sum(alike) - total * weight) / sum(alike)
            for unit, weight in zip(units, alike, strict=True)
        ]

    assert max(off) <= 1


@pytest.mark.parametrize("seed", range(10))
def test_who_wants_nothing_gets_nothing(seed: int) -> None:
    idle = [
        unit
        for total, weights, turn in divisions(seed)
        for unit, weight in zip(apportion(total, weights, turn), weights, strict=True)
        if weight == 0 and any(weights)
    ]

    assert idle
    assert not any(idle)


@pytest.mark.parametrize(
    ("total", "weights"),
    [
        pytest.param(1, [1, 1], id="one unit for two"),
        pytest.param(1, [1, 1, 1], id="one unit for three"),
        pytest.param(2, [1, 1, 1, 1, 1], id="two units for five"),
        pytest.param(1, [9, 1], id="one unit, nine to one"),
        pytest.param(3, [50, 30, 0, 15, 5], id="three units, one of five wants none"),
        pytest.param(1, [0, 0, 0, 0], id="nobody wants any"),
    ],
)
def test_over_the_turns_everybody_gets_what_is_proportional(total: int, weights: list[int]) -> None:
    turns = 1000
    got = [0] * len(weights)

    for turn in range(turns):
        got = [sum(pair) for pair in zip(got, apportion(total, weights, turn), strict=True)]

    alike = weights if any(weights) else [1] * len(weights)
    fair = [turns * total * weight / sum(alike) for weight in alike]
    assert got == pytest.approx(fair, abs=turns / 100)


def test_one_unit_that_two_want_alike_goes_to_and_fro() -> None:
    holders = [apportion(1, [1, 1], turn).index(1) for turn in range(200)]

    stays = [len(list(turns)) for _, turns in groupby(holders)]
    assert max(stays) == 2


def test_what_divides_evenly_does_not_move_with_the_turns() -> None:
    seen = {tuple(apportion(WHOLE, [1, 1, 2], turn)) for turn in range(50)}

    assert seen == {(WHOLE // 4, WHOLE // 4, WHOLE // 2)}


def test_where_nobody_wants_any_all_get_alike() -> None:
    assert apportion(12, [0, 0, 0]) == [4, 4, 4]


def test_there_is_nothing_to_divide_among_nobody() -> None:
    assert apportion(7, []) == []


@pytest.mark.parametrize(
    ("before", "after", "settled"),
    [
        pytest.param([5000, 5000], [5000, 5000], True, id="nothing moved"),
        pytest.param([5000, 5000], [5020, 4980], True, id="0.2 % moved"),
        pytest.param([5000, 5000], [5021, 4979], False, id="more than 0.2 % moved"),
        pytest.param([5000, 5000, 0], [5000, 4999, 1], False, id="one begins to have a share"),
        pytest.param([5000, 4999, 1], [5000, 5000, 0], False, id="one ceases to have a share"),
        pytest.param([], [], True, id="nobody"),
    ],
)
def test_shares_are_left_alone_while_they_move_too_little(
    before: list[int], after: list[int], settled: bool
) -> None:
    assert is_settled(before, after, 10_000) is settled


def test_who_waits_and_who_was_granted_a_permit_wanted_one() -> None:
    demand = Demand(0)
    demand.note(0, 100, 0)

    demand.note(3, 104, 1)

    assert demand.wanted == 7


def test_what_was_granted_before_the_first_report_is_no_demand() -> None:
    demand = Demand(0)

    demand.note(1, 100_000, 1)

    assert demand.wanted == 1


def test_a_longer_window_is_not_more_demand() -> None:
    demand = Demand(0)
    demand.note(0, 0, 0)

    demand.note(0, 200, 2 * WINDOW_NS)

    assert demand.wanted == 100


def test_within_a_window_the_most_counts() -> None:
    demand = Demand(0)

    demand.note(8, 0, 1)
    demand.note(2, 1, WINDOW_NS - 1)

    assert demand.wanted == 8


def test_permits_of_windows_before_do_not_count() -> None:
    demand = Demand(0)
    demand.note(0, 90, WINDOW_NS)
    demand.note(0, 100, 2 * WINDOW_NS)

    demand.note(0, 160, 3 * WINDOW_NS)

    assert demand.wanted == 60


def test_permits_within_a_window_add_up() -> None:
    demand = Demand(0)
    demand.note(0, 100, WINDOW_NS)

    for step in range(1, 11):
        demand.note(0, 100 + 30 * step, WINDOW_NS + step)

    assert demand.wanted == 300


def test_demand_falls_by_half_a_window_at_most() -> None:
    demand = Demand(0)
    demand.note(100, 0, 0)

    seen = []
    for window in range(1, 9):
        demand.note(0, 0, window * WINDOW_NS)
        seen.append(demand.wanted)

    assert seen == [50, 25, 12, 6, 3, 1, 0, 0]


def test_demand_falls_once_a_window_however_many_reports_come() -> None:
    demand = Demand(0)
    demand.note(100, 0, 0)

    for step in range(10):
        demand.note(0, 0, WINDOW_NS + step)

    assert demand.wanted == 50


def test_demand_rises_at_once() -> None:
    demand = Demand(0)
    demand.note(1, 0, 0)

    demand.note(500, 0, 1)

    assert demand.wanted == 500


def test_demand_never_falls_below_nothing_even_if_counts_run_backwards() -> None:
    demand = Demand(0)
    demand.note(0, 1000, WINDOW_NS)

    seen = []
    for window in range(2, 15):
        demand.note(0, 0, window * WINDOW_NS)
        seen.append(demand.wanted)

    assert min(seen) == 0
