"""What the nemesis does is known beforehand: the same seed, the same faults."""

import pytest

from tests.support.nemesis import NODE_FAULTS, NODES, RUN_CHANGES, SEED, seed_of, strikes

PLAN = list(strikes(SEED, 20, NODES))


def test_the_same_seed_gives_the_same_plan() -> None:
    assert list(strikes(SEED, 20, NODES)) == PLAN


def test_a_longer_plan_begins_as_the_shorter_one() -> None:
    assert list(strikes(SEED, 60, NODES))[: len(PLAN)] == PLAN


def test_another_seed_gives_another_plan() -> None:
    assert list(strikes(SEED + 1, 20, NODES)) != PLAN


@pytest.mark.parametrize("what", [*NODE_FAULTS, *RUN_CHANGES])
def test_the_usual_plan_holds_every_fault_and_change(what: str) -> None:
    assert what in {each.what for each in PLAN}


def test_the_usual_plan_stops_a_node_until_it_is_taken_for_dead() -> None:
    assert max(each.amount for each in PLAN if each.what == "stop") > 10


def test_the_usual_plan_hurts_nodes_eight_times_at_the_least() -> None:
    assert sum(each.what in NODE_FAULTS for each in PLAN) >= 8


@pytest.mark.parametrize("seed", range(50))
def test_one_node_is_always_left_alone(seed: int) -> None:
    hurt = [each for each in strikes(seed, 300, NODES) if each.node]

    assert hurt
    for each in hurt:
        begun = [one for one in hurt if one.at_s <= each.at_s < one.at_s + one.amount]
        assert len({one.node for one in begun}) < len(NODES)


@pytest.mark.parametrize(("text", "seed"), [("", SEED), ("7", 7)], ids=["usual", "named"])
def test_a_seed_is_what_is_asked_for(text: str, seed: int) -> None:
    assert seed_of(text) == seed


def test_a_random_seed_is_another_one_each_time() -> None:
    assert len({seed_of("random") for _ in range(9)}) > 1
