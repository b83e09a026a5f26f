"""I16, I17, I18: nothing waits for ever, what is to run runs, no process grows without end."""

import pytest

from tests.support.journals import Scene, Scribe

# I16


def test_i16_holds_where_callbacks_and_users_end(scene: Scene) -> None:
    worker = scene.worker().lives(1, start=1, end=50)
    worker.callback(50, "terminate", took=10.9).note(70, "closed")

    assert not scene.violations("I16")


@pytest.mark.parametrize(
    ("name", "took"), [("setup", 31.5), ("init", 31.5), ("terminate", 11.5), ("teardown", 11.5)]
)
def test_i16_is_violated_by_a_callback_that_takes_too_long(
    scene: Scene, name: str, took: float
) -> None:
    scene.life().note(0, "leads", run="r").callback(1, name, took=took)

    (text,) = scene.violations("I16")
    assert text.startswith(f"{name} took {took} s")


def test_i16_is_violated_by_a_callback_that_never_ends(scene: Scene) -> None:
    scene.worker().note(1, "calling", callback="terminate").status(60)

    assert len(scene.violations("I16")) == 1


def test_i16_says_nothing_of_a_callback_whose_process_was_killed(scene: Scene) -> None:
    scene.worker().note(1, "calling", callback="terminate").status(5)

    assert not scene.violations("I16")


def test_i16_is_violated_by_users_beyond_the_maximal_duration(scene: Scene) -> None:
    scene.worker().lives(1, start=1, end=40)

    assert scene.violations("I16", max_duration_s=20.0) == [
        "users were there for 40.0 s, not 32 s at the most"
    ]
    assert not scene.violations("I16", max_duration_s=30.0)


# I17


def call_roll(scribe: Scribe, *names: str, since: float, until: float) -> None:
    for each in range(round(since), round(until)):
        scribe.note(each, "greenlets", running=list(names), down=[])


def test_i17_holds_where_the_roll_is_called_each_second(scene: Scene) -> None:
    call_roll(scene.worker(), "beat", "judge", since=0, until=10)

    assert not scene.violations("I17")


def test_i17_is_violated_by_a_roll_that_is_not_called(scene: Scene) -> None:
    worker = scene.worker()
    call_roll(worker, "beat", since=0, until=3)
    call_roll(worker, "beat", since=6, until=9)

    assert scene.violations("I17") == ["no loop was heard of for 4.0 s"]


def test_i17_is_violated_by_a_loop_that_does_not_run_again(scene: Scene) -> None:
    worker = scene.worker()
    call_roll(worker, "beat", since=0, until=3)
    for each in (3, 4):
        worker.note(each, "greenlets", running=[], down=["beat"])

    assert scene.violations("I17") == ["beat did not run again in time"]


def test_i17_lets_a_stall_explain_it(scene: Scene) -> None:
    worker = scene.worker()
    call_roll(worker, "beat", since=0, until=3)
    worker.note(5.9, "stall", began=1_002_100_000_000, seconds=3.5, place="f")
    call_roll(worker, "beat", since=6, until=9)

    assert not scene.violations("I17")


def test_i17_lets_a_loop_be_down_at_one_roll_call(scene: Scene) -> None:
    worker = scene.worker()
    call_roll(worker, "beat", "judge", since=0, until=3)
    worker.note(3, "greenlets", running=["beat"], down=["judge"])
    call_roll(worker, "beat", "judge", since=4, until=6)

    assert not scene.violations("I17")


def test_i17_lets_a_loop_of_one_part_begin_again_in_another(scene: Scene) -> None:
    worker = scene.worker()
    call_roll(worker, "judge", "beat", since=0, until=3)
    call_roll(worker, "judge", since=3, until=9)
    call_roll(worker, "judge", "beat", since=9, until=12)

    assert not scene.violations("I17")


def test_i17_lets_a_loop_be_stopped(scene: Scene) -> None:
    worker = scene.worker()
    call_roll(worker, "beat", "judge", since=0, until=3)
    call_roll(worker, "beat", since=3, until=9)

    assert not scene.violations("I17")


# I18


def use(scribe: Scribe, at: float, rss: int = 1, files: int = 1, greenlets: int = 1) -> None:
    scribe.note(at, "usage", rss=rss, files=files, greenlets=greenlets)


def test_i18_holds_where_little_is_used(scene: Scene) -> None:
    worker = scene.worker().status(1, running=5000)
    use(worker, 1, rss=10**9, files=5500, greenlets=2000)

    assert not scene.violations("I18")


@pytest.mark.parametrize(
    ("what", "amount"),
    [
        pytest.param("rss", 2 << 30, id="memory"),
        pytest.param("files", 600, id="files"),
        pytest.param("greenlets", 2001, id="greenlets"),
    ],
)
def test_i18_is_violated_by_what_is_used_beyond_the_limit(
    scene: Scene, what: str, amount: int
) -> None:
    worker = scene.worker().status(1, running=10)
    use(worker, 1)
    use(worker, 2, **{what: amount})

    (text,) = scene.violations("I18")
    assert text.startswith(f"{what}: {amount}, and ")


def test_i18_takes_limits_of_its_own(scene: Scene) -> None:
    use(scene.worker(), 1, rss=100)

    assert scene.violations("I18", rss_bytes=99) == ["rss: 100, and 99 at the most"]
