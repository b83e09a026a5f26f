"""zerorpc's events, made fit for strangers, floods and kills.

Of zerorpc the link uses the wire format, the events and the sockets, none of its channels: they
cost three greenlets a call, leak when a peer lies, throw ``LostRemote`` into whoever made them, and
one that is full stops all others. Here a message is received whole or not at all, whatever it is
made of, and sent whole or not at all; nothing waits in a greenlet of its own.

All this replaces parts that zerorpc never promised to keep, so they are looked at on import.
"""

from collections.abc import Iterator
from types import FunctionType
from typing import Any

import zerorpc
import zmq
from zerorpc.events import SequentialReceiver, SequentialSender
from zerorpc.gevent_zmq import Socket

from crowsg.cluster.link import MAX_MESSAGE_BYTES
from crowsg.cluster.zerorpc_link.events import MAX_FRAMES, Received

VERSION = "0.6.3"
MAX_WIRE_BYTES = MAX_MESSAGE_BYTES + (64 << 10)
"""A payload of the greatest size and what is wrapped around it."""


RELIED_ON: tuple[tuple[Any, frozenset[str]], ...] = (
    (zerorpc.Events.__init__, frozenset({"_socket", "_send", "_recv", "_zmq_socket_type"})),
    (zerorpc.Events.emit_event, frozenset({"identity", "pack", "_send", "_zmq_socket_type"})),
    (zerorpc.Events.close, frozenset({"_send", "_recv", "_socket", "close"})),
    (zerorpc.Event.__init__, frozenset({"new_msgid", "_header", "_name", "_args", "_identity"})),
    (SequentialSender.__call__, frozenset({"_send"})),
    (SequentialReceiver.__call__, frozenset({"_recv"})),
    (Socket.send, frozenset({"_writable", "_on_state_changed"})),
    (Socket.recv, frozenset({"_readable", "_on_state_changed"})),
    (Socket.close, frozenset({"_state_event", "closed"})),
    (zerorpc.Context.new_msgid, frozenset({"_msg_id_counter"})),
)
"""Functions of zerorpc, and names that each must use for what is here to hold."""


def differences(version: str = zerorpc.version.__version__) -> Iterator[str]:
    """Yield in what the zerorpc that is installed differs from the one this was written for."""
    if version != VERSION:
        yield f"its version is {version}"
    for function, names in RELIED_ON:
        code = getattr(function, "__code__", None)
        missing = (
            names - set(code.co_names) if code and isinstance(function, FunctionType) else names
        )
        if missing:
            yield f"{function.__qualname__} lacks {', '.join(sorted(missing))}"


def refuse_others(found: Iterator[str]) -> None:
    """Refuse another zerorpc: without the hardening, one stranger's message stops a node.

    Raises:
        ImportError: There are differences.
    """
    told = "; ".join(found)
    if told:
        raise ImportError(f"crowsg needs zerorpc {VERSION} as it was released: {told}")


refuse_others(differences())


class OwnContext(zerorpc.Context):  # type: ignore[misc]  # zerorpc is untyped
    """A context that knows its sockets: the end of one that forgot any waits for ever."""

    def socket(self, socket_type: int) -> Any:
        """Return a new socket."""
        made = super().socket(socket_type)
        self._add_socket(made)
        return made


class HardenedEvents(zerorpc.Events):  # type: ignore[misc]  # zerorpc is untyped
    """One ZeroMQ socket; several greenlets may send, one receives.

    Args:
        kind: ``zmq.DEALER`` or ``zmq.ROUTER``.
        context: The zerorpc context of the link.
    """

    def __init__(self, kind: int, context: Any) -> None:
        # Not zerorpc's own: that starts two greenlets, which die of the first error of ZeroMQ.
        self._debug = False
        self._zmq_socket_type = kind
        self._context = context
        self._socket = context.socket(kind)
        self._send = _WholeSender(self._socket)
        self._recv = _WholeReceiver(self._socket)

    @property
    def socket(self) -> Any:
        """The socket, for its options."""
        return self._socket

    def emit_event(self, event: Any, timeout: None = None) -> None:
        """Send an event.

        Raises:
            zmq.Again: The other side takes no more, or is not there.

        Blocks: never.
        """
        super().emit_event(event)

    def wait_writable(self) -> None:
        """Blocks: until it is worth trying to send again; at most a second."""
        self._send.wait()

    def recv(self, timeout: None = None) -> Received:
        """Receive the next event.

        Raises:
            BadFrame: What came is none; the next one may be.

        Blocks: until something comes. The caller may be killed meanwhile, nothing is lost.
        """
        return Received(self._recv())


# Without the detour over zerorpc's sockets, which doubles the price of a notice.
_send_frame = zmq.Socket.send
_receive_frame = zmq.Socket.recv
_NOBLOCK = int(zmq.NOBLOCK)
_NOBLOCK_MORE = int(zmq.NOBLOCK | zmq.SNDMORE)


class _WholeSender(SequentialSender):  # type: ignore[misc]  # zerorpc is untyped
    """Sends all frames of a message without letting anybody else run in between."""

    def _send(self, parts: Any) -> None:
        last = len(parts) - 1
        for index, part in enumerate(parts):
            _send_frame(self._socket, part, _NOBLOCK if index == last else _NOBLOCK_MORE)
        # ZeroMQ signals changes once: whoever waits to receive must look again after a send.
        self._socket._on_state_changed()

    def wait(self) -> None:
        self._socket._writable.clear()
        self._socket._on_state_changed()
        self._socket._writable.wait(timeout=1)


class _WholeReceiver(SequentialReceiver):  # type: ignore[misc]  # zerorpc is untyped
    """Receives all frames of a message, or none."""

    def _recv(self) -> list[Any]:
        # ZeroMQ hands a message over when all of it is there: only the first frame is waited for.
        frame = self._first()
        frames = [frame]
        while frame.more:
            frame = _receive_frame(self._socket, _NOBLOCK, copy=False)
            if len(frames) <= MAX_FRAMES:
                frames.append(frame)
        return frames

    def _first(self) -> Any:
        try:
            return _receive_frame(self._socket, _NOBLOCK, copy=False)
        except zmq.Again:
            return self._socket.recv(copy=False)
