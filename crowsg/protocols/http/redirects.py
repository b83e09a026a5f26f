"""Where a redirect leads, and what of a request may be sent there."""

from urllib.parse import urljoin, urlsplit

from crowsg.errors import InvalidRequest
from crowsg.protocols.http.failure import PROTOCOL, Failure
from crowsg.protocols.http.heads import target_of
from crowsg.protocols.http.origin import UNIX, Origin, origin_of
from crowsg.protocols.http.request import Request
from crowsg.protocols.http.response import Response

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OF_THE_BODY = frozenset({"content-type", "content-encoding", "content-language"})
_OF_THE_ORIGIN = frozenset({"authorization", "cookie", "proxy-authorization", "host"})


def following(request: Request, response: Response) -> Request | None:
    """Return the request that a response asks for, as a browser would send it, None for none.

    Raises:
        Failure: It leads nowhere, or away from HTTP.
    """
    location = response.headers.get("location")
    if response.status not in _REDIRECTS or not location:
        return None
    try:
        origin, target = _destination(request, location)
    except (InvalidRequest, ValueError) as error:
        raise Failure(PROTOCOL, f"redirect to {location!r:.200}: {error}") from None
    method = _method(request.method, response.status)
    headers = dict(request.headers)
    if origin != request.origin:
        headers = _without(headers, _OF_THE_ORIGIN)
    if method == request.method:
        return Request(origin, method, target, headers, request.body)
    return Request(origin, method, target, _without(headers, _OF_THE_BODY), None)


def _destination(request: Request, location: str) -> tuple[Origin, str]:
    if request.origin.scheme == UNIX and "://" not in location:
        url = urljoin(f"http://localhost{request.target}", location)
        return request.origin, _target(url)
    url = urljoin(f"{request.origin.scheme}://{request.origin.authority}{request.target}", location)
    parts = urlsplit(url)
    if parts.scheme == UNIX:
        raise InvalidRequest("a server does not send anybody to sockets of this machine")
    origin = origin_of(parts)
    # The same object, so that its connections are found at once.
    return (request.origin if origin == request.origin else origin), _target(url)


def _target(url: str) -> str:
    parts = urlsplit(url)
    return target_of((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _method(method: str, status: int) -> str:
    if status == 303 and method != "HEAD":
        return "GET"
    return "GET" if status in (301, 302) and method == "POST" else method


def _without(headers: dict[str, str], names: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in names}
