"""Large bodies both ways, peers that read slowly or not at all, and connections that fail."""

import errno
from typing import Any

import gevent
import pytest

from crowsg.protocols import http
from crowsg.protocols.http import transport
from crowsg.protocols.http.failure import Failure
from tests.protocols.http.peers import OK, Line, Peer, always, answers, bounded, talking
from tests.support.nodes import Bench

BIG = 5_000_000
TOO_LARGE = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def echo(line: Line) -> None:
    """Answer with the body of the request."""
    while request := line.read():
        body = request.partition(b"\r\n\r\n")[2]
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def test_a_large_body_goes_out_and_comes_back(bench: Bench) -> None:
    body = bytes(range(256)) * (BIG // 256)
    with talking(echo) as (peer, session), bounded():
        for _ in range(2):
            assert session.post("/", body=body).body == body

    assert peer.connections == 1


def test_a_peer_that_answers_while_it_reads_is_heard(bench: Bench) -> None:
    half = BIG // 2

    def play(line: Line) -> None:
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG + b"x" * half)
        line.read()
        line.send(b"x" * half)

    with talking(play) as (peer, session), bounded():
        assert len(session.post("/", body=b"y" * BIG).body) == BIG

    assert len(peer.requests[0]) > BIG


def test_a_peer_that_refuses_a_body_before_it_read_it_is_heard(bench: Bench) -> None:
    def play(line: Line) -> None:
        line.send(TOO_LARGE)
        gevent.sleep(0.01)

    with talking(play) as (_, session), bounded():
        assert session.post("/", body=b"y" * BIG).error == "status_413"


def test_what_a_peer_says_too_early_is_never_taken_for_the_next_answer(bench: Bench) -> None:
    def play(line: Line) -> None:
        line.send(OK)
        gevent.sleep(0.01)
        line.send(OK.replace(b"hi", b"no"))
        gevent.sleep(0.01)
        line.read()
        line.wait_until_closed()

    with talking(play, always(OK)) as (peer, session), bounded():
        assert session.post("/", body=b"y" * BIG).body == b"hi"
        assert session.get("/").body == b"hi"

    assert peer.connections == 2


def test_a_peer_that_closes_while_a_body_is_sent_is_closed(bench: Bench) -> None:
    with talking(lambda line: None) as (_, session), bounded():
        assert session.post("/", body=b"y" * BIG).error == "closed"


def test_a_peer_that_never_reads_is_a_timeout(bench: Bench) -> None:
    def play(line: Line) -> None:
        bench.clock.sleep(100)

    with talking(play, timeout=2) as (peer, session):
        asking = bench.node.spawn(lambda: session.post("/", body=b"y" * BIG))
        peer.wait_for(lambda: peer.connections == 1)
        bench.clock.advance(2.2)

        assert asking.get(timeout=1).error == "timeout"


def test_a_killed_greenlet_leaves_a_large_body_and_closes(bench: Bench) -> None:
    def play(line: Line) -> None:
        bench.clock.sleep(1)
        line.wait_until_closed()

    with talking(play) as (peer, session):
        asking = bench.node.spawn(lambda: session.post("/", body=b"y" * BIG))
        peer.wait_for(lambda: peer.connections == 1)
        asking.kill()
        bench.clock.advance(1)
        peer.wait_for(lambda: peer.closed == 1)


def test_a_slow_peer_is_read_piece_by_piece(bench: Bench) -> None:
    def play(line: Line) -> None:
        line.read()
        for byte in OK:
            line.send(bytes([byte]))
            gevent.sleep(0)

    with talking(play) as (_, session):
        assert session.get("/").body == b"hi"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        pytest.param(errno.ECONNREFUSED, "refused", id="refused"),
        pytest.param(errno.EHOSTUNREACH, "refused", id="unreachable"),
        pytest.param(errno.ETIMEDOUT, "timeout", id="timed-out"),
        pytest.param(errno.EADDRNOTAVAIL, "exhausted", id="no-ports"),
    ],
)
def test_a_connection_that_cannot_be_made_says_why(
    monkeypatch: pytest.MonkeyPatch, code: int, kind: str
) -> None:
    class Sock:
        def connect_ex(self, address: object) -> int:
            return code

        def close(self) -> None:
            pass

    monkeypatch.setattr(transport._socket, "socket", lambda *_: Sock())  # type: ignore[attr-defined]

    with pytest.raises(Failure) as caught:
        transport.connect((2, ("127.0.0.1", 1)))

    assert caught.value.kind == kind


def test_no_descriptor_left_is_the_generators_own_trouble(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Any:
        raise OSError(errno.EMFILE, "too many open files")

    with Peer(always(OK)) as peer, http.Session(peer.url) as session:
        monkeypatch.setattr(transport._socket, "socket", refuse)  # type: ignore[attr-defined]
        error = session.get("/").error
        monkeypatch.undo()

    assert error == "exhausted"


def test_a_broken_connection_is_no_end_of_a_body(bench: Bench) -> None:
    def play(line: Line) -> None:
        line.read()
        line.send(b"HTTP/1.1 200 OK\r\n\r\nhi")
        gevent.sleep(0.01)
        line.reset()

    with talking(play, answers(b"")) as (_, session):
        assert session.get("/").error == "closed"
