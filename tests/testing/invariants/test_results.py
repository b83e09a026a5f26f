"""I9: the files of a run say what the users did, no more and no less."""

from typing import Any

import pytest

from tests.support.journals import Scene, Scribe, users


def operation(ok: int, failed: int = 0, interrupted: int = 0) -> dict[str, Any]:
    return {"greeting": {"ok": ok, "failed": failed, "interrupted": interrupted}}


def greet(scene: Scene, worker: Scribe, times: int) -> None:
    for number in range(times):
        scene.hit(1 + number / 10, "greeting", worker, operation="greeting")


def node(state: str, *gaps: list[float]) -> dict[str, Any]:
    return {"name": "worker1@here", "state": state, "users": users(), "gaps": gaps}


def test_i9_holds_where_nothing_is_told(scene: Scene) -> None:
    scene.worker().lives(1, start=1, end=2)

    assert not scene.violations("I9")


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(operation(3), id="all-ok"),
        pytest.param(operation(1, failed=2), id="some-failed"),
        pytest.param(operation(2, interrupted=1), id="one-interrupted-after-its-hit"),
        pytest.param(operation(3, interrupted=2), id="interrupted-before-their-hits"),
    ],
)
def test_i9_holds_where_operations_are_counted(scene: Scene, told: dict[str, Any]) -> None:
    greet(scene, scene.worker(), 3)
    scene.summary(operations=told)

    assert not scene.violations("I9")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        pytest.param(operation(4), "4 have ended, it says; 3 hits were seen", id="too-many"),
        pytest.param(
            operation(1, interrupted=1), "2 were begun, it says; 3 hits were seen", id="too-few"
        ),
        pytest.param({}, "0 were begun, it says; 3 hits were seen", id="none"),
    ],
)
def test_i9_is_violated_by_operations_that_are_miscounted(
    scene: Scene, told: dict[str, Any], why: str
) -> None:
    greet(scene, scene.worker(), 3)
    scene.summary(operations=told)

    assert scene.violations("I9") == [why]


def test_i9_lets_operations_of_a_lost_node_be_missing_where_the_gap_is_named(scene: Scene) -> None:
    greet(scene, scene.worker(), 3)
    scene.summary(operations=operation(1), nodes=[node("dead", [1.0, 2.0])])

    assert not scene.violations("I9")


def test_i9_lets_a_run_go_on_behind_its_summary(scene: Scene) -> None:
    worker = scene.worker().lives(1, start=1, end=2)
    greet(scene, worker, 3)
    scene.summary(operations=operation(1), exit_code=None)
    assert not scene.violations("I9")

    scene.summary(operations=operation(4), exit_code=None)
    assert len(scene.violations("I9")) == 1


def test_i9_is_violated_by_a_gap_that_is_not_named(scene: Scene) -> None:
    scene.worker()
    scene.summary(nodes=[node("dead")])

    assert scene.violations("I9") == ["it was lost, and no gap is named"]


@pytest.mark.parametrize("state", ["dead", "up"])
def test_i9_is_violated_by_a_gap_in_which_there_is_no_time(scene: Scene, state: str) -> None:
    scene.worker()
    scene.summary(nodes=[node(state, [1.5, 1.5])])

    assert scene.violations("I9") == ["the gap from 1.5 to 1.5 is none"]


def test_i9_is_violated_by_operations_that_are_doubled_by_a_loss(scene: Scene) -> None:
    greet(scene, scene.worker(), 3)
    scene.summary(operations=operation(4), nodes=[node("dead", [1.0, 2.0])])

    assert len(scene.violations("I9")) == 1


def test_i9_holds_where_users_are_counted(scene: Scene) -> None:
    scene.worker().lives(1, 2, start=1, end=2).note(3, "cancelled", first=3, last=5)
    scene.summary(users=users(finished=2, cancelled=3))
    scene.rows(*((each, "finished" if each < 3 else "cancelled") for each in range(1, 6)))

    assert not scene.violations("I9")


def test_i9_is_violated_by_users_that_are_miscounted(scene: Scene) -> None:
    scene.worker().lives(1, 2, start=1, end=2)
    scene.summary(users=users(finished=1, failed=1))

    assert scene.violations("I9") == [
        "1 users finished, it says; 2 by the journals",
        "1 users failed, it says; 0 by the journals",
    ]


def test_i9_is_violated_by_missing_rows(scene: Scene) -> None:
    scene.worker().lives(1, 2, start=1, end=2)
    scene.summary(users=users(finished=2))
    scene.rows((1, "finished"))

    assert scene.violations("I9") == ["1 rows of users finished, 2 in the summary"]


def test_i9_lets_rows_be_sampled(scene: Scene) -> None:
    scene.worker().lives(1, 2, start=1, end=2)
    scene.summary(users=users(finished=2), events=[{"event": "results.users", "one_in": 2}])
    scene.rows((1, "finished"))

    assert not scene.violations("I9")
