"""Links over zerorpc on loopback, closed after each test."""

import socket
from collections.abc import Callable
from contextlib import closing
from typing import Any

import gevent
import zmq

from crowsg.cluster.address import parse
from crowsg.cluster.link import Link
from crowsg.cluster.zerorpc_link import Curve, ZerorpcLink

HOST = "127.0.0.1"
PATIENCE_S = 5.0


def keys() -> tuple[bytes, bytes]:
    """Return a new public and secret key."""
    public, secret = zmq.curve_keypair()
    return public, secret


def shared_curve() -> Curve:
    """Return what a node has that shares one key with all others."""
    public, secret = keys()
    return Curve(
        public=public,
        secret=secret,
        server_secret=secret,
        allowed={public.decode(): ""}.get,
        server_key_of=lambda address: public,
    )


class ZerorpcNet:
    """Nodes on ports that are free."""

    def __init__(self, curve: Curve | None = None) -> None:
        self._curve = curve
        self.links: list[ZerorpcLink] = []

    def link(self, address: str = "") -> Link:
        host, port = parse(address) if address else (HOST, 0)
        self.links.append(ZerorpcLink(host, port, curve=self._curve))
        return self.links[-1]

    def dead_address(self) -> str:
        with closing(socket.socket()) as taken:
            taken.bind((HOST, 0))
            return f"{HOST}:{taken.getsockname()[1]}"

    def wait_until(self, condition: Callable[[], bool]) -> None:
        wait_until(condition)

    def call(
        self, link: Link, address: str, method: str, payload: object = None, timeout_s: float = 5
    ) -> Any:
        return link.call(address, method, payload, timeout_s)

    def close(self) -> None:
        """Close all links."""
        for link in self.links:
            link.close()


def wait_until(condition: Callable[[], bool]) -> None:
    """Let others run until ``condition()`` holds; fail where it does not in a few seconds."""
    with gevent.Timeout(PATIENCE_S, AssertionError("not so in time")):
        while not condition():
            gevent.sleep(0.001)
