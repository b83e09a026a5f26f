"""What a node notes in its journal without being asked."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

from crowsg import Variable, throttle
from crowsg.errors import NodeError, ScenarioFailed
from crowsg.health.watchdog import Stall
from crowsg.one_run import RunOptions
from tests.support.nodes import Bench, make_scenario, sleep_for_ever


class Noted(Bench):
    """A node that keeps a journal, and the journal's reader."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def lines(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the lines of some kinds."""
        (file,) = self.folder.iterdir()
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        return [line for line in lines if line["kind"] in kinds]

    def told(self, *kinds: str) -> list[tuple[Any, ...]]:
        """Return what lines of some kinds say, beside when and where it was."""
        return [tuple(line.values())[4:] for line in self.lines(*kinds)]


@pytest.fixture
def noted(tmp_path: Path) -> Iterator[Noted]:
    bench = Noted(tmp_path / "journals")
    bench.node.open_journal(bench.folder)
    with bench.node:
        yield bench


def test_each_user_is_noted_when_it_starts_and_when_it_ends(noted: Noted) -> None:
    def start(user_id: int) -> None:
        if user_id == 2:
            raise ValueError
        if user_id == 3:
            sleep_for_ever(user_id)

    noted.do(make_scenario(start), 3)
    noted.node.local.stop()
    noted.clock.advance(10)

    assert noted.told("start") == [("start", 1), ("start", 2), ("start", 3)]
    assert noted.told("end") == [
        ("end", 1, "finished"),
        ("end", 2, "failed"),
        ("end", 3, "removed"),
    ]


def test_a_user_that_is_stopped_before_its_first_step_has_a_start_and_an_end(noted: Noted) -> None:
    noted.node.local.do(make_scenario(), 1, {"user_rate": "infinity"})
    while not noted.lines("start"):
        gevent.sleep(0)
    noted.node.local.stop()
    noted.clock.advance(10)

    assert noted.told("start", "end") == [("start", 1), ("end", 1, "removed")]


def test_users_that_never_start_are_noted_by_their_ids(noted: Noted) -> None:
    noted.do(make_scenario(), 5, user_rate="paused")
    noted.node.local.remove(2)
    noted.node.local.stop()

    assert noted.told("cancelled") == [("cancelled", 4, 5), ("cancelled", 1, 3)]


def test_callbacks_are_noted_as_they_begin_and_end(noted: Noted) -> None:
    callbacks = dict.fromkeys(("setup", "teardown"), lambda: None)
    noted.do(make_scenario(terminate=lambda: None, **callbacks), 1)
    noted.node.local.stop()
    noted.clock.advance(10)

    assert noted.told("calling", "called") == [
        told
        for name in ("setup", "init", "terminate", "teardown")
        for told in (("calling", name), ("called", name, True))
    ]


def test_a_callback_that_raises_is_noted_as_failed(noted: Noted) -> None:
    def init() -> None:
        raise ValueError("S3CRET")

    with pytest.raises(ScenarioFailed):
        noted.do(make_scenario(init=init), 1)

    assert noted.told("called") == [("called", "init", False)]


def test_rates_are_noted_with_their_interval(noted: Noted) -> None:
    def init() -> None:
        throttle.start("greetings", "10/s")
        throttle.change_rate("greetings", "infinity")
        throttle.change_rate("greetings", "3 parallel")

    noted.do(make_scenario(init=init), 1)

    rates = [line for line in noted.lines("rate") if line["throttle"] == "greetings"]
    assert [(line["rate"], line.get("interval")) for line in rates] == [
        (10, 1),
        (float("inf"), None),
        (3, 0),
    ]


def test_how_the_node_stands_is_noted_ten_times_a_second(noted: Noted) -> None:
    noted.do(make_scenario(), 2)
    throttle.pause("user_rate")
    before = len(noted.lines("status"))
    noted.clock.advance(1)

    lines = noted.lines("status")
    assert len(lines) - before == 10
    last = lines[-1]
    assert (last["state"], last["paused"]) == ("running", ["user_rate"])
    assert (last["users"]["asked"], last["users"]["running"]) == (2, 2)


def test_how_the_node_stood_at_the_end_is_noted_last(noted: Noted) -> None:
    noted.do(make_scenario(lambda user_id: None), 2)
    noted.node.stop()

    assert noted.lines("status")[-1]["users"]["finished"] == 2
    assert noted.told("closed") == [("closed",)]


def test_each_stall_is_noted_once(noted: Noted) -> None:
    noted.node.health.watchdog.stalls += [Stall(1, 2.0, "a"), Stall(4, 1.5, "b")]
    noted.clock.advance(1)

    assert noted.told("stall") == [("stall", 1, 2.0, "a"), ("stall", 4, 1.5, "b")]


def test_what_the_process_uses_is_noted_each_second(noted: Noted) -> None:
    noted.clock.advance(3)

    lines = noted.lines("usage")
    assert len(lines) == 4
    assert all(line["rss"] > 0 and line["files"] > 0 and line["greenlets"] > 0 for line in lines)


def test_the_loops_that_run_are_noted(noted: Noted) -> None:
    noted.clock.advance(1)

    assert "journal" in noted.lines("greenlets")[-1]["running"]


def test_a_run_of_a_lone_node_is_named_in_all_its_lines(noted: Noted) -> None:
    options = RunOptions(make_scenario(lambda user_id: None), 1, 2, {"user_rate": "infinity"})
    run = gevent.spawn(noted.node.one_run(options).execute)
    while not run.ready():
        noted.clock.advance(0.1)
        gevent.sleep(0)

    kinds = ("leads", "calling", "start", "end")
    assert {line["run"] for line in noted.lines(*kinds)} == {options.run_id}


def test_settings_are_never_noted(noted: Noted) -> None:
    token = Variable("token", "a secret", default="S3CRET", secret=True)
    noted.do(make_scenario(required_variables=[token]), 1, token="S3CRET-2")
    noted.clock.advance(1)

    (file,) = noted.folder.iterdir()
    assert "S3CRET" not in file.read_text()


def test_a_folder_that_cannot_take_a_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(NodeError):
        Bench().node.open_journal(tmp_path / "file")
