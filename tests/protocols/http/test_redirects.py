"""Redirects are followed as browsers do, and take no secrets to strangers."""

from typing import Any

import pytest

from crowsg.protocols import http
from tests.protocols.http.peers import OK, Line, Peer, Script, always, talking
from tests.support.nodes import Bench


def to(location: str, status: int = 302) -> bytes:
    return b"HTTP/1.1 %d Go\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (
        status,
        location.encode(),
    )


def routes(**pages: bytes) -> Script:
    """Return a script that answers by path; what has no page is ok."""

    def play(line: Line) -> None:
        while request := line.read():
            name = request.split()[1].decode().split("?")[0].strip("/")
            line.send(pages.get(name, OK))

    return play


def test_they_are_left_to_the_caller_by_default(bench: Bench) -> None:
    with talking(always(to("/b"))) as (_, session):
        response = session.get("/a")

    assert (response.status, response.headers["location"], response.ok) == (302, "/b", True)


def test_all_of_them_are_one_operation(bench: Bench) -> None:
    with talking(routes(a=to("/b"), b=to("c")), redirects=5) as (peer, session):
        response = session.get("/a", operation="op")

    operation = bench.node.recorder.operations["op"]
    assert (response.body, operation.ok.total, operation.count) == (b"hi", 1, 1)
    assert [each.split()[1] for each in peer.requests] == [b"/a", b"/b", b"/c"]
    assert response.bytes_out == sum(map(len, peer.requests))


def test_no_more_than_allowed_are_followed(bench: Bench) -> None:
    with talking(always(to("/")), redirects=3) as (peer, session):
        assert session.get("/").status == 302

    assert len(peer.requests) == 4


@pytest.mark.parametrize(
    ("method", "status", "then", "body"),
    [
        ("POST", 301, b"GET", b""),
        ("POST", 302, b"GET", b""),
        ("POST", 303, b"GET", b""),
        ("POST", 307, b"POST", b"abc"),
        ("POST", 308, b"POST", b"abc"),
        ("PUT", 301, b"PUT", b"abc"),
        ("PUT", 303, b"GET", b""),
        ("GET", 303, b"GET", b""),
        ("DELETE", 302, b"DELETE", b""),
    ],
)
def test_the_method_changes_as_in_browsers(
    bench: Bench, method: str, status: int, then: bytes, body: bytes
) -> None:
    given: Any = {"body": "abc"} if method in ("POST", "PUT") else {}
    with talking(routes(a=to("/b", status)), redirects=1) as (peer, session):
        session.request(method, "/a", **given)

    head, _, sent = peer.requests[1].partition(b"\r\n\r\n")
    assert (head.split()[0], sent) == (then, body)
    assert (b"Content-Type" in head) == bool(body)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        pytest.param("/b?c=d", b"/b?c=d", id="path"),
        pytest.param("b", b"/x/b", id="relative"),
        pytest.param("../b", b"/b", id="up"),
        pytest.param("?c", b"/x/a?c", id="query"),
        pytest.param("/b#part", b"/b", id="fragment"),
        pytest.param("/b c", b"/b%20c", id="space"),
    ],
)
def test_locations_are_read_from_where_they_came(
    bench: Bench, location: str, target: bytes
) -> None:
    script = routes(**{"x/a": to(location)})
    with talking(script, redirects=1) as (peer, session):
        session.get("/x/a")

    assert peer.requests[1].split()[1] == target


@pytest.mark.parametrize("is_other", [True, False])
def test_secrets_are_sent_to_their_own_server_only(bench: Bench, is_other: bool) -> None:
    with Peer(always(OK)) as other, Peer(lambda line: script(line)) as peer:
        target = other if is_other else peer
        script = routes(a=to(f"{target.url}/b"))
        with http.Session(peer.url, auth="token", redirects=1) as session:
            headers = {"Cookie": "a=b", "Host": "h", "X-Other": "c"}
            assert session.get("/a", headers=headers).ok

        request = target.requests[-1]

    assert (b"Authorization:" in request, b"Cookie:" in request, b"Host: h\r\n" in request) == (
        (not is_other,) * 3
    )
    assert b"X-Other: c" in request
    assert is_other == (b"Host: 127.0.0.1:%d\r\n" % other.port in request)


@pytest.mark.parametrize(
    "location",
    [
        "ftp://host/",
        "file:///etc/passwd",
        "http+unix://%2Frun%2Fsock/",
        "http://a b/",
        "http://a:b/",
    ],
)
def test_one_that_leads_nowhere_is_a_failure(bench: Bench, location: str) -> None:
    with talking(always(to(location)), redirects=1) as (_, session):
        response = session.get("/")

    assert response.error == "protocol"


def test_a_failure_on_the_way_has_no_status(bench: Bench) -> None:
    with talking(routes(a=to("/b"), b=b"garbage\r\n"), redirects=1) as (_, session):
        response = session.get("/a")

    assert (response.status, response.error) == (0, "protocol")


def test_the_timeout_is_for_all_of_them(bench: Bench) -> None:
    def play(line: Line) -> None:
        while line.read():
            bench.clock.sleep(1)
            line.send(to("/"))

    with talking(play, redirects=100, timeout=5) as (peer, session):
        asking = bench.node.spawn(session.get, "/")
        peer.wait_for(lambda: peer.connections == 1)
        for _ in range(12):
            bench.clock.advance(0.5)

        assert asking.get(timeout=1).error == "timeout"
