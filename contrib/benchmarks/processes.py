"""Clusters of real processes on this machine, which end with the block that has them."""

import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from os import environ, getpid
from pathlib import Path
from time import monotonic
from typing import Any

import gevent
from gevent.event import AsyncResult

from crowsg import Node
from crowsg.cluster.zerorpc_link import ZerorpcLink
from crowsg.one_run import RunOptions
from crowsg.processes import WorkerExit, Workers, worker_environment, worker_names
from crowsg.summary import Summary

HOST = "localhost"
PATIENCE_S = 60.0
MOST_S = 300.0
"""A benchmark that is not done by then is broken."""

LOOK_S = 0.005

_LOOPBACK = "127.0.0.1"
_LISTENS = re.compile(r"(?P<name>\S+): at (?P<address>\S+), metrics: ")


@dataclass(frozen=True, slots=True)
class Listening:
    """A node that others can reach.

    Attributes:
        address: Where.
        since_s: When it was heard to say so.
    """

    address: str
    since_s: float


class Nodes:
    """``crowsg node`` processes of one cluster; a context manager that ends them.

    Attributes:
        cluster: Its name.
        exits: Those that have ended.
    """

    def __init__(self) -> None:
        self.cluster = f"benchmark-{uuid.uuid4().hex[:12]}"
        self.exits: list[WorkerExit] = []
        self._started = ExitStack()
        self._listening: dict[str, AsyncResult] = {}

    def __enter__(self) -> "Nodes":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self, names: Iterable[str], join: Iterable[str] = ()) -> None:
        """Start nodes that join those at some addresses."""
        names = list(names)
        self._listening.update({name: AsyncResult() for name in names})
        command = partial(self._command, [part for each in join for part in ("--join", each)])
        own = {**worker_environment(environ), "CROWSG_PROMETHEUS_PORT": "0"}
        self._started.enter_context(Workers(names, command, self._hear, self._note_exit, own))

    def listening(self, name: str) -> Listening:
        """Wait until a node listens."""
        heard: Listening = self._listening[name].get(timeout=PATIENCE_S)
        return heard

    def end(self) -> list[int]:
        """Ask all to end that still run; returns the exit codes of all there ever were.

        Blocks: until they have ended; those that do not are killed.
        """
        self._started.close()
        return [each.returncode for each in self.exits]

    def _command(self, join: list[str], name: str) -> list[str]:
        command = [sys.executable, "-m", "crowsg", "node", "--name", name, *join]
        command += ["--bind", f"{_LOOPBACK}:0", "--cluster", self.cluster]
        return [*command, "--parent", str(getpid())]

    def _hear(self, line: str) -> None:
        now_s = monotonic()
        if told := _LISTENS.match(line):
            self._listening[told["name"]].set(Listening(told["address"], now_s))
        else:
            print(line, file=sys.stderr, flush=True)

    def _note_exit(self, ended: WorkerExit) -> None:
        self.exits.append(ended)
        listening = self._listening[ended.name]
        if not listening.ready():
            listening.set_exception(RuntimeError(str(ended)))


class Master:
    """``crowsg run``, which leads nodes that join it; a context manager that kills it.

    Args:
        nodes: Those of its cluster.
        address: Where it listens.
        arguments: More of the command: the scenario and options.
    """

    def __init__(self, nodes: Nodes, address: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "crowsg", "run", *arguments, "--quiet"]
        command += ["--bind", address, "--cluster", nodes.cluster]
        # Its nodes end with this process, and it with them, however that ends.
        self._process = subprocess.Popen(
            command,
            env={**worker_environment(environ), "CROWSG_PROMETHEUS_PORT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def __enter__(self) -> "Master":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self.wait()

    @property
    def has_ended(self) -> bool:
        """Whether it has."""
        return self._process.poll() is not None

    def send(self, number: signal.Signals) -> float:
        """Send it a signal; returns the moment."""
        moment_s = monotonic()
        self._process.send_signal(number)
        return moment_s

    def wait(self) -> int:
        """Wait until it has ended; returns its exit code."""
        code: int = self._process.wait(PATIENCE_S)
        return code


@contextmanager
def led(workers: int) -> Iterator[tuple[Node, Nodes]]:
    """Be the master of a cluster of worker processes, as ``crowsg run --nodes`` is."""
    with gevent.Timeout(MOST_S), Node(f"master@{HOST}", environment={}) as node, Nodes() as nodes:
        node.watch()
        link = ZerorpcLink(_LOOPBACK, 0, spawn=node.spawn)
        station = node.enter_cluster(link, nodes.cluster)
        nodes.start(worker_names(workers, HOST), [station.address])
        station.wait_for(workers, PATIENCE_S, lambda: bool(nodes.exits))
        yield node, nodes


class Run:
    """A run of the cluster's workers that goes on.

    Args:
        node: The master.
        scenario: A file.
        users: How many; all are started at once.
        settings: Its settings.
    """

    def __init__(self, node: Node, scenario: Path, users: int, settings: Mapping[str, Any]) -> None:
        given = {**settings, "user_rate": "infinity"}
        options = RunOptions(str(scenario), 1, users, given)
        self._node = node
        self._executed = node.spawn(node.one_run(options, over_cluster=True).execute)
        while node.dist.state() != "running":
            if self._executed.ready():
                self._executed.get()
            gevent.sleep(LOOK_S)

    def stop(self) -> Summary:
        """End it; returns what it came to."""
        self._node.dist.stop()
        summary: Summary = self._executed.get()
        return summary
