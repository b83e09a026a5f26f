"""What a run left behind, as it is read."""

import json
from collections.abc import Callable

import pytest

from crowsg.errors import ResultsError
from tests.support.journals import RUN, Scene, ns


def test_journals_are_read_in_the_order_in_which_they_were_opened(scene: Scene) -> None:
    scene.worker("b", at=2)
    scene.worker("c", at=1)
    scene.worker("a", at=3)

    lives = [(life.node, life.began) for life in scene.evidence().lives]
    assert lives == [("c@here", ns(1)), ("b@here", ns(2)), ("a@here", ns(3))]


def test_a_life_knows_its_last_sign_and_whether_it_is_closed(scene: Scene) -> None:
    scene.worker("a").note(5, "closed")
    scene.worker("b", at=1).status(4)

    lives = scene.evidence().lives
    assert [(life.last_sign, life.is_closed) for life in lives] == [(ns(5), True), (ns(4), False)]


def test_a_part_reaches_from_the_beginning_of_a_run_to_the_next(scene: Scene) -> None:
    worker = scene.worker().lives(1, start=1, end=2)
    worker.note(3, "configure", run="next", digests={}).lives(2, start=4)

    first, second = scene.evidence().parts
    assert (first.run, first.until, first.is_complete) == (RUN, ns(3), True)
    assert (second.run, second.until, second.is_complete) == ("next", float("inf"), False)
    assert [note["user"] for note in first.of("start")] == [1]
    assert [note["user"] for note in second.of("start")] == [2]


def test_a_life_may_take_part_in_nothing(scene: Scene) -> None:
    scene.master()
    scene.life().status(1)

    assert {part.life.node for part in scene.evidence().parts} == {"master@here"}


def test_a_hit_belongs_to_the_process_that_told_it(scene: Scene) -> None:
    first, second = scene.worker("worker1"), scene.worker("worker2")
    scene.hit(1, "a", second)
    scene.hit(2, "b", first)

    hits = scene.evidence().hits
    assert [str(hit.life) for hit in hits] == ["worker2@here", "worker1@here"]
    assert [hit.run for hit in hits] == [RUN, RUN]


def test_a_hit_that_names_a_node_belongs_to_its_life_at_that_moment(scene: Scene) -> None:
    first = scene.worker("worker1", 1)
    scene.worker("worker1", 2, at=5)
    for at in (4.0, 6.0):
        scene.hit(at, "a", first, node="worker1@here")

    lives = [hit.life.incarnation for hit in scene.evidence().hits if hit.life]
    assert lives == [1, 2]


def test_a_hit_of_a_process_without_a_journal_belongs_to_nobody(scene: Scene) -> None:
    worker = scene.worker()
    worker.pid = 9999
    scene.hit(1, "a", worker)
    scene.hit(1, "a", worker, run="told")

    hits = scene.evidence().hits
    assert [(hit.life, hit.run) for hit in hits] == [(None, ""), (None, "told")]


def test_a_hit_before_the_run_belongs_to_no_run(scene: Scene) -> None:
    life = scene.life(at=0).note(5, "leads", run=RUN)
    scene.hit(1, "a", life)

    assert [hit.run for hit in scene.evidence().hits] == [""]


def test_what_is_not_there_is_none(scene: Scene) -> None:
    scene.worker()

    evidence = scene.evidence()
    assert (evidence.hits, evidence.summary, evidence.users, evidence.exits) == ((), None, None, {})


def test_results_and_exit_codes_are_read(scene: Scene) -> None:
    scene.worker()
    scene.summary()
    scene.rows((1, "finished"))
    scene.exits(worker1=-9)

    evidence = scene.evidence()
    assert evidence.summary is not None
    assert evidence.summary["run_id"] == RUN
    assert evidence.users == ({"id": "1", "outcome": "finished"},)
    assert evidence.exits == {"worker1@here": -9}


def test_folders_below_are_read_too(scene: Scene) -> None:
    (scene.folder / "journals").mkdir()
    Scene(scene.folder / "journals").worker()

    assert len(scene.evidence().lives) == 1


def test_a_loss_is_that_of_the_part_in_which_it_came(scene: Scene) -> None:
    scene.worker().note(6, "configure", run=RUN, digests={})
    scene.master().note(5, "lost", name="worker1@here", incarnation=1)

    evidence = scene.evidence()
    first, second = (part for part in evidence.parts if part.life.node == "worker1@here")
    assert (evidence.loss_of(first), evidence.loss_of(second)) == (ns(5), None)


def test_a_line_that_was_cut_off_is_left_out(scene: Scene) -> None:
    scene.worker()
    (journal,) = scene.folder.glob("*.jsonl")
    with journal.open("a") as file:
        file.write('{"t":1,"node":"wor')

    assert scene.evidence().lives[0].notes[-1].kind == "called"


# Sad cases.

OPENED = json.dumps(
    {"t": 1, "node": "x", "inc": 1, "run": "", "kind": "opened", "boot": "c", "pid": 1}
)


def spoil_hits(text: str) -> Callable[[Scene], object]:
    def spoil(scene: Scene) -> None:
        scene.worker()
        (scene.folder / "oracle.jsonl").write_text(text)

    return spoil


def spoil_summary(scene: Scene) -> None:
    scene.worker()
    (scene.folder / "summary.json").write_text("{")


def spoil_journal(text: str) -> Callable[[Scene], object]:
    def spoil(scene: Scene) -> None:
        (scene.folder / "x-1.jsonl").write_text(text)

    return spoil


def two_boots(scene: Scene) -> None:
    scene.worker()
    spoil_journal(f"{OPENED}\n")(scene)


def two_summaries(scene: Scene) -> None:
    scene.worker()
    scene.summary()
    (scene.folder / "again").mkdir()
    Scene(scene.folder / "again").summary()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        pytest.param(lambda scene: None, "there is no journal", id="empty"),
        pytest.param(spoil_journal(""), "has no beginning", id="empty-journal"),
        pytest.param(lambda scene: scene.life(), "its journals are of no run", id="no-run"),
        pytest.param(
            spoil_journal(f"{OPENED}\nhello\n"),
            r"x-1.jsonl, line 2: Expecting value",
            id="no-json",
        ),
        pytest.param(
            spoil_journal(f'{OPENED}\n{{"t":1,"node":"x","run":"","kind":"y"}}\n'),
            "x-1.jsonl, line 2: inc is missing",
            id="no-incarnation",
        ),
        pytest.param(spoil_journal("[1]\n"), "x-1.jsonl, line 1: ", id="no-object"),
        pytest.param(spoil_hits("{}\n"), "oracle.jsonl, line 1: at, event, t is", id="no-hit"),
        pytest.param(spoil_summary, "summary.json: Expecting property name", id="no-summary"),
        pytest.param(two_boots, "the machine was started anew", id="two-boots"),
        pytest.param(two_summaries, "more than one summary.json", id="two-summaries"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    scene: Scene, spoil: Callable[[Scene], object], why: str
) -> None:
    spoil(scene)

    with pytest.raises(ResultsError, match=why):
        scene.evidence()
