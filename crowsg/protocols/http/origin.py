"""Where a server is: what a URL says before its path."""

import _socket
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, unquote, urlsplit

from crowsg.errors import InvalidRequest
from crowsg.protocols.http.heads import target_of
from crowsg.protocols.http.transport import Address

UNIX = "http+unix"
_PORTS = {"http": 80, "https": 443, UNIX: 0}
_HOST = re.compile(r"[A-Za-z0-9._~-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9._~-]+)?")


@dataclass(frozen=True, slots=True)
class Origin:
    """One server.

    Args:
        scheme: ``http``, ``https`` or ``http+unix``.
        host: Name or literal address, without brackets; the path of a Unix socket.
        port: 0 for a Unix socket.
    """

    scheme: str
    host: str
    port: int

    @property
    def is_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """What the Host header says."""
        if self.scheme == UNIX:
            return "localhost"
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def literal(self) -> Address | None:
        """Return the address where no name needs to be looked up, otherwise None."""
        if self.scheme == UNIX:
            return (_socket.AF_UNIX, self.host)
        address = _literal(self.host)
        if isinstance(address, IPv4Address):
            return (_socket.AF_INET, (self.host, self.port))
        # The system knows the numbers of interfaces.
        if address is None or address.scope_id:
            return None
        return (_socket.AF_INET6, (self.host, self.port, 0, 0))


def split(url: str) -> tuple[Origin, str]:
    """Return the origin and the path that a base URL begins all paths with.

    Raises:
        InvalidRequest: It is no URL of a server, or says more than that.
    """
    parts = _parts(url)
    if parts.username is not None or parts.password is not None:
        raise InvalidRequest("the URL carries a user: give auth=(user, password) instead")
    if parts.query or parts.fragment:
        raise InvalidRequest(f"a base URL has no query and no fragment: {url!r:.200}")
    return origin_of(parts), target_of(parts.path or "/").rstrip("/")


def origin_of(parts: SplitResult) -> Origin:
    """Return the origin of a URL that was split.

    Raises:
        InvalidRequest: It has none, or one of another kind.
    """
    if parts.scheme not in _PORTS:
        raise InvalidRequest(f"scheme {parts.scheme!r:.20}: only {', '.join(_PORTS)} are spoken")
    if parts.scheme == UNIX:
        return Origin(UNIX, unquote(parts.netloc), 0)
    try:
        port = parts.port
    except ValueError:
        raise InvalidRequest(f"no port: {parts.netloc!r:.200}") from None
    return Origin(parts.scheme, _host(parts), _PORTS[parts.scheme] if port is None else port)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except (ValueError, AttributeError, TypeError):
        raise InvalidRequest(f"no URL: {url!r:.200}") from None
    if not parts.netloc or any(char <= " " for char in url):
        raise InvalidRequest(f"no URL of a server: {url!r:.200}")
    return parts


def _host(parts: SplitResult) -> str:
    host = unquote(parts.hostname or "")
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            raise InvalidRequest(f"no name of a host: {host!r:.200}") from None
    if not _HOST.fullmatch(host):
        raise InvalidRequest(f"no name of a host: {host!r:.200}")
    return host


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
