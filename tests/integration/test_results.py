"""The files of a run of the ``crowsg`` command, in a process of its own."""

import csv
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from crowsg.results.rows import TIMESERIES, USERS
from crowsg.results.writer import FILES
from tests.results.files import content, rows_of, summary_in
from tests.results.schema import problems

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60

# Users come and go all the time, so that some end in every second.
BUSY = """
from crowsg import metrics, users

def init():
    pass

def start(user_id):
    for _ in range(user_id % 50):
        with metrics.time(f"step {user_id % 7}"):
            users.sleep(0.05)
"""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("scenarios") / "busy_scenario.py"
    path.write_text(BUSY)
    return str(path)


def crowsg(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "crowsg", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def until_second(process: "subprocess.Popen[str]", second: int) -> None:
    """Wait for a line of progress."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.strip().startswith(f"0:{second:02}"):
            return
    raise AssertionError(f"it ended before second {second}")


@pytest.fixture(scope="module")
def killed(busy: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a run that was killed in its eighth second."""
    folder = tmp_path_factory.mktemp("killed") / "out"
    asked = "--users 100000 --user-rate 500/s --out"
    process = crowsg("run", busy, *asked.split(), str(folder))
    until_second(process, 7)
    process.send_signal(signal.SIGKILL)
    assert result(process)[0] == -signal.SIGKILL
    return folder


def test_a_run_that_is_killed_leaves_whole_lines(killed: Path) -> None:
    for name, columns in (("timeseries.csv", TIMESERIES), ("users.csv", USERS)):
        text = (killed / name).read_text(encoding="utf-8")
        rows = list(csv.reader(text.splitlines(), strict=True))

        assert text.endswith("\n")
        assert rows[0] == list(columns)
        assert {len(row) for row in rows} == {len(columns)}
        assert len(rows) > 50


def test_a_run_that_is_killed_leaves_its_last_second(killed: Path) -> None:
    seconds = [row for row in rows_of(killed, "timeseries.csv") if not row["operation"]]
    users = rows_of(killed, "users.csv")

    # What was seen in the second it was killed in may have been on its way to the disk.
    assert len(seconds) >= 6
    assert max(float(row["started_s"]) + float(row["duration_s"]) for row in users) > 5


def test_a_run_that_is_killed_leaves_a_summary_so_far(killed: Path) -> None:
    said = summary_in(killed)

    assert problems(said) == []
    assert (said["exit_code"], said["ended_at"], said["exit_reason"]) == (None, None, "running")
    assert said["duration_s"] > 5
    assert said["users"]["running"] > 0


@pytest.fixture(scope="module")
def messaging(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Give the folder and the output of a run of the messaging scenario."""
    folder = tmp_path_factory.mktemp("messaging") / "out"
    asked = "--users 100 --user-rate inf --duration 4 --json --quiet --out"
    process = crowsg("run", "scenarios/messaging.py", *asked.split(), str(folder))
    code, out, err = result(process)
    assert (code, err) == (0, "")
    return folder, out


def test_the_summary_is_what_is_printed(messaging: tuple[Path, str]) -> None:
    folder, out = messaging

    assert summary_in(folder) == json.loads(out)
    assert problems(summary_in(folder)) == []
    assert {path.name for path in folder.iterdir()} == set(FILES)


def test_the_seconds_of_each_operation_add_up(messaging: tuple[Path, str]) -> None:
    folder, _ = messaging
    sums: dict[str, Counter[str]] = {}
    for row in rows_of(folder, "timeseries.csv"):
        counted = {name: int(row[name]) for name in ("ok", "failed", "interrupted")}
        sums.setdefault(row["operation"], Counter()).update(counted)

    everything = sums.pop("")
    operations = summary_in(folder)["operations"]
    assert sums == {
        name: {outcome: each[outcome] for outcome in ("ok", "failed", "interrupted")}
        for name, each in operations.items()
        if each["count"]
    }
    assert everything.total() == sum(each["count"] for each in operations.values()) > 500


def test_the_seconds_tell_the_users_of_the_summary(messaging: tuple[Path, str]) -> None:
    folder, _ = messaging
    rows = [row for row in rows_of(folder, "timeseries.csv") if not row["operation"]]

    said = summary_in(folder)
    assert int(rows[-1]["users_ended"]) == said["users"]["asked"] == 100
    assert max(float(row["at_s"]) for row in rows) <= said["duration_s"]


def test_the_largest_times_of_the_seconds_are_those_of_the_summary(
    messaging: tuple[Path, str],
) -> None:
    folder, _ = messaging
    largest: dict[str, float] = {}
    for row in rows_of(folder, "timeseries.csv"):
        if row["operation"] and row["max_s"]:
            before = largest.get(row["operation"], 0.0)
            largest[row["operation"]] = max(before, float(row["max_s"]))

    operations = summary_in(folder)["operations"].items()
    services = {name: each["service"] for name, each in operations if each["service"]}
    assert largest == {
        name: pytest.approx(service["max"], rel=0.008) for name, service in services.items()
    }


def test_every_user_of_the_summary_has_a_row(messaging: tuple[Path, str]) -> None:
    folder, _ = messaging
    rows = rows_of(folder, "users.csv")

    outcomes = Counter(row["outcome"] for row in rows)
    asked = {name: summary_in(folder)["users"][name] for name in outcomes}
    assert (outcomes, outcomes.total()) == (asked, 100)
    assert sorted(int(row["id"]) for row in rows) == list(range(1, 101))


@pytest.mark.parametrize("name", FILES)
def test_a_folder_that_was_used_is_refused_in_one_line(
    busy: str, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "used"
    folder.mkdir()
    (folder / name).write_text("precious")

    code, out, err = result(crowsg("run", busy, "--quiet", "--out", str(folder)))

    assert (code, out) == (2, "")
    assert err == f"error: {folder} holds a run already ({name}): name another folder\n"
    assert content(folder) == {name: b"precious"}


def test_a_scenario_that_is_not_found_leaves_no_folder(tmp_path: Path) -> None:
    process = crowsg("run", "nowhere.py", "--quiet", "--out", str(tmp_path / "a" / "b"))

    code, _, err = result(process)

    assert (code, len(err.splitlines())) == (2, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_ends_no_run(busy: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    process = crowsg("run", busy, "--users", "60", "--user-rate", "inf", "--out", str(folder))
    until_second(process, 1)
    (tmp_path / "full").symlink_to("/dev/full")
    (tmp_path / "full").replace(folder / "timeseries.csv")

    code, _, err = result(process)

    assert code == 0
    assert [line for line in err.splitlines() if "ERROR" in line or "Traceback" in line] == [
        f"ERROR: the files in {folder} are not complete: [Errno 28] No space left on device"
    ]


def test_a_program_can_have_the_files_written(busy: str, tmp_path: Path) -> None:
    program = (
        "from gevent import monkey; monkey.patch_all()\nimport crowsg, json\n"
        f"summary = crowsg.run({busy!r}, users=5, user_rate='inf', out='a/b')\n"
        "print(json.dumps(summary.as_dict()))"
    )

    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert process.stderr == ""
    assert summary_in(tmp_path / "a" / "b") == json.loads(process.stdout)
    assert len(rows_of(tmp_path / "a" / "b", "users.csv")) == 5


def test_a_program_is_told_that_a_folder_was_used(busy: str, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("precious")
    program = (
        "from gevent import monkey; monkey.patch_all()\nimport crowsg\n"
        f"crowsg.run({busy!r}, out={str(tmp_path)!r})"
    )

    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    last = process.stderr.splitlines()[-1]
    assert last.startswith(f"crowsg.errors.ResultsError: {tmp_path} holds a run already")
    assert (tmp_path / "users.csv").read_text() == "precious"
