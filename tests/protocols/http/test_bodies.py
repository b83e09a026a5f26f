"""Packed bodies are unpacked on request, within bounds, and not when they are damaged."""

import gzip
import zlib

import pytest

from crowsg.protocols.http.bodies import decode
from crowsg.protocols.http.failure import Failure
from tests.protocols.http.peers import always, talking
from tests.support.nodes import Bench

BODY = b"the same again and again, " * 100


def raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("packed", "codings"),
    [
        pytest.param(gzip.compress(BODY), [b"gzip"], id="gzip"),
        pytest.param(gzip.compress(BODY), [b"x-gzip"], id="x-gzip"),
        pytest.param(
            gzip.compress(BODY[:99]) + gzip.compress(BODY[99:]), [b"gzip"], id="two-members"
        ),
        pytest.param(zlib.compress(BODY), [b"deflate"], id="deflate"),
        pytest.param(raw(BODY), [b"deflate"], id="deflate-as-half-of-the-servers-do"),
        pytest.param(gzip.compress(zlib.compress(BODY)), [b"deflate", b"gzip"], id="twice"),
        pytest.param(BODY, [b"identity"], id="identity"),
        pytest.param(BODY, [], id="none"),
    ],
)
def test_a_packed_body_is_unpacked(packed: bytes, codings: list[bytes]) -> None:
    assert decode(packed, codings, len(BODY)) == BODY


@pytest.mark.parametrize(
    ("packed", "codings"),
    [
        pytest.param(gzip.compress(BODY)[:-9], [b"gzip"], id="cut-short"),
        pytest.param(gzip.compress(BODY) + b"rubbish", [b"gzip"], id="rubbish-behind"),
        pytest.param(BODY, [b"gzip"], id="not-packed"),
        pytest.param(gzip.compress(BODY + b"x"), [b"gzip"], id="larger-than-allowed"),
        pytest.param(gzip.compress(b"\0" * 10**8), [b"gzip"], id="bomb"),
        pytest.param(
            gzip.compress(gzip.compress(b"\0" * 10**7)), [b"gzip", b"gzip"], id="bomb-in-a-bomb"
        ),
        pytest.param(BODY, [b"br"], id="unknown"),
    ],
)
def test_a_damaged_or_unknown_one_is_refused(packed: bytes, codings: list[bytes]) -> None:
    with pytest.raises(Failure) as caught:
        decode(packed, codings, len(BODY))

    assert caught.value.kind == "protocol"


def packed_response(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: GZip\r\nContent-Length: %d\r\n\r\n" % len(body)
        + body
    )


def test_a_session_asks_for_packed_bodies_and_unpacks_them(bench: Bench) -> None:
    packed = gzip.compress(BODY)
    with talking(always(packed_response(packed)), compressed=True) as (peer, session):
        response = session.get("/", operation="op")

    assert response.body == BODY
    assert response.bytes_in < len(BODY)
    assert b"\r\nAccept-Encoding: gzip, deflate\r\n" in peer.requests[0]
    assert bench.node.recorder.operations["op"].ok.total == 1


def test_a_session_that_does_not_ask_leaves_them_as_they_are(bench: Bench) -> None:
    packed = gzip.compress(BODY)
    with talking(always(packed_response(packed))) as (peer, session):
        assert session.get("/").body == packed

    assert b"Accept-Encoding" not in peer.requests[0]


@pytest.mark.parametrize("judge", [True, False])
def test_a_damaged_body_is_a_failure_of_the_protocol(bench: Bench, judge: bool) -> None:
    with (
        talking(always(packed_response(b"rubbish")), compressed=True) as (_, session),
        session.get("/", operation="op", judge=judge) as response,
    ):
        assert response.error == "protocol"

    assert bench.node.recorder.operations["op"].failures == {"protocol": 1}
