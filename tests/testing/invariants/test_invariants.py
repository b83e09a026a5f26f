"""All invariants together: their list, the command line, and a run as it really is."""

import json
import subprocess
import sys
from pathlib import Path

import gevent
import pytest

from crowsg import metrics, throttle, users
from crowsg.errors import EXIT_INTERNAL, EXIT_OK, EXIT_USAGE
from crowsg.node import Node
from crowsg.one_run import RunOptions
from crowsg.testing.invariants import CHECKS, Evidence, check, unjudged
from crowsg.testing.invariants.__main__ import main
from crowsg.testing.oracle import Hits, Oracle, connect
from tests.architecture.package import ROOT
from tests.support.journals import Scene
from tests.support.nodes import make_scenario

NOT_CHECKED = {8, 14}
"""Of the first eighteen, those that issue 7 does not ask for."""


def test_every_invariant_is_checked_under_its_number() -> None:
    assert list(CHECKS) == [f"I{each}" for each in range(1, 19) if each not in NOT_CHECKED]


@pytest.mark.parametrize("number", CHECKS)
def test_each_check_names_its_number_and_says_what_it_reads_and_cannot_see(number: str) -> None:
    text = CHECKS[number].__doc__ or ""

    assert text.startswith(f"{number}: ")
    assert all(word in text for word in ("Reads:", "Holds:", "Cannot see:"))


def test_violations_of_all_checks_come_together(scene: Scene) -> None:
    scene.worker().lives(1, start=1).lives(1, start=2).status(3, running=5)

    assert {each.invariant for each in check(scene.evidence())} == {"I2", "I15"}


def test_the_command_line_says_what_held_and_what_it_could_not_judge(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.worker()

    assert main([str(scene.folder)]) == EXIT_OK
    unseen, held = capsys.readouterr().out.splitlines()
    assert unseen == (
        "not judged, as nothing was seen of them: "
        "I1, I2, I3, I4, I6, I7, I9, I10, I11, I13, I15, I17, I18"
    )
    assert held == "3 of 16 invariants held: 1 journals, 0 hits"


def test_the_command_line_refuses_a_folder_in_which_no_run_was_noted(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.life()

    assert main([str(scene.folder)]) == EXIT_USAGE
    assert "its journals are of no run" in capsys.readouterr().err


def test_the_command_line_tells_each_violation(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.worker().lives(1, start=1).status(2, running=2)

    assert main([str(scene.folder)]) == EXIT_INTERNAL
    first, _, last = capsys.readouterr().out.splitlines()
    assert first == "I15 at 1002.000 s, worker1@here: 2 users run, it says; 1 do"
    assert last.startswith("7 of 16 invariants held")


def test_the_command_line_refuses_a_folder_without_journals(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(scene.folder)]) == EXIT_USAGE
    assert "there is no journal" in capsys.readouterr().err


@pytest.mark.integration
def test_the_module_is_a_program(scene: Scene) -> None:
    scene.worker().lives(1, start=1).lives(1, start=2)
    command = [sys.executable, "-m", "crowsg.testing.invariants", str(scene.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    assert (done.returncode, done.stderr) == (1, "")
    assert "I2, worker1@here" in done.stdout


@pytest.mark.integration
@pytest.mark.wall_clock
def test_all_invariants_hold_in_a_run_of_a_lone_node(tmp_path: Path) -> None:
    """I1 to I18 hold where nothing breaks, with users that hit the oracle under two throttles."""
    with Oracle(tmp_path) as oracle:
        run_with(oracle, tmp_path)

    evidence = Evidence.read(tmp_path)
    assert not check(evidence)
    # Nobody tells a lone node what to do, and it loses nobody.
    assert unjudged(evidence) == ["I10", "I11"]
    assert len([hit for hit in evidence.hits if hit.fields["throttle"] == "greetings"]) > 100
    assert len([note for life in evidence.lives for note in life.of("end")]) == 50


def run_with(oracle: Oracle, folder: Path) -> None:
    def init() -> Hits:
        throttle.start("greetings", "200/s")
        throttle.start("seats", "3 parallel")
        return connect(oracle.address)

    def start(user_id: int, hits: Hits) -> None:
        while True:
            throttle.wait("greetings")
            with metrics.time("greeting"):
                hits.hit("greeting", user=user_id, throttle="greetings", operation="greeting")
            hits.hit("want", user=user_id, throttle="seats")
            with throttle.wait("seats"):
                hits.hit("begin", user=user_id, throttle="seats")
                try:
                    users.sleep(0.002)
                finally:
                    hits.hit("end", user=user_id, throttle="seats")

    scenario = make_scenario(start, init=init, terminate=lambda hits: hits.close())
    options = RunOptions(scenario, 1, 50, {"user_rate": "100/s"}, duration_s=2.0)
    with Node("lone@here") as node:
        node.open_journal(folder)
        node.watch()
        observers = [node.results(folder / "out")]
        changing = gevent.spawn_later(1.0, node.throttles.change_rate, "greetings", "100/s")
        node.one_run(options, observers).execute()
        changing.get()
    (folder / "exits.json").write_text(json.dumps({"lone@here": 0}))
