"""The socket that others connect to, and the loop that reads it; both can be made anew."""

from collections.abc import Callable

import gevent

from crowsg.cluster.serving import CLOSE_S
from crowsg.cluster.zerorpc_link.hardening import HardenedEvents
from crowsg.cluster.zerorpc_link.sockets import Sockets, port_of
from crowsg.errors import InvalidAddress
from crowsg.supervision import Kept

RETRY_S = 0.01
TRIES = 100


class Listener:
    """Where one link is reached.

    Attributes:
        port: On which port; 0 before ``open``.

    Args:
        sockets: Makes the socket.
        read: Begins to read a socket.
        host: The name or number of the interface to listen on.
    """

    def __init__(self, sockets: Sockets, read: Callable[[HardenedEvents], Kept], host: str) -> None:
        self.port = 0
        self._sockets = sockets
        self._read = read
        self._host = host
        self._events: HardenedEvents | None = None
        self._reader: Kept | None = None

    def open(self, port: int, *, strict_port: bool) -> None:
        """Listen; arguments as of ``Sockets.server``.

        Raises:
            InvalidAddress: It cannot listen there.
        """
        self._events = self._sockets.server(self._host, port, strict_port=strict_port)
        self.port = port_of(self._events)
        self._reader = self._read(self._events)

    def reopen(self) -> None:
        """Listen anew on the same port.

        Raises:
            InvalidAddress: It cannot listen there any more; it may be tried again.

        Blocks: until it listens, for a second at the most.
        """
        self.close()
        for left in reversed(range(TRIES)):
            try:
                self.open(self.port, strict_port=True)
            except InvalidAddress:
                # ZeroMQ lets go of a port a moment after its socket was closed.
                if not left:
                    raise
                gevent.sleep(RETRY_S)
            else:
                return

    def close(self) -> None:
        """Listen no more.

        Blocks: until the reader has ended, for a second at the most.
        """
        if self._reader is not None:
            self._reader.stop(CLOSE_S)
            self._reader = None
        if self._events is not None:
            self._events.close()
            self._events = None
