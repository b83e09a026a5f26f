"""A run over nodes that are hurt: processes, proxies, journals, an oracle; judged at last."""

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import gevent
from gevent import socket

from crowsg.cli.joining import CLUSTER
from crowsg.clock import MonotonicClock
from crowsg.cluster.zerorpc_link import ZerorpcLink
from crowsg.dist.client import Client
from crowsg.dist.run_settings import packed
from crowsg.errors import CrowsgError
from crowsg.testing.invariants import Evidence, Limits, Violation, check
from crowsg.testing.invariants.evidence import EXITS_FILE
from crowsg.testing.oracle import Oracle
from crowsg.testing.proxy import ChaosProxy
from tests.support.cluster_processes import NodeProcess, Program, Programs, programs, until

Result = TypeVar("Result")

MASTER = "master@drill"

CAWING = """
import ctypes
import hashlib
import time

from gevent.monkey import get_original

from crowsg import Variable, config, metrics, throttle, users
from crowsg.context import current_node
from crowsg.testing import oracle

def change(name, value):
    throttle.change_rate("caws", value)

def block(name, value):
    node, _, seconds = value.partition("=")
    if node == current_node().name:
        get_original("time", "sleep")(float(seconds))

def spin():
    while True:
        time.monotonic()

MISHAPS = {
    "crash": lambda: ctypes.string_at(0),
    "spin": spin,
    "hash": lambda: hashlib.pbkdf2_hmac("sha256", b"pass", b"salt", 10**9),
    "sleep": lambda: get_original("time", "sleep")(20),
}
due = []

def befall(name, value):
    for node, _, what in (each.partition("=") for each in value.split(",")):
        if node == current_node().name.partition("@")[0]:
            due.append(what)

required_variables = [
    Variable("oracle", "where all is told"),
    Variable("rate", "caws", default="200/s", update=change),
    Variable("perches", "how many caw at once", default=3),
    Variable("block", "NODE=SECONDS: whose loop to block", default="", update=block),
    Variable("mishap", "NODE=WHAT,...: what befalls a user there", default="", update=befall),
]

def init():
    hits = oracle.connect(config.get("oracle"), node=current_node().name)
    throttle.start("caws", config.get("rate"))
    throttle.start("perches", f"{config.get('perches')} parallel")
    hits.hit("init")
    return hits

def start(user_id, hits):
    while True:
        with metrics.time("caw") as operation:
            throttle.wait("caws")
            hits.hit("caw", user=user_id, throttle="caws", operation="caw")
        if due:
            what = due.pop()
            hits.hit("mishap", user=user_id, what=what)
            MISHAPS[what]()
        if user_id % 10 == 0:
            hits.hit("want", user=user_id, throttle="perches")
            with throttle.wait("perches"):
                hits.hit("begin", user=user_id, throttle="perches")
                try:
                    users.sleep(0.01)
                finally:
                    hits.hit("end", user=user_id, throttle="perches")

def terminate(hits):
    hits.hit("terminate")
"""


class Drill:
    """Processes of one cluster, what the oracle saw, and what they noted.

    Attributes:
        nodes: Those that were started last under each name.
        proxies: What stands between each node and all others.
        oracle: Where users tell what they do.

    Args:
        folder: Where everything is written.
        scenario: What is run.
        is_proxied: Whether nodes stand behind proxies, which go on listening when a node is gone.
    """

    def __init__(self, folder: Path, scenario: str = CAWING, is_proxied: bool = True) -> None:
        self.folder = folder
        self._is_proxied = is_proxied
        self.nodes: dict[str, NodeProcess] = {}
        self.proxies: dict[str, ChaosProxy] = {}
        self._scenario = folder / "drill.py"
        self._scenario.write_text(scenario)
        self._stack = ExitStack()
        self._ports: dict[str, int] = {}

    def __enter__(self) -> "Drill":
        self.oracle: Oracle = self._stack.enter_context(Oracle(self.folder))
        self._programs: Programs = self._stack.enter_context(programs())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def lead(self, users: int, workers: int, *arguments: str, **environment: str) -> Program:
        """Start the run, which waits for so many workers, where it is to wait for any."""
        self.run = self._programs_of(MASTER).start(
            *("run", str(self._scenario), "--name", MASTER, "--users", str(users)),
            *(("--expect-nodes", str(workers)) if workers else ()),
            *("--bind", self.master_address, "--json"),
            *("--set", f"oracle={self._seen_at()}", "--journal", str(self.folder)),
            *arguments,
            **environment,
        )
        if workers:
            self.run.until_said(f"waiting for {workers} nodes")
        return self.run

    @property
    def master_address(self) -> str:
        """Where the master is reached."""
        return self._address(MASTER)

    def join(self, name: str, *arguments: str, **environment: str) -> NodeProcess:
        """Start a node; its addresses stay the same when it is started again."""
        address = self._address(name)
        node = self.nodes[name] = self._programs_of(name).node(
            name,
            *("--bind", address, *self._proxied(name, address)),
            *("--join", self.master_address, "--journal", str(self.folder)),
            *arguments,
            **environment,
        )
        return node

    def until_running(self, users: int) -> None:
        """Wait until so many users run."""
        since = len(self.run.err)
        self.run.until_said(rf"\b{users} running", since)

    def said(self, verb: str, **told: Any) -> Any:
        """Ask the master for a verb of ``crowsg.dist``."""
        with self.asking() as ask:
            return ask(verb, told)

    @contextmanager
    def asking(self) -> Iterator[Callable[[str, Mapping[str, Any]], Any]]:
        """Give what asks the master for a verb, over one connection."""
        link = ZerorpcLink("127.0.0.1", 0)
        client = Client("drill@drill", CLUSTER, link, MonotonicClock(), gevent.spawn)
        try:
            yield partial(client.ask, client.connect(self.master_address))
        finally:
            client.close()

    def ask(self, verb: str, **told: Any) -> None:
        """Ask the master without waiting; that hurt nodes cannot do it is what is expected."""

        def ask() -> None:
            with suppress(CrowsgError):
                self.said(verb, **told)

        gevent.spawn(ask)

    def let(self, **mishaps: str) -> None:
        """Let something befall a user of each of these nodes, named without their host."""
        told = ",".join(f"{node}={mishap}" for node, mishap in mishaps.items())
        self.ask("update_settings", settings=packed({"mishap": told}), nodes=None)

    def hits(self, event: str, node: str = "") -> list[dict[str, Any]]:
        """Return the hits of a kind, of one node or of all, the earliest first."""
        hits = [each for each in self.oracle.hits() if each["event"] == event]
        return [each for each in hits if node in ("", each["node"])]

    def notes(self, node: str, *kinds: str) -> list[dict[str, Any]]:
        """Return what the lives of a node have noted so far, the earliest first."""
        return [
            note
            for path in sorted(
                self.folder.glob(f"{node}-*.jsonl"), key=lambda each: each.stat().st_ctime
            )
            for note in _whole_lines(path)
            if note["kind"] in kinds
        ]

    def until_noted(
        self, node: str, kind: str, since_ns: int = 0, seconds: float = 30.0, **fields: Any
    ) -> dict[str, Any]:
        """Wait until a node notes such a thing; returns the first note since a moment."""
        found: list[dict[str, Any]] = []

        def is_noted() -> bool:
            gevent.sleep(0.1)
            found[:] = [
                note
                for note in self.notes(node, kind)
                if note["t"] >= since_ns and fields.items() <= note.items()
            ]
            return bool(found)

        until(is_noted, seconds)
        return found[0]

    def judged(
        self, limits: Limits | None = None, exits: Mapping[str, int] | None = None
    ) -> list[Violation]:
        """Return all invariants that did not hold; every process must have ended."""
        (self.folder / EXITS_FILE).write_text(json.dumps(exits or {}))
        return check(Evidence.read(self.folder), limits or Limits())

    def end(self) -> dict[str, int]:
        """Ask all nodes to end, and return the exit code of each."""
        for node in self.nodes.values():
            if not node.has_ended:
                node.send(signal.SIGTERM)
        return {name: node.code() for name, node in self.nodes.items()}

    def _programs_of(self, name: str) -> Programs:
        """What starts the processes of a node."""
        return self._programs

    def _address(self, name: str) -> str:
        """Where a node listens."""
        return f"127.0.0.1:{self._ports.setdefault(name, free_port())}"

    def _seen_at(self) -> str:
        """Where users tell what they do."""
        return self.oracle.address

    def _proxied(self, name: str, address: str) -> tuple[str, ...]:
        if not self._is_proxied:
            return ()
        if name not in self.proxies:
            self.proxies[name] = self._stack.enter_context(ChaosProxy(address))
        return "--advertise", self.proxies[name].address


def side_by_side(*scenes: Callable[[], Result]) -> list[Result]:
    """Play scenes at once, each of which mostly waits; returns what each returned."""
    playing = [gevent.spawn(scene) for scene in scenes]
    try:
        gevent.joinall(playing, raise_error=True)
    finally:
        gevent.killall(playing)
    return [each.get() for each in playing]


def free_port() -> int:
    """Return a port that nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)
