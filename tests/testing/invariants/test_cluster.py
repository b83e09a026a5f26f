"""I10, I11, I15: commands are done once, what is given away is free, the master tells the truth."""

import pytest

from tests.support.journals import Scene, Scribe, users

# I10


def command(scribe: Scribe, at: float, number: int, late: float = -1.0, life: int = 7) -> None:
    about = {"method": "run_add", "sender": "master@here", "sender_incarnation": life}
    scribe.note(at, "command", **about, number=number, late=late)


def test_i10_holds_where_each_command_is_done_once_and_in_time(scene: Scene) -> None:
    one, other = scene.worker("worker1"), scene.worker("worker2")
    for number in (1, 2):
        command(one, number, number)
        command(other, number, number)
    command(one, 3, 1, life=8)

    assert not scene.violations("I10")


def test_i10_is_violated_by_a_command_that_is_done_twice(scene: Scene) -> None:
    worker = scene.worker()
    command(worker, 1, 1)
    command(worker, 2, 1)

    assert scene.violations("I10") == ["command 1 of master@here (run_add) was done twice"]


def test_i10_is_violated_by_a_command_that_the_next_life_does_again(scene: Scene) -> None:
    command(scene.worker("worker1", 1), 1, 1)
    command(scene.worker("worker1", 2, at=5), 6, 1)

    (text,) = scene.violations("I10")
    assert text.endswith("again in another life of the node")


def test_i10_is_violated_by_a_command_that_is_done_late(scene: Scene) -> None:
    command(scene.worker(), 1, 1, late=0.25)

    (text,) = scene.violations("I10")
    assert text.endswith("was done 0.250 s after its deadline")


# I11


def test_i11_holds_where_the_last_step_comes_before_the_loss(scene: Scene) -> None:
    worker = scene.worker().lives(1, start=1)
    scene.hit(4, "greeting", worker, user=1)
    scene.master().note(5, "lost", name="worker1@here", incarnation=1)

    assert not scene.violations("I11")


def test_i11_is_violated_by_a_hit_after_the_loss(scene: Scene) -> None:
    worker = scene.worker().lives(1, start=1)
    scene.hit(5.5, "greeting", worker, user=1)
    scene.master().note(5, "lost", name="worker1@here", incarnation=1)

    assert scene.violations("I11") == ["1 steps of users after it was lost, the last 0.500 s after"]


@pytest.mark.parametrize(("event", "is_step"), [("end", False), ("begin", True), ("want", True)])
def test_i11_lets_who_is_killed_give_back_what_it_held(
    scene: Scene, event: str, is_step: bool
) -> None:
    worker = scene.worker().lives(1, start=1)
    scene.hit(5.5, event, worker, user=1, throttle="t")
    scene.master().note(5, "lost", name="worker1@here", incarnation=1)

    assert bool(scene.violations("I11")) == is_step


def test_i11_is_violated_by_a_start_after_the_loss(scene: Scene) -> None:
    scene.worker().lives(1, start=6)
    scene.master().note(5, "lost", name="worker1@here", incarnation=1)

    assert len(scene.violations("I11")) == 1


def test_i11_lets_a_node_take_part_anew(scene: Scene) -> None:
    worker = scene.worker().lives(1, start=1)
    worker.note(6, "configure", run="run-1", digests={}).lives(2, start=7)
    scene.hit(7, "greeting", worker, user=2)
    scene.master().note(5, "lost", name="worker1@here", incarnation=1)

    assert not scene.violations("I11")


def test_i11_lets_another_life_of_the_node_go_on(scene: Scene) -> None:
    scene.worker("worker1", 1).lives(1, start=1)
    scene.worker("worker1", 2, at=3).lives(2, start=6)
    scene.master().note(5, "lost", name="worker1@here", incarnation=1)

    assert not scene.violations("I11")


# I15: what a node says of itself


def test_i15_holds_where_a_node_counts_its_users(scene: Scene) -> None:
    worker = scene.worker().status(0.5).lives(1, 2, start=1).status(1.5, running=2)
    worker.note(2, "end", user=1, outcome="failed").status(2.5, running=1, failed=1)

    assert not scene.violations("I15")


def test_i15_is_violated_by_a_node_that_miscounts_its_users(scene: Scene) -> None:
    scene.worker().lives(1, 2, start=1).status(1.5, running=3)

    assert scene.violations("I15") == ["3 users run, it says; 2 do"]


# I15: what the master says


def cluster(master: Scribe, at: float, running: int, lost: int = 0, **nodes: str) -> None:
    told = {f"{name}@here": state for name, state in nodes.items()}
    master.note(at, "cluster", users=users(running=running, lost=lost), nodes=told)


@pytest.mark.parametrize("running", [0, 1, 3])
def test_i15_holds_where_the_count_is_of_the_last_4_s(scene: Scene, running: int) -> None:
    master, worker = scene.master(), scene.worker()
    worker.lives(1, start=1).lives(2, 3, start=3).note(9, "released")
    cluster(master, 4.5, running, worker1="up")

    assert not scene.violations("I15")


@pytest.mark.parametrize(
    ("at", "running"),
    [
        pytest.param(4.5, 4, id="too-many"),
        pytest.param(5.5, 0, id="too-few"),
        pytest.param(7.5, 1, id="old"),
    ],
)
def test_i15_is_violated_by_a_count_that_was_never_true_lately(
    scene: Scene, at: float, running: int
) -> None:
    master, worker = scene.master(), scene.worker()
    worker.lives(1, start=1).lives(2, 3, start=3).note(9, "released")
    cluster(master, at, running, worker1="up")

    assert len(scene.violations("I15")) == 1


@pytest.mark.parametrize(
    ("running", "is_true"), [(2, True), (0, True), (3, False)], ids=["old", "new", "too-many"]
)
def test_i15_holds_where_the_count_of_one_node_is_older_than_that_of_another(
    scene: Scene, running: int, is_true: bool
) -> None:
    """There were 1, 0 and 1 users at once; the master hears of each node in its own moment."""
    master = scene.master()
    scene.worker("worker1").lives(1, start=1, end=5).note(9, "released")
    scene.worker("worker2").lives(2, start=5.5, end=6).note(9, "released")
    cluster(master, 6.5, running, worker1="up", worker2="up")

    assert (not scene.violations("I15")) == is_true


def test_i15_lets_the_count_be_old_while_a_node_is_silent(scene: Scene) -> None:
    master, worker = scene.master(), scene.worker()
    worker.lives(1, start=1).lives(2, 3, start=3).note(9, "released")
    cluster(master, 7.5, 1, worker1="suspect")
    cluster(master, 8.4, 1, worker1="up")
    assert not scene.violations("I15")

    cluster(master, 8.6, 1, worker1="up")
    assert len(scene.violations("I15")) == 1


def test_i15_gives_a_master_that_stood_still_4_s(scene: Scene) -> None:
    master, worker = scene.master(), scene.worker()
    worker.lives(1, start=1, end=5).note(20, "released")
    cluster(master, 2, 1, worker1="up")
    cluster(master, 12, 1, worker1="up")
    assert not scene.violations("I15")

    for tenth in range(1, 42):
        cluster(master, 12 + tenth / 10, 1, worker1="up")
    assert len(scene.violations("I15")) == 1


@pytest.mark.parametrize(
    ("at", "running", "is_true"),
    [
        pytest.param(5.5, 2, True, id="not-given-up-yet"),
        pytest.param(5.5, 0, True, id="given-up-soon"),
        pytest.param(10.5, 0, True, id="given-up"),
        pytest.param(10.5, 2, False, id="forgotten"),
    ],
)
def test_i15_users_of_a_process_that_is_gone_may_be_counted_until_its_loss(
    scene: Scene, at: float, running: int, is_true: bool
) -> None:
    master, worker = scene.master(), scene.worker()
    worker.lives(1, 2, start=1).status(2, running=2)
    master.note(6, "lost", name="worker1@here", incarnation=1)
    cluster(master, at, running, worker1="dead")

    assert (not scene.violations("I15")) == is_true


def test_i15_users_of_a_node_that_was_given_up_need_not_be_counted(scene: Scene) -> None:
    master, worker = scene.master(), scene.worker()
    worker.lives(1, 2, start=1, end=20).note(21, "released")
    master.note(6, "lost", name="worker1@here", incarnation=1)
    cluster(master, 15, 0, lost=2, worker1="dead")

    assert not scene.violations("I15")


def test_i15_is_violated_by_a_dead_node_that_is_called_up(scene: Scene) -> None:
    master, worker = scene.master(), scene.worker()
    worker.status(2)
    cluster(master, 5.9, 0, worker1="up")
    assert not scene.violations("I15")

    cluster(master, 6.5, 0, worker1="up")
    assert scene.violations("I15") == [
        "worker1@here is up, it says, 4.5 s after the last sign of its process"
    ]


@pytest.mark.parametrize("state", ["suspect", "dead"])
def test_i15_holds_where_a_dead_node_is_not_called_up(scene: Scene, state: str) -> None:
    master, worker = scene.master(), scene.worker()
    worker.status(2)
    cluster(master, 6.5, 0, worker1=state)

    assert not scene.violations("I15")


def test_i15_lets_the_next_life_of_a_node_be_up(scene: Scene) -> None:
    master = scene.master()
    scene.worker("worker1", 1).status(2)
    scene.worker("worker1", 2, at=4).status(9)
    cluster(master, 8, 0, worker1="up")

    assert not scene.violations("I15")
