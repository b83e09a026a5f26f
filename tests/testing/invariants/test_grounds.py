"""What there is to judge an invariant by: without it nobody can say that it held."""

from collections.abc import Callable

import pytest

from crowsg.testing.invariants import CHECKS, unjudged
from crowsg.testing.invariants.grounds import GROUNDS
from tests.support.journals import Scene, Scribe

EVIDENCE: dict[str, Callable[[Scene, Scribe], object]] = {
    "I1": lambda scene, worker: worker.status(1),
    "I2": lambda scene, worker: worker.lives(1, start=1),
    "I3": lambda scene, worker: worker.lives(1, start=1),
    "I4": lambda scene, worker: worker.lives(1, start=1),
    "I5": lambda scene, worker: worker.callback(1, "init"),
    "I6": lambda scene, worker: use(scene, worker, "caw"),
    "I7": lambda scene, worker: use(scene, worker, "begin"),
    "I9": lambda scene, worker: scene.summary(),
    "I10": lambda scene, worker: worker.note(1, "command"),
    "I11": lambda scene, worker: worker.note(1, "lost", name="x@here", incarnation=1),
    "I12": lambda scene, worker: worker.note(1, "leads", run="r"),
    "I13": lambda scene, worker: worker.callback(1, "terminate"),
    "I15": lambda scene, worker: worker.note(1, "cluster"),
    "I16": lambda scene, worker: worker.callback(1, "init"),
    "I17": lambda scene, worker: worker.note(1, "greenlets").note(2, "greenlets"),
    "I18": lambda scene, worker: worker.note(1, "usage"),
}


def use(scene: Scene, worker: Scribe, event: str) -> None:
    """Use a permit of a throttle whose rate is known."""
    worker.note(1, "rate", throttle="t", rate=2, interval=0)
    scene.hit(2, event, worker, throttle="t", user=1)


@pytest.fixture
def worker(scene: Scene) -> Scribe:
    """Give a life of which no more is known than that it took part in a run."""
    return scene.life().note(0, "configure", run="r", digests={})


def test_every_check_has_its_ground() -> None:
    assert list(GROUNDS) == list(EVIDENCE) == list(CHECKS)


@pytest.mark.parametrize("number", EVIDENCE)
def test_what_was_seen_can_be_judged(scene: Scene, worker: Scribe, number: str) -> None:
    EVIDENCE[number](scene, worker)

    assert number not in unjudged(scene.evidence())


@pytest.mark.parametrize("number", [each for each in EVIDENCE if each != "I12"])
def test_what_was_not_seen_cannot(scene: Scene, worker: Scribe, number: str) -> None:
    assert number in unjudged(scene.evidence())


def test_a_summary_and_rows_of_users_are_enough_for_what_is_read_of_them(
    scene: Scene, worker: Scribe
) -> None:
    scene.summary()
    scene.rows((1, "finished"))

    assert {"I1", "I3", "I9"}.isdisjoint(unjudged(scene.evidence()))


@pytest.mark.parametrize("event", ["want", "end"])
def test_permits_that_nobody_held_are_no_ground(scene: Scene, worker: Scribe, event: str) -> None:
    use(scene, worker, event)

    assert "I7" in unjudged(scene.evidence())


def test_one_roll_call_is_no_ground(scene: Scene, worker: Scribe) -> None:
    worker.note(1, "greenlets", running=[], down=[])

    assert "I17" in unjudged(scene.evidence())
