"""Nodes, runs and command lines of a cluster as processes, which never outlive their test."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import gevent

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
ANY_PORT = "127.0.0.1:0"

_OWN = {"CROWSG_PROMETHEUS_PORT": "0"}


class Program:
    """A ``crowsg`` command that runs; all it prints is kept.

    Args:
        arguments: Those of the command.
        environment: What is set besides the environment of the tests.
    """

    def __init__(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
        inherited = {key: text for key, text in os.environ.items() if key[:7] != "CROWSG_"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "crowsg", *arguments],
            cwd=ROOT,
            env={**inherited, **_OWN, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            gevent.spawn(_keep, self._process.stdout, self.out),
            gevent.spawn(_keep, self._process.stderr, self.err),
        ]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it has."""
        return self._process.poll() is not None

    def said(self, pattern: str, since: int = 0) -> "re.Match[str] | None":
        """Return where it first said something like that on stderr, in its lines from ``since``."""
        lines = self.err[since:]
        return next(filter(None, (re.search(pattern, line) for line in lines)), None)

    def until_said(self, pattern: str, since: int = 0) -> "re.Match[str]":
        """Wait until it says something like that on stderr."""
        until(lambda: bool(self.said(pattern, since)) or self._has_said_all())
        match = self.said(pattern, since)
        assert match is not None, f"it ended without saying {pattern!r}: {self.err}"
        return match

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def code(self, seconds: float = PATIENCE_S) -> int:
        """Wait for its end; returns the exit code."""
        code = self._process.wait(seconds)
        gevent.joinall(self._readers, seconds)
        return code

    def summary(self) -> dict[str, Any]:
        """Wait for its end; returns what it printed as JSON."""
        self.code()
        found: dict[str, Any] = json.loads("".join(self.out))
        return found

    def end(self) -> None:
        """Kill it, where it still runs."""
        if not self.has_ended:
            self._process.kill()
        self.code()

    def _has_said_all(self) -> bool:
        return self.has_ended and all(reader.ready() for reader in self._readers)


class NodeProcess(Program):
    """A ``crowsg node`` that has told where it listens."""

    @property
    def address(self) -> str:
        """Where others reach it."""
        return self.until_said(r" at ([\w.:-]+:\d+), metrics: ")[1]


class Programs:
    """Starts commands and ends those that still run."""

    def __init__(self) -> None:
        self._started: list[Program] = []

    def start(self, *arguments: str, **environment: str) -> Program:
        """Start a command."""
        program = Program(arguments, environment)
        self._started.append(program)
        return program

    def node(self, name: str, *arguments: str, **environment: str) -> NodeProcess:
        """Start a node, on any port where the arguments name none."""
        bind = () if "--bind" in arguments else ("--bind", ANY_PORT)
        node = NodeProcess(("node", "--name", name, *bind, *arguments), environment)
        self._started.append(node)
        return node

    def dist(self, node: str, *arguments: str) -> Program:
        """Run a command of ``crowsg dist`` against the node at an address, to its end."""
        verb, *others = arguments
        program = self.start("dist", verb, "--node", node, *others)
        program.code()
        return program

    def told(self, node: str, *arguments: str) -> Any:
        """Return what such a command prints as JSON; it must succeed."""
        program = self.dist(node, *arguments, "--json")
        assert program.code() == 0, program.err
        return json.loads("".join(program.out))

    def until_met(self, node: str, count: int) -> list[dict[str, Any]]:
        """Wait until the node at an address knows so many that are up; returns them."""
        found: list[dict[str, Any]] = []

        def have_met() -> bool:
            found[:] = [each for each in self.told(node, "nodes") if each["state"] == "up"]
            return len(found) == count

        until(have_met)
        return found

    def end(self) -> None:
        """End what still runs, the newest first."""
        for program in reversed(self._started):
            program.end()


@contextmanager
def programs() -> Iterator[Programs]:
    """Give what starts commands; whatever of them still runs is ended with the block."""
    started = Programs()
    try:
        yield started
    finally:
        started.end()


def until(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait until a condition holds."""
    end_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_s, f"not so in {seconds} s"
        gevent.sleep(0.02)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # Whoever inherits orphans need not ask for their exit codes at once.
    return status.rpartition(")")[2].split()[0] != "Z"


def _keep(stream: IO[str] | None, lines: list[str]) -> None:
    assert stream is not None
    with stream:
        lines.extend(iter(stream.readline, ""))
