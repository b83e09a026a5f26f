"""How long users lived is always kept, and a row for each of them where somebody takes it."""

import random

import pytest

from crowsg.metrics.lives import Life, Lives


@pytest.fixture
def kept() -> Lives:
    lives = Lives()
    lives.keep()
    return lives


def ids(lives: Lives) -> list[int]:
    """Take the lives, and return whose they are."""
    return ids_of(lives.take())


def ids_of(taken: list[Life | range]) -> list[int]:
    """Return whose lives were taken: one user's, or those of a range that never started."""
    each = ([life] if isinstance(life, Life) else life for life in taken)
    return [life if isinstance(life, int) else life.user_id for some in each for life in some]


def test_durations_are_kept_whether_lives_are_or_not() -> None:
    lives = Lives()

    lives.end(1, 10, 15, "finished")
    lives.end(2, 10, 40, "killed")

    assert list(lives.durations.nonzero()) == [(5, 1), (30, 1)]
    assert lives.take() == []


def test_a_life_tells_who_when_and_how(kept: Lives) -> None:
    kept.end(7, 10, 15, "failed")

    assert kept.take() == [Life(user_id=7, began_ns=10, ended_ns=15, outcome="failed")]


def test_cancelled_users_are_kept_as_they_came_however_many(kept: Lives) -> None:
    kept.cancel([range(1, 10**15)])

    assert kept.take() == [range(1, 10**15)]


def test_a_cancelled_user_has_no_time(kept: Lives) -> None:
    kept.cancel([range(8, 9)])

    assert kept.take() == [range(8, 9)]
    assert kept.durations.total == 0


@pytest.mark.parametrize(
    ("ranges", "cancelled"),
    [
        pytest.param([], [], id="no range"),
        pytest.param([range(5, 5)], [], id="empty range"),
        pytest.param([range(10, 12), range(2, 4)], [10, 11, 2, 3], id="two ranges"),
    ],
)
def test_every_id_of_the_ranges_is_cancelled(
    kept: Lives, ranges: list[range], cancelled: list[int]
) -> None:
    kept.cancel(ranges)

    assert ids(kept) == cancelled


def test_what_was_taken_is_not_taken_again(kept: Lives) -> None:
    kept.end(1, 0, 1, "finished")
    kept.take()

    kept.end(2, 0, 1, "finished")

    assert ids(kept) == [2]


def test_what_was_taken_stays_as_it_is(kept: Lives) -> None:
    kept.end(1, 0, 1, "finished")

    taken = kept.take()
    kept.end(2, 0, 1, "finished")

    assert ids_of(taken) == [1]


def test_lives_are_not_kept_unless_asked() -> None:
    lives = Lives()
    lives.end(1, 0, 1, "finished")
    lives.cancel([range(2, 5)])

    lives.keep()

    assert ids(lives) == []


def test_what_is_discarded_is_gone_and_nothing_is_kept_any_more(kept: Lives) -> None:
    kept.end(1, 0, 1, "finished")

    kept.discard()
    kept.end(2, 0, 1, "finished")

    assert ids(kept) == []


def test_taking_what_is_not_kept_does_not_begin_to_keep_it() -> None:
    lives = Lives()

    lives.take()
    lives.end(1, 0, 1, "finished")

    assert ids(lives) == []


def test_a_reset_forgets_durations_and_lives(kept: Lives) -> None:
    kept.end(1, 0, 1, "finished")

    kept.reset()

    assert (ids(kept), kept.durations.total) == ([], 0)


@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "not kept"])
def test_a_reset_keeps_on_as_before(keeps: bool) -> None:
    lives = Lives()
    if keeps:
        lives.keep()

    lives.reset()
    lives.end(1, 0, 1, "finished")

    assert ids(lives) == ([1] if keeps else [])


@pytest.mark.parametrize("seed", range(50))
def test_every_life_is_taken_once_in_the_order_of_their_ends(kept: Lives, seed: int) -> None:
    rng = random.Random(seed)
    ended: list[int] = []
    taken: list[int] = []

    for user_id in range(rng.randrange(1, 300)):
        if rng.random() < 0.3:
            taken += ids(kept)
        if rng.random() < 0.2:
            kept.cancel([range(user_id, user_id + 1)])
        else:
            kept.end(user_id, 0, rng.randrange(10**12), "finished")
        ended.append(user_id)
    taken += ids(kept)

    assert taken == ended
