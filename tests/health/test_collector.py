"""The garbage collector is tamed while a node runs, and afterwards as it was."""

import gc
import itertools
from collections.abc import Callable, Iterator

import pytest

from crowsg.health.collector import THRESHOLDS, CollectorPolicy
from tests.support.nodes import Bench

OWN = (701, 11, 12)

End = Callable[[CollectorPolicy], None]


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Gives every test thresholds of its own, and puts back what was before."""
    before = gc.get_threshold()
    gc.set_threshold(*OWN)
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.fixture
def policy() -> CollectorPolicy:
    return CollectorPolicy()


def test_start_raises_the_thresholds(policy: CollectorPolicy) -> None:
    policy.start()

    assert gc.get_threshold() == THRESHOLDS


def test_the_collector_stays_switched_on(policy: CollectorPolicy) -> None:
    policy.start()

    assert gc.isenabled()


def test_stop_restores_the_thresholds(policy: CollectorPolicy) -> None:
    policy.start()
    policy.stop()

    assert gc.get_threshold() == OWN


def test_a_second_start_forgets_nothing(policy: CollectorPolicy) -> None:
    policy.start()
    policy.start()
    policy.stop()

    assert gc.get_threshold() == OWN


@pytest.mark.parametrize("starts", [0, 1], ids=["never started", "stopped before"])
def test_a_stop_too_many_changes_nothing(policy: CollectorPolicy, starts: int) -> None:
    for _ in range(starts):
        policy.start()
        policy.stop()
    gc.set_threshold(1, 2, 3)

    policy.stop()

    assert gc.get_threshold() == (1, 2, 3)


def test_a_policy_can_be_started_again(policy: CollectorPolicy) -> None:
    policy.start()
    policy.stop()

    policy.start()

    assert gc.get_threshold() == THRESHOLDS


@pytest.mark.parametrize(
    "order",
    sorted(set(itertools.permutations("aabb"))),
    ids="".join,
)
def test_two_nodes_leave_the_thresholds_as_they_were_in_any_order(order: tuple[str, ...]) -> None:
    policies = {"a": CollectorPolicy(), "b": CollectorPolicy()}
    running: set[str] = set()

    for name in order:
        if name in running:
            policies[name].stop()
        else:
            policies[name].start()
            running.add(name)

    assert gc.get_threshold() == OWN


def test_what_is_set_aside_is_left_out_of_collections(policy: CollectorPolicy) -> None:
    policy.start()

    policy.set_aside()

    assert gc.get_freeze_count() > 0


@pytest.mark.parametrize("end", [CollectorPolicy.settle, CollectorPolicy.stop])
def test_what_was_set_aside_is_collected_again(policy: CollectorPolicy, end: End) -> None:
    policy.start()
    policy.set_aside()

    end(policy)

    assert gc.get_freeze_count() == 0


def test_the_end_of_a_run_leaves_the_thresholds_raised(policy: CollectorPolicy) -> None:
    policy.start()
    policy.set_aside()

    policy.settle()

    assert gc.get_threshold() == THRESHOLDS


def test_a_policy_leaves_alone_what_another_has_set_aside(policy: CollectorPolicy) -> None:
    other = CollectorPolicy()
    other.set_aside()

    policy.start()
    policy.settle()
    policy.stop()

    assert gc.get_freeze_count() > 0


def test_a_node_is_tamed_while_it_runs() -> None:
    bench = Bench()

    with bench.node:
        assert gc.get_threshold() == THRESHOLDS

    assert gc.get_threshold() == OWN
