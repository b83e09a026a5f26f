"""Which users get a row: all of them, and of very many some, spread evenly."""

import random
from itertools import pairwise

import pytest

from crowsg.metrics.lives import Life
from crowsg.results.choice import Choice


def chosen_of(most: int, *ended: Life | range) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the ids of the users that are chosen, and what was said when they became fewer."""
    fewer: list[tuple[int, int]] = []
    choice = Choice(most, lambda rows, one_in: fewer.append((rows, one_in)))
    users = choice.of(ended)
    return [user if isinstance(user, int) else user.user_id for user in users], fewer


def life(user_id: int) -> Life:
    return Life(user_id, 0, 1, "finished")


@pytest.mark.parametrize("count", [0, 1, 9, 10])
def test_all_users_are_chosen_as_long_as_there_are_few(count: int) -> None:
    chosen, fewer = chosen_of(10, *map(life, range(count)))

    assert (chosen, fewer) == (list(range(count)), [])


def test_beyond_that_one_user_in_a_hundred_is_chosen() -> None:
    chosen, fewer = chosen_of(10, *map(life, range(400)))

    assert chosen == [*range(10), 10, 110, 210, 310]
    assert fewer == [(10, 100)]


def test_users_that_never_started_are_chosen_like_others() -> None:
    chosen, fewer = chosen_of(10, life(0), range(1, 150), life(150), range(151, 400))

    assert (chosen, fewer) == ([*range(10), 10, 110, 210, 310], [(10, 100)])


def test_they_become_fewer_again_and_again() -> None:
    chosen, fewer = chosen_of(10, range(1_000_000))

    assert fewer == [(10, 100), (20, 10_000), (30, 1_000_000)]
    assert chosen[9:12] == [9, 10, 110]
    assert chosen[20:22] == [1010, 11_010]


def test_no_number_of_users_is_too_large() -> None:
    chosen, _ = chosen_of(10, range(1, 2**53 + 1))

    assert len(chosen) == len(set(chosen)) < 100


@pytest.mark.parametrize("seed", range(50))
def test_it_does_not_matter_how_users_come(seed: int) -> None:
    rng = random.Random(seed)
    most, count = rng.randrange(1, 30), rng.randrange(2000)
    cuts = sorted({0, count, *(rng.randrange(count + 1) for _ in range(rng.randrange(20)))})

    piecemeal, _ = chosen_of(most, *(range(low, high) for low, high in pairwise(cuts)))
    one_by_one, _ = chosen_of(most, *map(life, range(count)))

    assert piecemeal == one_by_one == chosen_of(most, range(count))[0]
