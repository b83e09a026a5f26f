"""Faults done to a run of users on two nodes; judged by the users' own stamps.

``kill USERS`` kills a worker; ``kill-master USERS`` kills the master, ``freeze-master USERS`` stops
it, ``restart-master USERS`` kills it and starts another at its place. All of them are processes of
their own: two of ``crowsg node``, one of ``crowsg run``.
"""

import csv
import json
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import random
from time import monotonic
from typing import Any

import gevent

from contrib.benchmarks import stamping
from contrib.benchmarks.fault_figures import behind, bound, fullest, whole_after
from contrib.benchmarks.nginx import free_port
from contrib.benchmarks.processes import HOST, LOOK_S, MOST_S, PATIENCE_S, Master, Nodes
from contrib.benchmarks.sleepers import answer
from contrib.benchmarks.stamps import Noted

WORKERS = [f"worker{number}@{HOST}" for number in (1, 2)]
RATE = 1000
USER_RATE = 100
GRANULE_S = 0.01
WARM_UP_S = 1.0
WATCHED_S = 2.0
"""For how long hits are gathered, once the users are back, before anybody looks at them."""

MASTER_LOST = 4
"""The exit code of a node that has lost the master it worked for."""


class Faulted:
    """A cluster that faults are done to.

    Attributes:
        nodes: Its workers.
        noted: What their users note.
        out: The folder of the run's files.
    """

    def __init__(self, folder: Path, nodes: Nodes) -> None:
        self.nodes = nodes
        self.out = folder / "out"
        self._folder = folder
        self._address = f"127.0.0.1:{free_port()}"
        nodes.start(WORKERS, [self._address])
        self.noted = self._noted("first")

    def lead(self, users: int, *arguments: str) -> Master:
        """Let ``crowsg run`` lead the nodes; returns when all users run, and have for a while."""
        options = (*("--out", str(self.out)), *("--journal", str(self._folder / "journal")))
        master = self._master("first", users, *options, *arguments)
        self.noted.until("start", users, PATIENCE_S)
        # At no moment of its own: what is done each second or ten times a second has its beat.
        gevent.sleep(WARM_UP_S + random())
        return master

    def lead_again(self) -> Noted:
        """Let another one lead them at the same address, as soon as they let it.

        Returns:
            What was noted in its run, which ends as soon as users run on all of the nodes.
        """
        noted = self._noted("second")
        while noted.count("start") < len(WORKERS):
            with self._master("second", len(WORKERS)) as master:
                while not master.has_ended and noted.count("start") < len(WORKERS):
                    gevent.sleep(LOOK_S)
                master.send(signal.SIGTERM)
                master.wait()
        return noted

    def lost_s(self) -> float:
        """Wait until the master writes that a worker is lost; returns when it was."""
        while True:
            for note in self._journal():
                if note["kind"] == "lost":
                    return float(note["t"]) / 1e9
            gevent.sleep(LOOK_S)

    def _journal(self) -> Iterator[dict[str, Any]]:
        for path in (self._folder / "journal").glob("*.jsonl"):
            for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
                # What is being written at this moment has no end yet.
                if line.endswith("\n"):
                    yield json.loads(line)

    def _master(self, run: str, users: int, *arguments: str) -> Master:
        settings = ("--set", f"folder={self._folder / run}")
        paced = ("--users", str(users), "--user-rate", f"{USER_RATE}/s")
        expected = ("--expect-nodes", str(len(WORKERS)), "--max-duration", str(MOST_S))
        command = (stamping.__file__, *settings, *paced, *expected, *arguments)
        return Master(self.nodes, self._address, *command)

    def _noted(self, run: str) -> Noted:
        folder = self._folder / run
        folder.mkdir()
        return Noted(folder)


@contextmanager
def faulted() -> Iterator[Faulted]:
    """Give a cluster, of which nothing is left afterwards."""
    folder = tempfile.TemporaryDirectory(prefix="faulted-")
    with gevent.Timeout(MOST_S), folder as name, Nodes() as nodes:
        yield Faulted(Path(name), nodes)


def kill(users: float) -> dict[str, float]:
    """Kill a worker; its users are started elsewhere."""
    refilled = ("--on-node-loss", "refill", "--set", f"rate={RATE}/s")
    with faulted() as cluster, cluster.lead(int(users), *refilled):
        noted = cluster.noted
        victim = min(noted.by_process("start"))
        fault_s = monotonic()
        os.kill(victim, signal.SIGKILL)
        lost_s = cluster.lost_s()
        wanted = int(users) + len(noted.by_process("start")[victim])
        noted.until("start", wanted, PATIENCE_S)
        starts_s = noted.merged("start")
        hits_s, whole_s = _until_whole(noted, fault_s)
    return {
        "noticed_s": lost_s - fault_s,
        "restored_s": starts_s[wanted - 1] - fault_s,
        "starts_above": _above(starts_s, USER_RATE),
        "whole_s": whole_s,
        "permits_above": _above(hits_s, RATE),
    }


def kill_master(users: float) -> dict[str, float]:
    """Kill the master; its workers are left alone, then asked to end."""
    with faulted() as cluster, cluster.lead(int(users)) as master:
        fault_s = master.send(signal.SIGKILL)
        master.wait()
        figures = _orphaned(cluster, fault_s)
        counted = _counted(cluster.out)
        missing_s = behind(cluster.noted.merged("hit"), counted, fault_s)
    return {**figures, "behind_s": missing_s}


def freeze_master(users: float) -> dict[str, float]:
    """Let the master stand still for ever; its workers cannot tell what has become of it."""
    with faulted() as cluster, cluster.lead(int(users)) as master:
        return _orphaned(cluster, master.send(signal.SIGSTOP))


def restart_master(users: float) -> dict[str, float]:
    """Kill the master and start another at its address, which leads the same nodes."""
    with faulted() as cluster, cluster.lead(int(users)) as master:
        fault_s = master.send(signal.SIGKILL)
        master.wait()
        begun_s = max(cluster.lead_again().merged("init"))
        over_s = max(cluster.noted.merged("hit"))
    return {"over_s": over_s - fault_s, "free_s": begun_s - over_s}


def _until_whole(noted: Noted, fault_s: float) -> tuple[list[float], float]:
    """Wait until the throttle is whole again; returns all hits, and how long that took."""
    while True:
        gevent.sleep(WATCHED_S)
        hits_s = noted.merged("hit")
        whole_s = whole_after(hits_s, RATE, fault_s)
        if whole_s is not None:
            return hits_s, whole_s


def _orphaned(cluster: Faulted, fault_s: float) -> dict[str, float]:
    """Wait until the workers have ended their part of a run without its master, and end them."""
    noted = cluster.noted
    noted.until("terminate", len(WORKERS), PATIENCE_S)
    codes = cluster.nodes.end()
    return {
        "over_s": max(noted.merged("hit")) - fault_s,
        "terminates_off": sum(
            abs(len(each) - 1) for each in noted.by_process("terminate").values()
        ),
        "exit_code": max(codes),
        "codes_off": sum(code != MASTER_LOST for code in codes),
    }


def _counted(out: Path) -> int:
    """Return how many hits the files of a run tell of."""
    with (out / "timeseries.csv").open(newline="", encoding="utf-8") as file:
        return sum(
            int(row["ok"]) for row in csv.DictReader(file) if row["operation"] == stamping.NAME
        )


def _above(moments_s: list[float], rate: float) -> float:
    """Return by how many permits the fullest second is above the most that may be given then."""
    return fullest(moments_s, 1.0) - bound(rate, 1.0, GRANULE_S, len(WORKERS))


WORKS = {
    "kill": kill,
    "kill-master": kill_master,
    "freeze-master": freeze_master,
    "restart-master": restart_master,
}

if __name__ == "__main__":
    answer(WORKS)
