"""What is known of users adds up."""

import pytest

from crowsg.users.counts import UserCounts

COUNTS = UserCounts(
    asked=100,
    waiting=20,
    running=30,
    finished=1,
    failed=2,
    removed=3,
    killed=4,
    cancelled=35,
    lost=5,
    stuck=6,
)


@pytest.mark.parametrize(
    ("counts", "started"),
    [
        pytest.param(UserCounts(), 0, id="nobody"),
        pytest.param(UserCounts(asked=5, waiting=5), 0, id="all wait"),
        pytest.param(UserCounts(asked=5, cancelled=5), 0, id="all cancelled"),
        pytest.param(UserCounts(asked=5, lost=2, killed=3), 5, id="all gone"),
        pytest.param(COUNTS, 45, id="some of each"),
    ],
)
def test_users_started_are_those_that_neither_wait_nor_were_cancelled(
    counts: UserCounts, started: int
) -> None:
    assert counts.started == started


def test_counts_are_told_by_name() -> None:
    told = COUNTS.as_dict()

    assert (told["asked"], told["lost"], told["stuck"]) == (100, 5, 6)
    assert UserCounts(**told) == COUNTS
