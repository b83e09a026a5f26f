"""I7: no more permits are held at once than there are."""

import pytest

from tests.support.journals import Scene, Scribe, ns


@pytest.fixture
def worker(scene: Scene) -> Scribe:
    """Give a worker of a run with a throttle of two permits."""
    scene.master().note(0, "rate", throttle="t", rate=2, interval=0)
    return scene.worker()


def hold(scene: Scene, worker: Scribe, user: int, since: float, until: float | None = None) -> None:
    scene.hit(since, "begin", worker, throttle="t", user=user)
    if until is not None:
        scene.hit(until, "end", worker, throttle="t", user=user)


def test_i7_holds_where_permits_are_given_back_in_time(scene: Scene, worker: Scribe) -> None:
    hold(scene, worker, 1, 1, 3)
    hold(scene, worker, 2, 1, 2)
    hold(scene, worker, 3, 2, 3)

    assert not scene.violations("I7")


def test_i7_is_violated_by_one_holder_too_many(scene: Scene, worker: Scribe) -> None:
    worker.note(9, "status", state="running", users={}, paused=[])
    for user in (1, 2, 3):
        hold(scene, worker, user, user, 5)

    assert scene.violations("I7") == ["3 permits are held of 2"]


def test_i7_is_violated_over_nodes_together(scene: Scene, worker: Scribe) -> None:
    other = scene.worker("worker2")
    for scribe in (worker, other):
        scribe.note(9, "released")
    hold(scene, worker, 1, 1, 5)
    hold(scene, worker, 2, 2, 5)
    hold(scene, other, 3, 3, 5)

    assert scene.violations("I7") == ["3 permits are held of 2"]


def test_i7_a_user_that_has_ended_holds_nothing(scene: Scene, worker: Scribe) -> None:
    worker.lives(1, start=0.5, end=2).note(9, "released")
    hold(scene, worker, 1, 1)
    hold(scene, worker, 2, 1, 5)
    hold(scene, worker, 3, 3, 5)

    assert not scene.violations("I7")


def test_i7_a_process_that_is_gone_holds_nothing(scene: Scene, worker: Scribe) -> None:
    worker.note(2, "status", state="running", users={}, paused=[])
    other = scene.worker("worker2").note(9, "released")
    for user in (1, 2):
        hold(scene, worker, user, 1)
    for user in (3, 4):
        hold(scene, other, user, 3, 5)

    assert not scene.violations("I7")


def test_i7_a_process_that_was_given_up_holds_nothing(scene: Scene) -> None:
    master, worker = scene.master(), scene.worker().note(9, "released")
    master.note(0, "rate", throttle="t", rate=1, interval=0)
    hold(scene, worker, 1, 1, 8)
    other = scene.worker("worker2").note(9, "released")
    hold(scene, other, 2, 3, 5)
    assert scene.violations("I7") == ["2 permits are held of 1"]

    master.note(2, "lost", name="worker1@here", incarnation=1)
    assert not scene.violations("I7")


def test_i7_a_process_is_there_until_its_last_hit(scene: Scene, worker: Scribe) -> None:
    other = scene.worker("worker2").note(9, "released")
    hold(scene, worker, 1, 1)
    hold(scene, worker, 2, 1)
    for user in (3, 4):
        hold(scene, other, user, 2, 5)
    assert not scene.violations("I7")

    scene.hit(3, "greeting", worker)
    assert scene.violations("I7") == ["3 permits are held of 2", "4 permits are held of 2"]


def test_i7_a_number_that_was_lowered_is_in_force_04_s_longer(scene: Scene) -> None:
    master, worker = scene.master(), scene.worker().note(9, "released")
    for at, number in ((0, 2), (3, 1)):
        master.note(at, "rate", throttle="t", rate=number, interval=0)
    hold(scene, worker, 1, 1, 8)
    hold(scene, worker, 2, 3.3, 4)
    assert not scene.violations("I7")

    hold(scene, worker, 3, 5, 6)
    assert scene.violations("I7") == ["2 permits are held of 1"]


def test_i7_is_violated_by_permits_that_never_come_back(scene: Scene, worker: Scribe) -> None:
    worker.note(99, "released")
    hold(scene, worker, 1, 1, 90)
    scene.hit(2, "want", worker, throttle="t", user=2)
    hold(scene, worker, 2, 15, 16)

    texts = scene.violations("I7")
    assert texts == ["permits were free for 13.0 s, though they were wanted"]


def test_i7_holds_where_wanted_permits_come_within_12_s(scene: Scene, worker: Scribe) -> None:
    worker.note(99, "released")
    scene.hit(2, "want", worker, throttle="t", user=2)
    hold(scene, worker, 2, 13, 50)

    assert not scene.violations("I7")


def test_i7_lets_permits_be_free_where_others_want_them_each_time(
    scene: Scene, worker: Scribe
) -> None:
    worker.note(99, "released")
    for at in range(2, 40):
        scene.hit(at, "want", worker, throttle="t", user=at)
        hold(scene, worker, at, at + 1.5, at + 1.6)

    assert not scene.violations("I7")


@pytest.mark.parametrize("number", [1, 2], ids=["one-wants-it", "two-want-them"])
def test_i7_is_violated_by_permits_that_nobody_gets(
    scene: Scene, worker: Scribe, number: int
) -> None:
    worker.note(99, "released")
    for user in range(number):
        scene.hit(2, "want", worker, throttle="t", user=user)
        hold(scene, worker, user, 20, 21)

    assert set(scene.violations("I7")) == {"permits were free for 18.0 s, though they were wanted"}


def test_i7_is_violated_by_one_of_two_permits_that_is_lost_while_others_change_hands(
    scene: Scene, worker: Scribe
) -> None:
    worker.note(99, "released")
    for at in range(2, 40):
        scene.hit(at, "want", worker, throttle="t", user=at)
        hold(scene, worker, at, at + 1.5, at + 2.4)

    assert len(scene.violations("I7")) >= 1


def test_i7_does_not_count_the_time_in_which_a_process_stood_still(
    scene: Scene, worker: Scribe
) -> None:
    worker.note(99, "released")
    hold(scene, worker, 1, 1, 90)
    scene.hit(2, "want", worker, throttle="t", user=2)
    hold(scene, worker, 2, 18.5, 19)
    worker.note(7, "stall", began=ns(3), seconds=4.0, place="f")
    assert scene.violations("I7") == ["permits were free for 12.5 s, though they were wanted"]

    worker.note(8, "stall", began=ns(6), seconds=2.0, place="f")
    assert not scene.violations("I7")


def test_i7_says_nothing_of_throttles_in_time(scene: Scene) -> None:
    scene.master().note(0, "rate", throttle="t", rate=1, interval=60)
    worker = scene.worker().note(9, "released")
    for user in (1, 2, 3):
        hold(scene, worker, user, 1)

    assert not scene.violations("I7")
