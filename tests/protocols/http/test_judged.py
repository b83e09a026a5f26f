"""Judged and streamed responses, and requests that are cut by a stop or a kill."""

from collections.abc import Callable
from typing import Any

import gevent
import gevent.event
import pytest

from crowsg import users
from crowsg.errors import HttpError, NotJudged
from crowsg.metrics.operation import Operation
from crowsg.protocols import http
from tests.protocols.http.peers import NOT_FOUND, OK, Line, Peer, always, answers, silent, talking
from tests.support.nodes import Bench, make_scenario

BIG = 3_000_000


def op(bench: Bench) -> Operation:
    return bench.node.recorder.operations["op"]


def big(line: Line) -> None:
    """Answer with a large body."""
    while line.read():
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG + b"x" * BIG)


class TestJudged:
    """The block decides."""

    def test_it_is_recorded_when_the_block_ends(self, bench: Bench) -> None:
        with (
            talking(always(OK)) as (_, session),
            session.get("/", operation="op", judge=True) as response,
        ):
            assert (response.body, op(bench).count) == (b"hi", 0)

        assert op(bench).ok.total == 1

    def test_the_block_may_say_that_it_failed(self, bench: Bench) -> None:
        with (
            talking(always(OK)) as (_, session),
            session.get("/", operation="op", judge=True) as response,
        ):
            response.fail("wrong total")

        assert op(bench).failures == {"wrong total": 1}
        assert (response.ok, response.error) == (False, "wrong total")

    def test_judging_takes_no_time_of_the_request(self, bench: Bench) -> None:
        with (
            talking(always(OK)) as (_, session),
            session.get("/", operation="op", judge=True, since=0.0),
        ):
            bench.clock.advance(5)

        assert (op(bench).ok.max_ns, op(bench).response.max_ns) == (0, 0)

    def test_a_failure_of_its_own_is_recorded_too(self, bench: Bench) -> None:
        with (
            talking(always(NOT_FOUND)) as (_, session),
            session.get("/", operation="op", judge=True) as response,
        ):
            assert response.error == "status_404"

        assert op(bench).failures == {"status_404": 1}

    def test_an_exception_in_the_block_is_a_failure_of_its_class(self, bench: Bench) -> None:
        with (
            talking(always(OK)) as (_, session),
            pytest.raises(KeyError),
            session.get("/", operation="op", judge=True),
        ):
            raise KeyError

        assert op(bench).failures == {"KeyError": 1}

    def test_raise_for_status_in_the_block_keeps_the_kind(self, bench: Bench) -> None:
        with (
            talking(always(NOT_FOUND)) as (_, session),
            pytest.raises(HttpError),
            session.get("/", operation="op", judge=True) as response,
        ):
            response.raise_for_status()

        assert op(bench).failures == {"status_404": 1}

    @pytest.mark.parametrize("read", ["status", "body", "headers", "ok"])
    def test_without_the_block_nothing_is_sent_and_reading_tells_why(
        self, bench: Bench, read: str
    ) -> None:
        with talking(always(OK)) as (peer, session):
            response = session.get("/", judge=True)
            with pytest.raises(NotJudged, match="with"):
                getattr(response, read)

        assert peer.connections == 0

    def test_after_the_block_it_is_too_late(self, bench: Bench) -> None:
        with talking(always(OK)) as (_, session):
            with session.get("/", operation="op", judge=True) as response:
                pass
            with pytest.raises(NotJudged):
                response.fail("late")

        assert op(bench).failures == {}

    def test_it_is_sent_once(self, bench: Bench) -> None:
        with talking(always(OK)) as (peer, session):
            response = session.get("/", operation="op", judge=True)
            with response:
                pass
            with pytest.raises(NotJudged), response:
                pass

        assert (len(peer.requests), op(bench).count) == (1, 1)


class TestStreamed:
    """The body comes in pieces."""

    def test_the_pieces_are_the_body(self, bench: Bench) -> None:
        with talking(big, max_body=1000) as (peer, session):
            with session.stream("/", operation="op") as response:
                assert response.status == 200
                size = sum(len(piece) for piece in response.pieces())
            assert session.get("/").error == "protocol"

        assert (size, op(bench).ok.total, peer.connections) == (BIG, 1, 1)
        assert response.bytes_in > BIG

    def test_it_arrives_while_the_server_still_sends(self, bench: Bench) -> None:
        go = gevent.event.Event()

        def play(line: Line) -> None:
            line.read()
            line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
            go.wait()
            line.send(b"1\r\nb\r\n0\r\n\r\n")

        with talking(play) as (_, session), session.stream("/") as response:
            pieces = response.pieces()
            assert next(pieces) == b"a"
            go.set()
            assert list(pieces) == [b"b"]

    def test_the_time_ends_with_the_body(self, bench: Bench) -> None:
        with talking(always(OK)) as (_, session), session.stream("/", operation="op") as response:
            bench.clock.advance(2)
            assert b"".join(response.pieces()) == b"hi"
            bench.clock.advance(5)

        assert (op(bench).ok.max_ns, response.elapsed) == (2_000_000_000, 2)

    def test_one_that_is_left_early_closes_the_connection(self, bench: Bench) -> None:
        with talking(big) as (peer, session):
            with session.stream("/", operation="op") as response:
                next(response.pieces())
            peer.wait_for(lambda: peer.closed == 1)

        assert op(bench).ok.total == 1

    def test_one_that_was_read_leaves_the_connection_usable(self, bench: Bench) -> None:
        with talking(always(OK), max_connections=1) as (peer, session):
            for _ in range(3):
                with session.stream("/") as response:
                    assert list(response.pieces()) == [b"hi"]

        assert peer.connections == 1

    def test_one_that_breaks_off_ends_and_tells(self, bench: Bench) -> None:
        with (
            talking(answers(OK[:-1])) as (_, session),
            session.stream("/", operation="op") as response,
        ):
            assert list(response.pieces()) == [b"h"]
            assert list(response.pieces()) == []
            assert (response.status, response.error) == (200, "closed")

        assert op(bench).failures == {"closed": 1}

    def test_one_that_never_begins_has_no_pieces(self, bench: Bench) -> None:
        with talking(answers(b"")) as (_, session), session.stream("/", operation="op") as response:
            assert list(response.pieces()) == []

        assert op(bench).failures == {"closed": 1}

    def test_a_status_is_a_failure_and_the_body_is_there(self, bench: Bench) -> None:
        with (
            talking(always(NOT_FOUND)) as (_, session),
            session.stream("/", operation="op") as response,
        ):
            assert list(response.pieces()) == [b"gone"]

        assert op(bench).failures == {"status_404": 1}

    def test_a_pause_of_the_block_is_not_interrupted_by_the_timeout(self, bench: Bench) -> None:
        with (
            talking(always(OK), timeout=1) as (_, session),
            session.stream("/", operation="op") as response,
        ):
            bench.clock.advance(10)
            assert list(response.pieces()) == [b"hi"]

    def test_a_body_can_be_sent(self, bench: Bench) -> None:
        with (
            talking(always(OK)) as (peer, session),
            session.stream("/", method="POST", body="abc") as response,
        ):
            assert list(response.pieces()) == [b"hi"]

        assert peer.requests[0].endswith(b"\r\n\r\nabc")


Ask = Callable[[http.Session], Any]


def get(session: http.Session) -> None:
    session.get("/", operation="op")


def judge(session: http.Session) -> None:
    with session.get("/", operation="op", judge=True):
        pass


def stream(session: http.Session) -> None:
    with session.stream("/", operation="op") as response:
        list(response.pieces())


@pytest.mark.parametrize("ask", [get, judge, stream])
class TestStops:
    """What becomes of a request whose user is stopped."""

    def start(self, bench: Bench, peer: Peer, ask: Ask) -> None:
        sessions = []

        def start(user_id: int) -> None:
            sessions.append(http.Session(peer.url, timeout=1000))
            ask(sessions[0])
            users.sleep(1000)

        bench.do(make_scenario(start), 1)
        peer.wait_for(lambda: peer.connections == 1 and len(peer.requests) == 1)

    def test_a_kill_leaves_it_interrupted_and_closes_the_connection(
        self, bench: Bench, ask: Ask
    ) -> None:
        def play(line: Line) -> None:
            line.read()
            line.wait_until_closed()

        with Peer(play) as peer:
            self.start(bench, peer, ask)
            bench.node.local.remove(1, force=True)
            bench.clock.advance(5)
            peer.wait_for(lambda: peer.closed == 1)

        assert (op(bench).interrupted.total, op(bench).count) == (1, 1)

    def test_a_soft_stop_waits_for_its_end(self, bench: Bench, ask: Ask) -> None:
        go = gevent.event.Event()

        def play(line: Line) -> None:
            line.read()
            go.wait()
            line.send(OK)
            line.wait_until_closed()

        with Peer(play) as peer:
            self.start(bench, peer, ask)
            bench.node.local.remove(1)
            bench.clock.advance(1)
            assert op(bench).count == 0
            go.set()
            peer.wait_for(lambda: op(bench).count == 1)
            bench.clock.advance(0.1)

        assert (op(bench).ok.total, bench.count("removed")) == (1, 1)

    def test_a_kill_while_connecting_is_interrupted(self, bench: Bench, ask: Ask) -> None:
        asked = gevent.event.Event()

        def start(user_id: int) -> None:
            session = http.Session("http://some-host", timeout=1000)
            session._engine.work_on(bench.node)
            session._engine._commons.names._lookup = never
            ask(session)

        def never(host: str) -> Any:
            asked.set()
            gevent.sleep(5)

        bench.do(make_scenario(start), 1)
        asked.wait(1)
        bench.node.local.remove(1, force=True)
        bench.clock.advance(5)

        assert (op(bench).interrupted.total, op(bench).count) == (1, 1)


def test_a_silent_stream_is_a_timeout(bench: Bench) -> None:
    with talking(silent, timeout=2) as (peer, session):

        def ask() -> str:
            with session.stream("/", operation="op") as response:
                return response.error

        asking = bench.node.spawn(ask)
        peer.wait_for(lambda: peer.connections == 1)
        bench.clock.advance(2.2)

        assert asking.get(timeout=1) == "timeout"
