"""A cluster in one process: real gates, tenants and throttle process, a network of delays."""

import random
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import gevent

from crowsg.rate import Rate
from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle
from crowsg.throttle.gate import Gate
from crowsg.throttle.lease import Lease, Report
from crowsg.throttle.leases import Leases
from crowsg.throttle.process import ThrottleProcess
from crowsg.throttle.tenant import Tenant

MS = 1_000_000
SECOND = 1_000_000_000
BEAT_NS = 100 * MS


class Network:
    """Delivers calls late, and loses some.

    Args:
        clock: Tells and waits.
        rng: Decides.
        quickest_ns, slowest_ns: The shortest and the longest delay.
        lost: The part that is lost.
    """

    def __init__(
        self,
        clock: ManualClock,
        rng: random.Random,
        quickest_ns: int,
        slowest_ns: int,
        lost: float,
    ) -> None:
        self.clock = clock
        self.rng = rng
        self.quickest_ns = quickest_ns
        self.slowest_ns = slowest_ns
        self.lost = lost
        self.cut_off: set[str] = set()

    def deliver(self, node: str, function: Callable[..., Any], *args: Any) -> None:
        if node in self.cut_off or self.rng.random() < self.lost:
            return
        delay_ns = self.rng.randrange(self.quickest_ns, self.slowest_ns)
        # On a greenlet, as what arrives is handled by one, and not in the hub.
        self.clock.call_later(delay_ns, lambda: gevent.spawn(function, *args))


class Node:
    """One node: users that loop on a gate, or wait once when told to."""

    def __init__(self, name: str, cluster: "Cluster") -> None:
        self.name = name
        self.stamps: list[int] = []
        self.gate = Gate(cluster.clock, "a")
        self._cluster = cluster
        self.tenant = Tenant(
            cluster.clock, self.gate, lambda: len(self.stamps), self._report_to_the_process
        )
        self._beat()

    def loop(self, users: int) -> None:
        """Let users wait again and again."""
        for _ in range(users):
            gevent.spawn(self._loop)

    def wait_once(self) -> None:
        """Wait for a permit, on the current greenlet."""
        self.gate.wait()
        self.stamps.append(self._cluster.clock.now_ns())

    def _loop(self) -> None:
        while True:
            self.wait_once()

    def hold(self, lease: Lease) -> None:
        """Be told a lease, over the network."""
        self._cluster.network.deliver(self.name, self.tenant.hold, lease)

    def _report_to_the_process(self, report: Report) -> None:
        self._cluster.network.deliver(self.name, self._cluster.process.hear, self.name, report)

    def _beat(self) -> None:
        self.tenant.report()
        self._cluster.clock.call_later(BEAT_NS, self._beat)


class Cluster:
    """A throttle process and its nodes.

    Args:
        rate: What the throttle starts with.
        nodes: How many nodes there are at first.
        seed: Of all that happens by chance.
        slowest_ns: The longest delay of a message.
        lost: The part of the messages that is lost.
        quickest_ns: The shortest delay; None for a tenth of the longest.
    """

    def __init__(
        self,
        rate: Rate,
        nodes: int,
        seed: int = 1,
        slowest_ns: int = MS,
        lost: float = 0.0,
        quickest_ns: int | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.rng = random.Random(seed)
        quickest_ns = slowest_ns // 10 if quickest_ns is None else quickest_ns
        self.network = Network(self.clock, self.rng, quickest_ns, slowest_ns, lost)
        self.leases = Leases()
        self.process = ThrottleProcess(
            "a", rate, self.clock, self.leases, gevent.spawn, lambda _: None
        )
        self.process.start()
        self.nodes: list[Node] = []
        for _ in range(nodes):
            self.join()

    def join(self) -> Node:
        """Let another node take part."""
        node = Node(f"n{len(self.nodes)}", self)
        self.nodes.append(node)
        self.process.enrol(node.name, node.hold)
        return node

    def run(self, seconds: float, step_ns: int = 500_000) -> None:
        """Let time pass; between two steps everybody gets a turn."""
        for _ in range(round(seconds * SECOND / step_ns)):
            self.clock.advance(step_ns / SECOND)
            settle()

    @property
    def stamps(self) -> list[int]:
        """When permits were used, on all nodes."""
        return sorted(stamp for node in self.nodes for stamp in node.stamps)

    def between(self, first_s: float, last_s: float) -> int:
        """Return how many permits were used between two moments, in seconds."""
        stamps = self.stamps
        low = bisect_left(stamps, round(first_s * SECOND))
        return bisect_left(stamps, round(last_s * SECOND)) - low


def most_beyond(stamps: list[int], per_second: float) -> float:
    """Return by how many permits the worst of all windows is above the rate times its length."""
    worst, level = 0.0, float("-inf")
    for index, stamp in enumerate(stamps):
        # Permits up to here, less those that the rate allows: the most it ever rises.
        here = index - per_second * stamp / SECOND
        level = max(level, -here)
        worst = max(worst, here + level + 1)
    return worst
