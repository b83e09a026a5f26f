"""I1, I2, I3: every user is counted, lives once, and has an id of its own."""

import pytest

from tests.support.journals import RUN, Scene, users

# I1


def test_i1_holds_where_every_user_is_somewhere(scene: Scene) -> None:
    worker = scene.worker().status(1, asked=0)
    worker.status(2, asked=10, waiting=4, running=3, finished=3, stuck=1)
    worker.note(3, "cluster", users=users(lost=2, cancelled=1), nodes={})
    scene.summary(users=users(killed=1), nodes=[{"name": "a", "users": users(failed=1)}])

    assert not scene.violations("I1")


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param({"asked": 10, "running": 9}, id="one-is-missing"),
        pytest.param({"asked": 10, "running": 11}, id="one-too-many"),
        pytest.param({"running": 2, "finished": -1}, id="negative"),
        pytest.param({"running": 1, "stuck": 2}, id="more-stuck-than-there-are"),
    ],
)
@pytest.mark.parametrize("kind", ["status", "cluster"])
def test_i1_is_violated_by_wrong_counts(scene: Scene, kind: str, counts: dict[str, int]) -> None:
    scene.worker().note(1, kind, state="running", users=users(**counts), paused=[], nodes={})

    assert len(scene.violations("I1")) == 1


def test_i1_is_violated_by_users_that_are_asked_for_no_more(scene: Scene) -> None:
    scene.worker().status(1, running=5).status(2, running=4)

    assert scene.violations("I1") == ["status: 5 users were asked for, and now 4"]


def test_i1_holds_where_the_counts_begin_anew(scene: Scene) -> None:
    scene.worker().status(1, finished=5).status(2).status(3, running=1)

    assert not scene.violations("I1")


@pytest.mark.parametrize("where", ["users", "nodes"])
def test_i1_is_violated_by_a_summary_that_does_not_add_up(scene: Scene, where: str) -> None:
    scene.worker()
    wrong = users(asked=3, finished=2)
    scene.summary(**({"users": wrong} if where == "users" else {}))
    if where == "nodes":
        scene.summary(nodes=[{"name": "a", "users": wrong}])

    assert len(scene.violations("I1")) == 1


# I2


def test_i2_holds_where_each_start_has_its_end(scene: Scene) -> None:
    scene.worker().lives(1, 2, start=1, end=2).note(3, "closed")

    assert not scene.violations("I2")


def test_i2_is_violated_by_a_user_that_starts_twice(scene: Scene) -> None:
    scene.worker().lives(1, start=1).lives(1, start=2)

    assert scene.violations("I2") == ["1 users started more than once: 1"]


def test_i2_is_violated_by_a_user_that_ends_twice(scene: Scene) -> None:
    worker = scene.worker().lives(1, start=1, end=2)
    worker.note(3, "end", user=1, outcome="killed")

    assert scene.violations("I2") == ["1 users ended more than once: 1"]


def test_i2_is_violated_by_an_end_before_the_start(scene: Scene) -> None:
    scene.worker().note(1, "end", user=1, outcome="failed").lives(1, start=2)

    assert scene.violations("I2") == ["1 users ended before they started: 1"]


def test_i2_is_violated_by_users_that_never_end(scene: Scene) -> None:
    scene.worker().lives(*range(1, 8), start=1).note(3, "closed")

    assert scene.violations("I2") == ["7 users never ended: 1, 2, 3, 4, 5 ..."]


def test_i2_is_violated_by_users_of_a_run_that_another_one_followed(scene: Scene) -> None:
    scene.worker().lives(1, start=1).note(3, "configure", run="next", digests={})

    assert scene.violations("I2") == ["1 users never ended: 1"]


def test_i2_is_violated_by_missing_ends_of_a_process_with_exit_code_0(scene: Scene) -> None:
    scene.worker().lives(1, start=1)
    scene.exits(worker1=0)

    assert scene.violations("I2") == ["1 users never ended: 1"]


def test_i2_says_nothing_of_users_that_were_killed_with_their_process(scene: Scene) -> None:
    scene.worker().lives(1, start=1)
    scene.exits(worker1=-9)

    assert not scene.violations("I2")


def test_i2_holds_where_stuck_users_are_counted_as_such(scene: Scene) -> None:
    scene.worker().lives(1, 2, start=1).status(2, running=2, stuck=2).note(3, "closed")

    assert not scene.violations("I2")


def test_i2_takes_each_run_of_a_node_for_itself(scene: Scene) -> None:
    worker = scene.worker().lives(1, start=1, end=2)
    worker.note(3, "configure", run="next", digests={}).lives(1, start=4, end=5)

    assert not scene.violations("I2")


# I3


def test_i3_holds_where_ids_are_dealt_in_blocks(scene: Scene) -> None:
    scene.worker("worker1").lives(1, 2, start=1).note(2, "cancelled", first=3, last=4)
    scene.worker("worker2").lives(5, 6, start=1)
    scene.rows((1, "finished"), (2, "finished"))

    assert not scene.violations("I3")


def test_i3_is_violated_by_an_id_on_two_nodes(scene: Scene) -> None:
    scene.worker("worker1").lives(1, start=1)
    scene.worker("worker2").lives(1, start=2)

    assert scene.violations("I3") == ["user 1 started here and on worker1@here"]


def test_i3_is_violated_by_an_id_in_two_lives_of_a_node(scene: Scene) -> None:
    scene.worker("worker1", 1).lives(1, start=1)
    scene.worker("worker1", 2, at=5).lives(1, start=6)

    assert len(scene.violations("I3")) == 1


def test_i3_is_violated_by_an_id_that_comes_again_in_the_same_run(scene: Scene) -> None:
    worker = scene.worker().lives(1, start=1, end=2).note(3, "released")
    worker.note(4, "configure", run=RUN, digests={}).lives(1, start=5)

    assert len(scene.violations("I3")) == 1


def test_i3_is_violated_by_a_cancelled_id_that_starts(scene: Scene) -> None:
    scene.worker("worker1").note(1, "cancelled", first=3, last=4)
    scene.worker("worker2").lives(4, 5, start=2)

    assert scene.violations("I3") == ["1 users were cancelled here and started: 4"]


def test_i3_is_violated_by_an_id_that_is_not_positive(scene: Scene) -> None:
    scene.worker().lives(0, start=1)

    assert scene.violations("I3") == ["user 0 has no positive id"]


def test_i3_is_violated_by_a_row_that_stands_twice(scene: Scene) -> None:
    scene.worker()
    scene.rows((1, "finished"), (1, "killed"))

    assert scene.violations("I3") == ["1 ids stand twice: 1"]


def test_i3_lets_another_run_have_the_same_ids(scene: Scene) -> None:
    scene.worker("worker1").lives(1, start=1)
    scene.life("worker2").note(2, "leads", run="other").lives(1, start=3)

    assert not scene.violations("I3")
