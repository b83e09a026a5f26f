"""What can be seen of a process of crowsg from outside: memory, files, greenlets, answers."""

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent

from crowsg.cli.joining import curve_of, operator_name
from crowsg.clock import MonotonicClock
from crowsg.cluster.zerorpc_link import ZerorpcLink
from crowsg.dist.client import Client
from tests.support.cluster_processes import Program

MIB = 1 << 20


def open_files(pid: int) -> int:
    """Return how many file descriptors a process has."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident_bytes(pid: int) -> int:
    """Return how much memory a process uses."""
    return _status(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    """Return how much memory a process used at the most, since ``forget_peak``."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Let ``peak_bytes`` begin anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def greenlets(program: Program) -> int:
    """Return how many greenlets a process has that was started with ``COUNTING_GREENLETS``."""
    said = len(program.err)
    program.send(signal.SIGUSR2)
    return int(program.until_said(r"greenlets: (\d+)", since=said)[1])


def threads(pid: int) -> int:
    """Return how many native threads a process has."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


class Pings:
    """How long a node takes to answer, asked over one connection; in seconds.

    Args:
        address: The node's.
        keys: Folder of the keys; None for none.
    """

    def __init__(self, address: str, keys: Path | None = None) -> None:
        self.seconds: list[float] = []
        link = ZerorpcLink("127.0.0.1", 0, curve=curve_of(keys, operator_name()))
        self._client = Client(operator_name(), "crowsg", link, MonotonicClock(), gevent.spawn)
        self._peer = self._client.connect(address)

    def ping(self, count: int = 1, every_s: float = 0.0) -> None:
        """Ask so often, every so many seconds."""
        for _ in range(count):
            began = time.monotonic()
            self.ask()
            self.seconds.append(time.monotonic() - began)
            gevent.sleep(every_s)

    def ask(self, told: object = None, verb: str = "overview") -> dict[str, Any]:
        """Ask once, and send something along; returns the overview, or what the verb answers."""
        answer: dict[str, Any] = self._client.ask(self._peer, verb, {"told": told})
        return answer

    def states(self) -> dict[str, str]:
        """Return the states of all nodes that are not known to be gone."""
        found = {each["name"]: each["state"] for each in self.ask()["nodes"]}
        return {name: state for name, state in found.items() if state not in ("dead", "left")}

    @property
    def worst(self) -> float:
        """The longest."""
        return max(self.seconds)

    @property
    def p99(self) -> float:
        """What 99 of 100 did not take longer than."""
        return sorted(self.seconds)[len(self.seconds) * 99 // 100]

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


@contextmanager
def pinging(address: str, keys: Path | None = None, every_s: float = 0.02) -> Iterator[Pings]:
    """Ask a node while the block runs; an answer that does not come fails it."""
    pings = Pings(address, keys)
    asking = gevent.spawn(pings.ping, 1_000_000, every_s)
    try:
        yield pings
        assert not asking.ready(), "it stopped to answer"
    finally:
        asking.kill()
        pings.close()


@dataclass(frozen=True, slots=True)
class Compared:
    """How long two nodes took meanwhile: the one that is looked at, and one that nobody touched."""

    own: Pings
    untouched: Pings

    @property
    def later(self) -> float:
        """How much longer the longest answer took than that of the other, in seconds.

        A machine that is busy makes both of them wait.
        """
        return self.own.worst - self.untouched.worst


@contextmanager
def comparing(address: str, untouched: str) -> Iterator[Compared]:
    """Ask two nodes while the block runs; an answer that does not come fails it."""
    with pinging(address) as own, pinging(untouched) as other:
        yield Compared(own, other)


def _status(pid: int, name: str) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
