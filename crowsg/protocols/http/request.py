"""A request as it goes over the wire."""

from collections.abc import Mapping

from crowsg.protocols.http.heads import OWN, Headers, head_of, lines_of
from crowsg.protocols.http.origin import Origin

_END = b"\r\n"
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})


class Request:
    """One request, ready to be sent any number of times.

    Args:
        origin: Where it goes.
        method, target: The first line.
        headers: All but those that follow from the other arguments.
        body: None for none.

    Attributes:
        name: Method and path without query.
        data: All of it as bytes.
        is_head: Whether the response has no body.
        is_retriable: Whether sending it twice does no harm.
    """

    __slots__ = (
        "_head",
        "_taken",
        "body",
        "data",
        "headers",
        "is_head",
        "is_retriable",
        "method",
        "name",
        "origin",
        "target",
    )

    def __init__(
        self,
        origin: Origin,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> None:
        self.origin, self.method, self.target = origin, method, target
        self.headers, self.body = headers, body
        self.name = f"{method} {target.partition('?')[0]}"
        self.is_head = method == "HEAD"
        self.is_retriable = method in _IDEMPOTENT
        self._head = head_of(method, target, self._all_headers())
        self._taken: frozenset[str] | None = None
        self.data = self._head + _END + (body or b"")

    def extended(self, headers: Headers) -> "Request | None":
        """Return a request with more headers; None where they need a closer look."""
        if self._taken is None:
            self._taken = OWN.union(each.lower() for each in self._all_headers())
        lines = lines_of(headers, self._taken)
        if lines is None:
            return None
        # Written out, as copy.copy takes ten times as long.
        twin = Request.__new__(Request)
        twin.origin, twin.method, twin.target = self.origin, self.method, self.target
        twin.body, twin.name, twin._taken = self.body, self.name, None
        twin.is_head, twin.is_retriable = self.is_head, self.is_retriable
        twin.headers = {**self.headers, **headers}  # type: ignore[dict-item]  # None is refused
        twin._head = self._head + lines
        twin.data = twin._head + _END + (self.body or b"")
        return twin

    def with_cookies(self, cookies: str) -> bytes:
        """Return all of it as bytes, with a header for cookies, "" for none."""
        if not cookies:
            return self.data
        line = f"Cookie: {cookies}\r\n".encode("latin-1")
        return self._head + line + _END + (self.body or b"")

    def _all_headers(self) -> dict[str, str]:
        headers = dict(self.headers)
        if not any(name.lower() == "host" for name in headers):
            headers = {"Host": self.origin.authority, **headers}
        if self.body is not None or self.method in _WITH_BODY:
            headers["Content-Length"] = str(len(self.body or b""))
        return headers
