"""Peers that send damaged responses, cut anywhere: a counted outcome, and no harm to the next."""

import random
from collections.abc import Callable

import pytest

from crowsg.protocols import http
from tests.protocols.http.peers import OK, Line, Peer, Script, bounded, talking
from tests.protocols.http.test_parsing_fuzz import cut, damaged, make_response
from tests.support.nodes import Bench

KINDS = {"", "closed", "protocol", "timeout"}
ROUNDS = 20


def ask(bench: Bench, peer: Peer, send: Callable[[], http.Response]) -> http.Response:
    """Send a request and let time pass until it has come to an end."""
    asking = bench.node.spawn(send)

    def has_ended() -> bool:
        bench.clock.advance(0.1)
        return bool(asking.ready())

    peer.wait_for(has_ended)
    response: http.Response = asking.get()
    return response


def hostile(rng: random.Random) -> Script:
    """Answer the first request of a connection with damage, and well whatever follows."""

    def play(line: Line) -> None:
        line.read()
        for piece in cut(rng, damaged(rng, make_response(rng))):
            line.send(piece)
        # It may hang up, or be asked again.
        if rng.random() < 0.7:
            return
        while line.read():
            line.send(OK)

    return play


@pytest.mark.parametrize("seed", range(40))
def test_every_request_has_an_outcome(bench: Bench, seed: int) -> None:
    rng = random.Random(seed)
    with talking(hostile(rng), timeout=5) as (peer, session), bounded():
        for _ in range(ROUNDS):
            response = ask(bench, peer, lambda: session.post("/", operation="op"))
            assert response.error in KINDS or response.status >= 400

    assert bench.node.recorder.operations["op"].count == ROUNDS


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_response_never_spoils_the_next(bench: Bench, seed: int) -> None:
    rng = random.Random(seed)
    first = damaged(rng, make_response(rng))

    def play(line: Line) -> None:
        while request := line.read():
            line.send(OK if b" /good " in request else first)
            if b" /bad " in request and rng.random() < 0.5:
                return

    with talking(play, timeout=5) as (peer, session), bounded():
        ask(bench, peer, lambda: session.get("/bad"))

        assert ask(bench, peer, lambda: session.get("/good")).body == b"hi"


def test_a_response_that_never_ends_is_a_timeout_and_not_a_hang(bench: Bench) -> None:
    def play(line: Line) -> None:
        line.read()
        while True:
            line.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            bench.clock.sleep(0.1)

    with talking(play, timeout=5) as (peer, session):
        assert ask(bench, peer, lambda: session.get("/")).error == "timeout"


@pytest.mark.parametrize(
    ("limits", "response"),
    [
        pytest.param(
            {"max_body": 10}, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 70_000, id="body-without-end"
        ),
        pytest.param({"max_head": 100}, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200, id="head"),
        pytest.param(
            {"max_headers": 3}, b"HTTP/1.1 200 OK\r\n" + b"a:b\r\n" * 4 + b"\r\n", id="headers"
        ),
        pytest.param({}, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, id="default-head"),
    ],
)
def test_a_response_beyond_the_limits_closes_the_connection(
    bench: Bench, limits: dict[str, int], response: bytes
) -> None:
    def play(line: Line) -> None:
        line.read()
        line.send(response)
        line.wait_until_closed()

    with talking(play, **limits) as (peer, session), bounded():
        assert session.get("/").error == "protocol"
        peer.wait_for(lambda: peer.closed == 1)


def test_a_peer_that_leads_in_circles_ends_with_the_last_redirect(bench: Bench) -> None:
    def play(line: Line) -> None:
        while line.read():
            line.send(b"HTTP/1.1 302 Go\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")

    with talking(play, redirects=10) as (_, session), bounded():
        response: http.Response = session.get("/")

    assert response.status == 302
