"""What a node notes of its own life."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import gevent
import pytest

from crowsg.clock import SECOND
from crowsg.errors import NodeError
from crowsg.journal import LOOK_S, NO_JOURNAL, Journal
from crowsg.testing import ManualClock
from tests.architecture.package import ROOT

NODE, INCARNATION = "worker1@here", 42


class Desk:
    """A journal that is being written, and its reader."""

    def __init__(self, folder: Path, node: str = NODE) -> None:
        self.clock = ManualClock()
        self.folder = folder / "journals"
        self.journal = Journal.open(self.folder, node, INCARNATION, self.clock)

    def lines(self) -> list[dict[str, Any]]:
        """Return all that was noted after the first line."""
        (file,) = self.folder.iterdir()
        return [json.loads(line) for line in file.read_text().splitlines()][1:]

    def first(self) -> dict[str, Any]:
        """Return the first line."""
        (file,) = self.folder.iterdir()
        return dict(json.loads(file.read_text().splitlines()[0]))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def about(lines: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(line.get(name) for name in names) for line in lines]


def test_a_line_says_when_who_and_what(desk: Desk) -> None:
    desk.clock.advance(2)
    now_ns = desk.clock.now_ns()

    desk.journal.note("end", user=7, outcome="finished")

    assert desk.lines() == [
        {
            "t": now_ns,
            "node": NODE,
            "inc": INCARNATION,
            "run": "",
            "kind": "end",
            "user": 7,
            "outcome": "finished",
        }
    ]


def test_the_first_line_names_the_process_and_the_life_of_the_machine(desk: Desk) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    assert about([desk.first()], "kind", "pid", "boot") == [("opened", os.getpid(), boot)]


def test_the_last_line_says_that_the_journal_was_closed(desk: Desk) -> None:
    desk.journal.close()

    assert about(desk.lines(), "kind") == [("closed",)]


def test_a_note_needs_no_more_than_its_kind(desk: Desk) -> None:
    desk.journal.note("fence")

    assert about(desk.lines(), "kind") == [("fence",)]


@pytest.mark.parametrize("kind", ["leads", "configure"])
def test_a_run_begins_with_the_line_that_names_it(desk: Desk, kind: str) -> None:
    desk.journal.note("start", user=1)
    desk.journal.note(kind, run="r1")
    desk.journal.note("start", user=2)
    desk.journal.note(kind, run="r2")
    desk.journal.note("start", user=3)

    runs = [("",), ("r1",), ("r1",), ("r2",), ("r2",)]
    assert about(desk.lines(), "run") == runs


def test_a_run_that_another_line_names_is_that_of_this_line_only(desk: Desk) -> None:
    desk.journal.note("leads", run="mine")
    desk.journal.note("command", run="foreign", method="run_stop")
    desk.journal.note("start", user=1)

    assert about(desk.lines(), "run") == [("mine",), ("foreign",), ("mine",)]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        pytest.param('a\nb"c\u2028', 'a\nb"c\u2028', id="text-with-line-ends"),
        pytest.param("\ud800", "\ud800", id="half-a-character"),
        pytest.param({"a": [1, None]}, {"a": [1, None]}, id="nested"),
        pytest.param((1, 2), [1, 2], id="tuple"),
        pytest.param({1: 2}, {"1": 2}, id="number-for-key"),
        pytest.param(object, "<class 'object'>", id="no-plain-value"),
    ],
)
def test_any_value_stays_on_one_line_that_can_be_read(desk: Desk, value: Any, read: Any) -> None:
    desk.journal.note("status", state=value)

    assert about(desk.lines(), "state") == [(read,)]


@pytest.mark.parametrize(
    ("node", "file"),
    [
        pytest.param("worker1@here", "worker1@here-42.jsonl", id="as-usual"),
        pytest.param("../../a b", ".._.._a_b-42.jsonl", id="hostile"),
    ],
)
def test_the_file_lies_in_the_folder_under_name_and_incarnation(
    tmp_path: Path, node: str, file: str
) -> None:
    desk = Desk(tmp_path, node)

    assert [path.name for path in desk.folder.iterdir()] == [file]
    assert desk.first()["node"] == node


def test_nobody_else_may_read_it(desk: Desk) -> None:
    (file,) = desk.folder.iterdir()

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (desk.folder, file)]
    assert modes == [0o700, 0o600]


def test_each_line_is_on_its_way_before_note_returns(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def write(descriptor: int, data: bytes) -> int:
        written.append(data)
        return len(data)

    monkeypatch.setattr(os, "write", write)
    desk.journal.note("start", user=1)
    monkeypatch.undo()

    assert [data[-1:] for data in written] == [b"\n"]


def test_what_is_watched_is_noted_at_each_look(desk: Desk) -> None:
    desk.journal.watch(lambda: {"users": {"asked": 1}})
    desk.journal.watch(lambda: {"state": "idle"}, "status")

    desk.journal.look()
    desk.journal.look()

    kinds = [("cluster",), ("status",)]
    assert about(desk.lines(), "kind") == kinds * 2


def test_what_has_nothing_to_tell_is_not_noted(desk: Desk) -> None:
    desk.journal.watch(lambda: None)

    desk.journal.look()

    assert desk.lines() == []


def test_it_looks_ten_times_a_second(desk: Desk) -> None:
    desk.journal.watch(dict)
    looking = gevent.spawn(desk.journal.keep_looking)
    for _ in range(10):
        desk.clock.advance(LOOK_S)
    looking.kill()

    moments = [line["t"] for line in desk.lines()]
    assert [after - before for before, after in pairwise(moments)] == [SECOND // 10] * 10


def test_closing_looks_once_more(desk: Desk) -> None:
    desk.journal.watch(dict)

    desk.journal.close()

    assert about(desk.lines(), "kind") == [("cluster",), ("closed",)]


def test_no_journal_takes_everything_and_does_nothing() -> None:
    NO_JOURNAL.note("leads", run="r")
    NO_JOURNAL.watch(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    NO_JOURNAL.look()
    NO_JOURNAL.close()
    NO_JOURNAL.note("start", user=1)


@pytest.mark.integration
def test_nothing_that_was_noted_is_lost_by_a_kill(tmp_path: Path) -> None:
    code = (
        "import os, signal\nfrom pathlib import Path\n"
        "from crowsg.clock import MonotonicClock\nfrom crowsg.journal import Journal\n"
        f"journal = Journal.open(Path({str(tmp_path)!r}), 'a@b', 1, MonotonicClock())\n"
        "for user in range(1000): journal.note('start', user=user)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT, timeout=60)

    lines = (tmp_path / "a@b-1.jsonl").read_text().splitlines()
    assert done.returncode == -signal.SIGKILL
    assert [json.loads(line).get("user") for line in lines] == [None, *range(1000)]


# Sad cases.


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        pytest.param(lambda path: path.write_text(""), "Not a directory|File exists", id="file"),
        pytest.param(
            lambda path: (path.mkdir(), (path / f"{NODE}-{INCARNATION}.jsonl").touch()),
            "File exists",
            id="same-life-twice",
        ),
        pytest.param(
            lambda path: (
                path.mkdir(),
                (path / f"{NODE}-{INCARNATION}.jsonl").symlink_to("/dev/null"),
            ),
            "File exists|Too many levels",
            id="planted-link",
        ),
    ],
)
def test_a_folder_that_cannot_take_it_is_refused(
    tmp_path: Path, spoil: Callable[[Path], object], why: str
) -> None:
    folder = tmp_path / "journals"
    spoil(folder)

    with pytest.raises(NodeError, match=f"cannot be written: ({why})"):
        Journal.open(folder, NODE, INCARNATION, ManualClock())


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(NodeError, match="cannot be written"):
        Journal.open(Path("a\0b"), NODE, INCARNATION, ManualClock())


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        pytest.param(OSError(28, "No space left on device"), "No space left", id="error"),
        pytest.param(3, "no space left", id="half-a-line"),
    ],
)
def test_a_full_disk_is_said_once_and_harms_nobody(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    outcome: OSError | int,
    why: str,
) -> None:
    calls = []

    def write(descriptor: int, data: bytes) -> int:
        calls.append(data)
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    monkeypatch.setattr(os, "write", write)
    for user in range(3):
        desk.journal.note("start", user=user)
    desk.journal.close()
    monkeypatch.undo()

    assert len(calls) == 1
    assert [why in record.message for record in caplog.records] == [True]


def test_a_journal_that_has_ended_looks_no_more(desk: Desk) -> None:
    looks: list[int] = []

    def look() -> Mapping[str, Any]:
        looks.append(1)
        return {}

    desk.journal.watch(look)
    desk.journal.close()
    desk.journal.look()
    desk.journal.close()

    assert len(looks) == 1
