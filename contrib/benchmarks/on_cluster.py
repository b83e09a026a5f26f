"""Nodes that meet, join a run and end one: ``mesh NODES``, ``join``, ``stop USERS``."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import gevent

from contrib.benchmarks import hitting, looping
from contrib.benchmarks.processes import HOST, LOOK_S, MOST_S, PATIENCE_S, Nodes, Run, led
from contrib.benchmarks.runs import ROOT
from contrib.benchmarks.sleepers import answer
from crowsg import Node
from crowsg.clock import MonotonicClock
from crowsg.cluster.exchange import Peer
from crowsg.cluster.zerorpc_link import ZerorpcLink
from crowsg.dist.client import Client
from crowsg.metrics.figures import OperationSummary

WARM_UP_S = 1.0
JOINER = f"joiner@{HOST}"


class Oracle:
    """A server outside crowsg; see ``oracle``.

    Attributes:
        port: Where it listens.
    """

    def __init__(self) -> None:
        command = [sys.executable, "-m", "contrib.benchmarks.oracle"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> "Oracle":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with self._process:
            pass

    def end(self) -> dict[str, float]:
        """End it when all users are gone; returns its log in numbers."""
        log: dict[str, float] = json.loads(self._process.communicate(timeout=PATIENCE_S)[0])
        return log


def mesh(count: float) -> dict[str, float]:
    """Start nodes that know of the first of them only, and ask each whom it sees."""
    first, *others = [f"node{number}@{HOST}" for number in range(1, int(count) + 1)]
    with gevent.Timeout(MOST_S), Nodes() as nodes, _client(nodes.cluster) as client:
        nodes.start([first])
        nodes.start(others, [nodes.listening(first).address])
        listening = [nodes.listening(name) for name in (first, *others)]
        for peer in [client.connect(each.address) for each in listening]:
            _await_all_up(client, peer, len(listening))
        ready_s = monotonic()
    return {"ready_s": ready_s - max(each.since_s for each in listening)}


def join() -> dict[str, float]:
    """Let a node join a run, and deal users to it at once."""
    with tempfile.TemporaryDirectory(prefix="looping-") as folder, led(1) as (node, nodes):
        run = Run(node, Path(looping.__file__), 10, {"rate": "10/s", "folder": folder})
        nodes.start([JOINER], [node.station.address])
        listening = nodes.listening(JOINER)
        while _running(node) is None:
            gevent.sleep(LOOK_S)
        worker_s = monotonic()
        dealt = node.dist.add(10)[JOINER]
        while not dealt or _running(node) != dealt:
            gevent.sleep(LOOK_S)
        added_s = monotonic()
        run.stop()
    return {"worker_s": worker_s - listening.since_s, "added_s": added_s - listening.since_s}


def stop(users: float) -> dict[str, float]:
    """Stop users that hit a server; it tells when the last was gone, and how many hits it saw."""
    with Oracle() as oracle, led(2) as (node, _):
        run = Run(node, Path(hitting.__file__), int(users), {"oracle": oracle.port})
        gevent.sleep(WARM_UP_S)
        asked_s = monotonic()
        summary = run.stop()
        counted_s = monotonic()
        log = oracle.end()
    if log["connections"] != users or summary.users.removed != users:
        raise SystemExit(f"{users:g} users were to be stopped: {log}, {summary.users}")
    return {
        "dead_ms": (log["last_end_s"] - asked_s) * 1e3,
        "counted_s": counted_s - asked_s,
        "off": abs(_hits(summary.operations[hitting.NAME]) - log["hits"]),
        "hits": log["hits"],
    }


@contextmanager
def _client(cluster: str) -> Iterator[Client]:
    link = ZerorpcLink("127.0.0.1", 0)
    client = Client(f"observer@{HOST}", cluster, link, MonotonicClock(), gevent.spawn)
    try:
        yield client
    finally:
        client.close()


def _await_all_up(client: Client, peer: Peer, count: int) -> None:
    while sum(each["state"] == "up" for each in client.ask(peer, "overview", {})["nodes"]) < count:
        gevent.sleep(LOOK_S)


def _running(node: Node) -> int | None:
    """Return how many users run on the node that joins, None while it is no worker."""
    infos = {each.name: each for each in node.dist.nodes() if each.role == "worker"}
    return infos[JOINER].running if JOINER in infos else None


def _hits(hits: OperationSummary) -> int:
    """Return how many hits were sent; one that was interrupted had been."""
    if hits.failed:
        raise SystemExit(f"{hits.failed} hits failed: {hits.failures}")
    return hits.ok + hits.interrupted


if __name__ == "__main__":
    answer({"mesh": mesh, "join": join, "stop": stop})
