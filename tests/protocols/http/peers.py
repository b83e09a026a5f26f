"""Servers that play bytes at a client, one script for each connection."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

import gevent
from gevent.server import StreamServer

from crowsg.protocols import http

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"
PATIENCE_S = 10


class Line:
    """The server's end of a connection."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._buffer = b""

    def read(self) -> bytes:
        """Return the next request, with its body; nothing when the client has closed."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return b""
        head, _, _ = self._buffer.partition(b"\r\n\r\n")
        size = len(head) + 4 + length_of(head)
        while len(self._buffer) < size and self._more():
            pass
        request, self._buffer = self._buffer[:size], self._buffer[size:]
        return request

    def send(self, data: bytes) -> None:
        """Send ``data``."""
        self._sock.sendall(data)

    def wait_until_closed(self) -> None:
        """Return when the client has closed."""
        while self._more():
            pass

    def reset(self) -> None:
        """Break the connection, so that the client gets an error and not an end."""
        self._sock.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")

    def _more(self) -> bool:
        with suppress(OSError):
            data = self._sock.recv(65536)
            self._buffer += data
            return bool(data)
        return False


Script = Callable[[Line], object]


def length_of(head: bytes) -> int:
    """Return the Content-Length of a request."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def answers(*responses: bytes) -> Script:
    """Return a script that gives each request the next response and closes behind the last."""

    def play(line: Line) -> None:
        for response in responses:
            if not line.read():
                return
            line.send(response)

    return play


def always(response: bytes) -> Script:
    """Return a script that gives every request the same response."""

    def play(line: Line) -> None:
        while line.read():
            line.send(response)

    return play


def silent(line: Line) -> None:
    """Read and say nothing, until the client has closed."""
    line.wait_until_closed()


class Peer:
    """A server on loopback.

    Args:
        scripts: What it plays on each connection; the last is played on all that follow.
        context: For TLS.
        listener: Where it listens; by default on any free port.

    Attributes:
        requests: What it read, by the order of its arrival.
        connections: How many were accepted.
        closed: How many of them have ended.
    """

    def __init__(
        self, *scripts: Script, context: ssl.SSLContext | None = None, listener: Any = None
    ) -> None:
        self._scripts = list(scripts)
        self.requests: list[bytes] = []
        self.connections = self.closed = 0
        tls = {"ssl_context": context} if context else {}
        self._server = StreamServer(listener or ("127.0.0.1", 0), self._serve, **tls)
        self._scheme = "https" if context else "http"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop(timeout=1)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)

    @property
    def url(self) -> str:
        """The base URL of it."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Return when ``condition()`` holds, which it must soon."""
        with gevent.Timeout(PATIENCE_S):
            while not condition():
                gevent.sleep(0.001)

    def _serve(self, sock: Any, address: object) -> None:
        script = self._scripts[min(self.connections, len(self._scripts) - 1)]
        self.connections += 1
        line = _Recorded(sock, self.requests)
        try:
            with suppress(OSError):
                script(line)
        finally:
            sock.close()
            self.closed += 1


class _Recorded(Line):
    def __init__(self, sock: Any, requests: list[bytes]) -> None:
        super().__init__(sock)
        self._requests = requests

    def read(self) -> bytes:
        request = super().read()
        if request:
            self._requests.append(request)
        return request


@contextmanager
def talking(*scripts: Script, **options: Any) -> Iterator[tuple[Peer, http.Session]]:
    """Give a server that plays ``scripts``, and a session for it."""
    with Peer(*scripts) as peer, http.Session(peer.url, **options) as session:
        yield peer, session


@contextmanager
def bounded() -> Iterator[None]:
    """Let what is inside take no longer than a test may."""
    with gevent.Timeout(PATIENCE_S):
        yield
