"""Files that cannot be written end no run, and it is said once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from crowsg import users
from crowsg.background import Background
from tests.record.runs import Execution
from tests.results.files import PATIENCE_S, be_brief, content, errors_in, finished, results_of
from tests.support.nodes import Bench, make_scenario


def remove_the_folder(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def put_a_file_in_its_place(folder: Path) -> None:
    remove_the_folder(folder)
    folder.write_text("a file")


def fill_the_disk(folder: Path) -> None:
    (folder / "timeseries.csv").unlink()
    (folder / "timeseries.csv").symlink_to("/dev/full")


def take_a_file_away(folder: Path) -> None:
    (folder / "users.csv").unlink()


def put_a_folder_in_place_of_the_summary(folder: Path) -> None:
    (folder / "summary.json").unlink()
    (folder / "summary.json").mkdir()


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (remove_the_folder, "No such file"),
        (put_a_file_in_its_place, "Not a directory"),
        (fill_the_disk, "No space left"),
        (take_a_file_away, "No such file"),
        (put_a_folder_in_place_of_the_summary, "Is a directory"),
    ],
)
def test_a_write_that_fails_is_said_once_and_the_run_goes_on(
    bench: Bench,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    break_it: Callable[[Path], None],
    why: str,
) -> None:
    background = Background()
    results = results_of(bench, tmp_path / "out", background=background)
    scenario = make_scenario(lambda user_id: users.sleep(user_id))
    execution = Execution(bench, scenario, users=12, observers=[results])
    bench.clock.advance(1.5)
    background.close(PATIENCE_S)

    break_it(tmp_path / "out")
    bench.clock.advance(20)

    assert (finished(execution).exit_code, execution.summary().users.finished) == (0, 12)
    (error,) = errors_in(caplog)
    assert "are not complete" in error
    assert why in error
    assert capfd.readouterr().err == ""


def test_a_write_that_fails_is_said_while_the_run_goes_on(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    background = Background()
    results = results_of(bench, tmp_path / "out", background=background)
    execution = Execution(bench, make_scenario(), observers=[results])
    bench.clock.advance(1)
    background.close(PATIENCE_S)

    remove_the_folder(tmp_path / "out")
    bench.clock.advance(1)
    background.close(PATIENCE_S)
    bench.clock.advance(1)

    assert (len(errors_in(caplog)), execution.is_over) == (1, False)


def test_users_are_not_kept_for_files_that_are_given_up(bench: Bench, tmp_path: Path) -> None:
    background = Background()
    results = results_of(bench, tmp_path / "out", background=background)
    scenario = make_scenario(lambda user_id: users.sleep(2.5 if user_id < 5 else 1000))
    Execution(bench, scenario, users=5, observers=[results])
    remove_the_folder(tmp_path / "out")
    bench.clock.advance(1)
    background.close(PATIENCE_S)

    bench.clock.advance(2)

    assert bench.node.local.status().users.finished == 4
    assert bench.node.recorder.lives.take() == []


def test_a_disk_that_does_not_answer_is_said(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Stopped(Background):
        def close(self, timeout: float) -> bool:
            super().close(timeout)
            return False

    results = results_of(bench, tmp_path, background=Stopped())
    execution = Execution(bench, make_scenario(be_brief), observers=[results])
    bench.clock.advance(5)

    assert finished(execution).exit_code == 0
    assert errors_in(caplog) == [
        f"the files in {tmp_path} are not complete: the disk does not answer"
    ]


def test_two_runs_begun_at_once_do_not_share_files(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (results_of(bench, tmp_path) for _ in range(2))
    finished(Execution(bench, make_scenario(be_brief), users=3, observers=[first]))
    before = content(tmp_path)

    execution = Execution(bench, make_scenario(be_brief), users=5, observers=[second])

    assert finished(execution).exit_code == 0
    assert content(tmp_path) == before
    assert len(errors_in(caplog)) == 1
