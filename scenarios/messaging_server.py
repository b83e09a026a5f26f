"""A small messaging server, the system under test of ``messaging.py``; the standard library only.

Clients speak JSON objects back to back on TCP: no delimiter, white space between them is allowed,
and a segment may hold a part of an object or many. An id is an integer or a text.

- ``{"connect": id}`` is answered by ``{"connected": id}``, or by ``{"rejected": reason}`` and a
  close where the id is taken ("duplicate"), is no id ("invalid id"), or where this connection has
  an id already ("already connected": one connection is one user for life).
- ``{"from": id, "to": id, ...}`` goes to that user, byte for byte, if ``from`` is the sender's own
  id and ``to`` is connected. Every other object is dropped without a word.
- Malformed JSON, anything but an object, or an object above 64 KiB ends the connection; what came
  whole before it is still served. So does reading too slowly: 1 MiB waiting to be sent.

``python messaging_server.py`` prints ``{"host": ..., "port": ...}`` once it listens, and its
counters when it is stopped: by SIGTERM, SIGINT, or the end of its standard input if told so.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass, field
from typing import Any, Never, cast

from messaging_frames import Frames, Malformed, parse

Id = int | str
Process = subprocess.Popen[bytes]

WRITE_LIMIT = 1024 * 1024
BACKLOG = 4096


@dataclass(slots=True)
class Counts:
    """What the server has done since it began."""

    connections: int = 0
    """TCP connections accepted."""
    rejected: int = 0
    """Of these, closed with an answer to ``connect``."""
    routed: int = 0
    """Objects passed on to the user they are for."""
    dropped: int = 0
    """Objects that are good JSON but have nowhere to go."""
    closed_malformed: int = 0
    """Connections closed for what they sent."""
    closed_slow: int = 0
    """Connections closed for what they did not read."""


@dataclass(slots=True)
class Hub:
    """What the connections of one server share."""

    users: dict[Id, Connection] = field(default_factory=dict)
    connections: set[Connection] = field(default_factory=set)
    counts: Counts = field(default_factory=Counts)


class Connection(asyncio.Protocol):
    """One client."""

    transport: asyncio.Transport

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._frames = Frames()
        self._id: Id | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; asyncio sets TCP_NODELAY."""
        self.transport = cast(asyncio.Transport, transport)
        # asyncio calls pause_writing above this, which costs less than asking after each write.
        self.transport.set_write_buffer_limits(high=WRITE_LIMIT)
        self._hub.connections.add(self)
        self._hub.counts.connections += 1

    def data_received(self, data: bytes) -> None:
        """Serve each object that is complete, until the connection closes."""
        try:
            for frame in self._frames.feed(data):
                self._serve(frame)
                if self.transport.is_closing():
                    return
        except Malformed:
            self._hub.counts.closed_malformed += 1
            self._leave()
            self.transport.abort()

    def eof_received(self) -> None:
        """Free the id at once, not when all that waits has been sent."""
        self._leave()

    def pause_writing(self) -> None:
        """Give up a client that does not read."""
        self._hub.counts.closed_slow += 1
        self._leave()
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._leave()
        self._hub.connections.discard(self)

    def _serve(self, frame: bytes) -> None:
        payload = parse(frame)
        if "connect" in payload:
            self._connect(payload["connect"])
        elif receiver := self._receiver(payload.get("from"), payload.get("to")):
            receiver.transport.write(frame)
            self._hub.counts.routed += 1
        else:
            self._hub.counts.dropped += 1

    def _receiver(self, sender: object, to: object) -> Connection | None:
        """Return whom a message is for, None if it may not or cannot be routed."""
        # A value of the wrong type may equal an id (true and 1.0 are 1) or have no hash.
        if sender != self._id or not _is_id(sender) or not _is_id(to):
            return None
        receiver = self._hub.users.get(cast(Id, to))
        return None if receiver is None or receiver.transport.is_closing() else receiver

    def _connect(self, wanted: object) -> None:
        if refusal := self._refusal(wanted):
            self._hub.counts.rejected += 1
            self._leave()
            self._answer({"rejected": refusal})
            self.transport.close()
        else:
            self._id = cast(Id, wanted)
            self._hub.users[self._id] = self
            self._answer({"connected": self._id})

    def _refusal(self, wanted: object) -> str | None:
        if not _is_id(wanted):
            return "invalid id"
        if wanted in self._hub.users:
            return "duplicate"
        return None if self._id is None else "already connected"

    def _answer(self, payload: dict[str, Id]) -> None:
        self.transport.write(json.dumps(payload).encode())

    def _leave(self) -> None:
        if self._id is not None:
            del self._hub.users[self._id]
            self._id = None


def _is_id(value: object) -> bool:
    return type(value) is int or type(value) is str


async def serve(host: str, port: int, until_stdin_closes: bool) -> Counts:
    """Serve until told to stop.

    Args:
        host: Address or name to listen on.
        port: TCP port to listen on, 0 for any free one.
        until_stdin_closes: Whether the end of standard input means stop, as the signals do.

    Returns:
        What was done.

    Raises:
        OSError: ``host`` and ``port`` cannot be listened on.
    """
    hub, stop = Hub(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(lambda: Connection(hub), host, port, backlog=BACKLOG)
    if until_stdin_closes:
        threading.Thread(target=_await_end_of_stdin, args=(loop, stop), daemon=True).start()
    say(dict(zip(("host", "port"), server.sockets[0].getsockname(), strict=False)))
    await stop.wait()
    server.close()
    for connection in hub.connections:
        connection.transport.abort()
    await asyncio.sleep(0)  # in which the sockets close
    return hub.counts


def _await_end_of_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # A thread, as the loop cannot watch every kind of standard input; os.read, as a thread that is
    # inside sys.stdin makes the end of the process fail.
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop has ended for another reason
        loop.call_soon_threadsafe(stop.set)


def say(line: dict[str, Any]) -> None:
    """Print one line of JSON at once; a reader that has gone is no error."""
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), json.dumps(line).encode() + b"\n")


def allow_many_connections() -> None:
    """Raise the soft limit of open files to the hard one, where the system lets us."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):  # macOS refuses its own "unlimited"
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def launch(patience: float) -> tuple[Process, dict[str, Any]]:
    """Start this program in a process of its own, on a free port of the loopback interface.

    Args:
        patience: How long it may take until it listens, s.

    Returns:
        The process, for ``end``, and where it listens: ``{"host": ..., "port": ...}``. It ends by
        itself when the process that launched it does.

    Raises:
        RuntimeError: It does not listen in time.
    """
    process = subprocess.Popen(
        [sys.executable, __file__, "--port", "0", "--until-stdin-closes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # or Ctrl-C would end it before its clients
    )
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], patience)
    if line := process.stdout.readline() if ready else b"":
        return process, json.loads(line)
    process.kill()
    process.communicate()
    raise RuntimeError(f"the messaging server does not listen after {patience} s")


def end(process: Process, patience: float) -> dict[str, int]:
    """End a launched server and return its counters; it may take ``patience`` s.

    Raises:
        RuntimeError: It does not end, or has died before; its counters are lost.
    """
    try:
        output, _ = process.communicate(timeout=patience)  # closes its standard input first
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"the messaging server ended with exit code {process.returncode}")
    return cast("dict[str, int]", json.loads(output))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Never:
        self.exit(2, f"{self.prog}: error: {message}\n")


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 65535")


def main() -> None:
    """Serve with the arguments of the command line and print the counters at the end."""
    parser = _Parser(description="A small messaging server: JSON objects over TCP.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=8888, help="0: any free one (%(default)s)")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop with stdin")
    options = parser.parse_args()
    allow_many_connections()
    try:
        counts = asyncio.run(serve(options.host, options.port, options.until_stdin_closes))
    except OSError as error:
        parser.error(f"cannot listen on {options.host} port {options.port}: {error}")
    say(asdict(counts))


if __name__ == "__main__":
    main()
