import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

from contrib.benchmarks.runs import ROOT
from contrib.benchmarks.stamps import Noted, Stamps


def test_a_note_is_in_the_file_as_soon_as_it_is_made(tmp_path: Path) -> None:
    before_s = monotonic()
    Stamps(tmp_path).note("hit")

    (moment_s,) = Noted(tmp_path).merged("hit")
    assert before_s <= moment_s <= monotonic()


def test_kinds_are_kept_apart(tmp_path: Path) -> None:
    stamps = Stamps(tmp_path)
    for kind in ("start", "hit", "hit"):
        stamps.note(kind)

    noted = Noted(tmp_path)
    assert [noted.count(kind) for kind in ("init", "start", "hit", "terminate")] == [0, 1, 2, 0]


def test_a_process_that_noted_nothing_is_known(tmp_path: Path) -> None:
    Stamps(tmp_path)

    assert Noted(tmp_path).by_process("terminate") == {os.getpid(): []}


@pytest.mark.integration
def test_notes_of_a_process_that_is_killed_are_not_lost(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from contrib.benchmarks.stamps import Stamps\n"
        "stamps = Stamps(Path(sys.argv[1]))\n"
        "for _ in range(1000): stamps.note('hit')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=False)
    Stamps(tmp_path).note("hit")

    noted = Noted(tmp_path)
    assert ended.returncode == -signal.SIGKILL
    assert sorted(map(len, noted.by_process("hit").values())) == [1, 1000]
    assert noted.merged("hit") == sorted(noted.merged("hit"))


def test_what_was_noted_often_enough_is_not_waited_for(tmp_path: Path) -> None:
    Stamps(tmp_path).note("start")

    Noted(tmp_path).until("start", 1, seconds=0)


def test_it_is_told_what_does_not_come_in_time(tmp_path: Path) -> None:
    Stamps(tmp_path).note("start")

    with pytest.raises(TimeoutError, match="1 of 2 x start in 0 s"):
        Noted(tmp_path).until("start", 2, seconds=0)


def test_nobody_notes_what_is_no_kind(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        Stamps(tmp_path).note("nonsense")
