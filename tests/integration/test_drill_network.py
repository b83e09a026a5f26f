"""Drill: a network that falls silent or slow, between nodes on hosts of their own (R3, R6, R7)."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
import pytest

from crowsg.cluster.keys import new_cluster_key
from tests.support.cluster_processes import NodeProcess, until
from tests.support.namespaces import HUB, Network, ProgramsInside, network
from tests.support.vitals import open_files

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

NAMES = ("one", "two")
SILENT_S = 4.5
SLOW_S = 4.0


class Hosts:
    """Nodes that have met, one on each host, and what ``hub`` notes of the others."""

    def __init__(self, net: Network, folder: Path) -> None:
        self.net = net
        self.nodes: dict[str, NodeProcess] = {}
        self._keys = "--keys", str(folder / "keys")
        self._journals = folder / "journals"
        self._programs: list[ProgramsInside] = []

    def begin(self) -> None:
        """Start the nodes."""
        for name in (HUB, *NAMES):
            programs = self.net.programs(name)
            self._programs.append(programs)
            joined = () if name == HUB else ("--join", self.net.address(HUB))
            bind = "--bind", self.net.address(name), "--journal", str(self._journals)
            self.nodes[name] = programs.node(f"{name}@drill", *bind, *joined, *self._keys)
        until(lambda: {each["name"] for each in self.noted(0)} == {f"{n}@drill" for n in NAMES}, 20)

    def noted(self, since_ns: int) -> list[dict[str, Any]]:
        """Return what ``hub`` noted of the states of others since then."""
        files = self._journals.glob(f"{HUB}@drill-*.jsonl")
        notes = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        return [each for each in notes if each["kind"] == "member" and each["t"] >= since_ns]

    def seconds_until(self, name: str, state: str) -> float:
        """Wait until ``hub`` notes that state of a node; returns how long that took."""
        began_ns, found = time.monotonic_ns(), list[int]()

        def is_noted() -> bool:
            wanted = f"{name}@drill", state
            found[:] = [
                each["t"]
                for each in self.noted(began_ns)
                if (each["name"], each["state"]) == wanted
            ]
            return bool(found)

        until(is_noted, 20)
        return (found[0] - began_ns) / 1e9

    def files(self) -> dict[str, int]:
        """Return how many descriptors each node has."""
        return {name: open_files(node.pid) for name, node in self.nodes.items()}

    def end(self) -> None:
        """End the nodes."""
        for programs in self._programs:
            programs.end()


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    folder = tmp_path_factory.mktemp("network")
    new_cluster_key(folder / "keys")
    with network(folder, *NAMES) as net:
        hosts = Hosts(net, folder)
        try:
            hosts.begin()
            yield hosts
        finally:
            hosts.end()


@dataclass(frozen=True, slots=True)
class Silence:
    """What was seen of one: seconds until it was doubted, and from its end until it was over."""

    doubted_s: float
    over_s: float
    files: dict[str, int]


@pytest.fixture(scope="module")
def silences(hosts: Hosts) -> dict[str, Silence]:
    """Take ``one`` off the network for a while, then let the hub not hear it."""
    breaks: dict[str, Callable[[], None]] = {
        "both ways": lambda: hosts.net.cut("one"),
        "one way": lambda: hosts.net.mute("one", HUB),
    }
    return {name: silence(hosts, each) for name, each in breaks.items()}


def silence(hosts: Hosts, begin: Callable[[], None]) -> Silence:
    end_s = time.monotonic() + SILENT_S
    begin()
    doubted_s = hosts.seconds_until("one", "suspect")
    gevent.sleep(max(0.0, end_s - time.monotonic()))
    hosts.net.heal("one")
    over_s = hosts.seconds_until("one", "up")
    gevent.sleep(1)
    return Silence(doubted_s, over_s, hosts.files())


@pytest.mark.parametrize("how", ["both ways", "one way"])
def test_a_silence_is_doubted(silences: dict[str, Silence], how: str) -> None:
    """R3: after three seconds since the last beat."""
    assert 2 <= silences[how].doubted_s <= 3.5


@pytest.mark.parametrize("how", ["both ways", "one way"])
def test_all_is_well_when_a_silence_is_over(silences: dict[str, Silence], how: str) -> None:
    """R7: within two seconds."""
    print(silences[how])
    assert silences[how].over_s <= 2


def test_a_silence_leaves_no_descriptors(silences: dict[str, Silence]) -> None:
    """R7: a second one leaves as many as the first."""
    first, second = silences["both ways"].files, silences["one way"].files

    assert all(second[name] <= first[name] + 2 for name in first)


def test_a_slow_link_is_no_silence(hosts: Hosts) -> None:
    """R6: 1 Mbit/s and queues of 400 ms make nobody suspect."""
    began_ns = time.monotonic_ns()
    hosts.net.slow("one", "1mbit", "400ms")

    gevent.sleep(SLOW_S)

    hosts.net.heal("one")
    assert hosts.noted(began_ns) == []
