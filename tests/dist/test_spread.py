import random
from collections.abc import Iterator

import pytest

from crowsg.dist.spread import blocks, removals, shares


@pytest.mark.parametrize(
    ("count", "number", "expected"),
    [
        pytest.param(10, 3, [3, 3, 4], id="rest-to-the-last"),
        pytest.param(2, 3, [0, 1, 1], id="fewer-than-nodes"),
        pytest.param(0, 2, [0, 0], id="none"),
        pytest.param(7, 1, [7], id="one-node"),
    ],
)
def test_the_later_nodes_get_what_is_left_over(
    count: int, number: int, expected: list[int]
) -> None:
    assert shares(count, number) == expected


def test_shares_add_up_and_differ_by_one_at_the_most() -> None:
    for number in range(1, 41):
        for count in range(130):
            dealt = shares(count, number)

            assert sum(dealt) == count
            assert max(dealt) - min(dealt) <= 1
            assert dealt == sorted(dealt)


def test_blocks_are_of_ids_without_gaps_in_the_order_of_nodes() -> None:
    dealt = blocks(1, 10, ["a", "b", "c"])

    assert dealt == {"a": range(1, 4), "b": range(4, 7), "c": range(7, 11)}


def test_a_node_that_gets_nobody_has_an_empty_block() -> None:
    dealt = blocks(11, 2, ["a", "b", "c"])

    assert {node: list(ids) for node, ids in dealt.items()} == {"a": [], "b": [11], "c": [12]}


@pytest.mark.parametrize(
    ("count", "present", "expected"),
    [
        pytest.param(4, {"a": 9, "b": 9}, {"a": 2, "b": 2}, id="even"),
        pytest.param(6, {"a": 1, "b": 9}, {"a": 1, "b": 5}, id="made-up-by-others"),
        pytest.param(5, {"a": 2, "b": 1}, {"a": 2, "b": 1}, id="not-enough"),
        pytest.param(3, {"a": 0, "b": 0, "c": 3}, {"a": 0, "b": 0, "c": 3}, id="one-has-all"),
    ],
)
def test_users_are_removed_where_they_are(
    count: int, present: dict[str, int], expected: dict[str, int]
) -> None:
    assert removals(count, present) == expected


def requests() -> Iterator[tuple[int, dict[str, int], dict[str, int]]]:
    """Yield what is asked for, what nodes have, and what is taken of them."""
    draw = random.Random(1)
    for _ in range(2000):
        present = {f"n{at}": draw.randrange(20) for at in range(draw.randint(1, 8))}
        count = draw.randrange(100)
        yield count, present, removals(count, present)


def test_no_node_is_asked_for_more_than_it_has() -> None:
    """amoc case 14: each_assignment_is_less_than_or_equal_than_the_request."""
    for _, present, taken in requests():
        assert all(0 <= taken[node] <= present[node] for node in present)


def test_exactly_as_many_are_removed_as_asked_while_there_are_enough() -> None:
    """amoc cases 15 and 16: the total is what was asked for, or all there is."""
    for count, present, taken in requests():
        assert sum(taken.values()) == min(count, sum(present.values()))


def test_as_many_nodes_as_can_be_take_part() -> None:
    """amoc case 17: distribution_is_done_among_maximum_number_of_workers."""
    for count, present, taken in requests():
        able = sum(number > 0 for number in present.values())

        assert sum(number > 0 for number in taken.values()) == min(count, able)


def test_nobody_gives_more_than_one_beyond_another_who_has_some_left() -> None:
    for _, present, taken in requests():
        left = [node for node in present if taken[node] < present[node]]

        assert all(taken[other] <= taken[node] + 1 for node in left for other in present)
