"""Sends the requests of one session and fills their responses; it records nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from gevent.lock import Semaphore

from crowsg.protocols.http.bodies import decode
from crowsg.protocols.http.commons import Commons, Trust, commons_of
from crowsg.protocols.http.connection import Connection, Pool
from crowsg.protocols.http.cookies import Cookies
from crowsg.protocols.http.deadlines import DeadlinePassed, Deadlines
from crowsg.protocols.http.failure import TIMEOUT, Failure
from crowsg.protocols.http.origin import Origin
from crowsg.protocols.http.parsing import Limits
from crowsg.protocols.http.redirects import following
from crowsg.protocols.http.request import Request
from crowsg.protocols.http.response import Response

_MOST_SERVERS = 32
"""Redirects may lead anywhere; connections to more servers are not kept."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a session behaves; see ``Client``."""

    trust: Trust
    limits: Limits
    cookies: bool = False
    redirects: int = 0
    compressed: bool = False
    max_connections: int | None = None


class Engine:
    """The connections of a session.

    Args:
        origin: Where most requests go.
        manners: How.

    Attributes:
        now_ns: The clock of the node it works on.
    """

    __slots__ = (
        "_commons",
        "_cookies",
        "_deadlines",
        "_is_plain",
        "_manners",
        "_node",
        "_origin",
        "_pool",
        "_pools",
        "_slots",
        "now_ns",
    )

    now_ns: Callable[[], int]
    _commons: Commons
    _deadlines: Deadlines
    _pool: Pool

    def __init__(self, origin: Origin, manners: Manners) -> None:
        self._origin = origin
        self._manners = manners
        self._cookies = Cookies() if manners.cookies else None
        self._is_plain = not manners.cookies and not manners.redirects
        most = manners.max_connections
        self._slots = None if most is None else Semaphore(most)
        self._node: Any = None
        self._pools: dict[Origin, Pool] = {}

    def work_on(self, node: Any) -> None:
        """Work on a node from now on.

        Raises:
            InvalidRequest: Certificates cannot be read.

        Blocks: never.
        """
        if node is self._node:
            return
        commons = commons_of(node)
        if self._origin.is_tls or self._manners.trust != Trust():
            commons.context(self._manners.trust)
        self._commons, self._deadlines = commons, commons.deadlines
        self.now_ns = node.clock.now_ns
        self.close()
        self._pools = {}
        self._pool = self._pool_of(self._origin)
        self._node = node

    def perform(self, request: Request, response: Response, timeout_ns: int) -> int:
        """Send a request and fill its response, or say in it why there is none.

        Args:
            request: What to send.
            response: What to fill.
            timeout_ns: How long all of it may take.

        Returns:
            When it ended, in nanoseconds of the clock.

        Blocks: until then.
        """
        now_ns, deadlines = self.now_ns, self._deadlines
        began_ns = now_ns()
        deadline = deadlines.arm(began_ns + timeout_ns)
        try:
            if self._is_plain:
                ended_ns = self._fetch(request, request.data, response, began_ns)
            else:
                ended_ns = self._follow(request, response)
        except Failure as failure:
            ended_ns = now_ns()
            response.take_failure(failure.kind, failure.detail)
        except DeadlinePassed:
            ended_ns = now_ns()
            response.take_failure(TIMEOUT, "")
        finally:
            deadlines.disarm(deadline)
        response.took(ended_ns - began_ns)
        return ended_ns

    def unpack(self, response: Response) -> None:
        """Undo what made the body small, where that was asked for."""
        coding = response.headers.get("content-encoding") if self._manners.compressed else None
        if not coding:
            return
        codings = [each.strip().encode("latin-1") for each in coding.lower().split(",")]
        try:
            response.body = decode(response.body, codings, self._manners.limits.body_bytes)
        except Failure as failure:
            response.take_failure(failure.kind, failure.detail)

    def open(self, request: Request, response: Response, due_ns: int) -> Connection | None:
        """Send a request and fill the head of its response; None where that failed.

        Blocks: until then, or until ``due_ns``.
        """
        with self._failures_into(response, due_ns):
            data = request.with_cookies(self._cookies.header(request) if self._cookies else "")
            self._acquire()
            try:
                connection = self._pool_of(request.origin).send(request, data, self.now_ns(), True)
            except BaseException:
                self._release()
                raise
            self._take_head(request, response, connection)
            response.bytes_out = len(data)
            return connection
        return None

    def advance(self, response: Response, connection: Connection, due_ns: int) -> bytes:
        """Return the next piece of a body, none at its end, whatever that is.

        Blocks: until it is there, or until ``due_ns``.
        """
        parser = connection.parser
        with self._failures_into(response, due_ns):
            while not parser.pieces and not parser.complete:
                connection.advance()
        return parser.take()

    def finish(self, response: Response, connection: Connection) -> None:
        """Take back the connection of a response, or close it where that is not complete."""
        response.bytes_in = connection.parser.received
        self._pool.give(connection, self.now_ns())
        self._release()

    def close(self) -> None:
        """Close idle connections."""
        for pool in self._pools.values():
            pool.close()

    def _follow(self, request: Request, response: Response) -> int:
        cookies = self._cookies
        left = self._manners.redirects
        while True:
            data = request.with_cookies(cookies.header(request)) if cookies else request.data
            ended_ns = self._fetch(request, data, response, self.now_ns())
            if cookies:
                cookies.keep(request, response)
            more = following(request, response) if left else None
            if more is None:
                return ended_ns
            left, request = left - 1, more
            response.forget()

    def _fetch(self, request: Request, data: bytes, response: Response, now_ns: int) -> int:
        origin = request.origin
        pool = self._pool if origin is self._origin else self._pool_of(origin)
        slots = self._slots
        if slots is not None:
            slots.acquire()
        try:
            connection = pool.send(request, data, now_ns, False)
            ended_ns = self.now_ns()
            response.take(connection.parser, len(data))
            pool.give(connection, ended_ns)
        finally:
            if slots is not None:
                slots.release()
        return ended_ns

    def _take_head(self, request: Request, response: Response, connection: Connection) -> None:
        response.take_head(connection.parser)
        if self._cookies:
            self._cookies.keep(request, response)

    def _acquire(self) -> None:
        if self._slots is not None:
            self._slots.acquire()

    def _release(self) -> None:
        if self._slots is not None:
            self._slots.release()

    def _pool_of(self, origin: Origin) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            if len(self._pools) >= _MOST_SERVERS:
                self.close()
                self._pools = {self._origin: self._pool}
            # Bound to the commons and not to this engine: a cycle would outlive the user.
            connect = partial(self._commons.connect, origin, self._manners.trust)
            pool = self._pools[origin] = Pool(connect, self._manners.limits)
        return pool

    @contextmanager
    def _failures_into(self, response: Response, due_ns: int) -> Iterator[None]:
        deadline = self._deadlines.arm(due_ns)
        try:
            yield
        except Failure as failure:
            response.take_failure(failure.kind, failure.detail)
        except DeadlinePassed:
            response.take_failure(TIMEOUT, "")
        finally:
            self._deadlines.disarm(deadline)
