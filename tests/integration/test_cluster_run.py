"""``crowsg run`` over several processes: its counts, and what keeps it from starting."""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster_processes import (
    Program,
    Programs,
    children,
    is_alive,
    programs,
    until,
)

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

USERS = 300
COUNTING = """
from crowsg import metrics

def init():
    metrics.declare("counter", "caws", "what users say")

def start(user_id):
    with metrics.time("cawing"):
        metrics.count("caws", user_id)
"""
FAILING_ON_ONE = """
from crowsg.context import current_node

def init():
    if current_node().name.startswith("worker2@"):
        raise RuntimeError("not here")

def start(user_id):
    print("started", flush=True)

def terminate():
    print("terminated", flush=True)
"""
# Runs before anything else in the processes that have this folder on their path.
BROKEN_WORKER = """
import os, sys
if "--parent" in sys.orig_argv:
    print("no room for a worker", flush=True)
    os._exit(1)
"""


class Told:
    """What a run wrote, or said."""

    def __init__(self, program: Program, folder: Path) -> None:
        self._program = program
        self.folder = folder

    @property
    def code(self) -> int:
        """Its exit code."""
        return self._program.code()

    @property
    def summary(self) -> dict[str, Any]:
        """What it printed."""
        return self._program.summary()

    def rows(self, name: str) -> list[dict[str, str]]:
        """Return the rows of one of its tables."""
        self._program.code()
        with (self.folder / name).open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture(scope="module", autouse=True)
def messaging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Let users talk across nodes meanwhile: their talk takes more than half a minute."""
    folder = tmp_path_factory.mktemp("messaging") / "out"
    arguments = ["--users", str(USERS), "--user-rate", "100/s", "--nodes", "2"]
    with programs() as started:
        program = started.start(
            *("run", "scenarios/messaging.py", *arguments, "--json", "--out", str(folder))
        )
        yield Told(program, folder)


@pytest.fixture
def started() -> Iterator[Programs]:
    with programs() as started:
        yield started


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "scenario_of_the_test.py"
        path.write_text(text)
        return str(path)

    return write


def error_of(program: Program) -> str:
    """Return the one line that a command ended with, and nothing on stdout."""
    program.code()
    lines = [line for line in program.err if line.startswith("error: ")]
    assert (len(lines), program.err[-1:], program.out) == (1, lines, [])
    return lines[0]


def test_every_user_is_carried_by_one_worker(
    started: Programs, write: Callable[[str], str]
) -> None:
    program = started.start(
        *("run", write(COUNTING), "--users", "101", "--user-rate", "inf"),
        *("--nodes", "3", "--json", "--quiet"),
    )

    said = program.summary()
    assert sorted(node["users"]["asked"] for node in said["nodes"]) == [0, 33, 34, 34]
    assert said["counters"] == {"caws": sum(range(1, 102))}
    assert said["operations"]["cawing"]["ok"] == said["users"]["finished"] == 101


def test_ids_of_ones_own_go_to_workers(started: Programs, write: Callable[[str], str]) -> None:
    program = started.start(
        *("run", write(COUNTING), "--ids", "11-20", "--user-rate", "inf"),
        *("--nodes", "2", "--json", "--quiet"),
    )

    assert program.summary()["counters"] == {"caws": sum(range(11, 21))}


def test_users_arrive_on_all_workers_at_one_rate(
    started: Programs, write: Callable[[str], str]
) -> None:
    program = started.start(
        *("run", write(COUNTING), "--arrivals", "100/s", "--duration", "2"),
        *("--nodes", "2", "--json", "--quiet"),
    )

    said = program.summary()
    finished = [node["users"]["finished"] for node in said["nodes"]]
    assert program.code() == 0
    assert 170 <= said["users"]["finished"] == sum(finished) <= 205
    assert [count > 0 for count in finished] == [False, True, True]


def test_a_run_with_room_for_all_cores_has_a_worker_on_each(
    started: Programs, write: Callable[[str], str]
) -> None:
    program = started.start("run", write(COUNTING), "--nodes", "auto", "--json", "--quiet")

    assert len(program.summary()["nodes"]) >= 2


@dataclass(frozen=True)
class Refused:
    """A run of two workers that one of them refused to start, and their process ids."""

    program: Program
    workers: list[int]


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refused]:
    path = tmp_path_factory.mktemp("refused") / "failing_on_one.py"
    path.write_text(FAILING_ON_ONE)
    with programs() as started:
        program = started.start("run", str(path), "--users", "10", "--nodes", "2")
        program.until_said("worker2@.* at ")
        workers = children(program.pid)
        program.code()
        yield Refused(program, workers)


def test_init_that_fails_on_one_worker_starts_nothing_and_names_it(refused: Refused) -> None:
    """R11: the whole start is refused."""
    line = error_of(refused.program)

    assert refused.program.code() in (3, 4)
    assert "worker2@" in line
    assert "init failed: RuntimeError: not here" in line
    assert "worker1@" not in line
    assert refused.program.said("started$") is None


def test_where_init_had_returned_the_node_is_tidied_up(refused: Refused) -> None:
    """R11: the others end what they began."""
    tidied = [line.partition("@")[0] for line in refused.program.err if "terminated" in line]

    assert tidied == ["worker1"]


def test_a_run_that_cannot_start_leaves_no_process(refused: Refused) -> None:
    assert len(refused.workers) == 2
    until(lambda: not any(map(is_alive, refused.workers)), 2)


def test_a_worker_that_cannot_start_is_told_in_one_line(
    started: Programs, write: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BROKEN_WORKER)
    program = started.start("run", write(COUNTING), "--nodes", "2", PYTHONPATH=str(tmp_path))

    assert program.code(20) == 4
    said = r"error: worker[12]@\S+ ended with 1: no room for a worker\n"
    assert re.fullmatch(said, error_of(program))


def test_nobody_joins_in_time(started: Programs, write: Callable[[str], str]) -> None:
    """R31: no wait is without end."""
    program = started.start(
        *("run", write(COUNTING), "--expect-nodes", "2", "--wait", "1"),
        *("--bind", "127.0.0.1:0"),
    )

    assert program.code(20) == 4
    assert error_of(program) == "error: 0 of 2 nodes joined within 1 s\n"


def test_those_who_joined_in_time_are_named(started: Programs, write: Callable[[str], str]) -> None:
    program = started.start(
        *("run", write(COUNTING), "--expect-nodes", "2", "--wait", "4"),
        *("--bind", "127.0.0.1:0"),
    )
    address = program.until_said(r"waiting for 2 nodes at (\S+)")[1]

    started.node("early@here", "--join", address)

    assert program.code(20) == 4
    assert error_of(program) == "error: 1 of 2 nodes joined within 4 s (early@here)\n"


def test_nodes_that_join_are_workers_beside_those_of_this_machine(
    started: Programs, write: Callable[[str], str]
) -> None:
    program = started.start(
        *("run", write(COUNTING), "--users", "10", "--user-rate", "inf", "--json"),
        *("--expect-nodes", "1", "--nodes", "1", "--bind", "127.0.0.1:0"),
    )
    address = program.until_said(r"waiting for 1 nodes at (\S+)")[1]

    started.node("guest@here", "--join", address)

    asked = {node["name"]: node["users"]["asked"] for node in program.summary()["nodes"]}
    assert sorted(asked.values()) == [0, 5, 5]
    assert asked["guest@here"] == 5


def test_users_of_two_nodes_talk_to_the_end(messaging: Told) -> None:
    said = messaging.summary

    assert (messaging.code, said["errors"]) == (0, [])
    assert said["users"]["finished"] == said["users"]["asked"] == USERS


def test_no_message_between_nodes_is_lost_unsaid(messaging: Told) -> None:
    counters = messaging.summary["counters"]

    sent = counters["messages_sent"] + counters["answers_sent"]
    assert sent == counters["server_routed"] + counters["server_dropped"]
    assert counters["messages_sent"] >= USERS * 21


def test_users_add_up_over_the_nodes(messaging: Told) -> None:
    said = messaging.summary
    total: Counter[str] = Counter()
    for node in said["nodes"]:
        total.update(node["users"])

    assert dict(total) == said["users"]


def test_each_worker_carried_half(messaging: Told) -> None:
    rows = messaging.rows("users.csv")
    by_node = Counter(row["node"].partition("@")[0] for row in rows)

    assert by_node == {"worker1": USERS // 2, "worker2": USERS // 2}
    assert sorted(int(row["id"]) for row in rows) == list(range(1, USERS + 1))


@pytest.mark.parametrize("outcome", ["ok", "failed", "interrupted"])
def test_seconds_add_up_to_the_total(messaging: Told, outcome: str) -> None:
    total: Counter[str] = Counter()
    for row in messaging.rows("timeseries.csv"):
        if row["operation"]:
            total[row["operation"]] += int(row[outcome])

    assert dict(total) == {
        name: operation[outcome] for name, operation in messaging.summary["operations"].items()
    }


def test_the_file_says_what_the_run_printed(messaging: Told) -> None:
    said = messaging.summary

    written = json.loads((messaging.folder / "summary.json").read_text())
    assert written == said
