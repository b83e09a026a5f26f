"""What worker processes are called, told and started with; the processes: tests/integration."""

import os
import sys
from pathlib import Path

import pytest

from crowsg.processes import (
    WorkerExit,
    node_command,
    usable_cores,
    worker_environment,
    worker_names,
)


def test_workers_are_numbered_from_one_on_their_host() -> None:
    assert worker_names(3, "here") == ["worker1@here", "worker2@here", "worker3@here"]


def test_auto_means_one_worker_for_each_core_that_may_be_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 5, 7})

    assert len(worker_names("auto", "here")) == 3


def test_there_is_always_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set())

    assert usable_cores() == 1


def test_a_worker_is_this_python_running_a_node_that_joins_on_loopback() -> None:
    command = node_command("worker1@here", "127.0.0.1:9400", "crows")

    assert command[:4] == [sys.executable, "-m", "crowsg", "node"]
    assert command[4:] == [
        *("--name", "worker1@here"),
        *("--bind", "127.0.0.1:0"),
        *("--join", "127.0.0.1:9400"),
        *("--cluster", "crows"),
        *("--parent", str(os.getpid())),
    ]


def test_a_worker_is_told_where_the_keys_are(tmp_path: Path) -> None:
    command = node_command("worker1@here", "127.0.0.1:9400", "crows", keys=tmp_path)

    assert command[-2:] == ["--keys", str(tmp_path)]


def test_a_worker_is_told_more_behind_all_else(tmp_path: Path) -> None:
    more = ["--journal", "here"]

    command = node_command("worker1@here", "127.0.0.1:9400", "crows", keys=tmp_path, more=more)

    assert command[-4:] == ["--journal", "here", "--keys", str(tmp_path)]


@pytest.mark.parametrize("name", ["PROMETHEUS_PORT", "BIND", "NAME", "NODES", "API_PORT", "KEYS"])
def test_what_only_one_process_can_have_is_not_passed_on(name: str) -> None:
    assert worker_environment({f"CROWSG_{name}": "1"}) == {}


@pytest.mark.parametrize("name", ["CROWSG_SIZE", "CROWSG_PROMETHEUS_HOST", "PATH"])
def test_everything_else_is_passed_on(name: str) -> None:
    assert worker_environment({name: "1"}) == {name: "1"}


@pytest.mark.parametrize(
    ("returncode", "lines", "text"),
    [
        pytest.param(2, ("error: no",), "w@h ended with 2: error: no", id="code"),
        pytest.param(1, ("a", "b"), "w@h ended with 1: a / b", id="lines"),
        pytest.param(-9, (), "w@h ended with SIGKILL and said nothing", id="signal"),
        pytest.param(-63, (), "w@h ended with signal 63 and said nothing", id="nameless-signal"),
    ],
)
def test_an_exit_tells_its_cause(returncode: int, lines: tuple[str, ...], text: str) -> None:
    assert str(WorkerExit("w@h", returncode, lines, was_asked=False)) == text


def test_its_cause_can_be_told_alone() -> None:
    assert WorkerExit("w@h", -9, ("caw",), was_asked=False).cause == "w@h ended with SIGKILL"
