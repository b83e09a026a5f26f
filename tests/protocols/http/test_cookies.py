"""Cookies are kept and sent on request, and to nobody else."""

from crowsg.protocols import http
from tests.protocols.http.peers import OK, Line, Peer, always, talking
from tests.support.nodes import Bench

SETS = (
    b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Path=/p; Expires="
    b"Fri, 01 Jan 2100 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n"
)


def cookies_of(request: bytes) -> bytes:
    lines = [line for line in request.split(b"\r\n") if line.lower().startswith(b"cookie:")]
    return b"".join(lines)


def test_they_are_ignored_by_default(bench: Bench) -> None:
    with talking(always(SETS)) as (peer, session):
        session.get("/")
        session.get("/")

    assert cookies_of(peer.requests[1]) == b""


def test_they_are_sent_where_they_belong(bench: Bench) -> None:
    with talking(always(SETS), cookies=True) as (peer, session):
        for path in ("/p/x", "/p/x", "/q"):
            session.get(path)

    sent = [
        sorted(cookies_of(each).removeprefix(b"Cookie: ").split(b"; ")) for each in peer.requests
    ]
    assert sent == [[b""], [b"a=1", b"b=2"], [b""]]


def test_streams_set_and_send_them_too(bench: Bench) -> None:
    with talking(always(SETS), cookies=True) as (peer, session):
        for _ in range(2):
            with session.stream("/") as response:
                list(response.pieces())

    assert cookies_of(peer.requests[1]) == b"Cookie: a=1"


def test_one_given_by_hand_wins(bench: Bench) -> None:
    with talking(always(SETS), cookies=True) as (peer, session):
        session.get("/")
        session.get("/", headers={"Cookie": "own=1"})

    assert cookies_of(peer.requests[1]) == b"Cookie: own=1"


def test_sessions_do_not_share_them(bench: Bench) -> None:
    with Peer(always(SETS)) as peer:
        for _ in range(2):
            with http.Session(peer.url, cookies=True) as session:
                session.get("/")

    assert cookies_of(peer.requests[1]) == b""


def test_a_cookie_that_is_none_is_ignored(bench: Bench) -> None:
    bad = b"HTTP/1.1 200 OK\r\nSet-Cookie: ;;;=\xff\r\nContent-Length: 0\r\n\r\n"
    with talking(always(bad), cookies=True) as (_, session):
        assert session.get("/").ok
        assert session.get("/").ok


def test_one_that_is_set_by_a_redirect_is_sent_on_the_way(bench: Bench) -> None:
    go = b"HTTP/1.1 302 Go\r\nSet-Cookie: a=1\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"

    def play(line: Line) -> None:
        for answer in (go, OK):
            line.read()
            line.send(answer)

    with talking(play, cookies=True, redirects=1) as (peer, session):
        assert session.get("/a").body == b"hi"

    assert cookies_of(peer.requests[1]) == b"Cookie: a=1"


def test_a_server_that_sets_ever_more_has_them_forgotten(bench: Bench) -> None:
    def play(line: Line) -> None:
        number = 0
        while line.read():
            number += 1
            lines = b"".join(
                b"Set-Cookie: a%d-%d=1; Path=/no\r\n" % (number, i) for i in range(200)
            )
            line.send(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 0\r\n\r\n")

    with talking(play, cookies=True) as (_, session):
        for _number in range(10):
            session.get("/no/x")

        assert len(session._engine._cookies._jar) <= 1200  # type: ignore[union-attr]
