"""One response after another out of the bytes of a connection, within limits.

llhttp does the parsing, strict as it comes: what could be read in two ways, such as a length given
twice, is refused. It knows nothing of the request, so what belongs to a HEAD is decided here.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from crowsg.protocols.http.failure import CLOSED, PROTOCOL, Failure

RawHeaders = list[tuple[bytes, bytes]]

_END = b"\r\n\r\n"
_WITHOUT_BODY = frozenset({204, 304})

_FRAMING = 8
"""Bytes on the wire for one of a body, at the most: a chunk of one byte takes six."""

_LINE = 4
"""What a header takes beside its name and its value; one needs at least as much."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a response may have at the most.

    Args:
        head_bytes: Status line and headers; interim responses and trailers count too.
        headers: How many headers.
        body_bytes: The body, as sent and as unpacked.
    """

    head_bytes: int
    headers: int
    body_bytes: int


class ResponseParser:
    """Parses the responses of one connection.

    Attributes:
        status: That of the response, once ``has_head``.
        raw: What came until the headers were complete, and a little more.
        pieces: What came of the body and was not taken yet.
        has_head: Whether the headers are complete.
        complete: Whether the response is.
        reusable: Whether another response may follow on the connection, once ``complete``.
        received: Bytes on the wire.
    """

    __slots__ = (
        "_body_bytes",
        "_counted",
        "_is_bodiless",
        "_is_first",
        "_limit",
        "_limits",
        "_parser",
        "_safe_bytes",
        "complete",
        "has_head",
        "on_body",
        "pieces",
        "raw",
        "received",
        "reusable",
        "status",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # So little cannot hold too much of anything.
        self._safe_bytes = min(limits.head_bytes, limits.headers * _LINE)
        self.pieces: list[bytes] = []
        # Built in, so that a piece costs no call of Python.
        self.on_body = self.pieces.append
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._is_bodiless = False
        self.complete = True

    def begin(self, is_head: bool, is_stream: bool) -> None:
        """Expect a response next.

        Args:
            is_head: It answers a HEAD.
            is_stream: Its body is taken as it comes, so that it may have any size.
        """
        if self._is_bodiless:
            # Without the body that its head announced, the last one never came to an end for it.
            self._parser = HttpResponseParser(self)
        self._is_bodiless = is_head
        self._limit = 1 << 62 if is_stream else self._limits.body_bytes
        self._counted = self._body_bytes = 0
        self.status = self.received = 0
        self.raw = b""
        self.has_head = self.complete = self.reusable = False
        # Whether no interim response came before.
        self._is_first = True

    def feed(self, data: bytes) -> None:
        """Take bytes that came.

        Raises:
            Failure: They are no response, or one that exceeds the limits.
        """
        self.received += len(data)
        if not self.has_head:
            self.raw += data
        try:
            self._parser.feed_data(data)  # type: ignore[union-attr]  # None is closed
        except (HttpParserError, HttpParserUpgrade) as error:
            # After the end it is a second response, or rubbish, and no fault of the first.
            if not self.complete:
                raise _failure_of(error) from None
            self.reusable = False
        if self._is_bodiless and self.complete:
            self._expect_no_more(data)
        if self.received > self._limits.head_bytes:
            self._check_body()

    def end(self) -> None:
        """Take it that no more will come.

        Raises:
            Failure: Something is missing.
        """
        if not self.has_head or _has_length(headers_of(self.raw)):
            raise Failure(CLOSED, "in the middle of the response" if self.received else "")
        self.complete = True

    def take(self) -> bytes:
        """Return what came of the body since it was last taken."""
        pieces = self.pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._counted = 0
        return body

    def close(self) -> None:
        """Let go of what refers back here: the collector may be off for long."""
        self._parser = None

    def on_message_begin(self) -> None:
        """Refuse what nobody asked for."""
        if self.complete:
            raise Failure(PROTOCOL, "a second response")

    def on_headers_complete(self) -> None:
        """Judge the head."""
        self.status = status = self._parser.get_status_code()  # type: ignore[union-attr]
        if self.received > self._safe_bytes and not self._has_small_head():
            self._check_head()
        if status >= 200:
            self.has_head = True
            if self._is_bodiless or (status in _WITHOUT_BODY and _has_length(headers_of(self.raw))):
                self._end_without_body()
        elif status == 101 or status < 100:
            raise Failure(PROTOCOL, f"status {status}")
        else:
            self._is_first = False

    def on_message_complete(self) -> None:
        """Finish the response, unless it was an interim one."""
        if self.has_head and not self._is_bodiless:
            self.complete = True
            self.reusable = self._parser.should_keep_alive()  # type: ignore[union-attr]

    def _has_small_head(self) -> bool:
        """Whether it was a body that came along, and the head is too small to hold too much."""
        return self._is_first and self.raw.find(_END, 0, self._safe_bytes) >= 0

    def _end_without_body(self) -> None:
        self._is_bodiless = self.complete = True
        # The parser would say "close" where no length is given, as the body then had no end.
        is_modern = self._parser.get_http_version() == "1.1"  # type: ignore[union-attr]
        self.reusable = is_modern and b"close" not in _words(headers_of(self.raw), b"connection")

    def _expect_no_more(self, data: bytes) -> None:
        """Give the connection up where the head is not the last of ``data``, or may not be."""
        self.pieces.clear()
        end = data.find(_END)
        is_last = end == len(data) - len(_END) if end >= 0 else _END.endswith(data)
        self.reusable = self.reusable and is_last

    def _check_head(self) -> None:
        headers = headers_of(self.raw)
        if len(headers) > self._limits.headers:
            raise Failure(PROTOCOL, "too many headers")
        if sum(len(name) + len(value) + _LINE for name, value in headers) > self._limits.head_bytes:
            raise Failure(PROTOCOL, "headers too large")

    def _check_body(self) -> None:
        pieces, counted = self.pieces, self._counted
        if len(pieces) > counted:
            # Together, as a list of tiny pieces takes many times what is in them.
            pieces[counted:] = [b"".join(pieces[counted:])]
            self._body_bytes += len(pieces[counted])
            self._counted = counted + 1
        if self._body_bytes > self._limit:
            raise Failure(PROTOCOL, "body too large")
        if self.received - _FRAMING * self._body_bytes > self._limits.head_bytes:
            raise Failure(PROTOCOL, "headers or framing too large")


def headers_of(raw: bytes) -> RawHeaders:
    """Return the headers of a response that begins ``raw``, without interim ones and trailers.

    They are parsed for those who ask, as that takes longer than all else, and few do.
    """
    collector = _Headers()
    parser = HttpResponseParser(collector)
    collector.status_of = parser.get_status_code
    # Judged already: what may be wrong comes after the headers.
    with suppress(HttpParserError, HttpParserUpgrade):
        parser.feed_data(raw)
    del collector.status_of
    return collector.headers


class _Headers:
    def __init__(self) -> None:
        self.headers: RawHeaders = []
        self.status_of: Callable[[], int]
        self._is_over = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_over:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.status_of() >= 200:
            self._is_over = True
        elif not self._is_over:
            self.headers.clear()


def _words(headers: RawHeaders, wanted: bytes) -> list[bytes]:
    """Return the elements of a header that is a list, in small letters."""
    values = (value for name, value in headers if name.lower() == wanted)
    return [word.strip().lower() for value in values for word in value.split(b",")]


def _has_length(headers: RawHeaders) -> bool:
    if _words(headers, b"content-length"):
        return True
    return _words(headers, b"transfer-encoding")[-1:] == [b"chunked"]


def _failure_of(error: Exception) -> Failure:
    cause = error.__context__
    return cause if isinstance(cause, Failure) else Failure(PROTOCOL, str(error))
