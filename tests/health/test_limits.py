"""How many files may be open, and whether that is enough."""

import resource
from collections.abc import Iterator

import pytest

from crowsg.health.limits import (
    RESERVED_FILES,
    SPARE_FILES,
    file_warning,
    raise_file_limit,
    reserved_files,
)


@pytest.fixture
def hard() -> Iterator[int]:
    """Lowers the soft limit and returns the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_is_raised_to_the_hard_one_less_a_reserve(hard: int) -> None:
    """R26."""
    assert raise_file_limit() == hard - RESERVED_FILES

    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard - RESERVED_FILES, hard)


def test_a_limit_that_is_raised_already_is_told_again(hard: int) -> None:
    raise_file_limit()

    assert raise_file_limit() == hard - RESERVED_FILES


def test_a_block_may_open_files_of_the_reserve(hard: int) -> None:
    """R26."""
    raise_file_limit()

    with reserved_files():
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)

    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard - RESERVED_FILES, hard)


@pytest.mark.parametrize(
    ("users", "limit"),
    [
        pytest.param(1000 - SPARE_FILES, 1000, id="just enough"),
        pytest.param(0, SPARE_FILES, id="no users"),
        pytest.param(10**9, resource.RLIM_INFINITY, id="no limit"),
        pytest.param(1, 10**30, id="a huge limit"),
    ],
)
def test_users_that_fit_are_not_worth_a_word(users: int, limit: int) -> None:
    assert file_warning(users, limit) == ""


@pytest.mark.parametrize(
    ("users", "limit"),
    [
        pytest.param(1001 - SPARE_FILES, 1000, id="one too many"),
        pytest.param(100_000, 1024, id="many too many"),
        pytest.param(10**30, 1024, id="10**30"),
        pytest.param(1, 0, id="no files at all"),
    ],
)
def test_users_that_may_not_fit_are_warned_of(users: int, limit: int) -> None:
    warning = file_warning(users, limit)

    assert f"{users} users" in warning
    assert f"{limit} files" in warning
    assert "ulimit -Hn" in warning
