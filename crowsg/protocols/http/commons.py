"""What all sessions of a node share: timeouts, names of hosts, what TLS trusts."""

import ssl
from typing import Any, NamedTuple

from crowsg.clock import Clock
from crowsg.errors import InvalidRequest
from crowsg.protocols.http.deadlines import Deadlines
from crowsg.protocols.http.failure import REFUSED, Failure
from crowsg.protocols.http.origin import Origin
from crowsg.protocols.http.resolving import Names
from crowsg.protocols.http.tls import TlsStream, make_context
from crowsg.protocols.http.transport import Stream, connect

_KEY = "crowsg.protocols.http"


class Trust(NamedTuple):
    """How servers are known, and how they know us; see ``make_context``."""

    verify: bool = True
    ca: str | None = None
    cert: str | tuple[str, str] | None = None


class Commons:
    """What is shared.

    Args:
        clock: The node's.

    Attributes:
        deadlines: Timeouts.
        names: Names of hosts.
    """

    def __init__(self, clock: Clock) -> None:
        self.deadlines = Deadlines(clock)
        self.names = Names(clock)
        self._contexts: dict[Trust, ssl.SSLContext] = {}

    def context(self, trust: Trust) -> ssl.SSLContext:
        """Return the context for connections with this trust, made on first use.

        Raises:
            InvalidRequest: A file of certificates is missing or none.
        """
        context = self._contexts.get(trust)
        if context is None:
            try:
                context = make_context(*trust)
            except OSError as error:
                raise InvalidRequest(f"certificates: {error}") from None
            self._contexts[trust] = context
        return context

    def connect(self, origin: Origin, trust: Trust) -> Stream:
        """Return a stream to a server; of several addresses the first that answers is taken.

        Raises:
            Failure: None does, or TLS comes to no agreement.

        Blocks: until it is connected.
        """
        failure = Failure(REFUSED, "no address")
        for address in self._addresses(origin):
            try:
                sock = connect(address)
            except Failure as error:
                failure = error
                continue
            if not origin.is_tls:
                return Stream(sock)
            stream = TlsStream(sock, self.context(trust), origin.host)
            stream.handshake()
            return stream
        raise failure

    def _addresses(self, origin: Origin) -> list[Any]:
        literal = origin.literal()
        return [literal] if literal else self.names.addresses(origin.host, origin.port)


def commons_of(node: Any) -> Commons:
    """Return what the sessions of a node share; it belongs to the node and ends with it."""
    if _KEY not in node.shared:
        node.shared[_KEY] = Commons(node.clock)
    commons: Commons = node.shared[_KEY]
    return commons
