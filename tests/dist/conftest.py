"""Clusters for the tests of this room."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clusters import Cluster


@pytest.fixture
def make_cluster(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Give what makes clusters that have met, and stop them."""
    made: list[Cluster] = []

    def make(count: int = 3, **options: Any) -> Cluster:
        cluster = Cluster(tmp_path, count, **options)
        made.append(cluster)
        return cluster.meet()

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def cluster(make_cluster: Callable[..., Cluster]) -> Cluster:
    """Give three nodes that have met."""
    return make_cluster(3)
