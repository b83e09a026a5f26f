"""Any node tells how the loops of all nodes are."""

from typing import Any

import pytest

from crowsg.supervision import GreenletState
from tests.support.clusters import A, B, C, Cluster
from tests.support.greenlets import kill


def told(cluster: Cluster, asked: str = A, by: str = B) -> dict[str, list[dict[str, Any]] | None]:
    """Ask a node, as a command line does."""
    answer: dict[str, list[dict[str, Any]] | None] = cluster.ask(
        by, asked, "dist", {"verb": "greenlets", "told": {}}
    )
    return answer


@pytest.mark.parametrize("asked", [A, B])
def test_all_nodes_tell_whoever_is_asked(cluster: Cluster, asked: str) -> None:
    cluster.do(3)

    answer = told(cluster, asked, by=C)

    assert list(answer) == [A, B, C]
    for name, states in answer.items():
        assert states
        own = [GreenletState(**each) for each in states]
        assert own == list(cluster[name].supervisor.states().values())


def test_a_death_is_told(cluster: Cluster) -> None:
    kill(cluster[C].supervisor, "self ping")

    states = told(cluster)[C]

    assert states is not None
    (state,) = [GreenletState(**each) for each in states if each["deaths"]]
    assert state == GreenletState("self ping", True, 1, "it was killed")


def test_a_node_that_does_not_answer_is_named_within_a_second(cluster: Cluster) -> None:
    cluster.cut_off(C)
    began_ns = cluster.clock.now_ns()

    answer = cluster[A].spawn(cluster[A].dist._verbs["greenlets"], {})
    cluster.clock.advance_until(answer.ready)

    assert answer.value[C] is None
    assert answer.value[A]
    assert answer.value[B]
    assert cluster.clock.now_ns() - began_ns <= 1.1e9
