"""Why a connection does not come about: what ZeroMQ keeps to itself unless it is watched."""

from typing import Any

import zmq
from zmq.utils.monitor import parse_monitor_message

from crowsg.errors import Refused

WATCHED = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)

HANG_UPS = 3
"""A server that is asked with the wrong key hangs up, each time; one that dies does so once."""


class HandshakeMonitor:
    """Watches the handshakes of one socket.

    Args:
        socket: The socket, before it is connected.
        context: Its zerorpc context.
        address: Whom it is connected to, for the text of a refusal.
        has_keys: Whether this node uses keys.
    """

    def __init__(self, socket: Any, context: Any, address: str, has_keys: bool) -> None:
        self._watched = socket
        self._address = address
        self._has_keys = has_keys
        endpoint = f"inproc://handshakes-{context.new_msgid().decode()}"
        self._events = socket.get_monitor_socket(WATCHED, endpoint)
        self._events.setsockopt(zmq.LINGER, 0)

    def refusal(self) -> Refused:
        """Return why the other side refuses.

        Blocks: until it does.
        """
        hang_ups = 0
        while True:
            event = self._next()
            hang_ups += event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                return self._told("does not allow the key of this node")
            if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                return self._told(self._other_mechanism())
            if hang_ups >= HANG_UPS:
                return self._told(self._why_it_hangs_up())

    def close(self) -> None:
        """Watch no more."""
        if not self._events.closed:
            self._watched.disable_monitor()
            self._events.close()

    def _next(self) -> int:
        frames = [self._events.recv()]
        while self._events.getsockopt(zmq.RCVMORE):
            frames.append(self._events.recv(flags=zmq.NOBLOCK))
        return int(parse_monitor_message(frames)["event"])

    def _other_mechanism(self) -> str:
        if self._has_keys:
            return "uses no keys, or is no node of crowsg"
        return "asks for a key, and this node has none: give it --keys DIR"

    def _why_it_hangs_up(self) -> str:
        # A server without keys may hang up before its client has seen that it has none.
        if self._has_keys:
            return "has another key than this node expects there, or none"
        return self._other_mechanism()

    def _told(self, why: str) -> Refused:
        return Refused("wrong_key", f"{self._address} {why}")
