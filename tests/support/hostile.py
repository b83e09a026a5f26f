"""Peers that mean harm: recorded messages, damaged, on ZeroMQ's sockets and on bare ones."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import gevent
import msgpack
import zmq
import zmq.green

from crowsg.cluster.address import parse
from crowsg.cluster.zerorpc_link import Curve

MARK = b"the last one"
PATIENCE_S = 30.0
GREETED_WITHIN_S = 0.05

# Greeting and frames of ZMTP 3, ZeroMQ's own protocol.
_SIGNATURE = b"\xff" + bytes(8) + b"\x7f\x03\x01"
_MECHANISMS = (b"NULL", b"CURVE", b"PLAIN")
_SHORT, _LONG, _COMMAND = b"\x00", b"\x02", b"\x04"

_ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**63, 1.5, float("nan"), float("inf"), "", "x" * 500, b"", b"\xff" * 9,
    "\0\n\x1b[2J", [], [[]] * 3, {}, {"a": [1]}, {(1, 2): 3}, {1: 2}, msgpack.ExtType(4, b"x"),
    msgpack.Timestamp(1),
)  # fmt: skip


def recorded(file: Path) -> list[bytes]:
    """Read the messages that ``tampering.recording`` wrote."""
    data, found = file.read_bytes(), []
    while data:
        end = 4 + int.from_bytes(data[:4])
        found.append(data[4:end])
        data = data[end:]
    return found


class Damage:
    """Messages that are nearly right, without end.

    Args:
        messages: Right ones.
        seed: Tells which of them are damaged how.
    """

    def __init__(self, messages: list[bytes], seed: int) -> None:
        self._messages = messages
        self._random = Random(seed)

    def __iter__(self) -> Iterator[list[bytes]]:
        damages = self._flipped, self._cut, self._spliced, self._changed, self._changed
        while True:
            damage = self._random.choice(damages)
            event = damage(self._random.choice(self._messages))
            yield self._framed(event)

    def _framed(self, event: bytes) -> list[bytes]:
        odd = [event], [b"", b"", event], [b"a", event, b""], [b""] * 99
        return [b"", event] if self._random.random() < 0.9 else self._random.choice(odd)

    def _flipped(self, message: bytes) -> bytes:
        changed = bytearray(message)
        for _ in range(self._random.randrange(1, 9)):
            changed[self._random.randrange(len(changed))] ^= 1 << self._random.randrange(8)
        return bytes(changed)

    def _cut(self, message: bytes) -> bytes:
        return message[: self._random.randrange(len(message))]

    def _spliced(self, message: bytes) -> bytes:
        other = self._random.choice(self._messages)
        return self._cut(message) + other[self._random.randrange(len(other)) :]

    def _changed(self, message: bytes) -> bytes:
        """Put something of another kind where something is, or take it away."""
        event = msgpack.unpackb(message, strict_map_key=False)
        for _ in range(self._random.randrange(1, 4)):
            place, key = self._place_in(event)
            if isinstance(place, dict) and self._random.random() < 0.2:
                del place[key]
            else:
                place[key] = deepcopy(self._random.choice(_ODD))
        self._redirect(event)
        packed: bytes = msgpack.packb(event)
        return packed

    def _place_in(self, event: list[Any]) -> tuple[Any, Any]:
        inside: Any = event
        while True:
            place = inside
            key = self._random.choice(list(place) if isinstance(place, dict) else range(len(place)))
            inside = place[key]
            if not (isinstance(inside, dict | list) and inside and self._random.random() < 0.8):
                return place, key

    def _redirect(self, event: list[Any]) -> None:
        """Address what belongs to no run to whoever is there, so that it is looked at."""
        with suppress(LookupError, TypeError):
            if event[2][0]["run"] == "":
                event[2][0]["to"] = event[2][0]["by"] = 0


class MemberOfTheirs:
    """A peer that ZeroMQ lets in: it has the key of the cluster, or there is none.

    Args:
        address: Whom it bothers.
        curve: Its keys; None for none.
    """

    options: tuple[tuple[int, int], ...] = ()

    def __init__(self, address: str, curve: Curve | None) -> None:
        self._context = zmq.green.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger = 0
        for option, value in self.options:
            self._socket.setsockopt(option, value)
        if curve is not None:
            curve.protect_client(self._socket, address)
        self._socket.connect(f"tcp://{address}")

    def send(self, frames: list[bytes]) -> None:
        """Send a message.

        Blocks: while the other side takes no more.
        """
        self._socket.send_multipart(frames)

    def receive(self) -> bytes:
        """Wait for an answer, and return it."""
        with gevent.Timeout(PATIENCE_S, AssertionError("no answer")):
            event: bytes = self._socket.recv_multipart()[-1]
        return event

    def until_all_is_read(self) -> None:
        """Wait until the other side has read all that was sent."""
        call = {"message_id": MARK, "v": 3}, "no such method", (None,)
        self.send([b"", msgpack.packb(call)])
        while MARK not in self.receive():
            pass

    def close(self) -> None:
        """Be gone."""
        self._socket.close()
        self._context.term()


def shout(address: str, frames: list[list[bytes]], rng: Random) -> None:
    """Send frames over a bare connection, as ZeroMQ would, after any greeting; to no good end.

    Args:
        address: Whom to.
        frames: The messages.
        rng: Tells what the greeting is.
    """
    with suppress(OSError), socket.create_connection(parse(address), 5) as connection:
        connection.sendall(_greeting(rng))
        # Who is not greeted back is sent the rest all the same.
        connection.settimeout(GREETED_WITHIN_S)
        with suppress(TimeoutError):
            connection.recv(1024)
        connection.sendall(b"".join(_wired(each, rng) for message in frames for each in message))


def _greeting(rng: Random) -> bytes:
    greeting = _SIGNATURE + rng.choice(_MECHANISMS).ljust(20, b"\0") + bytes(32)
    if rng.random() < 0.3:
        position = rng.randrange(len(greeting))
        greeting = greeting[:position] + rng.randbytes(1) + greeting[position + 1 :]
    return greeting


def _wired(frame: bytes, rng: Random) -> bytes:
    if rng.random() < 0.1:
        return _COMMAND + bytes([5]) + b"\x05HELL"
    if len(frame) < 256:
        return _SHORT + bytes([len(frame)]) + frame
    return _LONG + len(frame).to_bytes(8) + frame


def stream_frame(address: str, size: int) -> int:
    """Send the beginning of one frame that says it has ``size`` bytes, and then as many bytes.

    Returns:
        How many were taken before the other side hung up.
    """
    ready = b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
    greeting = _SIGNATURE + b"NULL".ljust(20, b"\0") + bytes(32)
    handshake = _COMMAND + bytes([len(ready)]) + ready
    piece, sent = bytes(1 << 20), 0
    with suppress(OSError), socket.create_connection(parse(address), 5) as connection:
        connection.sendall(greeting)
        # It comes in pieces, and what is sent before the last of them is taken for part of it.
        answer = b""
        while len(answer) < len(greeting):
            answer += connection.recv(len(greeting)) or bytes(len(greeting))
        connection.sendall(handshake + b"\x01\x00" + _LONG + size.to_bytes(8))
        while sent < size:
            connection.sendall(piece)
            sent += len(piece)
    return sent


class NeverReads(MemberOfTheirs):
    """A peer that asks for answers and reads none of them."""

    options = (zmq.RCVHWM, 1), (zmq.RCVBUF, 4096)

    def ask(self, message: bytes, seconds: float, times_a_second: int) -> int:
        """Send a call again and again for so long; returns how often the other side took it.

        While it takes none, as what it answers is not read, none is sent.
        """
        began_s, taken = time.monotonic(), 0
        for number in range(int(seconds * times_a_second)):
            due_s = began_s + number / times_a_second
            if due_s > time.monotonic():
                gevent.sleep(due_s - time.monotonic())
            with suppress(zmq.Again):
                self._socket.send_multipart([b"", message], zmq.NOBLOCK)
                taken += 1
        return taken
