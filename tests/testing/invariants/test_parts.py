"""I5, I12, I13: each node's part in a run begins and ends in order, for one master."""

from collections.abc import Callable

import pytest

from tests.support.journals import RUN, Scene, Scribe

# I5


def orderly(scene: Scene, name: str = "worker1") -> Scribe:
    """Give a worker whose part in the run has ended as it should."""
    worker = scene.worker(name).lives(1, 2, start=1, end=2)
    return worker.callback(3, "terminate").note(4, "released")


def test_i5_holds_where_all_is_in_order(scene: Scene) -> None:
    orderly(scene).note(5, "closed")
    lone = scene.life("lone").note(0, "leads", run="other").callback(0, "setup")
    lone.callback(0.1, "init").lives(1, start=1, end=2)
    lone.callback(3, "terminate").callback(3.1, "teardown").note(4, "closed")

    assert not scene.violations("I5")


@pytest.mark.parametrize("name", ["init", "terminate"])
def test_i5_is_violated_by_a_callback_that_is_called_twice(scene: Scene, name: str) -> None:
    orderly(scene).callback(5, name)

    assert f"{name} was called 2 times" in scene.violations("I5")


def test_i5_is_violated_by_callbacks_at_once(scene: Scene) -> None:
    worker = scene.worker().note(1, "calling", callback="terminate")
    worker.callback(2, "teardown").note(3, "called", callback="terminate", ok=True)

    assert scene.violations("I5") == ["teardown was called while terminate ran"]


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(lambda life: life, id="none"),
        pytest.param(lambda life: life.callback(1, "init", ok=False), id="failed"),
        pytest.param(lambda life: life.callback(1, "init", took=5), id="not-returned"),
    ],
)
def test_i5_is_violated_by_a_user_before_init(
    scene: Scene, begin: Callable[[Scribe], Scribe]
) -> None:
    begin(scene.life().note(0, "configure", run=RUN, digests={})).lives(1, start=2)

    assert scene.violations("I5") == ["a user started before init had returned"]


def test_i5_is_violated_by_terminate_without_init(scene: Scene) -> None:
    life = scene.life().note(0, "configure", run=RUN, digests={})
    life.callback(1, "init", ok=False).callback(2, "terminate")

    assert scene.violations("I5") == ["terminate was called although init had not returned"]


def test_i5_is_violated_by_terminate_before_the_last_end(scene: Scene) -> None:
    scene.worker().lives(1, start=1).callback(2, "terminate").note(3, "end", user=1, outcome="x")

    assert scene.violations("I5") == ["terminate was called before the end of 1 users"]


def test_i5_lets_stuck_users_be_there_at_terminate(scene: Scene) -> None:
    worker = scene.worker().lives(1, start=1).status(1.5, running=1, stuck=1)
    worker.callback(2, "terminate").note(3, "end", user=1, outcome="killed")

    assert not scene.violations("I5")


@pytest.mark.parametrize("end", ["released", "closed"])
def test_i5_is_violated_by_a_terminate_that_is_missing(scene: Scene, end: str) -> None:
    orderly(scene, "worker1")
    scene.worker("worker2").lives(3, start=1, end=2).note(4, end)

    assert scene.violations("I5") == ["terminate was not called"]


def test_i5_says_nothing_of_a_process_that_was_killed(scene: Scene) -> None:
    orderly(scene, "worker1")
    scene.worker("worker2").lives(3, start=1)

    assert not scene.violations("I5")


def test_i5_says_nothing_of_a_scenario_without_terminate(scene: Scene) -> None:
    scene.worker().lives(1, start=1, end=2).note(4, "released")

    assert not scene.violations("I5")


# I12


def test_i12_holds_where_one_run_follows_another(scene: Scene) -> None:
    scene.master().note(5, "over", outcome="stopped").note(6, "configure", run="next", digests={})
    worker = orderly(scene)
    worker.note(5, "configure", run="next", digests={"m": "d2"})
    scene.worker("worker2")

    assert not scene.violations("I12")


def test_i12_is_violated_by_two_runs_at_once(scene: Scene) -> None:
    scene.worker().note(5, "configure", run="next", digests={})

    assert scene.violations("I12") == [f"was configured for next while it took part in {RUN}"]


def test_i12_is_violated_by_a_master_that_is_configured(scene: Scene) -> None:
    master = scene.master().note(5, "configure", run="next", digests={})
    master.note(9, "over", run=RUN, outcome="stopped")

    assert len(scene.violations("I12")) == 1


def test_i12_is_violated_by_a_worker_that_leads(scene: Scene) -> None:
    scene.worker().note(5, "leads", run="own")

    assert scene.violations("I12") == [f"leads own while it took part in {RUN}"]


def test_i12_is_violated_by_two_masters_of_a_run(scene: Scene) -> None:
    scene.master()
    scene.life("other").note(1, "leads", run=RUN)

    assert scene.violations("I12") == [f"leads the run {RUN} of master@here"]


def test_i12_is_violated_by_another_digest(scene: Scene) -> None:
    scene.worker("worker1")
    scene.life("worker2").note(1, "configure", run=RUN, digests={"m": "d2"})

    assert scene.violations("I12") == ["runs m d2, others d1"]


# I13


def test_i13_holds_where_all_ends_in_time(scene: Scene) -> None:
    worker = scene.worker().lives(1, start=1).status(2, "terminating", running=1)
    worker.note(4.9, "end", user=1, outcome="killed").callback(4.95, "terminate")
    scene.hit(4.8, "greeting", worker, user=1)

    assert not scene.violations("I13")


def test_i13_is_violated_by_a_user_that_ends_too_late(scene: Scene) -> None:
    worker = scene.worker().lives(1, start=1).status(2, "terminating", running=1)
    worker.note(5.5, "end", user=1, outcome="killed")

    assert scene.violations("I13") == ["the last user ended 3.5 s after the stop, not within 3 s"]
    assert not scene.violations("I13", grace_s=5.0)


@pytest.mark.parametrize("over", ["terminate", "released"])
def test_i13_is_violated_by_a_hit_after_the_end(scene: Scene, over: str) -> None:
    worker = scene.worker().lives(1, start=1, end=2)
    if over == "terminate":
        worker.callback(3, "terminate").note(5, "closed")
    else:
        worker.note(3, "released").note(5, "closed")
    scene.hit(4, "greeting", worker, user=1)

    assert scene.violations("I13") == ["1 steps of users after the end of the run"]


def test_i13_is_violated_by_a_start_after_the_end(scene: Scene) -> None:
    orderly(scene).lives(3, start=5)

    assert scene.violations("I13") == ["1 steps of users after the end of the run"]


def test_i13_lets_terminate_and_the_next_run_hit(scene: Scene) -> None:
    worker = orderly(scene)
    worker.note(5, "configure", run="next", digests={}).callback(5, "init").lives(1, start=6)
    scene.hit(3.5, "farewell", worker)
    scene.hit(6, "greeting", worker, user=1)

    assert not scene.violations("I13")


def test_i13_lets_users_go_on_that_are_counted_as_stuck(scene: Scene) -> None:
    worker = scene.worker().lives(1, start=1).status(2, "terminating", running=1, stuck=1)
    worker.callback(4, "terminate").note(9, "end", user=1, outcome="killed")
    scene.hit(8, "greeting", worker, user=1)

    assert not scene.violations("I13")
