"""Every request is one operation, with its outcome; what makes no sense raises at once."""

import socket
from typing import Any

import gevent
import pytest

from crowsg.context import node_context
from crowsg.errors import CrowsgError, HttpError, InvalidRequest, NoCurrentNode, NotJudged
from crowsg.metrics.operation import Operation
from crowsg.protocols import http
from tests.protocols.http.peers import NOT_FOUND, OK, Peer, always, answers, silent, talking
from tests.support.nodes import Bench


def recorded(bench: Bench) -> dict[str, Operation]:
    return {str(name): operation for name, operation in bench.node.recorder.operations.items()}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_a_response_is_returned(bench: Bench) -> None:
    with talking(always(OK)) as (peer, session):
        response = session.get("/x?a=b")

    assert (response.status, response.body, response.text) == (200, b"hi", "hi")
    assert (response.ok, response.error, response.bytes_in) == (True, "", len(OK))
    assert response.bytes_out == len(peer.requests[0])


def test_a_request_has_the_headers_it_needs(bench: Bench) -> None:
    with talking(always(OK)) as (peer, session):
        session.get("/x?a=b")

    assert peer.requests[0] == (
        b"GET /x?a=b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        b"User-Agent: crowsg\r\nAccept: */*\r\n\r\n" % peer.port
    )


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        pytest.param({}, "GET /x", id="default"),
        pytest.param({"params": {"a": 1}}, "GET /x", id="default-with-params"),
        pytest.param({"operation": "look"}, "look", id="given"),
    ],
)
def test_a_request_is_one_operation(bench: Bench, arguments: Any, name: str) -> None:
    with talking(always(OK)) as (_, session):
        session.get("/x?a=b", **arguments)

    operation = recorded(bench)[name]
    assert (list(recorded(bench)), operation.count, operation.ok.total) == ([name], 1, 1)


def test_the_response_time_runs_from_the_intended_moment(bench: Bench) -> None:
    bench.clock.advance(5)
    with talking(always(OK)) as (_, session):
        session.get("/", operation="op", since=2.0)

    assert recorded(bench)["op"].response.max_ns == 3_000_000_000


def test_a_status_of_400_and_above_is_a_failure_that_does_not_raise(bench: Bench) -> None:
    with talking(always(NOT_FOUND)) as (_, session):
        response = session.get("/", operation="op")

    assert (response.status, response.ok, response.error) == (404, False, "status_404")
    assert response.body == b"gone"
    assert recorded(bench)["op"].failures == {"status_404": 1}


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        pytest.param(answers(b""), "closed", id="closed-before-a-byte"),
        pytest.param(answers(OK[:-1]), "closed", id="closed-in-the-body"),
        pytest.param(answers(b"hello\r\n"), "protocol", id="garbage"),
        pytest.param(lambda line: (line.read(), line.reset()), "closed", id="reset"),
    ],
)
def test_a_failed_request_does_not_raise(bench: Bench, script: Any, kind: str) -> None:
    with talking(script) as (_, session):
        response = session.post("/", operation="op")

    assert (response.status, response.ok, response.error, response.body) == (0, False, kind, b"")
    assert recorded(bench)["op"].failures == {kind: 1}


def test_nobody_who_listens_is_refused(bench: Bench) -> None:
    with http.Session(f"http://127.0.0.1:{free_port()}") as session:
        response = session.get("/", operation="op")

    assert (response.error, recorded(bench)["op"].failures) == ("refused", {"refused": 1})


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        pytest.param("http+unix://%2Fno%2Fsuch", "refused", id="no-such-socket"),
        pytest.param("http+unix://" + "a" * 200, "refused", id="path-of-socket-too-long"),
        pytest.param("http://[fe80::1%25nowhere]:1", "dns", id="no-such-interface"),
        pytest.param("http://" + "a" * 80, "dns", id="label-too-long"),
        pytest.param("http://127.0.0.1:0", "refused", id="port-0"),
        pytest.param("http://..", "dns", id="dots"),
    ],
)
def test_an_address_that_is_none_is_an_outcome(bench: Bench, url: str, kind: str) -> None:
    with http.Session(url) as session:
        response = session.get("/", operation="op")

    assert (response.error, recorded(bench)["op"].failures) == (kind, {kind: 1})


def test_a_host_nobody_knows_is_dns(bench: Bench) -> None:
    with http.Session("http://no-such-host.invalid") as session:
        response = session.get("/", operation="op")

    assert (response.error, recorded(bench)["op"].failures) == ("dns", {"dns": 1})


@pytest.mark.parametrize(
    ("script", "status"),
    [(always(NOT_FOUND), 404), (answers(b""), 0)],
    ids=["status_404", "closed"],
)
def test_raising_is_the_callers_choice(bench: Bench, script: Any, status: int) -> None:
    with talking(script) as (_, session):
        response = session.post("/")

        with pytest.raises(HttpError) as caught:
            response.raise_for_status()

    assert (caught.value.kind, caught.value.status) == (response.error, status)


def test_a_good_response_raises_nothing(bench: Bench) -> None:
    with talking(always(OK)) as (_, session):
        session.get("/").raise_for_status()


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
def test_each_method_has_a_function(bench: Bench, method: str) -> None:
    with talking(always(OK)) as (peer, session):
        assert getattr(session, method)("/").body == b"hi"

    assert peer.requests[0].startswith(method.upper().encode() + b" / HTTP/1.1\r\n")


def test_a_head_leaves_the_connection_usable(bench: Bench) -> None:
    with talking(answers(OK[:-2], OK)) as (peer, session):
        assert (session.head("/").status, session.get("/").body) == (200, b"hi")

    assert peer.connections == 1


@pytest.mark.parametrize(
    ("arguments", "kind", "body"),
    [
        pytest.param({"body": b"\xff"}, None, b"\xff", id="bytes"),
        pytest.param({"body": "\xe9"}, b"text/plain; charset=utf-8", b"\xc3\xa9", id="text"),
        pytest.param({"json": {"a": [1]}}, b"application/json", b'{"a":[1]}', id="json"),
        pytest.param(
            {"form": {"a": "b c"}}, b"application/x-www-form-urlencoded", b"a=b+c", id="form"
        ),
        pytest.param({}, None, b"", id="none"),
        pytest.param({"json": 1, "headers": {"content-type": "a/b"}}, b"a/b", b"1", id="own-type"),
    ],
)
def test_a_body_is_sent_with_its_length_and_type(
    bench: Bench, arguments: Any, kind: bytes | None, body: bytes
) -> None:
    with talking(always(OK)) as (peer, session):
        session.post("/", **arguments)

    head, _, sent = peer.requests[0].partition(b"\r\n\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    assert (sent, headers[b"content-length"]) == (body, b"%d" % len(body))
    assert headers.get(b"content-type") == kind


@pytest.mark.parametrize(
    ("auth", "line"),
    [
        pytest.param(("user", "p:w"), b"Authorization: Basic dXNlcjpwOnc=\r\n", id="basic"),
        pytest.param("abc", b"Authorization: Bearer abc\r\n", id="bearer"),
    ],
)
def test_authorization_is_sent(bench: Bench, auth: Any, line: bytes) -> None:
    with talking(always(OK), auth=auth) as (peer, session):
        session.get("/")

    assert line in peer.requests[0]


def test_headers_of_the_session_and_of_the_request_are_sent(bench: Bench) -> None:
    with talking(always(OK), headers={"A": "1", "B": "2", "Accept": None}) as (peer, session):
        session.get("/", headers={"b": "3", "User-Agent": None})
        session.get("/")

    first, second = peer.requests
    assert first.endswith(b"\r\nA: 1\r\nb: 3\r\n\r\n")
    assert b"User-Agent" not in first
    assert second.endswith(b"\r\nUser-Agent: crowsg\r\nA: 1\r\nB: 2\r\n\r\n")


def test_a_path_of_the_base_url_goes_before_all_paths(bench: Bench) -> None:
    with Peer(always(OK)) as peer, http.Session(f"{peer.url}/api/") as session:
        session.get("/x")

    assert peer.requests[0].startswith(b"GET /api/x HTTP/1.1\r\n")


def test_headers_are_found_in_any_case(bench: Bench) -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-Some: a\r\nx-some: b\r\nContent-Length: 0\r\n\r\n"
    with talking(always(answer)) as (_, session):
        headers = session.get("/").headers

    assert (headers["X-SOME"], headers.all("x-Some"), headers.get("other")) == (
        "a, b",
        ["a", "b"],
        None,
    )
    assert list(headers) == ["x-some", "content-length"]


def test_json_and_charset_are_read(bench: Bench) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: a/b; charset=latin-1\r\n\r\n\xe9"
    with talking(answers(answer)) as (_, session):
        assert session.get("/").text == "\xe9"


def test_a_unix_socket_is_reached(bench: Bench, tmp_path: Any) -> None:
    path = f"{tmp_path}/sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    with (
        listener,
        Peer(always(OK), listener=listener) as peer,
        http.Session("http+unix://" + path.replace("/", "%2F")) as session,
    ):
        assert session.get("/").body == b"hi"

    assert b"Host: localhost\r\n" in peer.requests[0]


def test_an_ipv6_address_is_reached(bench: Bench) -> None:
    with (
        Peer(always(OK), listener=("::1", 0)) as peer,
        http.Session(f"http://[::1]:{peer.port}") as session,
    ):
        assert session.get("/").body == b"hi"

    assert b"Host: [::1]:%d\r\n" % peer.port in peer.requests[0]


def test_a_name_is_looked_up(bench: Bench) -> None:
    with Peer(always(OK)) as peer, http.Session(f"http://localhost:{peer.port}") as session:
        assert session.get("/").body == b"hi"


def test_a_silent_server_is_a_timeout_never_too_early(bench: Bench) -> None:
    with talking(silent, timeout=3) as (peer, session):
        asking = bench.node.spawn(session.get, "/")
        peer.wait_for(lambda: peer.connections == 1)
        bench.clock.advance(2.9)
        assert not asking.ready()

        bench.clock.advance(0.2)

        response = asking.get(timeout=1)
        assert response.error == "timeout"
        assert 3 <= response.elapsed <= 3.1
        peer.wait_for(lambda: peer.closed == 1)

    assert recorded(bench)["GET /"].failures == {"timeout": 1}


def test_a_slow_body_is_a_timeout_of_the_whole(bench: Bench) -> None:
    def drip(line: Any) -> None:
        line.read()
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            line.send(b"x")
            bench.node.clock.sleep(1)

    with talking(drip) as (peer, session):
        asking = bench.node.spawn(lambda: session.get("/", timeout=5))
        peer.wait_for(lambda: peer.connections == 1)
        bench.clock.advance(6)

        assert asking.get(timeout=1).error == "timeout"


def test_a_timeout_of_the_scenario_itself_goes_through(bench: Bench) -> None:
    with talking(silent) as (peer, session):
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
            session.get("/", operation="op")
        peer.wait_for(lambda: peer.closed == 1)

    assert recorded(bench)["op"].failures == {"Timeout": 1}


@pytest.mark.parametrize(
    ("given", "end"),
    [
        pytest.param({"X": "a"}, b"*/*\r\nX: a\r\n\r\n", id="added"),
        pytest.param({"X": "a", "x": "b"}, b"*/*\r\nx: b\r\n\r\n", id="twice"),
        pytest.param({"X": ""}, b"*/*\r\nX: \r\n\r\n", id="empty"),
        pytest.param({"accept": "a"}, b"\r\naccept: a\r\n\r\n", id="replaced"),
        pytest.param({"X": None}, b"*/*\r\n\r\n", id="none"),
        pytest.param({}, b"*/*\r\n\r\n", id="nothing"),
    ],
)
def test_headers_of_a_request_are_added_or_replace_others(
    bench: Bench, given: Any, end: bytes
) -> None:
    with talking(always(OK)) as (peer, session):
        session.get("/", headers=given)
        session.get("/")

    assert peer.requests[0].endswith(end)
    assert peer.requests[1].endswith(b"\r\nAccept: */*\r\n\r\n")


@pytest.mark.parametrize("charset", ["undefined", "base64", "no-such", "\xe9"])
def test_a_charset_that_is_none_is_read_as_utf_8(bench: Bench, charset: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: a/b; charset={charset}\r\n\r\n"
    with talking(answers(head.encode("latin-1") + "\xe9".encode())) as (_, session):
        assert session.get("/").text == "\xe9"


def test_paths_that_carry_an_id_do_not_fill_the_memory(bench: Bench) -> None:
    with talking(always(OK)) as (_, session):
        for number in range(1500):
            session.get(f"/{number}", operation="op")

        assert len(session._known) <= 1000


class TestMisuse:
    """Nothing is counted, and nothing is sent."""

    @pytest.mark.parametrize(
        ("method", "path", "arguments"),
        [
            pytest.param("GET", "x", {}, id="path-without-slash"),
            pytest.param("GET", "http://other/", {}, id="url-for-a-path"),
            pytest.param("GET", "/a\r\nX: y", {}, id="crlf-in-path"),
            pytest.param("GET", "/a#b", {}, id="fragment"),
            pytest.param("GET", None, {}, id="no-path"),
            pytest.param("G T", "/", {}, id="method"),
            pytest.param("CONNECT", "/", {}, id="connect"),
            pytest.param("", "/", {}, id="empty-method"),
            pytest.param("GET", "/", {"headers": {"X": "a\r\nY: b"}}, id="crlf-in-value"),
            pytest.param("GET", "/", {"headers": {"X\r\n": "a"}}, id="crlf-in-name"),
            pytest.param("GET", "/", {"headers": {"": "a"}}, id="empty-name"),
            pytest.param("GET", "/", {"headers": {"X": 1}}, id="number-as-value"),
            pytest.param("GET", "/", {"headers": {"X": "\u20ac"}}, id="value-not-latin-1"),
            pytest.param("GET", "/", {"headers": ["X"]}, id="headers-no-mapping"),
            pytest.param("GET", "/", {"headers": {"Content-Length": "1"}}, id="own-length"),
            pytest.param("GET", "/", {"headers": {"Transfer-Encoding": "x"}}, id="own-coding"),
            pytest.param("POST", "/", {"body": 5}, id="body-a-number"),
            pytest.param("POST", "/", {"body": ["a"]}, id="body-a-list"),
            pytest.param("POST", "/", {"body": b"a", "json": 1}, id="two-bodies"),
            pytest.param("POST", "/", {"json": object()}, id="no-json"),
            pytest.param("POST", "/", {"form": 5}, id="no-form"),
            pytest.param("GET", "/", {"params": 5}, id="no-params"),
            pytest.param("GET", "/", {"timeout": 0}, id="timeout-0"),
            pytest.param("GET", "/", {"timeout": -1}, id="timeout-below-0"),
            pytest.param("GET", "/", {"timeout": float("nan")}, id="timeout-nan"),
            pytest.param("GET", "/", {"timeout": "1"}, id="timeout-text"),
        ],
    )
    def test_a_request_that_makes_no_sense_raises(
        self, bench: Bench, method: str, path: Any, arguments: Any
    ) -> None:
        with talking(always(OK)) as (peer, session), pytest.raises(InvalidRequest):
            session.request(method, path, **arguments)

        assert (peer.connections, recorded(bench)) == (0, {})

    @pytest.mark.parametrize(
        ("url", "arguments"),
        [
            pytest.param("127.0.0.1:80", {}, id="no-scheme"),
            pytest.param("ftp://host", {}, id="scheme"),
            pytest.param("http://", {}, id="no-host"),
            pytest.param("http:///path", {}, id="empty-host"),
            pytest.param("http://host:port", {}, id="port"),
            pytest.param("http://host:99999", {}, id="port-too-high"),
            pytest.param("http://a b", {}, id="space"),
            pytest.param("http://host\r\nX: y", {}, id="crlf"),
            pytest.param("http://user:word@host", {}, id="user"),
            pytest.param("http://host/?a=b", {}, id="query"),
            pytest.param("http://[::1", {}, id="bracket"),
            pytest.param("http://ho$t", {}, id="dollar"),
            pytest.param(5, {}, id="number"),
            pytest.param("http://host", {"timeout": 0}, id="timeout"),
            pytest.param("http://host", {"headers": {"a b": "c"}}, id="header"),
            pytest.param("http://host", {"auth": 5}, id="auth"),
            pytest.param("http://host", {"auth": ("a:b", "c")}, id="colon-in-user"),
            pytest.param("http://host", {"auth": "a\r\nb"}, id="crlf-in-token"),
            pytest.param("http://host", {"max_connections": 0}, id="no-connections"),
            pytest.param("http://host", {"redirects": -1}, id="redirects"),
            pytest.param("http://host", {"verify": "ca.pem"}, id="verify-a-file"),
        ],
    )
    def test_a_session_that_makes_no_sense_raises(self, url: Any, arguments: Any) -> None:
        with pytest.raises(InvalidRequest):
            http.Session(url, **arguments)

    def test_files_of_certificates_that_are_missing_raise(self, bench: Bench) -> None:
        with (
            http.Session("https://127.0.0.1:1", ca="/no/such/file") as session,
            pytest.raises(InvalidRequest),
        ):
            session.get("/")

        assert recorded(bench) == {}

    def test_a_moment_that_is_none_raises(self, bench: Bench) -> None:
        with talking(always(OK)) as (peer, session), pytest.raises((TypeError, ValueError)):
            session.get("/", since="soon")

        assert peer.connections == 0

    def test_outside_of_every_node_nothing_is_sent(self) -> None:
        with http.Session("http://127.0.0.1:1") as session, pytest.raises(NoCurrentNode):
            session.get("/")

    def test_what_is_recorded_already_cannot_be_judged(self, bench: Bench) -> None:
        with talking(always(OK)) as (_, session), pytest.raises(NotJudged, match="judge=True"):
            session.get("/").fail("wrong")

        assert recorded(bench)["GET /"].ok.total == 1

    def test_all_of_it_is_of_the_one_tree(self) -> None:
        assert issubclass(InvalidRequest, CrowsgError)
        assert issubclass(InvalidRequest, ValueError)


def test_a_session_works_on_one_node_after_the_other(bench: Bench) -> None:
    other = Bench()
    with talking(always(OK)) as (_, session), other.node:
        session.get("/", operation="op")
        with node_context(bench.node):
            session.get("/", operation="op")

    assert [recorded(each)["op"].count for each in (bench, other)] == [1, 1]
