"""Drill: a master that is killed and begins anew at the same address, again and again."""

import csv
import os
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import gevent
import pytest

from crowsg.clock import SECOND
from crowsg.errors import EXIT_NODES
from crowsg.testing.invariants import Violation
from tests.support.drills import MASTER, Drill

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

ROUNDS = int(os.environ.get("DRILL_ROUNDS", "5"))
NAMES = ("one@drill", "two@drill")
USERS = 20
ADDED = 4
AT_WORK_S = 1.5
PAUSES_S = (0.0, 1.0, 2.0)


@dataclass(frozen=True)
class Lives:
    """What was seen of a master with several lives.

    Attributes:
        deaths: When each life was killed, in nanoseconds.
        births: When each opened its journal.
        notes: What each node noted.
        caws: What users did.
        rows: The time series of the first life.
        exits: How the nodes ended.
        violations: What did not hold.
    """

    deaths: Sequence[int]
    births: Sequence[int]
    notes: dict[str, list[dict[str, Any]]]
    caws: Sequence[dict[str, Any]]
    rows: Sequence[dict[str, str]]
    exits: dict[str, int]
    violations: Sequence[Violation]

    def noted(self, node: str, kind: str, **fields: Any) -> list[int]:
        """Return when a node noted such a thing."""
        return [
            note["t"]
            for note in self.notes[node]
            if note["kind"] == kind and fields.items() <= note.items()
        ]


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Lives:
    folder = tmp_path_factory.mktemp("master")
    deaths = []
    with Drill(folder, is_proxied=False) as drill, ExitStack() as clients:
        for number in range(ROUNDS):
            out = () if number else ("--out", str(folder / "out"))
            drill.lead(USERS, len(NAMES), "--user-rate", "inf", *out)
            for name in () if number else NAMES:
                drill.join(name)
            drill.until_running(USERS)
            gevent.sleep(0 if number else AT_WORK_S)
            # Whoever asks does not know that it is another life which listens there now.
            ask = clients.enter_context(drill.asking())
            asking = gevent.spawn(ask, "add", {"count": ADDED, "nodes": None})
            clients.callback(asking.kill)
            gevent.sleep(0.005 * number)
            deaths.append(time.monotonic_ns())
            drill.run.send(signal.SIGKILL)
            drill.run.code()
            gevent.sleep(PAUSES_S[number % len(PAUSES_S)])
        gevent.sleep(2.0)
        exits = drill.end()
        with (folder / "out" / "timeseries.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        kinds = ("configure", "begin", "calling", "released", "command", "start", "end")
        return Lives(
            deaths,
            [note["t"] for note in drill.notes(MASTER, "opened")],
            {name: drill.notes(name, *kinds) for name in NAMES},
            drill.hits("caw"),
            rows,
            exits,
            drill.judged(exits={**exits, MASTER: -signal.SIGKILL}),
        )


@pytest.mark.parametrize("name", NAMES)
def test_a_new_life_has_the_nodes_within_five_seconds_r5(lives: Lives, name: str) -> None:
    taken = lives.noted(name, "begin")
    assert len(taken) == ROUNDS
    late = [(at - birth) / SECOND for birth, at in zip(lives.births, taken, strict=True)][1:]
    assert max(late) <= 5.0


@pytest.mark.parametrize("name", NAMES)
def test_the_load_ends_with_the_master_r4(lives: Lives, name: str) -> None:
    moments = [hit["at"] for hit in lives.caws if hit["node"] == name]
    begins = [*lives.noted(name, "configure")[1:], max(moments) + 1]
    last = [
        max(at for at in moments if at < begin) - death
        for death, begin in zip(lives.deaths, begins, strict=True)
    ]
    assert max(last) / SECOND <= 8.5


@pytest.mark.parametrize("name", NAMES)
def test_terminate_is_called_once_for_each_run_r4(lives: Lives, name: str) -> None:
    assert len(lives.noted(name, "calling", callback="terminate")) == ROUNDS


@pytest.mark.parametrize("name", NAMES)
def test_no_command_of_a_former_life_is_done_r5(lives: Lives, name: str) -> None:
    """I10."""
    done = [
        note["sender_incarnation"]
        for note in lives.notes[name]
        if note["kind"] == "command" and note["sender"] == MASTER
    ]
    assert len(set(done)) == ROUNDS
    assert done == sorted(done, key=list(dict.fromkeys(done)).index)


def test_a_node_that_ends_after_it_tells_that_its_master_was_lost_r4(lives: Lives) -> None:
    assert lives.exits == dict.fromkeys(NAMES, EXIT_NODES)


def test_what_was_counted_until_then_is_kept_r4(lives: Lives) -> None:
    """All but what came after the last row, one a second."""
    told = sum(int(row["ok"]) for row in lives.rows if row["operation"] == "caw")
    last_row = lives.deaths[0] - 2 * SECOND
    assert told >= sum(hit["at"] < last_row for hit in lives.caws)
    assert told <= sum(hit["at"] < lives.deaths[0] for hit in lives.caws)


def test_nobody_is_added_to_the_run_of_another_life_r5(lives: Lives) -> None:
    for birth, death in zip(lives.births, lives.deaths, strict=True):
        starts = [at for name in NAMES for at in lives.noted(name, "start") if birth < at < death]
        assert USERS <= len(starts) <= USERS + ADDED


def test_every_invariant_holds_r4_r5(lives: Lives) -> None:
    """I10, I12."""
    assert [str(each) for each in lives.violations] == []
