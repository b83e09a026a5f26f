"""I4, I6: nobody starts or acts without a permit."""

import pytest

from tests.support.journals import Scene, Scribe

# I4


def rate(scribe: Scribe, at: float, permits: float, interval: float = 1.0, **name: str) -> None:
    throttle = name.get("throttle", "user_rate")
    scribe.note(at, "rate", throttle=throttle, rate=permits, interval=interval)


def start_each(scribe: Scribe, per_s: float, since: float, until: float, first: int = 1) -> None:
    for number in range(round((until - since) * per_s)):
        scribe.note(since + number / per_s, "start", user=first + number)


def test_i4_holds_where_users_start_at_their_rate(scene: Scene) -> None:
    rate(scene.master(), 0, 20)
    start_each(scene.worker("worker1"), 10, 1, 6)
    start_each(scene.worker("worker2"), 10, 1, 6, first=1000)

    assert not scene.violations("I4")


def test_i4_is_violated_by_starts_that_are_too_many_together(scene: Scene) -> None:
    rate(scene.master(), 0, 20)
    start_each(scene.worker("worker1"), 11, 1, 6)
    start_each(scene.worker("worker2"), 11, 1, 6, first=1000)

    assert scene.violations("I4")


def test_i4_is_violated_by_a_start_while_the_rate_is_0(scene: Scene) -> None:
    master, worker = scene.master(), scene.worker()
    rate(master, 0, 20)
    rate(master, 2, 0, 60)
    start_each(worker, 20, 1, 2.3)
    assert not scene.violations("I4")

    worker.note(2.5, "start", user=99)
    assert len(scene.violations("I4")) == 1


def pause(master: Scribe, *moments: float, name: str = "user_rate") -> None:
    for at in moments:
        master.note(at, "status", state="disabled", users={}, paused=[name])


def test_i4_is_violated_by_a_start_while_paused(scene: Scene) -> None:
    master, worker = scene.master(), scene.worker()
    rate(master, 0, 20)
    pause(master, 2.0, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6)
    worker.note(2.35, "start", user=1).note(2.65, "start", user=2)
    assert not scene.violations("I4")

    worker.note(2.55, "start", user=3)
    assert scene.violations("I4") == ["1 permits while paused"]


def test_i4_is_violated_by_a_start_after_the_fence(scene: Scene) -> None:
    scene.worker().lives(1, start=1).note(2, "fence").lives(2, start=3)

    assert scene.violations("I4") == ["1 users started after the end of their run here"]


@pytest.mark.parametrize("state", ["terminating", "finished", "error"])
def test_i4_is_violated_by_a_start_after_the_stop(scene: Scene, state: str) -> None:
    scene.worker().status(1).status(2, state).lives(2, start=3)

    assert len(scene.violations("I4")) == 1


def test_i4_does_not_take_the_state_of_the_run_before_for_an_end(scene: Scene) -> None:
    scene.worker().status(0.1, "finished").status(0.2, "running").lives(2, start=3)

    assert not scene.violations("I4")


def test_i4_takes_each_run_for_itself(scene: Scene) -> None:
    rate(scene.master(), 0, 20)
    start_each(scene.worker("worker1"), 20, 1, 6)
    other = scene.life("lone").note(0, "leads", run="other")
    rate(other, 0, float("inf"))
    start_each(other, 500, 1, 2)

    assert not scene.violations("I4")


# I6


def hit_each(scene: Scene, whose: Scribe, per_s: float, since: float, until: float) -> None:
    for number in range(round((until - since) * per_s)):
        scene.hit(since + number / per_s, "greeting", whose, throttle="greetings", user=1)


@pytest.fixture
def greetings(scene: Scene) -> Scribe:
    """Give the master of a run with 20 greetings a second."""
    master = scene.master()
    rate(master, 0, 20, throttle="greetings")
    return master


def test_i6_holds_where_the_rate_is_kept(scene: Scene, greetings: Scribe) -> None:
    for name in ("worker1", "worker2"):
        hit_each(scene, scene.worker(name), 10, 1, 6)

    assert not scene.violations("I6")


def test_i6_is_violated_by_nodes_that_exceed_it_together(scene: Scene, greetings: Scribe) -> None:
    for name in ("worker1", "worker2"):
        hit_each(scene, scene.worker(name), 11, 1, 6)

    assert scene.violations("I6")


def test_i6_holds_where_a_change_of_the_rate_is_followed(scene: Scene, greetings: Scribe) -> None:
    worker = scene.worker()
    rate(greetings, 3, 100, throttle="greetings")
    hit_each(scene, worker, 20, 1, 3)
    hit_each(scene, worker, 100, 3.05, 5)

    assert not scene.violations("I6")


def test_i6_is_violated_by_a_rate_that_was_lowered_and_is_not_kept(
    scene: Scene, greetings: Scribe
) -> None:
    rate(greetings, 3, 10, throttle="greetings")
    hit_each(scene, scene.worker(), 20, 1, 6)

    assert scene.violations("I6")


def test_i6_is_violated_by_hits_while_paused(scene: Scene, greetings: Scribe) -> None:
    pause(greetings, *(2 + each / 10 for each in range(20)), name="greetings")
    hit_each(scene, scene.worker(), 10, 1, 3)

    assert scene.violations("I6") == ["5 permits while paused"]


def test_i6_is_violated_by_hits_that_are_told_later_than_they_were_seen(
    scene: Scene, greetings: Scribe
) -> None:
    scene.hit(1, "greeting", scene.worker(), seen=-0.001, throttle="greetings")

    assert scene.violations("I6") == ["1 hits were seen before they were told"]


def test_i6_lets_hits_be_on_their_way_to_a_busy_oracle(scene: Scene, greetings: Scribe) -> None:
    worker = scene.worker()
    for number in range(40):
        at = 1 + number / 20
        scene.hit(at, "greeting", worker, seen=3 - at, throttle="greetings")

    assert not scene.violations("I6")


@pytest.mark.parametrize("event", ["end", "want"])
def test_i6_counts_only_hits_that_use_a_permit(scene: Scene, greetings: Scribe, event: str) -> None:
    worker = scene.worker()
    for _ in range(100):
        scene.hit(1, event, worker, throttle="greetings")

    assert not scene.violations("I6")


def test_i6_takes_hits_of_another_run_for_themselves(scene: Scene, greetings: Scribe) -> None:
    other = scene.life("lone").note(0, "leads", run="other")
    hit_each(scene, other, 500, 1, 2)

    assert not scene.violations("I6")
