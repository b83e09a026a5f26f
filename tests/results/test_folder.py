"""Where the files of a run go: into a folder of its own, and nothing that is there is lost."""

import os
from pathlib import Path

import pytest

from crowsg import users
from crowsg.errors import ResultsError
from crowsg.results.writer import FILES
from tests.record.runs import Execution
from tests.results.files import (
    PATIENCE_S,
    be_brief,
    content,
    finished,
    results_of,
    rows_of,
    summary_in,
    written,
)
from tests.support.nodes import Bench, make_scenario


@pytest.mark.parametrize("taken", [*([name] for name in FILES), FILES], ids="-".join)
def test_a_folder_that_holds_a_run_is_refused_and_left_alone(
    bench: Bench, tmp_path: Path, taken: list[str]
) -> None:
    for name in taken:
        (tmp_path / name).write_text("precious")

    with pytest.raises(ResultsError, match=r"holds a run already") as refusal:
        results_of(bench, tmp_path)

    assert [name for name in FILES if name in str(refusal.value)] == list(taken)
    assert content(tmp_path) == dict.fromkeys(taken, b"precious")


def test_a_link_to_nowhere_is_not_written_through(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "users.csv").symlink_to(tmp_path / "nowhere")

    with pytest.raises(ResultsError, match=r"users\.csv"):
        results_of(bench, tmp_path)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("file", "File exists", id="file"),
        pytest.param("file/below", "Not a directory", id="below-a-file"),
        pytest.param("x" * 300, "File name too long", id="too-long"),
        pytest.param("new/" + "x" * 300, "File name too long", id="too-long-below"),
        pytest.param("new/nul\0", "null", id="nul"),
    ],
)
def test_a_folder_that_cannot_be_made_is_refused_without_a_trace(
    bench: Bench, tmp_path: Path, name: str, why: str
) -> None:
    (tmp_path / "file").write_text("precious")

    with pytest.raises(ResultsError, match=why):
        results_of(bench, tmp_path / name)

    assert content(tmp_path) == {"file": b"precious"}


def test_a_folder_that_cannot_be_written_to_is_refused_without_a_trace(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(ResultsError, match="cannot be written to"):
        results_of(bench, tmp_path / "new" / "folder")

    assert content(tmp_path) == {}


def test_a_folder_is_made_with_those_above_it(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b" / "c"

    written(bench, folder, make_scenario(be_brief), 1)

    assert set(content(folder)) == set(FILES)


def test_other_files_in_the_folder_stay(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("precious")

    written(bench, tmp_path, make_scenario(be_brief), 1)

    assert content(tmp_path)["notes.txt"] == b"precious"
    assert set(content(tmp_path)) == {"notes.txt", *FILES}


def test_a_scenario_that_changes_the_working_directory_does_not_move_them(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    scenario = make_scenario(be_brief, init=lambda: monkeypatch.chdir("elsewhere"))

    written(bench, Path("results"), scenario, 1)

    assert set(content(tmp_path / "results")) == set(FILES)
    assert content(tmp_path / "elsewhere") == {}


def fail() -> None:
    raise RuntimeError("boom")


def test_a_start_that_fails_leaves_no_trace(bench: Bench, tmp_path: Path) -> None:
    results = results_of(bench, tmp_path / "a" / "b")

    Execution(bench, make_scenario(init=fail), observers=[results]).greenlet.join(PATIENCE_S)

    assert list(tmp_path.iterdir()) == []


def test_a_start_that_fails_leaves_the_folder_that_was_there(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    results = results_of(bench, tmp_path / "a" / "b")

    Execution(bench, make_scenario(init=fail), observers=[results]).greenlet.join(PATIENCE_S)

    assert list(tmp_path.rglob("*")) == [tmp_path / "a"]


def test_a_start_that_fails_leaves_what_others_put_there(bench: Bench, tmp_path: Path) -> None:
    results = results_of(bench, tmp_path / "a" / "b")
    (tmp_path / "a" / "notes.txt").write_text("precious")

    Execution(bench, make_scenario(init=fail), observers=[results]).greenlet.join(PATIENCE_S)

    assert content(tmp_path / "a") == {"notes.txt": b"precious"}


def test_a_start_that_fails_lets_the_same_folder_be_used_again(
    bench: Bench, tmp_path: Path
) -> None:
    results = results_of(bench, tmp_path / "a")
    Execution(bench, make_scenario(init=fail), observers=[results]).greenlet.join(PATIENCE_S)

    written(bench, tmp_path / "a", make_scenario(be_brief), 1)

    assert summary_in(tmp_path / "a")["exit_code"] == 0


def test_a_start_that_is_interrupted_is_on_record(bench: Bench, tmp_path: Path) -> None:
    results = results_of(bench, tmp_path / "a")
    scenario = make_scenario(init=lambda: users.sleep(1000))
    execution = Execution(bench, scenario, observers=[results])

    execution.run.interrupt()
    bench.clock.advance(1)

    assert finished(execution).exit_code == summary_in(tmp_path / "a")["exit_code"] == 97
    assert rows_of(tmp_path / "a", "users.csv") == []
