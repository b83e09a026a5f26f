"""Keys on the sockets, and who may connect.

Every message is encrypted, and a client proves that it owns its key before anything it sends is
looked at. Without the gatekeeper ZeroMQ would let in any key at all.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
import zmq
from zmq.utils import z85

from crowsg.cluster.limited_log import LimitedLog
from crowsg.cluster.link import Origin
from crowsg.text import line_of

DOMAIN = b"crowsg"
GATE = "inproc://zeromq.zap.01"

RETRY_S = 0.1

# An envelope of two, then what every request has.
_LEAST_FRAMES = 8
_CURVE_FRAMES = 9


@dataclass(frozen=True, slots=True)
class Curve:
    """The keys of a node, and what it knows of those of others.

    One key file for a whole cluster: ``allowed`` returns "" for that public key, and
    ``server_key_of`` returns it for each address; any name may be used with it. Keys of their own:
    ``allowed`` returns the name that a key is bound to, and ``server_key_of`` finds the key by the
    address; where it cannot know, it raises ``LookupError``, and the address counts as unreachable.

    Attributes:
        public: This node's public key, 40 characters of Z85.
        secret: Its secret key, likewise.
        server_secret: The secret key it serves with; of one that others expect of it, it may be
            another than ``secret``.
        allowed: Given the public key of a client (Z85 text): the name of the node it is bound to,
            "" where any name may use it, None where it is refused. Asked when a client connects and
            for every message, so that a key that was taken back is of no more use; it must not
            block.
        server_key_of: Given an address: the public key (Z85) that the node there must have.
    """

    public: bytes
    secret: bytes
    server_secret: bytes
    allowed: Callable[[str], str | None]
    server_key_of: Callable[[str], bytes]

    def __repr__(self) -> str:
        return f"Curve(public={self.public!r})"

    def protect_server(self, socket: Any) -> None:
        """Let in only whom the gatekeeper knows; before the socket is bound."""
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self.server_secret)
        socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)

    def protect_client(self, socket: Any, address: str) -> None:
        """Prove who this node is, to the right node only; before the socket is connected."""
        socket.setsockopt(zmq.CURVE_SERVERKEY, self.server_key_of(address))
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self.secret)

    def origin_of(self, frame: zmq.Frame) -> Origin | None:
        """Return who sent a frame; None where that key is not allowed any more."""
        try:
            key = str(frame.get("User-Id"))
        except zmq.ZMQError:
            return None
        name = self.allowed(key)
        return None if name is None else Origin(key, name)


class Gatekeeper:
    """Answers ZeroMQ, which asks about each client that connects (its RFC 27, ZAP).

    Args:
        curve: Knows who is allowed.
        context: The zerorpc context whose sockets ask.
        log: Where refusals are written.
    """

    def __init__(self, curve: Curve, context: Any, log: LimitedLog) -> None:
        self._curve = curve
        self._log = log
        # Of a REP, one answer that could not be sent would be the last.
        self._socket = context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(GATE)

    def run(self) -> None:
        """Answer for ever, whatever comes; a kill is its end."""
        while not self._socket.closed:
            try:
                self._answer()
            except zmq.ZMQError as error:
                self._log.write(logging.ERROR, "the socket of the gatekeeper: %s", error)
                gevent.sleep(RETRY_S)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def _answer(self) -> None:
        request = [self._socket.recv()]
        while self._socket.getsockopt(zmq.RCVMORE):
            request.append(self._socket.recv(flags=zmq.NOBLOCK))
        if len(request) >= _LEAST_FRAMES:
            self._reply([*request[:4], *self._judged(request)])

    def _judged(self, request: list[bytes]) -> list[bytes]:
        key = self._key_of(request)
        if key is None or not self._is_allowed(key):
            peer = line_of(request[5].decode("ascii", "replace"))
            self._log.write(logging.WARNING, "refused %s: its key %s is not allowed", peer, key)
            return [b"400", b"not allowed", b"", b""]
        return [b"200", b"", key.encode(), b""]

    def _is_allowed(self, key: str) -> bool:
        try:
            return self._curve.allowed(key) is not None
        except Exception:  # noqa: BLE001 - without the gatekeeper nobody could ever connect again
            self._log.write(logging.ERROR, "the keys could not be asked", trace=True)
            return False

    def _key_of(self, request: list[bytes]) -> str | None:
        if len(request) != _CURVE_FRAMES or request[7] != b"CURVE":
            return None
        return z85.encode(request[8]).decode("ascii")

    def _reply(self, frames: list[bytes]) -> None:
        for frame in frames[:-1]:
            self._socket.send(frame, flags=zmq.SNDMORE | zmq.NOBLOCK)
        self._socket.send(frames[-1], flags=zmq.NOBLOCK)
        self._socket._on_state_changed()
