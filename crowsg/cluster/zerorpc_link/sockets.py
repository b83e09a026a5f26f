"""The sockets of one link: how they are made, and that none is left."""

import errno
import ipaddress
import logging
from typing import Any

import zmq
from gevent import socket as green_socket

from crowsg.cluster.address import parse, spell
from crowsg.cluster.limited_log import LimitedLog
from crowsg.cluster.zerorpc_link.curve import Curve, Gatekeeper
from crowsg.cluster.zerorpc_link.hardening import MAX_WIRE_BYTES, HardenedEvents, OwnContext
from crowsg.errors import InvalidAddress

PORTS_TRIED = 100
MAX_PORT = 65535
MAX_SOCKETS = 16_384

COMMON_OPTIONS = (
    (zmq.LINGER, 0),
    (zmq.MAXMSGSIZE, MAX_WIRE_BYTES),
    (zmq.HANDSHAKE_IVL, 5000),
    # TCP itself would wait longer and longer, and go on so after the network is back.
    (zmq.CONNECT_TIMEOUT, 1000),
    (zmq.TCP_MAXRT, 3000),
    (zmq.RECONNECT_IVL, 100),
    (zmq.RECONNECT_IVL_MAX, 1000),
    (zmq.TCP_KEEPALIVE, 1),
    (zmq.TCP_KEEPALIVE_IDLE, 3),
    (zmq.TCP_KEEPALIVE_INTVL, 1),
    (zmq.TCP_KEEPALIVE_CNT, 3),
)
"""Of every socket; times in milliseconds, those of keepalives in seconds.

The heartbeats of ZeroMQ are left out: libzmq 4.3.5 aborts the process where one is due to a peer
that hung up while what it had sent filled the queue. Keepalives find out who is gone, beats who is
deaf.
"""

NOTICE_OPTIONS = (
    # Nothing is queued where nobody is there: it would be delivered to whoever comes later.
    (zmq.IMMEDIATE, 1),
    (zmq.SNDHWM, 256),
    (zmq.RCVHWM, 1),
)

CANNOT_CONNECT = (OSError, LookupError, InvalidAddress, zmq.ZMQError)
"""What is raised where it is useless to wait for a connection."""


class Sockets:
    """Makes sockets, all in a ZeroMQ context of the link's own.

    Of its own, as a gatekeeper keeps the gate of one context, and for an end without leftovers.

    Args:
        curve: The keys of the node, None on a link without.
    """

    def __init__(self, curve: Curve | None) -> None:
        # It takes a timer and a message in the same turn of the loop for a fault of its own.
        logging.getLogger("zerorpc").setLevel(logging.CRITICAL)
        self._curve = curve
        self._context: Any = None

    @property
    def context(self) -> Any:
        """The zerorpc context, made when it is first needed."""
        if self._context is None:
            self._context = OwnContext()
            self._context.set(zmq.MAX_SOCKETS, MAX_SOCKETS)
        return self._context

    def server(self, host: str, port: int, *, strict_port: bool) -> HardenedEvents:
        """Return a socket that listens.

        Args:
            host: A name or a number of this machine.
            port: The port; 0 for any.
            strict_port: Whether no other port than this will do.

        Raises:
            InvalidAddress: It cannot listen there.
        """
        if not 0 <= port <= MAX_PORT:
            raise _cannot_listen(host, port, f"a port is a whole number from 0 to {MAX_PORT}")
        try:
            number = _resolved(host, port)
            events = self._events(zmq.ROUTER, number)
        except OSError as error:
            raise _cannot_listen(host, port, error.strerror or error) from error
        if self._curve:
            self._curve.protect_server(events.socket)
        last = port if strict_port or port == 0 else min(port + PORTS_TRIED - 1, MAX_PORT)
        for candidate in range(port, last + 1):
            try:
                events.bind(f"tcp://{spell(number, candidate)}")
            except zmq.ZMQError as error:
                if error.errno != errno.EADDRINUSE or candidate == last:
                    events.close()
                    raise _cannot_listen(host, candidate, error.strerror) from error
            else:
                break
        return events

    def client(
        self, address: str, options: tuple[tuple[int, int], ...] = ()
    ) -> tuple[HardenedEvents, str]:
        """Return a socket for the node at ``address``, and the endpoint to connect it to.

        Raises:
            CANNOT_CONNECT: The address is none, or its name or key is not known, or there are no
                more descriptors.

        Blocks: while a name is looked up.
        """
        host, port = parse(address)
        number = _resolved(host, port)
        events = self._events(zmq.DEALER, number)
        try:
            for option, value in options:
                events.socket.setsockopt(option, value)
            if self._curve:
                self._curve.protect_client(events.socket, address)
        except BaseException:
            events.close()
            raise
        return events, f"tcp://{spell(number, port)}"

    def gatekeeper(self, log: LimitedLog) -> Gatekeeper | None:
        """Return who lets clients in, None where all are let in."""
        return Gatekeeper(self._curve, self.context, log) if self._curve else None

    def close(self) -> None:
        """End the context, and every socket that is still open."""
        if self._context is not None:
            self._context.destroy(linger=0)

    def _events(self, kind: int, number: str) -> HardenedEvents:
        events = HardenedEvents(kind, self.context)
        for option, value in COMMON_OPTIONS:
            events.socket.setsockopt(option, value)
        events.socket.setsockopt(zmq.IPV6, int(":" in number))
        return events


def port_of(events: HardenedEvents) -> int:
    """Return the port that a server listens on."""
    endpoint = events.socket.getsockopt(zmq.LAST_ENDPOINT)
    return int(endpoint.rstrip(b"\0").rpartition(b":")[2])


def _resolved(host: str, port: int) -> str:
    """Look a name up without stopping everybody, as ZeroMQ would."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        found = green_socket.getaddrinfo(host, port, type=green_socket.SOCK_STREAM)
    return str(found[0][4][0])


def _cannot_listen(host: str, port: int, why: object) -> InvalidAddress:
    return InvalidAddress("the cluster", spell(host, port), str(why))
