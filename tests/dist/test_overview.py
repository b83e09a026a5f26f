from typing import Any

import pytest

from crowsg.cluster.packing import pack, unpack
from crowsg.dist.overview import NodeInfo, Overview

RUNNING = Overview(
    "running",
    "a@test",
    "run-1",
    "scene",
    {"asked": 3, "running": 2},
    (
        NodeInfo("a@test", "10.0.0.1:4000", "up", "master"),
        NodeInfo("b@test", "10.0.0.2:4000", "suspect", "worker", "running", 1, 2),
    ),
)


def test_it_travels_as_plain_values_and_arrives_the_same() -> None:
    assert Overview.read(unpack(pack(RUNNING.as_dict()))) == RUNNING


@pytest.mark.parametrize("plain", [{}, {"state": "idle"}, {**RUNNING.as_dict(), "more": 1}])
def test_what_is_none_is_refused(plain: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError)):
        Overview.read(plain)
