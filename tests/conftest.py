"""Fixtures of all tests, and which of them run when nobody says."""

from collections.abc import Iterator

import pytest

from tests.support.nodes import Bench

SERVERS = "servers"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs servers, unless it is asked for: a stranger has none installed."""
    if SERVERS in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker(SERVERS)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker(SERVERS)]


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Give a started node on a manual clock."""
    bench = Bench()
    with bench.node:
        yield bench
