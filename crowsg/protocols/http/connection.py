"""Connections: one that carries request after request, and those that wait to be used again."""

from collections.abc import Callable

from crowsg.protocols.http.failure import CLOSED, Failure
from crowsg.protocols.http.parsing import Limits, ResponseParser
from crowsg.protocols.http.request import Request
from crowsg.protocols.http.transport import Stream

_FRESH_NS = 1_000_000
"""How long an idle connection is taken as it is; later it is looked at first."""


class Connection:
    """A stream, and the responses that come over it.

    Attributes:
        parser: Holds the response.
        idle_since_ns: When it was last used.
    """

    __slots__ = ("_stream", "idle_since_ns", "parser")

    def __init__(self, stream: Stream, limits: Limits) -> None:
        self._stream = stream
        self.parser = ResponseParser(limits)
        self.idle_since_ns = 0

    def __del__(self) -> None:
        self.close()

    def send(self, data: bytes, is_head: bool, is_stream: bool) -> None:
        """Send a request and take its response; the connection is closed if that fails.

        Args:
            data: The request.
            is_head: It is a HEAD.
            is_stream: Take the head of the response only.

        Raises:
            Failure: It failed.

        Blocks: until the response is complete, or its head is.
        """
        parser = self.parser
        try:
            parser.begin(is_head, is_stream)
            self._stream.send(data)
            while not parser.complete and not (is_stream and parser.has_head):
                piece = self._stream.receive()
                if piece:
                    parser.feed(piece)
                else:
                    parser.end()
        except BaseException:
            self.close()
            raise

    def advance(self) -> None:
        """Take what comes next of the response; see ``send``."""
        try:
            piece = self._stream.receive()
            if piece:
                self.parser.feed(piece)
            else:
                self.parser.end()
        except BaseException:
            self.close()
            raise

    @property
    def is_reusable(self) -> bool:
        """Whether another request may follow the last one."""
        return self.parser.reusable and not self._stream.is_spoiled

    def is_quiet(self) -> bool:
        """Whether the server has neither closed nor sent anything unasked. Blocks: never."""
        return self._stream.is_quiet()

    def close(self) -> None:
        """Close it; harmless when it is closed already."""
        self.parser.close()
        self._stream.close()


class Pool:
    """The connections of one session to one server.

    Args:
        connect: Opens one.
        limits: Of their responses.
    """

    __slots__ = ("_connect", "_idle", "_limits")

    def __init__(self, connect: Callable[[], Stream], limits: Limits) -> None:
        self._connect = connect
        self._limits = limits
        self._idle: list[Connection] = []

    def send(self, request: Request, data: bytes, now_ns: int, is_stream: bool) -> Connection:
        """Send a request over an idle connection or a new one; return the one it went over.

        An idle one that turns out to be closed is no failure where sending twice does no harm.

        Args:
            request: What ``data`` is.
            data: The request as bytes.
            now_ns: The moment.
            is_stream: Return when the head of the response is there, not the whole of it.

        Raises:
            Failure: It failed.

        Blocks: until then.
        """
        connection = self._take(now_ns)
        if connection is not None:
            try:
                connection.send(data, request.is_head, is_stream)
                return connection
            except Failure as failure:
                unanswered = failure.kind == CLOSED and not connection.parser.received
                if not (unanswered and request.is_retriable):
                    raise
        connection = Connection(self._connect(), self._limits)
        connection.send(data, request.is_head, is_stream)
        return connection

    def give(self, connection: Connection, now_ns: int) -> None:
        """Take back a connection whose response is complete."""
        if connection.is_reusable:
            connection.idle_since_ns = now_ns
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()

    def _take(self, now_ns: int) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if now_ns - connection.idle_since_ns < _FRESH_NS or connection.is_quiet():
                return connection
            connection.close()
        return None
