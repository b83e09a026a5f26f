"""What a server answered, or why it did not."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Self

from crowsg.errors import HttpError, NotJudged
from crowsg.protocols.http.parsing import RawHeaders, ResponseParser, headers_of


class Headers(Mapping[str, str]):
    """Headers of a response by their names, in any case; several of a name are one list."""

    __slots__ = ("_by_name", "_raw")

    def __init__(self, raw: RawHeaders) -> None:
        self._raw = raw
        self._by_name: dict[str, str] = {}
        for name, value in raw:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")
            known = self._by_name.get(key)
            self._by_name[key] = text if known is None else f"{known}, {text}"

    def __getitem__(self, name: str) -> str:
        return self._by_name[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._by_name

    def __repr__(self) -> str:
        return repr(self._by_name)

    def all(self, name: str) -> list[str]:
        """Return every value of a name on its own, as cookies need it."""
        wanted = name.lower().encode("latin-1")
        return [
            value.decode("latin-1").strip(" \t")
            for key, value in self._raw
            if key.lower() == wanted
        ]


class Response:
    """A request's outcome.

    Attributes:
        request: What was asked for, as ``GET /path``.
        status: As the server said; 0 where it said nothing.
        error: Kind of the failure, "" for none: ``status_404`` (400 and above), ``timeout``,
            ``refused``, ``dns``, ``tls``, ``closed``, ``protocol`` or ``exhausted``.
        detail: More about a failure, for people; may be empty.
        body: As it came, unpacked; empty where there was none.
        bytes_in, bytes_out: Bytes of HTTP that came and went, redirects included; encryption does
            not count, nor does an exchange that failed.
    """

    __slots__ = (
        "_headers",
        "_raw",
        "_took_ns",
        "body",
        "bytes_in",
        "bytes_out",
        "detail",
        "error",
        "request",
        "status",
    )

    def __init__(self, request: str) -> None:
        self.request = request
        self._headers: Headers | None = None
        self._raw = b""
        self._took_ns = 0
        self.status = self.bytes_in = self.bytes_out = 0
        self.error = self.detail = ""
        self.body = b""

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.error}".rstrip() + f" to {self.request}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: Any) -> None:
        """Nothing is left to do: it was recorded before it was returned."""

    @property
    def ok(self) -> bool:
        """Whether there was an answer, with a status below 400."""
        return not self.error

    @property
    def elapsed(self) -> float:
        """Seconds from before connecting and sending to the end of the response."""
        return self._took_ns / 1e9

    @property
    def headers(self) -> Headers:
        """The headers, without trailers."""
        if self._headers is None:
            self._headers = Headers(headers_of(self._raw))
        return self._headers

    @property
    def text(self) -> str:
        """The body as text, in the charset that Content-Type names, UTF-8 where it names none."""
        kind = self.headers.get("content-type", "")
        charset = kind.lower().partition("charset=")[2].partition(";")[0].strip(" \"'")
        try:
            return self.body.decode(charset or "utf-8", "replace")
        except (LookupError, UnicodeError):
            return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the value that the body is the JSON of.

        Raises:
            ValueError: It is none.
        """
        return json.loads(self.body)

    def fail(self, kind: str) -> None:
        """Let the request count as failed; for one that is judged.

        Args:
            kind: A word for what is wrong with the response.

        Raises:
            NotJudged: It was recorded already: ask with ``judge=True``, in a ``with`` block.
        """
        raise NotJudged(
            f"{self.request} is recorded already: use `with session.get(..., judge=True) as "
            "response` to judge it"
        )

    def raise_for_status(self) -> None:
        """Raise where the request failed.

        Raises:
            HttpError: No response came, or one with a status of 400 or above.
        """
        if self.error:
            raise HttpError(self.request, self.error, self.status, self.detail)

    def take_head(self, parser: ResponseParser) -> None:
        """Take over status and headers."""
        self.status = status = parser.status
        self._raw = parser.raw
        if status >= 400:
            self.error = f"status_{status}"

    def take(self, parser: ResponseParser, sent: int) -> None:
        """Take over a complete response to ``sent`` bytes."""
        self.take_head(parser)
        self.body = parser.take()
        self.bytes_in += parser.received
        self.bytes_out += sent

    def forget(self) -> None:
        """Be unanswered again, as after a redirect; the bytes still count."""
        self.status, self.error, self.body = 0, "", b""
        self._raw, self._headers = b"", None

    def take_failure(self, kind: str, detail: str) -> None:
        """Be a failure; what came before it is kept."""
        self.error, self.detail = kind, detail

    def took(self, ns: int) -> None:
        """Set how long it took."""
        self._took_ns = ns
