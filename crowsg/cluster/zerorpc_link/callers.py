"""The side that calls: connections to each address, each used by one call at a time.

A connection whose call was not answered is closed, and with it goes whatever of that call waits in
it: nothing is delivered later. The caller only waits, and may be killed at any time; everything
that touches a socket happens on a greenlet of the link.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import zmq
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore

from crowsg.clock import Clock
from crowsg.cluster.link import Payload
from crowsg.cluster.serving import end_all, value_of
from crowsg.cluster.zerorpc_link.connection import Connection
from crowsg.cluster.zerorpc_link.events import PackedEvent
from crowsg.cluster.zerorpc_link.refusals import HandshakeMonitor
from crowsg.cluster.zerorpc_link.sockets import CANNOT_CONNECT, Sockets
from crowsg.errors import Unreachable

MAX_CONNECTIONS = 64
"""To one address; further calls wait, within their time."""

MAX_IDLE = 16
"""Connections to one address that are kept while nobody calls."""


class Peer:
    """The connections to one address.

    Args:
        connect: Makes one.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._idle: list[Connection] = []
        self._slots = BoundedSemaphore(MAX_CONNECTIONS)
        self._closed = False
        self.waiting: set[AsyncResult] = set()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection; it comes back only from a block that ends well.

        Blocks: while too many are lent.
        """
        with self._slots:
            connection = self._idle.pop() if self._idle else self._connect()
            is_fit = False
            try:
                yield connection
                is_fit = not self._closed and len(self._idle) < MAX_IDLE
            finally:
                if is_fit:
                    self._idle.append(connection)
                else:
                    connection.close()

    def close(self) -> None:
        """Let go of all; calls that wait end without an answer."""
        self._closed = True
        for result in self.waiting:
            result.set(None)
        while self._idle:
            self._idle.pop().close()


class Callers:
    """The calls of one node.

    Args:
        sockets: Makes sockets.
        spawn: Starts the greenlet of a call.
        clock: Tells when to let others run.
        has_keys: Whether this node uses keys.
    """

    def __init__(
        self, sockets: Sockets, spawn: Callable[..., Any], clock: Clock, has_keys: bool
    ) -> None:
        self._sockets = sockets
        self._spawn = spawn
        self._clock = clock
        self._has_keys = has_keys
        self._peers: dict[str, Peer] = {}
        self._greenlets: set[Any] = set()

    def call(self, address: str, method: str, payload: Payload, timeout_s: float) -> Payload:
        """See ``Link.call``."""
        event = PackedEvent(self._sockets.context, method, payload)
        peer = self._peer(address)
        result = AsyncResult()
        peer.waiting.add(result)
        greenlet = self._started(self._ask, peer, event, result)
        try:
            result.wait(max(0.0, timeout_s))
        finally:
            peer.waiting.discard(result)
            greenlet.kill(block=False)
        answer = result.get() if result.ready() else None
        if answer is None:
            raise Unreachable(address, method, timeout_s)
        return value_of(answer)

    def forget(self, address: str) -> None:
        """See ``Link.forget``."""
        peer = self._peers.pop(address, None)
        if peer is not None:
            peer.close()

    def close(self) -> None:
        """End all calls and let go of all connections.

        Blocks: until their greenlets have ended.
        """
        for address in list(self._peers):
            self.forget(address)
        end_all(self._greenlets)

    def _peer(self, address: str) -> Peer:
        peer = self._peers.get(address)
        if peer is None:
            connect = partial(Connection, self._sockets, address, self._has_keys, self._clock)
            peer = self._peers[address] = Peer(connect)
        return peer

    def _started(self, function: Callable[..., object], *args: object) -> Any:
        greenlet = self._spawn(function, *args)
        self._greenlets.add(greenlet)
        greenlet.rawlink(self._greenlets.discard)
        return greenlet

    def _ask(self, peer: Peer, event: PackedEvent, result: AsyncResult) -> None:
        try:
            with peer.connection() as connection, self._watched(connection, result):
                result.set(connection.ask(event))
        except CANNOT_CONNECT:
            result.set(None)

    @contextmanager
    def _watched(self, connection: Connection, result: AsyncResult) -> Iterator[None]:
        """Give ``result`` the refusal of a new connection while the block runs."""
        if connection.monitor is None:
            yield
            return
        watcher = self._started(_tell_refusal, connection.monitor, result)
        try:
            yield
        finally:
            watcher.kill(block=False)


def _tell_refusal(monitor: HandshakeMonitor, result: AsyncResult) -> None:
    # Whoever closes the connection ends this too, and may be a moment quicker.
    with suppress(zmq.ZMQError):
        result.set_exception(monitor.refusal())
