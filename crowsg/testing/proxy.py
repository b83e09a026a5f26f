"""A TCP proxy that fails as it is told to, where the network itself cannot be made to."""

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any, Literal

import gevent
from gevent import socket
from gevent.event import Event
from gevent.pool import Pool
from gevent.queue import Queue
from gevent.server import StreamServer

from crowsg.clock import Clock, MonotonicClock, to_ns
from crowsg.cluster.address import parse, spell

Direction = Literal["to_target", "from_target"]

_CHUNK = 64 << 10
_MAX_HELD = 64

Damage = Callable[[bytes], bytes]


class ChaosProxy:
    """Carries connections to a target, and harms them while it runs; a context manager.

    Each command holds for all connections, those to come included, until ``heal``. What is random
    depends on the generator that is given, and on what passes.

    Args:
        target: Where connections go, ``host:port``.
        host: Where it listens, on a free port.
        clock: Tells how long ``delay`` takes.
    """

    def __init__(self, target: str, host: str = "127.0.0.1", clock: Clock | None = None) -> None:
        self._target = parse(target)
        self._faults = _Faults(clock or MonotonicClock())
        self._carriers = Pool()
        self._own = host, 0
        self._server: StreamServer | None = None

    def __enter__(self) -> "ChaosProxy":
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut(refuse=True)

    @property
    def address(self) -> str:
        """Where to connect to, ``host:port``."""
        return spell(*self._own)

    def delay(self, seconds: float) -> None:
        """Let whatever is read from now on arrive so much later, in each direction."""
        self._faults.delay_ns = to_ns(seconds)

    def stall(self) -> None:
        """Hold everything; nothing is lost, and nobody is told."""
        self._faults.flowing.clear()

    def drop(self, direction: Direction) -> None:
        """Read and throw away what goes ``to_target`` or comes ``from_target``.

        What was dropped is gone for good: a stream that goes on after ``heal`` has a hole.
        """
        self._faults.dropped.add(direction)

    def cut(self, *, refuse: bool = False) -> None:
        """Close all connections, on both sides; with ``refuse`` nobody listens until ``heal``.

        Blocks: until they are closed.
        """
        if refuse and self._server is not None:
            self._server.close()
            self._server = None
        # One that has not begun could not close what it was given.
        gevent.sleep(0)
        self._carriers.kill()

    def corrupt(self, probability: float, rng: Random) -> None:
        """Change bits in each byte with a probability from 0 to 1."""
        self._faults.damages["corrupt"] = lambda data: bytes(
            byte ^ rng.randrange(1, 256) if rng.random() < probability else byte for byte in data
        )

    def duplicate(self, probability: float, rng: Random) -> None:
        """Pass each piece that was read, of 64 KiB at most, twice with a probability."""
        self._faults.damages["duplicate"] = lambda data: data * (1 + (rng.random() < probability))

    def heal(self) -> None:
        """Harm nothing any more, and listen again."""
        self._faults.end()
        self._listen()

    def _listen(self) -> None:
        if self._server is None:
            self._server = StreamServer(self._own, self._carry, spawn=self._carriers)
            self._server.start()
            self._own = self._server.address[:2]

    def _carry(self, near: Any, _: object) -> None:
        family = socket.AF_INET6 if ":" in self._target[0] else socket.AF_INET
        # Closed whatever happens: whoever cuts a connection may do so while it is being made.
        with suppress(OSError), socket.socket(family) as far:
            far.connect(self._target)
            ways = (
                _Way(near, far, "to_target", self._faults),
                _Way(far, near, "from_target", self._faults),
            )
            readers = [gevent.spawn(way.read) for way in ways]
            writers = [gevent.spawn(way.write) for way in ways]
            try:
                gevent.joinall(writers)
            finally:
                gevent.killall([*readers, *writers])


class _Faults:
    """What is wrong at the moment."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.flowing = Event()
        self.dropped: set[Direction] = set()
        self.damages: dict[str, Damage] = {}
        self.end()

    def end(self) -> None:
        self.delay_ns = 0
        self.flowing.set()
        self.dropped.clear()
        self.damages.clear()


class _Way:
    """One direction of one connection: read as it comes, written when it is time."""

    def __init__(self, source: Any, sink: Any, direction: Direction, faults: _Faults) -> None:
        self._source = source
        self._sink = sink
        self._direction = direction
        self._faults = faults
        # Of a size, so that who writes into a stall is held up in the end.
        self._held: Queue[tuple[int, bytes]] = Queue(_MAX_HELD)

    def read(self) -> None:
        data = b"?"
        while data:
            data = self._received()
            if not (data and self._direction in self._faults.dropped):
                self._held.put((self._faults.clock.now_ns() + self._faults.delay_ns, data))

    def write(self) -> None:
        try:
            while data := self._next():
                self._sink.sendall(data)
            self._sink.shutdown(socket.SHUT_WR)
        except OSError:
            # Nobody takes it any more: who sends it must see that.
            with suppress(OSError):
                self._source.shutdown(socket.SHUT_RDWR)

    def _received(self) -> bytes:
        try:
            data: bytes = self._source.recv(_CHUNK)
        except OSError:
            return b""
        return data

    def _next(self) -> bytes:
        due_ns: int
        data: bytes
        due_ns, data = self._held.get()
        clock = self._faults.clock
        while (left_ns := due_ns - clock.now_ns()) > 0:
            clock.sleep(left_ns / 1e9)
        self._faults.flowing.wait()
        for damage in list(self._faults.damages.values()):
            data = damage(data)
        return data
