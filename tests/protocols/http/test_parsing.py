"""What the client makes of responses; each table says where it differs from other clients."""

from dataclasses import dataclass

import pytest

from crowsg.protocols.http.failure import CLOSED, PROTOCOL, Failure
from crowsg.protocols.http.parsing import Limits, ResponseParser, headers_of

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
TWO = b"Content-Length: 2\r\n\r\nhi"
LIMITS = Limits(head_bytes=1000, headers=10, body_bytes=5000)


@dataclass(frozen=True)
class Parsed:
    """A response, and whether another may follow."""

    status: int
    body: bytes
    reusable: bool
    headers: tuple[tuple[bytes, bytes], ...]


def parse(*pieces: bytes, is_head: bool = False, limits: Limits = LIMITS) -> Parsed:
    """Feed the pieces, then the end of the connection where the response is not complete."""
    parser = ResponseParser(limits)
    parser.begin(is_head, is_stream=False)
    return finish(parser, *pieces)


def finish(parser: ResponseParser, *pieces: bytes) -> Parsed:
    for piece in pieces:
        parser.feed(piece)
    if not parser.complete:
        parser.end()
    return Parsed(parser.status, parser.take(), parser.reusable, tuple(headers_of(parser.raw)))


def kind_of(*pieces: bytes, is_head: bool = False, limits: Limits = LIMITS) -> str:
    """Return the kind of failure that the pieces are."""
    with pytest.raises(Failure) as caught:
        parse(*pieces, is_head=is_head, limits=limits)
    return caught.value.kind


@pytest.mark.parametrize(
    ("data", "status", "body", "reusable"),
    [
        pytest.param(OK + TWO, 200, b"hi", True, id="length"),
        pytest.param(OK + b"Content-Length: 0002\r\n\r\nhi", 200, b"hi", True, id="zeros-length"),
        pytest.param(b"HTTP/1.1 200\r\n" + TWO, 200, b"hi", True, id="no-reason"),
        pytest.param(b"HTTP/1.1 200 \r\n" + TWO, 200, b"hi", True, id="empty-reason"),
        pytest.param(b"HTTP/1.1 200 \xe9\r\n" + TWO, 200, b"hi", True, id="reason-not-ascii"),
        pytest.param(b"HTTP/1.1 999 Odd\r\n" + TWO, 999, b"hi", True, id="unknown-status"),
        pytest.param(b"\r\n\r\n" + OK + TWO, 200, b"hi", True, id="empty-lines-before"),
        pytest.param(CHUNKED + b"2\r\nhi\r\n" + LAST, 200, b"hi", True, id="chunked"),
        pytest.param(CHUNKED + LAST, 200, b"", True, id="chunked-empty"),
        pytest.param(CHUNKED + b"A\r\n0123456789\r\n" + LAST, 200, b"0123456789", True, id="A"),
        pytest.param(CHUNKED + b"0002\r\nhi\r\n000\r\n\r\n", 200, b"hi", True, id="zeros-chunk"),
        pytest.param(CHUNKED + b"2;a=b\r\nhi\r\n" + LAST, 200, b"hi", True, id="extension"),
        pytest.param(CHUNKED + b'2;a="b"\r\nhi\r\n' + LAST, 200, b"hi", True, id="quoted"),
        pytest.param(CHUNKED + b"0\r\nX: y\r\n\r\n", 200, b"", True, id="trailer"),
        pytest.param(
            OK + b"Transfer-Encoding: Chunked\r\n\r\n" + LAST, 200, b"", True, id="Chunked"
        ),
        pytest.param(OK + b"\r\nhi", 200, b"hi", False, id="until-closed"),
        pytest.param(OK + b"Connection: close\r\n" + TWO, 200, b"hi", False, id="close"),
        pytest.param(OK + b"Connection: a, Close\r\n" + TWO, 200, b"hi", False, id="close-in-list"),
        pytest.param(b"HTTP/1.0 200 OK\r\n" + TWO, 200, b"hi", False, id="1.0"),
        pytest.param(
            b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + TWO, 200, b"hi", True, id="1.0-kept"
        ),
        pytest.param(b"HTTP/1.1 204 None\r\n\r\n", 204, b"", True, id="204"),
        pytest.param(b"HTTP/1.1 304 Same\r\n\r\n", 304, b"", True, id="304"),
        # The length is that of the page; nothing of it follows.
        pytest.param(b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n", 304, b"", True, id="304-9"),
        pytest.param(
            b"HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n", 304, b"", True, id="304-te"
        ),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + TWO, 200, b"hi", True, id="100"),
        pytest.param(
            b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" * 3 + OK + TWO, 200, b"hi", True, id="103s"
        ),
        # Nobody asked to upgrade, and nobody does: only an offer.
        pytest.param(
            OK + b"Upgrade: h2c\r\nConnection: upgrade\r\n" + TWO, 200, b"hi", True, id="offer"
        ),
    ],
)
def test_a_valid_response_is_taken(data: bytes, status: int, body: bytes, reusable: bool) -> None:
    parsed = parse(data)

    assert (parsed.status, parsed.body, parsed.reusable) == (status, body, reusable)


@pytest.mark.parametrize(
    ("data", "reusable"),
    [
        # h11 takes equal lengths, once or in a list, as one; we do as llhttp does, strict.
        pytest.param(OK + b"X:\r\nY: \r\n" + TWO, True, id="empty-values"),
        pytest.param(OK + b"X: \xe9\r\n" + TWO, True, id="latin-1"),
        # As llhttp: the connection is closed after it, so nothing can go wrong.
        pytest.param(b"HTTP/2.0 200 OK\r\n" + TWO, False, id="2.0"),
        pytest.param(b"HTTP/0.9 200 OK\r\n" + TWO, False, id="0.9"),
        # As llhttp and curl; h11 refuses every coding but chunked. The body is what came.
        pytest.param(OK + b"Transfer-Encoding: gzip\r\n\r\nhi", False, id="te-gzip"),
        pytest.param(OK + b"Transfer-Encoding: chunked, gzip\r\n\r\nhi", False, id="te-not-last"),
        pytest.param(OK + b"Transfer-Encoding: xchunked\r\n\r\nhi", False, id="te-xchunked"),
        pytest.param(OK + b"Transfer-Encoding: identity\r\n\r\nhi", False, id="te-identity"),
        # As llhttp: a line too much after a body is no response; h11 closes the connection.
        pytest.param(OK + TWO + b"\r\n", True, id="empty-line-behind"),
    ],
)
def test_a_response_is_taken_that_others_may_refuse(data: bytes, reusable: bool) -> None:
    parsed = parse(data)

    assert (parsed.body, parsed.reusable) == (b"hi", reusable)


@pytest.mark.parametrize(
    "data",
    [
        # h11 takes bare line feeds, folded lines and, of old servers, spaces before a colon. They
        # are read differently by proxies, so llhttp refuses them, and so do we.
        pytest.param(OK.replace(b"\r", b"") + TWO, id="bare-lf-after-the-status"),
        pytest.param(OK + TWO.replace(b"\r", b""), id="bare-lf-after-a-header"),
        pytest.param(OK + b"X: a\r\n b\r\n" + TWO, id="folded"),
        pytest.param(OK + b"X: a\r\n\tb\r\n" + TWO, id="folded-by-tab"),
        pytest.param(OK + b"Content-Length : 2\r\n\r\nhi", id="space-before-colon"),
        pytest.param(OK + b"Content-Length: 2, 2\r\n\r\nhi", id="length-list"),
        pytest.param(OK + b"Content-Length: 2\r\n" + TWO, id="length-twice"),
        # Refused by most; test_against_h11.py tells which of them h11 takes.
        pytest.param(OK + b"Content-Length: 3\r\n" + TWO, id="lengths"),
        pytest.param(OK + b"Content-Length: -2\r\n\r\nhi", id="negative-length"),
        pytest.param(OK + b"Content-Length: +2\r\n\r\nhi", id="plus-length"),
        pytest.param(OK + b"Content-Length: 0x2\r\n\r\nhi", id="hex-length"),
        pytest.param(OK + b"Content-Length: 2 2\r\n\r\nhi", id="spaced-length"),
        pytest.param(OK + b"Content-Length:\r\n\r\nhi", id="empty-length"),
        pytest.param(OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nhi", id="huge-length"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n" + TWO, id="chunked-and-length"),
        pytest.param(
            OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
            id="length-and-chunked",
        ),
        pytest.param(CHUNKED + b"0\r\nContent-Length: 9\r\n\r\n", id="length-in-trailer"),
        pytest.param(CHUNKED + b"0x2\r\nhi\r\n" + LAST, id="hex-chunk"),
        pytest.param(CHUNKED + b"-2\r\nhi\r\n" + LAST, id="negative-chunk"),
        pytest.param(CHUNKED + b"f" * 17 + b"\r\nhi\r\n" + LAST, id="huge-chunk"),
        pytest.param(CHUNKED + b"2 \r\nhi\r\n" + LAST, id="space-after-chunk-size"),
        pytest.param(CHUNKED + b"2\nhi\n" + LAST, id="bare-lf-in-chunks"),
        pytest.param(CHUNKED + b"2;a\nb\r\nhi\r\n" + LAST, id="bare-lf-in-extension"),
        pytest.param(CHUNKED + b"2\r\nhi" + LAST, id="no-crlf-after-chunk"),
        pytest.param(CHUNKED + b"\r\nhi\r\n" + LAST, id="empty-chunk-size"),
        pytest.param(OK + b"X: a\0b\r\n" + TWO, id="nul"),
        pytest.param(OK + b"X: a\x01b\r\n" + TWO, id="control"),
        pytest.param(OK + b"X: a\rb\r\n" + TWO, id="bare-cr"),
        pytest.param(OK + b": a\r\n" + TWO, id="no-name"),
        pytest.param(OK + b"X\r\n" + TWO, id="no-colon"),
        pytest.param(OK + b"X Y: a\r\n" + TWO, id="space-in-name"),
        pytest.param(OK + b" X: a\r\n" + TWO, id="space-before-first-name"),
        pytest.param(b"HTTP/1.1 20 OK\r\n" + TWO, id="short-status"),
        pytest.param(b"HTTP/1.1 2000 OK\r\n" + TWO, id="long-status"),
        pytest.param(b"HTTP/1.1 099 OK\r\n" + TWO, id="low-status"),
        pytest.param(b"HTTP/1.1 +20 OK\r\n" + TWO, id="signed-status"),
        pytest.param(b"HTTP/1.1  200 OK\r\n" + TWO, id="two-spaces"),
        pytest.param(b"HTTP/1.1\t200 OK\r\n" + TWO, id="tab"),
        pytest.param(b"HTTP/1.2 200 OK\r\n" + TWO, id="1.2"),
        pytest.param(b"http/1.1 200 OK\r\n" + TWO, id="small-letters"),
        pytest.param(b"ICY 200 OK\r\n" + TWO, id="icy"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="request"),
        pytest.param(b"hello\r\n", id="garbage"),
        pytest.param(b"\x16\x03\x01\x02\x00", id="tls"),
        # Nobody asked to upgrade.
        pytest.param(
            b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", id="101"
        ),
        pytest.param(b"HTTP/1.1 101 Go\r\n\r\n", id="101-to-nothing"),
    ],
)
def test_an_ambiguous_or_broken_response_is_refused(data: bytes) -> None:
    assert kind_of(data) == PROTOCOL


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 20", id="status-line"),
        pytest.param(OK + b"X: y\r\n", id="headers"),
        pytest.param(OK + b"Content-Length: 3\r\n\r\nhi", id="body"),
        pytest.param(CHUNKED + b"3\r\nhi", id="chunk"),
        pytest.param(CHUNKED + b"2\r\nhi\r\n", id="last-chunk"),
        pytest.param(CHUNKED + b"0\r\nX: y\r\n", id="trailer"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="after-an-interim-response"),
    ],
)
def test_a_response_that_breaks_off_is_closed(data: bytes) -> None:
    assert kind_of(data) == CLOSED


@pytest.mark.parametrize(
    ("data", "reusable"),
    [
        pytest.param(OK + b"Content-Length: 200\r\n\r\n", True, id="length"),
        pytest.param(OK + b"Content-Length: 0\r\n\r\n", True, id="no-length"),
        pytest.param(CHUNKED, True, id="chunked"),
        pytest.param(OK + b"\r\n", True, id="nothing"),
        pytest.param(OK + b"Connection: close\r\n\r\n", False, id="close"),
        pytest.param(OK + TWO, False, id="body"),
        pytest.param(CHUNKED + LAST, False, id="last-chunk"),
        pytest.param(CHUNKED + b"2\r\n", False, id="half-a-chunk"),
        pytest.param(OK + b"\r\nhi", False, id="body-without-length"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n", False, id="1.0"),
    ],
)
def test_a_response_to_head_has_no_body(data: bytes, reusable: bool) -> None:
    parsed = parse(data, is_head=True)

    assert (parsed.status, parsed.body, parsed.reusable) == (200, b"", reusable)


def test_a_response_to_head_may_come_byte_by_byte() -> None:
    data = OK + b"Content-Length: 200\r\n\r\n"

    assert parse(*(data[i : i + 1] for i in range(len(data))), is_head=True).reusable


@pytest.mark.parametrize(
    "first", [OK + TWO, b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n", CHUNKED + LAST]
)
def test_the_next_response_is_parsed_for_itself(first: bytes) -> None:
    parser = ResponseParser(LIMITS)
    parser.begin(False, False)
    finish(parser, first)

    parser.begin(False, False)

    second = finish(parser, OK + b"X: y\r\n" + TWO)
    assert (second.status, second.body, second.headers[0]) == (200, b"hi", (b"X", b"y"))


@pytest.mark.parametrize(
    "surplus",
    [
        pytest.param(OK + TWO, id="response"),
        pytest.param(b"H", id="a-byte-of-one"),
        pytest.param(b"x", id="garbage"),
    ],
)
def test_what_follows_unasked_ends_the_connection_and_changes_nothing(surplus: bytes) -> None:
    parsed = parse(OK + TWO + surplus)

    assert (parsed.body, parsed.reusable, len(parsed.headers)) == (b"hi", False, 1)


def test_trailers_are_no_headers() -> None:
    parsed = parse(CHUNKED + b"0\r\nX: y\r\n\r\n")

    assert parsed.headers == ((b"Transfer-Encoding", b"chunked"),)


def test_headers_of_interim_responses_are_left_out() -> None:
    parsed = parse(b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" + OK + TWO)

    assert parsed.headers == ((b"Content-Length", b"2"),)


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([OK + b"X: y\r\n" * 11 + TWO], id="number-of-headers"),
        pytest.param([OK + b"X: " + b"y" * 1000 + b"\r\n" + TWO], id="value"),
        pytest.param([OK + b"X" * 1001 + b": y\r\n" + TWO], id="name"),
        pytest.param([OK, *[b"X" * 100] * 11], id="name-that-never-ends"),
        pytest.param([b"HTTP/1.1 200 ", *[b"X" * 100] * 11], id="reason-that-never-ends"),
        pytest.param([b"\r\n" * 100] * 6, id="empty-lines-that-never-end"),
        pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n"] * 100, id="interim-responses"),
        pytest.param([OK + b"Content-Length: 6000\r\n\r\n", *[b"x" * 1000] * 6], id="body"),
        pytest.param([OK + b"\r\n", *[b"x" * 1000] * 6], id="body-until-closed"),
        pytest.param([CHUNKED, *[b"3e8\r\n" + b"x" * 1000 + b"\r\n"] * 6], id="chunked-body"),
        pytest.param([CHUNKED + b"1;", *[b"x" * 100] * 20], id="extension-that-never-ends"),
        pytest.param([CHUNKED + b"0\r\n", *[b"X: y\r\n"] * 300], id="trailers-that-never-end"),
        pytest.param([CHUNKED + b"0\r\nX: ", *[b"y" * 100] * 12], id="trailer-that-never-ends"),
    ],
)
def test_more_than_the_limits_allow_is_refused(pieces: list[bytes]) -> None:
    assert kind_of(*pieces) == PROTOCOL


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([OK + b"X: y\r\n" * 9 + TWO], id="number-of-headers"),
        pytest.param([OK + b"X: " + b"y" * 900 + b"\r\n" + TWO], id="headers"),
        pytest.param([OK + b"Content-Length: 5000\r\n\r\n", b"x" * 5000], id="body"),
        pytest.param([CHUNKED, b"1\r\nx\r\n" * 5000, LAST], id="chunks-of-a-byte"),
        pytest.param([CHUNKED, *[b"1\r\nx\r\n"] * 5000, LAST], id="chunks-of-a-byte-one-by-one"),
    ],
)
def test_as_much_as_the_limits_allow_is_taken(pieces: list[bytes]) -> None:
    assert parse(*pieces).status == 200


def test_a_stream_may_have_any_size_as_it_is_taken() -> None:
    parser = ResponseParser(LIMITS)
    parser.begin(False, is_stream=True)
    parser.feed(OK + b"Content-Length: 20000\r\n\r\n")

    taken = b""
    for _ in range(20):
        parser.feed(b"x" * 1000)
        taken += parser.take()

    assert (len(taken), parser.complete) == (20000, True)


@pytest.mark.parametrize(
    "before", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["at once", "after an interim one"]
)
def test_too_many_headers_are_refused_whatever_comes_along(before: bytes) -> None:
    head = OK + b"X: y\r\n" * 11 + b"Content-Length: 900\r\n\r\n"

    assert kind_of(before + head + b"\r\n\r\n" * 225) == PROTOCOL
