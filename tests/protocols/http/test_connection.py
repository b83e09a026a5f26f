"""Connections are kept, shared, checked before they are used again, and never used when dirty."""

import gc
from typing import Any

import gevent
import pytest

from crowsg.protocols import http
from crowsg.protocols.http.parsing import ResponseParser
from tests.protocols.http.peers import (
    OK,
    Line,
    Peer,
    Script,
    always,
    answers,
    bounded,
    silent,
    talking,
)
from tests.support.nodes import Bench

SOON = 0.01
"""Seconds after which an idle connection is looked at before it is used."""


def count(bench: Bench) -> tuple[int, int]:
    """Return how many requests were ok and how many were not."""
    operations = bench.node.recorder.operations.values()
    return sum(each.ok.total for each in operations), sum(each.failed.total for each in operations)


def leave_a_while(bench: Bench, peer: Peer, closed: int = 0) -> None:
    """Let connections be idle, until the server has closed some."""
    peer.wait_for(lambda: peer.closed == closed)
    bench.clock.advance(SOON)


def test_a_connection_is_used_again(bench: Bench) -> None:
    with talking(always(OK)) as (peer, session):
        for _ in range(5):
            assert session.get("/").ok

    assert peer.connections == 1


def test_a_connection_that_was_idle_is_used_again(bench: Bench) -> None:
    with talking(always(OK)) as (peer, session):
        session.get("/")
        leave_a_while(bench, peer)
        assert session.get("/").ok

    assert peer.connections == 1


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", id="x"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", id="1.0"),
        pytest.param(OK + OK, id="a-second-response"),
        pytest.param(OK + b"x", id="garbage-behind"),
    ],
)
def test_a_connection_that_is_of_no_more_use_is_closed(bench: Bench, response: bytes) -> None:
    with talking(always(response)) as (peer, session):
        assert session.get("/").ok
        peer.wait_for(lambda: peer.closed == 1)
        assert session.get("/").ok

    assert peer.connections == 2


@pytest.mark.parametrize("response", [b"garbage\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n"])
def test_a_connection_that_failed_is_closed(bench: Bench, response: bytes) -> None:
    with talking(always(response), always(OK)) as (peer, session):
        assert session.get("/").error == "protocol"
        peer.wait_for(lambda: peer.closed == 1)
        assert session.get("/").ok


def test_an_idle_connection_that_was_closed_is_replaced(bench: Bench) -> None:
    with talking(answers(OK), always(OK)) as (peer, session):
        session.post("/")
        leave_a_while(bench, peer, closed=1)
        assert session.post("/").ok

    assert (peer.connections, count(bench)) == (2, (2, 0))


def test_a_response_nobody_asked_for_is_given_to_nobody(bench: Bench) -> None:
    def play(line: Line) -> None:
        line.read()
        line.send(OK)
        gevent.sleep(0.001)
        line.send(OK.replace(b"hi", b"no"))
        line.wait_until_closed()

    with talking(play, always(OK)) as (peer, session):
        session.get("/")
        gevent.sleep(0.02)
        leave_a_while(bench, peer)
        assert session.get("/").body == b"hi"

    assert peer.connections == 2


class TestRetry:
    """A server may close an idle connection at the moment a request is sent on it."""

    def closes_at_the_second(self) -> Script:
        def play(line: Line) -> None:
            line.read()
            line.send(OK)
            line.read()

        return play

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
    def test_what_may_be_sent_twice_is(self, bench: Bench, method: str) -> None:
        script = answers(OK[:-2]) if method == "HEAD" else always(OK)
        with talking(self.closes_at_the_second(), script) as (peer, session):
            session.get("/")
            assert session.request(method, "/").ok

        assert (len(peer.requests), count(bench)) == (3, (2, 0))

    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    def test_what_may_not_be_sent_twice_is_not(self, bench: Bench, method: str) -> None:
        with talking(self.closes_at_the_second(), always(OK)) as (peer, session):
            session.get("/")
            assert session.request(method, "/").error == "closed"

        assert (len(peer.requests), count(bench)) == (2, (1, 1))

    def test_it_happens_once(self, bench: Bench) -> None:
        with talking(self.closes_at_the_second(), answers(b"")) as (peer, session):
            session.get("/")
            assert session.get("/").error == "closed"

        assert (len(peer.requests), count(bench)) == (3, (1, 1))

    def test_a_new_connection_that_is_closed_is_a_failure(self, bench: Bench) -> None:
        with talking(answers(b""), always(OK)) as (peer, session):
            assert session.get("/").error == "closed"

        assert peer.connections == 1

    def test_a_response_that_has_begun_is_a_failure(self, bench: Bench) -> None:
        with talking(answers(OK, OK[:9]), always(OK)) as (peer, session):
            session.get("/")
            assert session.get("/").error == "closed"

        assert peer.connections == 1


class TestSeveralGreenlets:
    """One session, many at once."""

    def test_each_has_a_connection_while_it_asks(self, bench: Bench) -> None:
        with talking(always(OK)) as (peer, session), bounded():
            asking = [bench.node.spawn(session.get, "/") for _ in range(10)]
            assert all(each.get().ok for each in asking)
            session.get("/")

        assert peer.connections == 10

    def test_no_more_connections_than_allowed_are_opened(self, bench: Bench) -> None:
        with talking(always(OK), max_connections=2) as (peer, session):
            asking = [bench.node.spawn(session.get, "/") for _ in range(10)]
            with bounded():
                assert all(each.get().ok for each in asking)

        assert (peer.connections, count(bench)) == (2, (10, 0))

    def test_waiting_for_a_connection_is_part_of_the_time(self, bench: Bench) -> None:
        with talking(silent, max_connections=1, timeout=5) as (peer, session):
            first = bench.node.spawn(session.get, "/")
            peer.wait_for(lambda: peer.connections == 1)
            bench.clock.advance(3)
            second = bench.node.spawn(lambda: session.get("/", timeout=1))
            bench.clock.advance(1.2)

            assert second.get(timeout=1).error == "timeout"
            assert 1 <= second.get().elapsed < 1.2
            bench.clock.advance(2)
            assert first.get(timeout=1).error == "timeout"

    def test_a_stream_that_fails_leaves_room_for_others(self, bench: Bench) -> None:
        with talking(answers(b""), always(OK), max_connections=1) as (_, session), bounded():
            with session.stream("/") as response:
                assert response.error == "closed"
            assert session.get("/").ok

    @pytest.mark.parametrize("end", ["kill", "timeout"])
    def test_who_gives_up_leaves_room_for_others(self, bench: Bench, end: str) -> None:
        with talking(silent, always(OK), max_connections=1, timeout=1) as (peer, session):
            first = bench.node.spawn(session.get, "/")
            peer.wait_for(lambda: peer.connections == 1)
            waiting: Any = bench.node.spawn(session.get, "/")
            third = bench.node.spawn(lambda: session.get("/", timeout=9))
            gevent.sleep(0)
            if end == "kill":
                gevent.killall([first, waiting])
            else:
                bench.clock.advance(1.1)

            assert third.get(timeout=1).ok


def test_a_session_that_was_closed_opens_new_connections(bench: Bench) -> None:
    with talking(always(OK)) as (peer, session):
        session.get("/")
        session.close()
        peer.wait_for(lambda: peer.closed == 1)
        assert session.get("/").ok

    assert peer.connections == 2


@pytest.mark.parametrize("arguments", [{}, {"cookies": True, "compressed": True}])
def test_a_session_nobody_has_any_more_closes_its_connections_at_once(
    bench: Bench, arguments: Any
) -> None:
    gc.collect()
    gc.disable()
    try:
        with Peer(always(OK)) as peer:
            http.Session(peer.url, **arguments).get("/").headers.get("x")

            peer.wait_for(lambda: peer.closed == 1)
        assert not [each for each in gc.get_objects() if isinstance(each, ResponseParser)]
    finally:
        gc.enable()
