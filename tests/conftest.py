"""Fixtures of all tests, and which of them run when nobody says."""

from collections.abc import Iterator

import pytest

from tests.support.nodes import Bench

ONLY_WHEN_ASKED = ("servers", "drills", "long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs servers, which a stranger has not installed, or minutes.

    Unless it is asked for, by its marker or by naming its file.
    """
    named = tuple(each.partition("::")[0] for each in config.args if ".py" in each)
    unasked = [mark for mark in ONLY_WHEN_ASKED if mark not in config.option.markexpr]

    def is_wanted(item: pytest.Item) -> bool:
        is_named = bool(named) and str(item.path).endswith(named)
        return is_named or not any(map(item.get_closest_marker, unasked))

    left_out = [item for item in items if not is_wanted(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if is_wanted(item)]


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Give a started node on a manual clock."""
    bench = Bench()
    with bench.node:
        yield bench
