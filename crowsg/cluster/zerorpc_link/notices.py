"""Notices: for each address a queue, and one greenlet that owns the connection and empties it."""

from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
import zmq
from gevent.event import Event

from crowsg.clock import Breather, Clock
from crowsg.cluster.link import Payload
from crowsg.cluster.serving import end_all
from crowsg.cluster.zerorpc_link.events import PackedEvent
from crowsg.cluster.zerorpc_link.hardening import HardenedEvents
from crowsg.cluster.zerorpc_link.server import ONE_WAY
from crowsg.cluster.zerorpc_link.sockets import CANNOT_CONNECT, NOTICE_OPTIONS, Sockets

MAX_QUEUED = 10_000
MAX_QUEUED_BYTES = 32 << 20
"""What may wait for one address; beyond, the oldest are dropped."""

RETRY_S = 1.0


class NoticeQueue:
    """Notices on their way to one address.

    Args:
        address: Where to.
        sockets: Makes the socket.
        clock: Tells when to let others run.
        count_dropped: Called for each notice that is dropped.
    """

    def __init__(
        self, address: str, sockets: Sockets, clock: Clock, count_dropped: Callable[[], object]
    ) -> None:
        self._address = address
        self._sockets = sockets
        self._breather = Breather(clock)
        self._count_dropped = count_dropped
        self._waiting: deque[PackedEvent] = deque()
        self._bytes = 0
        self._filled = Event()

    def put(self, event: PackedEvent) -> None:
        """Queue a notice; where there are too many, the oldest are dropped."""
        self._waiting.append(event)
        self._bytes += len(event.pack())
        while len(self._waiting) > MAX_QUEUED or self._bytes > MAX_QUEUED_BYTES:
            self._remove_oldest()
            self._count_dropped()
        self._filled.set()

    def run(self) -> None:
        """Send for ever; a kill is its end."""
        while True:
            try:
                events, endpoint = self._sockets.client(self._address, NOTICE_OPTIONS)
            except CANNOT_CONNECT:
                gevent.sleep(RETRY_S)
                continue
            try:
                events.connect(endpoint)
                self._send_all(events)
            except zmq.ZMQError:
                gevent.sleep(RETRY_S)
            finally:
                events.close()

    def _send_all(self, events: HardenedEvents) -> None:
        while True:
            if not self._waiting:
                self._filled.clear()
                self._filled.wait()
            try:
                events.emit_event(self._waiting[0])
            except zmq.Again:
                events.wait_writable()
            else:
                # No switch since it was looked at, so it still is the oldest.
                self._remove_oldest()
                self._breather.breathe()

    def _remove_oldest(self) -> None:
        self._bytes -= len(self._waiting.popleft().pack())


class Notices:
    """The notices of one node.

    Args:
        sockets: Makes sockets.
        spawn: Starts the greenlet of an address.
        clock: Tells when to let others run.

    Attributes:
        dropped: Notices that waited too long in a queue that was full.
    """

    def __init__(self, sockets: Sockets, spawn: Callable[..., Any], clock: Clock) -> None:
        self.dropped = 0
        self._sockets = sockets
        self._spawn = spawn
        self._clock = clock
        self._queues: dict[str, tuple[NoticeQueue, Any]] = {}

    def tell(self, address: str, topic: str, payload: Payload) -> None:
        """See ``Link.tell``."""
        event = PackedEvent(self._sockets.context, topic, payload, {ONE_WAY: True})
        if address not in self._queues:
            queue = NoticeQueue(address, self._sockets, self._clock, self._count_dropped)
            self._queues[address] = queue, self._spawn(queue.run)
        self._queues[address][0].put(event)

    def forget(self, address: str) -> None:
        """See ``Link.forget``."""
        _, greenlet = self._queues.pop(address, (None, None))
        if greenlet is not None:
            greenlet.kill(block=False)

    def close(self) -> None:
        """Drop all that waits.

        Blocks: until the greenlets have ended.
        """
        greenlets = [greenlet for _, greenlet in self._queues.values()]
        self._queues.clear()
        end_all(greenlets)

    def _count_dropped(self) -> None:
        self.dropped += 1
