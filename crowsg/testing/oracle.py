"""A server outside of all nodes that stamps every hit: what it has seen, no node can talk away.

Users hit it, a line for each thing they do, and wait for no answer. It is a process of its own, so
it goes on when a node is killed or stopped, and its file tells what really happened, and when::

    with Oracle(folder) as oracle:
        ...                                     # a run whose users hit oracle.address
        assert len(oracle.hits()) == 1000

In the scenario, once a node and for each hit::

    def init():
        return connect(config.get("oracle"))

    def start(user_id, hits):
        throttle.wait("greetings")
        hits.hit("greeting", user=user_id, throttle="greetings")

Each line of the file is a JSON object: ``t``, when the oracle saw it, and ``at``, when it was told,
both in nanoseconds of the monotonic clock; ``pid``, the process that told it; ``event``; and
whatever else was told. ``crowsg.testing.invariants`` says which fields it looks at.

``python -m crowsg.testing.oracle --out FILE`` serves until SIGTERM, and prints its address.
"""

import argparse
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import gevent
from gevent import socket as green_socket
from gevent import subprocess
from gevent.socket import wait_write

from crowsg.background import write_all
from crowsg.clock import MonotonicClock
from crowsg.errors import NodeError

FILE = "oracle.jsonl"

_CHUNK = 1 << 16
_MAX_LINE = 1 << 16
_STOPPED_WITHIN_S = 10.0
_CONNECTED_WITHIN_S = 5.0
# A signal does not end the wait for what is ready.
_PATIENCE_S = 0.05
_STDIN = 0
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


class Oracle:
    """An oracle in a process of its own, for as long as a block lasts.

    Attributes:
        address: Where it is hit, ``host:port``.
        path: Its file.

    Args:
        folder: Where its file goes.
        host: Where it listens, on any free port.
    """

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.path = folder / FILE
        self.address = ""
        self._host = host
        self._process: Any = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", __name__, "--host", self._host, "--out", str(self.path)]
        self._process = subprocess.Popen(
            [*command, "--until-eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.address = self._process.stdout.readline().decode().strip()
        if not self.address:
            self._end()
            raise NodeError(f"the oracle did not start: it writes why to stderr ({self.path})")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def hits(self) -> list[dict[str, Any]]:
        """Return all hits it has seen so far, the earliest first."""
        return list(read_hits(self.path))

    def _end(self) -> None:
        # It reads what is on its way, and ends; nothing else holds the other end of this.
        self._process.stdin.close()
        try:
            self._process.wait(timeout=_STOPPED_WITHIN_S)
        finally:
            self._process.kill()
            self._process.stdout.close()


class Hits:
    """The connection of one process to an oracle, shared by its users; ``connect`` makes one.

    Args:
        connection: A connected socket.
        always: What every hit tells.
    """

    def __init__(self, connection: socket.socket, always: dict[str, Any]) -> None:
        self._socket = connection
        self._always = {"pid": os.getpid(), **always}
        self._now_ns = MonotonicClock().now_ns
        self._unsent = bytearray()
        self._error: OSError | None = None

    def hit(self, event: str, **fields: Any) -> None:
        """Tell the oracle of something that is happening now.

        Args:
            event: What.
            fields: More of it, as plain values.

        Raises:
            OSError: The oracle is gone.

        Blocks: never; what the oracle does not take at once is sent as soon as it does.
        """
        if self._error is not None:
            raise self._error
        told = {"at": self._now_ns(), "event": event, **self._always, **fields}
        is_waiting = bool(self._unsent)
        # Nobody is ever half-way through a line: not even a user that is killed.
        self._unsent += f"{_ENCODE(told)}\n".encode()
        if not is_waiting:
            self._send()
            if self._unsent:
                gevent.spawn(self._send_the_rest)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _send(self) -> None:
        try:
            with suppress(BlockingIOError):
                del self._unsent[: self._socket.send(self._unsent)]
        except OSError as error:
            self._error = error
            self._unsent.clear()
            raise

    def _send_the_rest(self) -> None:
        # An error is raised by the next hit.
        with suppress(OSError):
            while self._unsent:
                wait_write(self._socket.fileno())
                self._send()


def connect(address: str, **always: Any) -> Hits:
    """Connect to an oracle.

    Args:
        address: Its address, ``host:port``.
        always: What every hit of this connection tells, ``node="worker1@here"`` for one.

    Raises:
        OSError: Nobody answers there.

    Blocks: until it is connected, five seconds at the most.
    """
    host, _, port = address.rpartition(":")
    connection = green_socket.create_connection((host, int(port)), timeout=_CONNECTED_WITHIN_S)
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Hits(connection, always)


def read_hits(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the hits in the file of an oracle, in the order in which it saw them."""
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        # What is being written at this moment has no end yet.
        if line.endswith("\n"):
            yield json.loads(line)


class _Server:
    """Takes lines from whoever connects, and writes each with the moment it came."""

    def __init__(self, listener: socket.socket, descriptor: int) -> None:
        self._listener = listener
        self._descriptor = descriptor
        self._now_ns = MonotonicClock().now_ns
        self._selector = selectors.DefaultSelector()
        self._unfinished: dict[socket.socket, bytes] = {}
        self._is_ending = False
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)

    def watch_stdin(self) -> None:
        """End when it does."""
        self._selector.register(_STDIN, selectors.EVENT_READ)

    def end(self, *_: object) -> None:
        """Take what is on its way, and end."""
        self._is_ending = True

    def serve(self) -> None:
        """Serve until the end."""
        while True:
            patience_s = 0.0 if self._is_ending else _PATIENCE_S
            ready = [key.fileobj for key, _ in self._selector.select(patience_s)]
            if not ready and self._is_ending:
                return
            # All that came in one turn is written at its end: nothing waits for more.
            write_all(self._descriptor, b"".join(map(self._take, ready)))

    def _take(self, source: Any) -> bytes:
        if source is self._listener:
            self._accept()
        elif source == _STDIN:
            if not os.read(_STDIN, _CHUNK):
                self._selector.unregister(_STDIN)
                self.end()
        else:
            return self._read(source)
        return b""

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setblocking(False)
        self._unfinished[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> bytes:
        try:
            data = connection.recv(_CHUNK)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        *lines, rest = (self._unfinished[connection] + data).split(b"\n")
        self._unfinished[connection] = rest
        if not data or len(rest) > _MAX_LINE:
            # The end of a line that was cut off says nothing.
            del self._unfinished[connection]
            self._selector.unregister(connection)
            connection.close()
        head = b'{"t":%d,' % self._now_ns()
        return b"".join(head + line[1:] + b"\n" for line in lines if _is_hit(line))


def _is_hit(line: bytes) -> bool:
    return line[:2] == b'{"' and line[-1:] == b"}"


def main(arguments: list[str] | None = None) -> None:
    """Be an oracle, until SIGTERM or the end of stdin."""
    parser = argparse.ArgumentParser(prog="python -m crowsg.testing.oracle", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    parser.add_argument("--port", type=int, default=0, help="the port; 0 for any free one")
    parser.add_argument("--out", required=True, help="the file that takes the hits")
    parser.add_argument("--until-eof", action="store_true", help="end when stdin ends")
    told = parser.parse_args(arguments)
    listener = socket.create_server((told.host, told.port), backlog=1024)
    server = _Server(listener, os.open(told.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    signal.signal(signal.SIGTERM, server.end)
    if told.until_eof:
        server.watch_stdin()
    print("{}:{}".format(*listener.getsockname()[:2]), flush=True)
    server.serve()


if __name__ == "__main__":
    main()
