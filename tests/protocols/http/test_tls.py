"""Encrypted connections, and all that may be wrong with them."""

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
import pytest
import trustme

from crowsg.protocols import http
from tests.protocols.http.peers import OK, Line, Peer, always, bounded
from tests.support.nodes import Bench

BIG = 2_000_000


@dataclass(frozen=True)
class Certificates:
    """An authority, and what it signed."""

    authority: trustme.CA
    ca: str
    client: str


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder: Path = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    client = authority.issue_cert("client@localhost")
    client.private_key_and_cert_chain_pem.write_to_path(folder / "client.pem")
    return Certificates(authority, str(folder / "ca.pem"), str(folder / "client.pem"))


def context(certificates: Certificates, *names: str) -> ssl.SSLContext:
    """Return the context of a server with a certificate for these names."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.authority.issue_cert(*(names or ("127.0.0.1", "localhost"))).configure_cert(made)
    return made


def big(line: Line) -> None:
    while request := line.read():
        size = len(request.partition(b"\r\n\r\n")[2])
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)


def failures(bench: Bench) -> dict[str, int]:
    return bench.node.recorder.operations["op"].failures


def test_an_encrypted_connection_is_used_again(bench: Bench, certificates: Certificates) -> None:
    with (
        Peer(always(OK), context=context(certificates)) as peer,
        http.Session(peer.url, ca=certificates.ca) as session,
    ):
        for _ in range(3):
            assert session.get("/").body == b"hi"
            gevent.sleep(0.01)
            bench.clock.advance(1)

    assert peer.connections == 1


def test_large_bodies_go_both_ways(bench: Bench, certificates: Certificates) -> None:
    with (
        Peer(big, context=context(certificates)) as peer,
        http.Session(peer.url, ca=certificates.ca) as session,
        bounded(),
    ):
        assert len(session.post("/", body=b"y" * BIG).body) == BIG


@pytest.mark.parametrize("verify", [True, False])
def test_a_certificate_nobody_trusts_is_refused_unless_that_does_not_matter(
    bench: Bench, certificates: Certificates, verify: bool
) -> None:
    with (
        Peer(always(OK), context=context(certificates)) as peer,
        http.Session(peer.url, verify=verify) as session,
    ):
        response = session.get("/", operation="op")

    assert response.error == ("tls" if verify else "")
    assert failures(bench) == ({"tls": 1} if verify else {})


def test_a_certificate_for_another_name_is_refused(
    bench: Bench, certificates: Certificates
) -> None:
    with (
        Peer(always(OK), context=context(certificates, "example.org")) as peer,
        http.Session(peer.url, ca=certificates.ca) as session,
    ):
        assert session.get("/").error == "tls"


def test_the_server_is_told_the_name(bench: Bench, certificates: Certificates) -> None:
    told: list[str | None] = []
    made = context(certificates)
    made.sni_callback = lambda sock, name, of: told.append(name)
    with (
        Peer(always(OK), context=made) as peer,
        http.Session(f"https://localhost:{peer.port}", ca=certificates.ca) as session,
    ):
        assert session.get("/").ok

    assert told == ["localhost"]


@pytest.mark.parametrize("shows", [True, False])
def test_a_client_certificate_is_shown(
    bench: Bench, certificates: Certificates, shows: bool
) -> None:
    made = context(certificates)
    made.verify_mode = ssl.CERT_REQUIRED
    certificates.authority.configure_trust(made)
    cert = certificates.client if shows else None
    with (
        Peer(always(OK), context=made) as peer,
        http.Session(peer.url, ca=certificates.ca, cert=cert) as session,
    ):
        response = session.get("/")

    assert response.ok if shows else response.error in ("tls", "closed")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda line: line.send(b"HTTP/1.1 400 Bad\r\n\r\n"), id="plain-http"),
        pytest.param(lambda line: None, id="closes"),
        pytest.param(lambda line: line.send(b"\x15\x03\x01\x00\x02\x02\x28"), id="alert"),
        pytest.param(lambda line: line.send(b"\xff" * 100), id="garbage"),
        pytest.param(lambda line: line.reset(), id="reset"),
    ],
)
def test_a_peer_that_speaks_no_tls_is_refused(bench: Bench, script: Any) -> None:
    with (
        Peer(script) as peer,
        http.Session(peer.url.replace("http", "https")) as session,
    ):
        assert session.get("/", operation="op").error == "tls"

    assert failures(bench) == {"tls": 1}


def test_a_silent_handshake_is_a_timeout(bench: Bench) -> None:
    with (
        Peer(lambda line: line.wait_until_closed()) as peer,
        http.Session(peer.url.replace("http", "https"), timeout=2) as session,
    ):
        asking = bench.node.spawn(session.get, "/")
        peer.wait_for(lambda: peer.connections == 1)
        bench.clock.advance(2.2)

        assert asking.get(timeout=1).error == "timeout"
        peer.wait_for(lambda: peer.closed == 1)


def serve_once(
    listener: socket.socket, made: ssl.SSLContext, response: bytes, polite: bool
) -> None:
    sock, _ = listener.accept()
    with made.wrap_socket(sock, server_side=True) as encrypted:
        encrypted.recv(65536)
        encrypted.sendall(response)
        if polite:
            encrypted.unwrap()


@pytest.mark.parametrize("polite", [True, False])
def test_an_end_that_tls_was_not_told_of_is_no_end_of_a_body(
    bench: Bench, certificates: Certificates, polite: bool
) -> None:
    response = b"HTTP/1.1 200 OK\r\n\r\nhi"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = gevent.spawn(serve_once, listener, context(certificates), response, polite)
        port = listener.getsockname()[1]
        with http.Session(f"https://127.0.0.1:{port}", ca=certificates.ca) as session:
            error = session.get("/").error
        serving.kill()

    assert error == ("" if polite else "closed")


def test_a_connection_that_was_closed_while_idle_is_replaced(
    bench: Bench, certificates: Certificates
) -> None:
    def once(line: Line) -> None:
        line.read()
        line.send(OK)

    with (
        Peer(once, context=context(certificates)) as peer,
        http.Session(peer.url, ca=certificates.ca) as session,
    ):
        session.post("/")
        peer.wait_for(lambda: peer.closed == 1)
        bench.clock.advance(1)
        assert session.post("/").ok

    assert peer.connections == 2


def test_a_second_response_in_a_record_of_its_own_is_seen(
    bench: Bench, certificates: Certificates
) -> None:
    def twice(line: Line) -> None:
        line.read()
        line.send(OK)
        line.send(OK.replace(b"hi", b"no"))
        line.wait_until_closed()

    with (
        Peer(twice, always(OK), context=context(certificates)) as peer,
        http.Session(peer.url, ca=certificates.ca) as session,
    ):
        session.get("/")
        gevent.sleep(0.02)
        bench.clock.advance(1)
        assert session.get("/").body == b"hi"


def test_sessions_share_what_they_trust(bench: Bench, certificates: Certificates) -> None:
    made = []
    with Peer(always(OK), context=context(certificates)) as peer:
        for _ in range(2):
            with http.Session(peer.url, ca=certificates.ca) as session:
                session.get("/")
                made.append(session._engine._commons.context(session._engine._manners.trust))

    assert made[0] is made[1]


@pytest.mark.parametrize("what", ["ca", "cert"])
def test_a_file_that_holds_no_certificate_raises(bench: Bench, tmp_path: Path, what: str) -> None:
    file = tmp_path / "empty.pem"
    file.write_text("nothing")
    arguments: Any = {what: str(file)}
    with (
        http.Session("https://127.0.0.1:1", **arguments) as session,
        pytest.raises(http.InvalidRequest),
    ):
        session.get("/")
