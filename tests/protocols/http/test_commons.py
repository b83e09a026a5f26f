"""What the sessions of a node share, and how they connect."""

import _socket
from typing import Any

import pytest

from crowsg.protocols import http
from crowsg.protocols.http.commons import commons_of
from crowsg.protocols.http.resolving import Names
from crowsg.protocols.http.transport import Address
from tests.protocols.http.peers import OK, Peer, always
from tests.support.nodes import Bench


def know(bench: Bench, *addresses: str) -> None:
    """Let every host have these addresses."""

    def look_up(host: str) -> list[Address]:
        return [(_socket.AF_INET, (address, 0)) for address in addresses]

    commons_of(bench.node).names = Names(bench.clock, look_up)


def test_sessions_of_a_node_share_one(bench: Bench) -> None:
    assert commons_of(bench.node) is commons_of(bench.node)


def test_nodes_share_none(bench: Bench) -> None:
    assert commons_of(bench.node) is not commons_of(Bench().node)


def test_the_first_address_that_answers_is_taken(bench: Bench) -> None:
    know(bench, "127.0.0.2", "127.0.0.1")
    with Peer(always(OK)) as peer, http.Session(f"http://some-host:{peer.port}") as session:
        assert session.get("/").body == b"hi"

    assert b"Host: some-host:%d\r\n" % peer.port in peer.requests[0]


@pytest.mark.parametrize(
    ("addresses", "kind"),
    [
        pytest.param(["127.0.0.2", "127.0.0.3"], "refused", id="nobody-listens"),
        pytest.param([], "refused", id="no-address"),
    ],
)
def test_no_address_that_answers_is_refused(bench: Bench, addresses: Any, kind: str) -> None:
    know(bench, *addresses)
    with Peer(always(OK)) as peer, http.Session(f"http://some-host:{peer.port}") as session:
        assert session.get("/").error == kind
