"""Bytes over a socket, without blocking anybody else.

The sockets are the plain ones of the interpreter: gevent's make a new wait of several objects for
every call, here a watcher is kept as long as the connection.
"""

import _socket
import errno
import os
from typing import Any, TypeAlias

import gevent
from greenlet import getcurrent

from crowsg.protocols.http.failure import CLOSED, EXHAUSTED, REFUSED, TIMEOUT, Failure

Address: TypeAlias = tuple[int, Any]
"""Family and address of a socket."""

CHUNK = 65536
"""How much is read at once."""

_READ, _WRITE = 1, 2
_EXHAUSTED = frozenset({
    errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM,
})  # fmt: skip
_IN_PROGRESS = frozenset({errno.EINPROGRESS, errno.EAGAIN})


class Stream:
    """A connected socket.

    Args:
        sock: The socket; belongs to the stream from now on.

    Attributes:
        is_spoiled: Whether the peer did not wait for the end of a request: what it said meanwhile
            may be more than the answer, and it may not have read all.
    """

    __slots__ = ("_early", "_readable", "_recv", "_send", "_socket", "_switch", "is_spoiled")

    def __init__(self, sock: "_socket.socket") -> None:
        hub = gevent.get_hub()
        self._socket = sock
        self._send = sock.send
        self._recv = sock.recv
        self._switch = hub.switch
        self._readable = hub.loop.io(sock.fileno(), _READ)
        self._early: list[bytes] = []
        self.is_spoiled = False

    def __del__(self) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Send all of ``data``.

        A peer that answers before it has read everything is listened to meanwhile.

        Raises:
            Failure: The peer has closed, and left nothing to be read.

        Blocks: while the peer takes nothing more.
        """
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise Failure(CLOSED, str(error)) from None
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:])

    def receive(self) -> bytes:
        """Return the next bytes, none at the end.

        Raises:
            Failure: The connection broke.

        Blocks: until there are some.
        """
        if self._early:
            return self._early.pop(0)
        watcher = self._readable
        watcher.start(getcurrent().switch)
        try:
            while True:
                self._switch()
                try:
                    return self._recv(CHUNK)
                except BlockingIOError:
                    continue
        except OSError as error:
            raise Failure(CLOSED, str(error)) from None
        finally:
            watcher.stop()

    def is_quiet(self) -> bool:
        """Whether the peer has neither closed nor sent anything unasked. Blocks: never."""
        try:
            self._recv(1)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Close it; harmless when it is closed already."""
        # Closed before its descriptor is, which the loop may be given anew for another socket.
        self._readable.close()
        self._socket.close()

    def _send_rest(self, rest: memoryview) -> None:
        watcher = gevent.get_hub().loop.io(self._socket.fileno(), _READ | _WRITE)
        watcher.start(getcurrent().switch)
        try:
            while rest:
                self._switch()
                if not self._hear_early(watcher):
                    return
                try:
                    rest = rest[self._send(rest) :]
                except BlockingIOError:
                    continue
                except OSError as error:
                    self._give_up_sending(error)
                    return
        finally:
            watcher.close()

    def _hear_early(self, watcher: Any) -> bool:
        """Keep what has come already; return False when the peer reads no more."""
        try:
            data = self._recv(CHUNK)
        except BlockingIOError:
            return True
        except OSError as error:
            self._give_up_sending(error)
            return False
        self._early.append(data)
        self.is_spoiled = True
        return bool(data)

    def _give_up_sending(self, error: OSError) -> None:
        if not self._early:
            raise Failure(CLOSED, str(error))


def connect(address: Address) -> "_socket.socket":
    """Return a socket that is connected to ``address``.

    Raises:
        Failure: It cannot be.

    Blocks: until it is.
    """
    family, where = address
    try:
        sock = _socket.socket(family, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK)
    except OSError as error:
        raise _failure_of(error.errno) from None
    try:
        code = _begin_to_connect(sock, where)
        if code in _IN_PROGRESS:
            _wait_until_writable(sock)
            code = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if code:
            raise _failure_of(code)
        if family != _socket.AF_UNIX:
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


def _begin_to_connect(sock: "_socket.socket", where: Any) -> int:
    try:
        return sock.connect_ex(where)
    except (OSError, ValueError) as error:
        # No address at all, as a path that is too long.
        raise Failure(REFUSED, str(error)) from None


def _wait_until_writable(sock: "_socket.socket") -> None:
    hub = gevent.get_hub()
    watcher = hub.loop.io(sock.fileno(), _WRITE)
    try:
        hub.wait(watcher)
    finally:
        watcher.close()


def _failure_of(code: int | None) -> Failure:
    detail = os.strerror(code or 0)
    if code in _EXHAUSTED:
        return Failure(EXHAUSTED, detail)
    return Failure(TIMEOUT if code == errno.ETIMEDOUT else REFUSED, detail)
