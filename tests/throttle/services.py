"""A run in one process: whole ``Throttles`` of a master and its workers, on one clock."""

import random
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import AsyncResult

from crowsg.cluster.packing import pack, unpack
from crowsg.errors import CrowsgError, ThrottleStopped
from crowsg.telemetry.bus import Bus
from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle
from crowsg.throttle.dealer import Dealer
from crowsg.throttle.processes import Processes
from crowsg.throttle.remote import RemoteOwner, answers
from crowsg.throttle.service import Throttles
from tests.throttle.cluster import BEAT_NS, MS, SECOND, Network


class Worker:
    """A node that carries users."""

    def __init__(self, name: str, run: "Run", is_late: bool) -> None:
        self.name = name
        self.stamps: list[int] = []
        self.notices: list[Any] = []
        self.stopped = 0
        self.throttles = Throttles(run.clock, Bus(run.clock), gevent.spawn)
        self._run = run
        self.throttles.follow(RemoteOwner(self._call), self._tell_reports, is_late=is_late)
        self._beat()

    def loop(self, users: int, name: str = "a", hold_s: float | None = None) -> list[Any]:
        """Let users wait again and again, each holding its permit for a while."""
        return [gevent.spawn(self._loop, name, hold_s) for _ in range(users)]

    def _loop(self, name: str, hold_s: float | None) -> None:
        try:
            while True:
                permit = self.throttles.wait(name)
                self.stamps.append(self._run.clock.now_ns())
                if hold_s is not None:
                    with permit, self._run.in_use:
                        self._run.clock.sleep(hold_s)
        except ThrottleStopped:
            self.stopped += 1

    def _call(self, method: str, body: Any) -> Any:
        return self._run.call(self.name, method, body)

    def _tell_reports(self, plain: list[Any]) -> None:
        self.notices.append(plain)
        self._run.deliver(self.name, self._run.dealer.take_reports, self.name, plain)

    def _beat(self) -> None:
        plain = self.throttles.reports()
        if plain:
            self._tell_reports(plain)
        self._run.clock.call_later(BEAT_NS, self._beat)


class InUse:
    """Counts how many hold a permit at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def __enter__(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        self.now -= 1


class Run:
    """A master and its workers, with a network of delays between.

    Args:
        workers: How many there are at first.
        seed: Of all that happens by chance.
        slowest_ns: The longest delay of a message.
        lost: The part of the notices that is lost; calls are not.
    """

    def __init__(
        self, workers: int, seed: int = 1, slowest_ns: int = MS, lost: float = 0.0
    ) -> None:
        self.clock = ManualClock(5 * SECOND)
        self.began_ns = self.clock.now_ns()
        self.rng = random.Random(seed)
        self.network = Network(self.clock, self.rng, slowest_ns // 10, slowest_ns, lost)
        self.bus = Bus(self.clock)
        self.master = Throttles(self.clock, self.bus, gevent.spawn)
        self.processes = Processes(self.clock, self.bus, gevent.spawn)
        self.dealer = Dealer(self.processes, self._tell_leases, self._announce_stop)
        self.answers = answers(self.processes)
        self.calls: list[tuple[str, str]] = []
        self.announces = True
        self.in_use = InUse()
        self.workers: list[Worker] = []
        self.master.own(self.processes)
        for _ in range(workers):
            self.join()

    def join(self, *, is_late: bool = False) -> Worker:
        """Let another worker take part."""
        worker = Worker(f"w{len(self.workers)}", self, is_late)
        self.workers.append(worker)
        self.dealer.enrol(worker.name)
        return worker

    def start(self, rate: object, name: str = "a") -> None:
        """Start a throttle on every worker, as ``init`` does."""
        greenlets = [gevent.spawn(each.throttles.start, name, rate) for each in self.workers]
        self.run(0.2)
        for greenlet in greenlets:
            greenlet.get(block=False)

    def run(self, seconds: float, step_ns: int = 500_000) -> None:
        """Let time pass; between two steps everybody gets a turn."""
        for _ in range(round(seconds * SECOND / step_ns)):
            self.clock.advance(step_ns / SECOND)
            settle()

    def do(self, function: Callable[..., Any], *args: Any, within_s: float = 0.5) -> Any:
        """Call something that may block, let time pass until it returns, and return that."""
        greenlet = gevent.spawn(function, *args)
        settle()
        ends_ns = self.clock.now_ns() + round(within_s * SECOND)
        while not greenlet.dead and self.clock.now_ns() < ends_ns:
            self.run(0.001)
        assert greenlet.dead, f"not done within {within_s} s"
        return greenlet.get()

    def call(self, node: str, method: str, body: Any) -> Any:
        """Call the master: its handler runs to the end, whatever becomes of the caller."""
        self.calls.append((node, method))
        answered: AsyncResult[Any] = AsyncResult()
        body = unpack(pack(body))
        self._later(lambda: self._answer(node, method, body, answered))
        return answered.get()

    def deliver(self, node: str, function: Callable[..., Any], *args: Any) -> None:
        """Deliver a notice to or from a node, as what its bytes tell."""
        self.network.deliver(node, function, *(unpack(pack(each)) for each in args))

    @property
    def stamps(self) -> list[int]:
        """When permits were used, on all workers."""
        return sorted(stamp for each in self.workers for stamp in each.stamps)

    def granted(self, seconds: float) -> int:
        """Let time pass, and return how many permits were used meanwhile."""
        begin_ns = self.clock.now_ns()
        self.run(seconds)
        return len(self.stamps) - bisect_left(self.stamps, begin_ns)

    def _answer(self, node: str, method: str, body: Any, answered: Any) -> None:
        try:
            answer = unpack(pack(self.answers[method](node, body)))
        except CrowsgError as error:
            refusal = error
            self._later(lambda: answered.set_exception(refusal))
        else:
            self._later(lambda: answered.set(answer))

    def _later(self, function: Callable[[], object]) -> None:
        network = self.network
        delay_ns = network.rng.randrange(network.quickest_ns, network.slowest_ns)
        self.clock.call_later(delay_ns, lambda: gevent.spawn(function))

    def _tell_leases(self, node: str, plain: list[Any]) -> None:
        self.deliver(node, self._worker(node).throttles.take_leases, plain)

    def _announce_stop(self, node: str, name: str, life: int) -> None:
        if self.announces:
            self._later(lambda: self._worker(node).throttles.closed_by_owner(name, life))

    def _worker(self, name: str) -> Worker:
        return next(each for each in self.workers if each.name == name)
