"""Worker processes that die or hang in a run are replaced, and the run goes on with them."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster_processes import (
    ANY_PORT,
    Program,
    Programs,
    children,
    is_alive,
    programs,
    until,
)

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

IDLE = """
from crowsg import users
def init(): pass
def start(user_id): users.sleep(1000)
"""
UNBREAKABLE = """
from contextlib import suppress
from crowsg import users

def spin():
    while True:
        sum(range(10))

def init(): pass

def start(user_id):
    users.sleep(1)
    while user_id == 1:
        with suppress(BaseException):
            spin()
    users.sleep(1000)
"""
WITH_CHILD = """
import subprocess
from crowsg import users
def init(): subprocess.Popen(["sleep", "25"])
def start(user_id): users.sleep(1000)
"""
SLOW_IN_WORKER_2 = """
import sys
from crowsg import users

def init():
    name = sys.argv[sys.argv.index("--name") + 1].partition("@")[0]
    if name == "worker2":
        users.sleep(4)
    print(f"init of {name} is over", flush=True)

def start(user_id): users.sleep(1000)
"""
AGAIN = r"(worker\d@\S+) is started again$"
RUNNING = ("--users", "4", "--user-rate", "inf", "--quiet", "--json", "--bind", ANY_PORT)


@pytest.fixture
def started() -> Iterator[Programs]:
    with programs() as started:
        yield started


def start(started: Programs, folder: Path, text: str, *options: str) -> Program:
    """Start a run over worker processes; returns it when its users are there."""
    path = folder / "scenario_of_the_test.py"
    path.write_text(text)
    journal = folder / "journal"
    options = ("--journal", str(journal), *options)
    run = started.start("run", str(path), *RUNNING, *options)
    until(lambda: users_at_work(journal) == 4)
    return run


def users_at_work(journal: Path) -> int:
    """Return how many users have started, by what the nodes noted."""
    return sum(text.count('"kind":"start"') for text in map(Path.read_text, journal.glob("*")))


def worker(run: Program, number: int) -> int:
    """Return the process id of a worker."""
    return next(
        pid
        for pid in children(run.pid)
        if f"worker{number}@" in Path(f"/proc/{pid}/cmdline").read_text()
    )


def until_replaced(run: Program) -> "re.Match[str]":
    """Wait until a worker was started again, and listens; returns what was said of its end."""
    again = run.until_said(AGAIN)
    # What a worker says of its start.
    run.until_said(rf"^{again[1]}: at ", since=run.err.index(again.string))
    return run.until_said(rf"^({again[1]}) ended with (\w+)$")


def test_a_worker_that_is_killed_is_started_again_r1(started: Programs, tmp_path: Path) -> None:
    run = start(started, tmp_path, IDLE, "--nodes", "2")
    victim = worker(run, 1)

    os.kill(victim, signal.SIGKILL)

    again = until_replaced(run)
    assert (again[1].partition("@")[0], again[2]) == ("worker1", "SIGKILL")
    assert worker(run, 1) != victim


def test_a_run_goes_on_with_the_worker_that_came_instead(started: Programs, tmp_path: Path) -> None:
    options = ("--nodes", "2", "--on-node-loss", "refill")
    run = start(started, tmp_path, IDLE, *options)

    os.kill(worker(run, 1), signal.SIGKILL)

    until(lambda: users_at_work(tmp_path / "journal") == 6)
    run.send(signal.SIGINT)
    users = run.summary()["users"]
    assert (users["asked"], users["lost"], users["removed"]) == (6, 2, 4)


def test_a_worker_that_stands_still_is_killed_and_started_again_r8(
    started: Programs, tmp_path: Path
) -> None:
    run = start(started, tmp_path, IDLE, "--nodes", "2", "--stall-timeout", "2")

    os.kill(worker(run, 2), signal.SIGSTOP)

    said = run.until_said(r"^worker2@\S+ is killed: for (\d+\.\d) s it was silent$")
    assert 5 <= float(said[1]) < 7
    assert until_replaced(run)[2] == "SIGKILL"


def test_a_worker_that_cannot_be_broken_is_started_again_r8(
    started: Programs, tmp_path: Path
) -> None:
    run = start(started, tmp_path, UNBREAKABLE, "--nodes", "2", "--stall-timeout", "1.5")

    assert until_replaced(run)[2] == "5"
    assert run.said(
        r"error: the event loop is blocked for .* by user \d+ in spin \(scenario_of_the_test\.py:"
    )


def test_in_a_run_that_ends_no_worker_is_started_again(started: Programs, tmp_path: Path) -> None:
    run = start(started, tmp_path, IDLE, "--nodes", "2")
    victim = worker(run, 1)

    run.send(signal.SIGINT)
    run.code()

    assert not run.said(AGAIN)
    assert not is_alive(victim)


def test_the_only_worker_is_replaced_though_a_child_of_it_lives_on_r1(
    started: Programs, tmp_path: Path
) -> None:
    """The child holds what the worker prints to, so its last lines are waited for."""
    options = ("--nodes", "1", "--on-node-loss", "refill", "--duration", "8")
    run = start(started, tmp_path, WITH_CHILD, *options)

    os.kill(worker(run, 1), signal.SIGKILL)

    until_replaced(run)
    summary = run.summary()
    users = summary["users"]
    assert (summary["exit_code"], users["asked"], users["lost"]) == (0, 8, 4)


def test_a_worker_that_dies_while_others_are_in_init_is_started_again(
    started: Programs, tmp_path: Path
) -> None:
    path = tmp_path / "scenario_of_the_test.py"
    path.write_text(SLOW_IN_WORKER_2)
    journal = tmp_path / "journal"
    options = ("--nodes", "2", "--journal", str(journal))
    run = started.start("run", str(path), *RUNNING, *options)
    run.until_said("init of worker1 is over")

    os.kill(worker(run, 1), signal.SIGKILL)

    assert until_replaced(run)[2] == "SIGKILL"
    until(lambda: users_at_work(journal) == 4)


@pytest.mark.parametrize(
    "options",
    [("--nodes", "1"), ("--nodes", "2", "--on-node-loss", "abort")],
    ids=["nobody left", "abort"],
)
def test_a_worker_whose_loss_ends_the_run_is_not_started_again(
    started: Programs, tmp_path: Path, options: tuple[str, ...]
) -> None:
    run = start(started, tmp_path, IDLE, *options)

    os.kill(worker(run, 1), signal.SIGKILL)

    assert run.code() == 4
    assert run.said(r"^worker1@\S+ ended with SIGKILL$")
    assert not run.said(AGAIN)


def test_a_run_and_its_workers_are_reached_at_the_host_they_are_told(
    started: Programs, tmp_path: Path
) -> None:
    (tmp_path / "idle.py").write_text(IDLE)
    options = ("--nodes", "1", "--bind", ANY_PORT, "--advertise", "localhost")

    run = started.start("run", str(tmp_path / "idle.py"), *options)

    run.until_said(r"^worker1@\S+: at localhost:\d+, metrics: ")
    run.until_said(r"^cluster: localhost:\d+$")
    run.send(signal.SIGINT)
    assert run.code() == 97


def test_others_meet_a_node_at_the_address_it_is_told(started: Programs) -> None:
    one = started.node("one@here", "--advertise", "localhost")
    two = started.node("two@here", "--join", one.address)

    known = started.until_met(two.address, 2)

    addresses = {each["name"]: each["address"] for each in known}
    assert addresses == {"one@here": one.address, "two@here": two.address}
    assert one.address.startswith("localhost:")
