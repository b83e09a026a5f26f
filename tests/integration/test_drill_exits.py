"""Drill: commands that end, each for its own reason and with its own code (R11, R30, R31, R35)."""

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cluster_processes import ANY_PORT, Program, Programs, children, programs

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

ENDED_WITHIN_S = 30.0
SCENARIO = """
import sys, time
from crowsg import Variable, config, users

required_variables = [Variable("kind", "what it does", default="idle")]

def init():
    if config.get("kind") == "no init":
        raise RuntimeError("no init")
    if config.get("kind") == "slow init":
        print("in init", file=sys.stderr, flush=True)
        users.sleep(2)

def start(user_id):
    while config.get("kind") == "stubborn":
        try:
            users.sleep(1000)
        except BaseException:
            pass
    if config.get("kind") == "busy":
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            pass
    if config.get("kind") in ("idle", "hanging"):
        users.sleep(1000)

def terminate():
    print("in terminate", file=sys.stderr, flush=True)
    if config.get("kind") == "hanging":
        users.sleep(1000)
"""
IDLE = "--users", "2", "--user-rate", "inf"

CAUSES: dict[str, tuple[int, str, tuple[str, ...]]] = {
    "as asked": (0, "", ("--set", "kind=none")),
    "bad setting": (2, "error: .*sort", ("--set", "sort=idle")),
    "bad usage": (2, "No such option", ("--sort", "idle")),
    "init failed": (3, "", ("--set", "kind=no init")),
    "init failed on a node": (3, "", ("--set", "kind=no init", "--nodes", "1")),
    "not enough nodes": (4, "error: 0 of 1 nodes", ("--expect-nodes", "1", "--wait", "1")),
    "stuck users": (
        5,
        "",
        (*IDLE, "--set", "kind=stubborn", "--duration", "1", "--stop-timeout", "0.2"),
    ),
    "too long": (97, "", (*IDLE, "--max-duration", "1")),
    "generator was the limit": (98, "", ("--set", "kind=busy", "--fail-on-saturation")),
}
"""By cause: the exit code, what stderr says of it, and the arguments that lead to it."""

Run = Callable[..., Program]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Give a function that starts a run."""
    path = tmp_path_factory.mktemp("exits") / "scenario_of_the_test.py"
    path.write_text(SCENARIO)
    with programs() as started:
        yield lambda *arguments: begun(started, path, arguments)


def begun(started: Programs, path: Path, arguments: tuple[str, ...]) -> Program:
    over_nodes = {"--nodes", "--expect-nodes"} & set(arguments)
    bind = ("--bind", ANY_PORT) if over_nodes else ()
    return started.start("run", str(path), *arguments, *bind)


@pytest.fixture(scope="module")
def runs(run: Run) -> dict[str, Program]:
    """Give one run for each cause, all at once."""
    return {cause: run(*arguments) for cause, (_, _, arguments) in CAUSES.items()}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_run_ends_with_the_code_of_its_cause(runs: dict[str, Program], cause: str) -> None:
    """R31: none hangs, and the code tells the causes apart."""
    code, said, _ = CAUSES[cause]
    program = runs[cause]

    assert program.code(ENDED_WITHIN_S) == code
    assert re.search(said, "".join(program.err))


@pytest.mark.parametrize("nodes", [(), ("--nodes", "1")], ids=["alone", "one node"])
def test_a_run_is_stopped_while_it_begins(run: Run, nodes: tuple[str, ...]) -> None:
    """R30: a stop cuts ``init``; no user starts, and what never began is not terminated."""
    program = run(*IDLE, "--set", "kind=slow init", "--json", *nodes)
    program.until_said("in init")

    program.send(signal.SIGINT)

    said = program.summary()
    assert (program.code(), said["exit_reason"]) == (97, "interrupted")
    assert said["users"]["finished"] == said["users"]["running"] == 0
    assert not program.said("in terminate")


@pytest.mark.parametrize("nodes", [(), ("--nodes", "1")], ids=["alone", "one node"])
def test_a_terminate_that_hangs_is_left_alone_on_demand(run: Run, nodes: tuple[str, ...]) -> None:
    """R11: the second signal ends a run whose ``terminate`` does not return."""
    program = run(*IDLE, "--set", "kind=hanging", *nodes)
    program.until_said("2 running")
    program.send(signal.SIGINT)
    program.until_said("in terminate")

    program.send(signal.SIGINT)

    assert program.code(ENDED_WITHIN_S) == 3


def test_workers_are_commands_of_their_own(run: Run) -> None:
    """R35: nobody is a mere fork of a process in which gevent or ZeroMQ had begun."""
    program = run(*IDLE, "--nodes", "2")
    program.until_said("2 running")

    workers = children(program.pid)
    assert len(workers) == 2
    assert all(b"\0crowsg\0node\0" in command_of(worker) for worker in workers)
    assert [children(worker) for worker in workers] == [[], []]


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
