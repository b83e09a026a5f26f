"""Clusters in memory: nodes of one process on one clock that is moved by hand."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import gevent

from crowsg.clock import SECOND, to_ns
from crowsg.context import current_node
from crowsg.node import Node
from crowsg.testing import ManualClock, MemoryNetwork
from crowsg.testing.manual_clock import settle
from crowsg.testing.memory_network import MemoryLink

Result = TypeVar("Result")

PREAMBLE = """\
from crowsg import Rate, Variable, config, metrics, throttle, users
from tests.support.clusters import note, notes, wait_for_gate
"""

IDLERS = (
    PREAMBLE
    + """
def init():
    note("init")

def start(user_id):
    note("user", user_id)
    while True:
        users.sleep(1000)

def terminate():
    note("terminate")
"""
)
"""A scenario whose users sleep for ever."""

FAST = {"user_rate": "infinity"}

A, B, C, D, E = (f"{letter}@test" for letter in "abcde")
"""The names of the first nodes."""


def note(*what: Any) -> None:
    """Let a scenario remember something on the node it runs on."""
    notes(current_node()).append(what if len(what) > 1 else what[0])


def notes(node: Any) -> list[Any]:
    """Return what scenarios remembered on a node."""
    kept: list[Any] = node.shared.setdefault("notes", [])
    return kept


def wait_for_gate() -> None:
    """Let a callback of a scenario wait until the test opens the gate of its node."""
    current_node().shared.setdefault("gate", gevent.event.Event()).wait()


class Cluster:
    """Nodes ``A``, ``B``, ... and the clock they live by; ``A`` leads where nobody else is named.

    Attributes:
        ended: Why nodes ended the process, which they only say here.

    Args:
        folder: Where scenarios are written.
        count: How many nodes there are.
        delay_ns: Nanoseconds that a message is on its way.
        environment: That of each node, by its name.
    """

    def __init__(
        self,
        folder: Path,
        count: int = 0,
        *,
        delay_ns: int = 0,
        environment: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.clock = ManualClock(SECOND)
        self.network = MemoryNetwork(self.clock, delay_ns=delay_ns)
        self.folder = folder
        self.ended: list[str] = []
        self.nodes: dict[str, Node] = {}
        self.links: dict[str, MemoryLink] = {}
        self._environment = environment or {}
        self._hosts = itertools.count(1)
        for at in range(count):
            self.enter(f"{chr(ord('a') + at)}@test")

    def enter(self, name: str, address: str = "") -> Node:
        """Start a node and let it join the others."""
        known = [node.station.address for node in self.nodes.values()][:1]
        environment = self._environment.get(name, {})
        ended = self.ended.append
        node = Node(name, clock=self.clock, environment=environment, end_process=ended)
        node.start()
        self.nodes[name] = node
        address = address or f"10.0.0.{next(self._hosts)}:4000"
        link = self.network.link(address, spawn=node.spawn)
        self.links[name] = link
        node.enter_cluster(link, join=known)
        return node

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def address(self, name: str) -> str:
        """Return where a node is reached."""
        return self.nodes[name].station.address

    def meet(self) -> "Cluster":
        """Move the clock until every node knows every other one."""
        others = len(self.nodes) - 1
        self.clock.advance_until(
            lambda: all(len(each.station.members.up()) == others for each in self.nodes.values())
        )
        return self

    def write(self, text: str, name: str = "scene") -> str:
        """Write a scenario, and return where it is."""
        path = self.folder / f"{name}.py"
        path.write_text(text)
        return str(path)

    def call(self, function: Callable[..., Result], *args: Any, **options: Any) -> Result:
        """Move the clock until a function has returned; return, or raise, what it does."""
        begun = self.begin(function, *args, **options)
        self.clock.advance_until(begun.ready, step=0.05)
        result: Result = begun.result()
        return result

    def begin(self, function: Callable[..., Result], *args: Any, **options: Any) -> "Begun":
        """Begin to call a function in ``A``, and let it come as far as it can at this moment."""
        begun = Begun(self.nodes[A].spawn, lambda: function(*args, **options))
        settle()
        return begun

    def do(
        self,
        count: int,
        scenario: str = IDLERS,
        *,
        by: str = A,
        called: str = "scene",
        **settings: Any,
    ) -> dict[str, int]:
        """Start a scenario, given as text, whose users start at once."""
        path = self.write(scenario, called)
        return self.call(self[by].dist.do, path, count, {**FAST, **settings})

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self.clock.advance(seconds)

    def ask(self, asker: str, asked: str, method: str, body: Any, run: str = "") -> Any:
        """Let a node call any method of another one, and return what it answers."""
        station = self[asker].station
        peer = station.members.peer(asked)
        return self.call(station._exchange.call, peer, method, body, 1.0, run)

    def tell(self, teller: str, told: str, topic: str, body: Any, run: str = "") -> None:
        """Let a node send another one any notice."""
        station = self[teller].station
        station._exchange.tell(station.members.peer(told), topic, body, run)
        settle()

    def run_of(self, name: str) -> str:
        """Return the id of the run that a node works in."""
        service = self[name].station.worker.service
        assert service is not None
        return service.run

    def open_gate(self, name: str) -> None:
        """Let the callback that waits on a node, or will, go on."""
        self[name].shared.setdefault("gate", gevent.event.Event()).set()

    def delay(self, seconds: float) -> None:
        """Let every message from now on take so long."""
        for one, other in itertools.permutations(self.nodes, 2):
            self.network.delay(self.address(one), self.address(other), to_ns(seconds))

    def cut_off(self, name: str) -> None:
        """Let nothing pass from or to a node any more."""
        for other in self.nodes:
            if other != name:
                self.network.cut(self.address(name), self.address(other))

    def reconnect(self, name: str) -> None:
        """Undo ``cut_off``."""
        for other in self.nodes:
            if other != name:
                self.network.heal(self.address(name), self.address(other))

    def crash(self, name: str) -> None:
        """Let a node fall silent as one whose process is killed: nobody listens there any more."""
        self.links[name].close()

    def enter_again(self, name: str) -> Node:
        """Start a node anew in place of one that crashed, at the same address."""
        address = self.address(name)
        self.nodes.pop(name).stop()
        return self.enter(name, address)

    def with_throttles(self, of: str = A) -> set[str]:
        """Return the nodes among which a master divides its throttles."""
        return set(self[of].station.master._dealing._dealer._boxes)

    def running(self, names: Iterable[str] | None = None) -> dict[str, int]:
        """Return how many users run on each node that has some."""
        counts = {name: self[name].crowd.counts().running for name in names or self.nodes}
        return {name: count for name, count in counts.items() if count}

    def ids(self, name: str) -> list[int]:
        """Return the ids of the users that began on a node."""
        return [each[1] for each in self.notes(name) if isinstance(each, tuple)]

    def notes(self, name: str) -> list[Any]:
        """Return what scenarios remembered on a node."""
        return notes(self[name])

    def states(self) -> dict[str, str]:
        """Return the state of each node's controller."""
        return {name: node.controller.state for name, node in self.nodes.items()}

    def stop(self) -> None:
        """Stop all nodes."""
        for node in self.nodes.values():
            node.stop()


class Begun:
    """A function that was called on a greenlet of its own.

    Attributes:
        greenlet: Where it runs; may be killed.
    """

    def __init__(self, spawn: Callable[..., Any], function: Callable[[], Any]) -> None:
        self._function = function
        self._error: BaseException | None = None
        self._value: Any = None
        self.greenlet = spawn(self._run)

    def ready(self) -> bool:
        """Whether it has returned or raised."""
        return bool(self.greenlet.ready())

    def result(self) -> Any:
        """Return, or raise, what it did."""
        assert self.ready()
        if self._error is not None:
            raise self._error
        return self._value

    def _run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:  # noqa: BLE001 - raised again by the test
            self._error = error
