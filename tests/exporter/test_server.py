"""The endpoint: what it answers, and where it listens."""

import json
import os
import socket
from contextlib import ExitStack, closing
from time import monotonic

import gevent
import pytest
from gevent.event import Event

from crowsg.errors import InvalidAddress
from crowsg.exporter.exposition import CONTENT_TYPE
from crowsg.exporter.server import DEFAULT_PORT, PORTS_TRIED, MetricsServer
from crowsg.supervision import Supervisor
from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle
from tests.exporter.serving import (
    LABELS,
    PAGE,
    UNKEPT,
    Start,
    ask,
    connect,
    port_of,
    read_all,
    send_raw,
)
from tests.support.greenlets import kill

# Of all of 127.0.0.0/8, one that no other test process uses.
OWN_HOST = "127.1.{}.{}".format(*divmod(os.getpid() % 65536, 256))


def test_a_scrape_is_the_page(start: Start) -> None:
    answer = ask(start(), "/metrics")

    assert (answer.status, answer.headers["Content-Type"]) == (200, CONTENT_TYPE)
    assert answer.body == PAGE


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        pytest.param("GET", "/metrics?name[]=x", 200, CONTENT_TYPE, id="query"),
        pytest.param("GET", "/sd/prometheus", 200, "application/json", id="discovery"),
        pytest.param("GET", "/", 200, "text/plain; charset=utf-8", id="index"),
        pytest.param("GET", "/metrics/", 404, "text/plain; charset=utf-8", id="below"),
        pytest.param("GET", "/../etc/passwd", 404, "text/plain; charset=utf-8", id="outside"),
        pytest.param("GET", "/%00%ff", 404, "text/plain; charset=utf-8", id="escapes"),
        pytest.param("HEAD", "/metrics", 200, CONTENT_TYPE, id="head"),
        pytest.param("HEAD", "/nowhere", 404, "text/plain; charset=utf-8", id="head nowhere"),
        pytest.param("POST", "/metrics", 405, "text/plain; charset=utf-8", id="post"),
        pytest.param("PUT", "/nowhere", 405, "text/plain; charset=utf-8", id="put"),
        pytest.param("OPTIONS", "/", 405, "text/plain; charset=utf-8", id="options"),
    ],
)
def test_a_request_has_its_answer(
    start: Start, method: str, path: str, status: int, kind: str
) -> None:
    answer = ask(start(), path, method)

    assert (answer.status, answer.headers["Content-Type"]) == (status, kind)


def test_the_head_of_a_scrape_tells_its_length_alone(start: Start) -> None:
    head, _, body = read_all(send_raw(start(), b"HEAD /metrics HTTP/1.0\r\n\r\n")).partition(
        b"\r\n\r\n"
    )

    assert (b"Content-Length: %d\r\n" % len(PAGE) in head, body) == (True, b"")


def test_a_refused_method_is_told_what_is_allowed(start: Start) -> None:
    assert ask(start(), "/metrics", "DELETE").headers["Allow"] == "GET, HEAD"


def test_the_index_names_both_paths(start: Start) -> None:
    text = ask(start(), "/").body.decode()

    assert "/metrics" in text
    assert "/sd/prometheus" in text


def test_one_connection_serves_many_scrapes(start: Start) -> None:
    bodies = []

    with closing(connect(start())) as connection:
        for _ in range(3):
            connection.request("GET", "/metrics")
            bodies.append(connection.getresponse().read())
            connection.auto_open = 0

    assert bodies == [PAGE] * 3


def test_discovery_tells_the_host_that_was_asked_and_who_is_there(start: Start) -> None:
    answer = ask(start(), "/sd/prometheus", Host="load-1.example:9464")

    assert json.loads(answer.body) == [{"targets": ["load-1.example:9464"], "labels": LABELS}]


def test_discovery_without_a_host_tells_where_the_server_listens(start: Start) -> None:
    server = start()

    answer = read_all(send_raw(server, b"GET /sd/prometheus HTTP/1.0\r\n\r\n"))

    (group,) = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert group["targets"] == [server.address]


@pytest.mark.parametrize(
    "host", ['x"], "labels": {"a', "\\", "</script>", "a\x00\x1b[31mb", "\xff\xfe", "x" * 4000],
    ids=lambda host: ascii(host)[:20],
)  # fmt: skip
def test_no_host_can_break_out_of_its_place(start: Start, host: str) -> None:
    request = f"GET /sd/prometheus HTTP/1.0\r\nHost: {host}\r\n\r\n".encode("latin-1")

    answer = read_all(send_raw(start(), request))

    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == [{"targets": [host], "labels": LABELS}]


def test_two_hosts_are_one_target(start: Start) -> None:
    request = b"GET /sd/prometheus HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"

    answer = read_all(send_raw(start(), request))

    assert json.loads(answer.partition(b"\r\n\r\n")[2])[0]["targets"] == ["a,b"]


class Page:
    """A page that raises when it is told to."""

    def __init__(self) -> None:
        self.error: Exception | None = ValueError("the secret reason")

    def __call__(self) -> bytes:
        if self.error is not None:
            raise self.error
        return PAGE


@pytest.fixture
def broken() -> Page:
    return Page()


def test_a_page_that_fails_is_an_error_of_the_server(start: Start, broken: Page) -> None:
    assert ask(start(broken), "/metrics").status == 500


def test_why_a_page_fails_stands_in_the_log_alone(
    start: Start, broken: Page, caplog: pytest.LogCaptureFixture
) -> None:
    body = ask(start(broken), "/metrics").body

    assert b"secret" not in body
    assert "the secret reason" in caplog.text


def test_a_scrape_after_one_that_failed_is_answered(start: Start, broken: Page) -> None:
    server = start(broken)
    ask(server, "/metrics")

    broken.error = None

    assert ask(server, "/metrics").body == PAGE


def test_it_listens_on_loopback_unless_told_otherwise(stack: ExitStack) -> None:
    server = MetricsServer(lambda: PAGE, lambda: LABELS, UNKEPT)
    stack.callback(server.stop)

    server.start()

    assert server.address.startswith("127.0.0.1:")


def test_the_default_port_is_that_of_the_contract(start: Start) -> None:
    assert start(host=OWN_HOST, port=None).address == f"{OWN_HOST}:9464"


def test_a_default_port_that_is_taken_gives_way_to_the_next_free_one(start: Start) -> None:
    start(host=OWN_HOST, port=DEFAULT_PORT)
    start(host=OWN_HOST, port=DEFAULT_PORT + 1)

    server = start(host=OWN_HOST, port=None)

    assert port_of(server) == DEFAULT_PORT + 2
    assert ask(server, "/metrics").body == PAGE


def test_without_any_free_port_it_says_so(start: Start, stack: ExitStack) -> None:
    for port in range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED):
        taken = stack.enter_context(socket.socket())
        taken.bind((OWN_HOST, port))
        taken.listen()

    with pytest.raises(InvalidAddress, match="in use"):
        start(host=OWN_HOST, port=None)


def test_a_port_asked_for_that_is_taken_is_an_error(start: Start) -> None:
    port = port_of(start())

    with pytest.raises(InvalidAddress, match=f"listen on 127.0.0.1:{port}: .*in use"):
        start(port=port)


@pytest.mark.parametrize(
    ("host", "port", "text"),
    [
        pytest.param("127.0.0.1", 65536, "127.0.0.1:65536", id="port too large"),
        pytest.param("127.0.0.1", -1, "127.0.0.1:-1", id="negative port"),
        pytest.param("192.0.2.1", 0, "192.0.2.1:0", id="of another machine"),
        pytest.param("256.1.1.1", 0, "256.1.1.1:0", id="no address"),
        pytest.param("a..b", 0, "a..b:0", id="no name"),
        pytest.param("nul\0", 0, "nul\0:0", id="nul"),
        pytest.param("bad\ud800", 0, "bad\ud800:0", id="lone surrogate"),
        pytest.param("::g", 0, "[::g]:0", id="no IPv6 address"),
    ],
)
def test_an_address_that_is_none_is_an_error(start: Start, host: str, port: int, text: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        start(host=host, port=port)

    assert str(caught.value).startswith(f"metrics cannot listen on {text}")


def test_a_nonsense_host_without_a_port_is_tried_once(start: Start) -> None:
    with pytest.raises(InvalidAddress, match=f":{DEFAULT_PORT}: "):
        start(host="256.1.1.1", port=None)


def test_port_zero_is_any_free_port(start: Start) -> None:
    servers = [start(port=0), start(port=0)]

    assert len({port_of(server) for server in servers} - {0}) == 2


def test_an_ipv6_address_is_spelled_with_brackets(start: Start) -> None:
    server = start(host="::1")

    assert server.address == f"[::1]:{port_of(server)}"
    assert ask(server, "/metrics").body == PAGE


def test_a_second_start_changes_nothing(start: Start) -> None:
    server = start()
    address = server.address

    server.start("127.0.0.1", 0)

    assert server.address == address


def test_before_it_starts_it_has_no_address() -> None:
    assert MetricsServer(lambda: PAGE, lambda: LABELS, UNKEPT).address == ""


def test_a_stopped_server_is_gone(start: Start) -> None:
    server = start()
    connection = connect(server)

    server.stop()

    assert server.address == ""
    with pytest.raises(ConnectionRefusedError):
        connection.connect()


def test_its_port_can_be_taken_again_at_once(start: Start) -> None:
    server = start()
    port = port_of(server)
    with send_raw(server, b"GET / HTTP/1.1\r\n"):
        server.stop()

        server.start("127.0.0.1", port)

    assert ask(server, "/metrics").body == PAGE


def test_stopping_cuts_an_answer_that_is_being_made(start: Start) -> None:
    asked = Event()

    def page() -> bytes:
        asked.set()
        Event().wait()
        return PAGE

    server = start(page)
    client = send_raw(server, b"GET /metrics HTTP/1.1\r\n\r\n")
    asked.wait()

    server.stop()

    assert read_all(client) == b""


@pytest.mark.wall_clock
def test_stopping_waits_for_nobody(start: Start) -> None:
    server = start()
    with send_raw(server, b"GET /metrics HTTP/1.1\r\n"):
        gevent.sleep(0.01)
        before = monotonic()

        server.stop()

        assert monotonic() - before < 0.5


def test_stopping_what_never_started_is_harmless() -> None:
    MetricsServer(lambda: PAGE, lambda: LABELS, UNKEPT).stop()


@pytest.fixture
def kept(stack: ExitStack) -> tuple[MetricsServer, Supervisor]:
    """Give a server that is supervised, and its supervisor."""
    supervisor = Supervisor(ManualClock(), gevent.spawn, print)
    server = MetricsServer(lambda: PAGE, lambda: LABELS, supervisor.keep)
    stack.callback(server.stop)
    server.start("127.0.0.1", 0)
    settle()
    return server, supervisor


@pytest.mark.parametrize("how", ["killed", "closed"])
def test_one_that_dies_listens_again_at_the_same_address(
    kept: tuple[MetricsServer, Supervisor], how: str
) -> None:
    """R37."""
    server, supervisor = kept
    address = server.address

    if how == "killed":
        kill(supervisor, "metrics server")
    else:
        server._server.close()
    settle()

    assert supervisor.states()["metrics server"].deaths == 1
    assert (server.address, ask(server, "/metrics").body) == (address, PAGE)


def test_one_that_began_anew_still_limits_its_connections(
    kept: tuple[MetricsServer, Supervisor],
) -> None:
    server, supervisor = kept
    kill(supervisor, "metrics server")

    with send_raw(server, b"GET /metrics HTTP/1.1\r\n"):
        settle()

        assert len(server._server.pool) == 1


def test_one_that_is_stopped_has_not_died(kept: tuple[MetricsServer, Supervisor]) -> None:
    server, supervisor = kept

    server.stop()
    settle()

    assert (server.address, supervisor.states()) == ("", {})
