"""Nodes that come late and fail at first."""

from typing import Any

import pytest

from crowsg.errors import MasterIsSet, Refused, RemoteFault, SettingsRejected, Unreachable
from tests.support.clusters import IDLERS, A, B, C, Cluster, D


def fail_at_first(cluster: Cluster, failing: str, *errors: Exception) -> list[Exception]:
    """Let calls of a late node fail; returns what is still to come."""
    call, left = cluster.links[A].call, list(errors)

    def lossy(address: str, method: str, payload: Any, timeout_s: float) -> Any:
        if left and method == failing and address == cluster.address(D):
            raise left.pop(0)
        return call(address, method, payload, timeout_s)

    cluster.links[A].call = lossy  # type: ignore[method-assign]
    return left


def workers(cluster: Cluster) -> tuple[str, ...]:
    return cluster[A].station.master.crew.names()


@pytest.mark.parametrize("method", ["code_offer", "run_configure", "run_begin"])
@pytest.mark.parametrize(
    "error",
    [
        Unreachable(D, "a call", 1.0),
        Refused("stale", "another life"),
        Refused("unknown", "nobody"),
        RemoteFault("a fault"),
        MasterIsSet(D, C),
    ],
    ids=["unreachable", "stale", "unknown", "fault", "taken"],
)
def test_one_that_fails_of_what_may_pass_is_tried_again(
    cluster: Cluster, method: str, error: Exception
) -> None:
    cluster.do(2)
    fail_at_first(cluster, method, error, error)
    cluster.enter(D)
    cluster.advance(8)

    assert workers(cluster) == (B, C, D)


@pytest.mark.parametrize(
    "error", [SettingsRejected([("size", "3", "odd")]), Refused("malformed", "what?")], ids=repr
)
def test_one_that_refuses_is_not_tried_again(cluster: Cluster, error: Exception) -> None:
    cluster.do(2)
    left = fail_at_first(cluster, "run_configure", error, error)
    cluster.enter(D)
    cluster.advance(20)

    assert workers(cluster) == (B, C)
    assert len(left) == 1


def test_one_whose_init_fails_is_not_tried_again(cluster: Cluster) -> None:
    failing = IDLERS.replace(
        'note("init")',
        'note("init")\n'
        "    from crowsg.context import current_node\n"
        '    if current_node().name == "d@test": raise OSError("no disk")',
    )
    cluster.do(2, failing)
    cluster.enter(D)
    cluster.advance(20)

    assert cluster.notes(D) == ["init"]


def test_another_life_of_one_that_refused_is_tried(cluster: Cluster) -> None:
    cluster.do(2)
    fail_at_first(cluster, "run_configure", SettingsRejected([("size", "3", "odd")]))
    cluster.enter(D)
    cluster.advance(3)
    assert workers(cluster) == (B, C)
    cluster.nodes.pop(D).stop()
    cluster.advance(12)
    cluster.enter(D)
    cluster.advance(3)

    assert workers(cluster) == (B, C, D)


def test_nobody_is_tried_again_when_the_run_has_ended(cluster: Cluster) -> None:
    cluster.do(2)
    left = fail_at_first(cluster, "run_configure", *[Unreachable(D, "a call", 1.0)] * 20)
    cluster.enter(D)
    cluster.advance(5)
    cluster.call(cluster[A].dist.stop)
    before = len(left)
    cluster.advance(20)

    assert 0 < before == len(left) < 19
    assert cluster[D].station.worker.service is None


def test_nobody_is_tried_again_who_is_gone(cluster: Cluster) -> None:
    cluster.do(2)
    left = fail_at_first(cluster, "run_configure", *[Unreachable(D, "a call", 1.0)] * 20)
    cluster.enter(D)
    cluster.advance(5)
    cluster.cut_off(D)
    cluster.advance(15)
    before = len(left)
    cluster.advance(20)

    assert len(left) == before
