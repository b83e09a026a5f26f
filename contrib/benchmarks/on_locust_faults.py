"""The faults of ``on_faults``, done to Locust with its defaults; for an interpreter that has it.

``kill USERS`` kills one of two workers, ``kill-master USERS`` the master.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep  # noqa: TID251 - a plain process, no node

from contrib.benchmarks import locust_stamping
from contrib.benchmarks.nginx import free_port
from contrib.benchmarks.sleepers import answer
from contrib.benchmarks.stamps import Noted

WORKERS = 2
USER_RATE = 100
WARM_UP_S = 1.0
STARTED_WITHIN_S = 60.0
RESTORED_WITHIN_S = 80.0
"""Locust gives the users of a worker to others a minute after it was missed."""

LEFT_WITHIN_S = 80.0
MOST_S = 180
LOOK_S = 0.02
MISSED = "failed to send heartbeat"


class Faulted:
    """Users on two workers of Locust, to which a fault is done.

    Attributes:
        master: The process that leads.
        workers: Those that carry the users.
        noted: What they note.
    """

    def __init__(self, folder: Path, started: ExitStack) -> None:
        self.noted = Noted(folder)
        self._folder = folder
        self._started = started

    def start(self, users: int) -> None:
        """Start all of it; returns when all users run, and have for a while."""
        port = str(free_port())
        led = ("--expect-workers", str(WORKERS), "--run-time", f"{MOST_S}s", "--only-summary")
        load = ("--headless", "--users", str(users), "--spawn-rate", str(USER_RATE))
        self.master = self._locust("master", "--master", "--master-bind-port", port, *led, *load)
        self.workers = [
            self._locust(f"worker{number}", "--worker", "--master-port", port)
            for number in range(WORKERS)
        ]
        self.noted.until("start", users, STARTED_WITHIN_S)
        sleep(WARM_UP_S)

    def missed_s(self) -> float:
        """Wait until the master says that it misses a worker; returns when it was."""
        log = self._folder / "master.log"
        while MISSED not in log.read_text(encoding="utf-8"):
            sleep(LOOK_S)
        return monotonic()

    def _locust(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        log = self._started.enter_context((self._folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-m", "locust", "-f", locust_stamping.__file__, *arguments],
            env={**os.environ, locust_stamping.FOLDER: str(self._folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        self._started.enter_context(process)
        self._started.callback(process.kill)
        return process


@contextmanager
def faulted(users: float) -> Iterator[Faulted]:
    """Give users that run on two workers; nothing of them is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="faulted-") as name, ExitStack() as started:
        cluster = Faulted(Path(name), started)
        cluster.start(int(users))
        yield cluster


def kill(users: float) -> dict[str, float]:
    """Kill a worker, and wait until as many users run as before."""
    with faulted(users) as cluster:
        victim = cluster.workers[0]
        fault_s = monotonic()
        victim.send_signal(signal.SIGKILL)
        missed_s = cluster.missed_s()
        gone = len(cluster.noted.by_process("start")[victim.pid])
        wanted = int(users) + gone
        cluster.noted.until("start", wanted, RESTORED_WITHIN_S)
        restored_s = cluster.noted.merged("start")[wanted - 1]
    return {"noticed_s": missed_s - fault_s, "restored_s": restored_s - fault_s}


def kill_master(users: float) -> dict[str, float]:
    """Kill the master, and wait until its workers end."""
    with faulted(users) as cluster:
        fault_s = monotonic()
        cluster.master.send_signal(signal.SIGKILL)
        codes = [worker.wait(LEFT_WITHIN_S) for worker in cluster.workers]
        over_s = max(cluster.noted.merged("hit"))
    return {"over_s": over_s - fault_s, "exit_code": max(codes)}


if __name__ == "__main__":
    answer({"kill": kill, "kill-master": kill_master})
