"""Fixtures of all tests."""

from collections.abc import Iterator

import pytest

from tests.support.nodes import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Give a started node on a manual clock."""
    bench = Bench()
    with bench.node:
        yield bench
