"""Asking a metrics server, politely and otherwise."""

import socket
from collections.abc import Callable, Mapping
from contextlib import closing
from http.client import HTTPConnection
from typing import NamedTuple

import gevent

from crowsg.exporter.server import MetricsServer
from crowsg.supervision import unsupervised

PAGE = b"some_series 1\n"
UNKEPT = unsupervised(gevent.spawn)
LABELS = {"node": 'a"b\\c\n', "role": "lone"}

Start = Callable[..., MetricsServer]


def port_of(server: MetricsServer) -> int:
    return int(server.address.rpartition(":")[2])


def connect(server: MetricsServer) -> HTTPConnection:
    return HTTPConnection(server.address.rpartition(":")[0].strip("[]"), port_of(server), timeout=5)


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(server: MetricsServer, path: str, method: str = "GET", **headers: str) -> Answer:
    """Send a request and wait for the answer."""
    with closing(connect(server)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.headers), answer.read())


def send_raw(server: MetricsServer, request: bytes) -> socket.socket:
    """Send bytes that need not be a request."""
    client = socket.create_connection(("127.0.0.1", port_of(server)), timeout=5)
    client.sendall(request)
    return client


def read_all(client: socket.socket) -> bytes:
    """Read until the other side has closed, however it did."""
    parts = []
    with client:
        try:
            while part := client.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
    return b"".join(parts)
