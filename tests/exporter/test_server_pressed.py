"""The endpoint is not to be held up, and says nothing, whatever a client does."""

import socket
import struct
from contextlib import ExitStack
from time import monotonic

import gevent
import pytest
from gevent.event import Event

from tests.exporter.serving import PAGE, Start, ask, read_all, send_raw

SHORT_S = 0.2


@pytest.mark.wall_clock
@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET", id="word"),
        pytest.param(b"GET /metrics HTTP/1.1\r\nHost: a", id="header"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n", id="body"),
    ],
)
def test_a_request_that_does_not_come_to_its_end_is_cut(start: Start, request_: bytes) -> None:
    client = send_raw(start(request_s=SHORT_S), request_)
    before = monotonic()

    read_all(client)

    assert SHORT_S / 2 <= monotonic() - before < SHORT_S + 1


@pytest.mark.wall_clock
def test_a_trickle_does_not_keep_a_connection(start: Start) -> None:
    client = send_raw(start(request_s=SHORT_S), b"GET /metrics HTTP/1.1\r\n")

    def trickle() -> None:
        while True:
            client.sendall(b"A: b\r\n")
            gevent.sleep(SHORT_S / 10)

    trickling = gevent.spawn(trickle)
    with gevent.Timeout(SHORT_S + 1):
        assert read_all(client) == b""
    trickling.kill()


@pytest.mark.wall_clock
def test_an_answer_that_is_not_read_is_cut(start: Start) -> None:
    server = start(lambda: bytes(50_000_000), request_s=SHORT_S)
    client = send_raw(server, b"GET /metrics HTTP/1.1\r\n\r\n")

    gevent.sleep(2 * SHORT_S)

    assert len(read_all(client)) < 50_000_000


@pytest.mark.wall_clock
def test_a_page_that_takes_too_long_is_cut(start: Start) -> None:
    def page() -> bytes:
        Event().wait()
        return PAGE

    server = start(page, request_s=SHORT_S)

    assert read_all(send_raw(server, b"GET /metrics HTTP/1.1\r\n\r\n")) == b""


@pytest.mark.wall_clock
def test_half_sent_requests_keep_nobody_from_an_answer(start: Start, stack: ExitStack) -> None:
    server = start()
    for _ in range(100):
        stack.enter_context(send_raw(server, b"GET /metrics HTTP/1.1\r\nHost: "))

    before = monotonic()
    body = ask(server, "/metrics").body

    assert (body, monotonic() - before < 1) == (PAGE, True)


GARBAGE = [
    b"garbage\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500) + b"\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
]


@pytest.mark.parametrize("request_", GARBAGE, ids=lambda request: repr(request[:20]))
def test_garbage_is_refused_in_silence(
    start: Start, capfd: pytest.CaptureFixture[str], request_: bytes
) -> None:
    answer = read_all(send_raw(start(), request_))

    assert answer[:11] in (b"HTTP/1.1 40", b"HTTP/1.1 41", b"")
    assert capfd.readouterr() == ("", "")


def break_off(client: socket.socket) -> None:
    """Close a connection so that the other side sees it reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.wall_clock
@pytest.mark.parametrize(
    "request_",
    [b"", b"garbage\r\n\r\n", b"GET /metrics HTTP/1.1\r\nHost: ", b"GET /metrics HTTP/1.1\r\n\r\n"],
    ids=["nothing", "garbage", "half", "whole"],
)
def test_a_client_that_breaks_off_goes_in_silence(
    start: Start, capfd: pytest.CaptureFixture[str], request_: bytes
) -> None:
    server = start(lambda: bytes(50_000_000))

    for seconds in (0, 0.01):
        client = send_raw(server, request_)
        gevent.sleep(seconds)
        break_off(client)
    gevent.sleep(0.01)

    assert ask(server, "/").status == 200
    assert capfd.readouterr() == ("", "")
