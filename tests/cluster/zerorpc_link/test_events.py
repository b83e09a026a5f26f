"""What the link takes for an event, and what it sends as one."""

import time
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
import zerorpc
import zmq

from crowsg.cluster.packing import MAX_DEPTH
from crowsg.cluster.zerorpc_link.events import BadFrame, PackedEvent, Received
from crowsg.cluster.zerorpc_link.hardening import OwnContext
from crowsg.errors import NotPackable

HEADER = {"message_id": b"id", "v": 3}


@pytest.fixture
def context() -> Iterator[OwnContext]:
    context = OwnContext()
    yield context
    context.term()


def received(*frames: bytes) -> Received:
    return Received([zmq.Frame(frame) for frame in frames])


def test_an_event_is_packed_as_zerorpc_would(context: OwnContext) -> None:
    event = PackedEvent(context, "name", [1, "two"], {"one_way": True})

    header, name, args = msgpack.unpackb(event.pack())
    assert (header, name, args) == (event.header, "name", [[1, "two"]])
    assert zerorpc.Event.unpack(event.pack()).header == event.header


def test_an_event_of_what_cannot_travel_is_not_made(context: OwnContext) -> None:
    with pytest.raises(NotPackable):
        PackedEvent(context, "name", object())


def test_an_event_with_the_deepest_payload_is_received(context: OwnContext) -> None:
    payload: list[Any] = []
    for _ in range(MAX_DEPTH - 1):
        payload = [payload]

    assert received(b"", PackedEvent(context, "x", payload).pack()).args == [payload]


def test_what_the_answer_needs_is_kept() -> None:
    event = received(b"who", b"", msgpack.packb((HEADER, "name", (1,))))

    assert (event.identity, event.message_id) == ([b"who"], b"id")
    assert (event.name, event.args) == ("name", [1])


@pytest.mark.parametrize(
    "event",
    [
        pytest.param((HEADER, "name"), id="two parts"),
        pytest.param((HEADER, "name", (1,), 1), id="four parts"),
        pytest.param({"a": 1}, id="no list"),
        pytest.param(([], "name", (1,)), id="header of another kind"),
        pytest.param((HEADER, b"name", (1,)), id="name of another kind"),
        pytest.param((HEADER, "name", {}), id="arguments of another kind"),
        pytest.param(({"response_to": [1]}, "name", (1,)), id="unhashable id"),
        pytest.param(({"message_id": None}, "name", (1,)), id="no id"),
        pytest.param(({"message_id": 1}, "name", (1,)), id="id of another kind"),
        pytest.param(({"message_id": b"x" * 65}, "name", (1,)), id="long id"),
        pytest.param(({1: 2}, "name", (1,)), id="key that is no text"),
        pytest.param((HEADER, "name", (float("nan"),)), id="nan"),
        pytest.param((HEADER, "name", (msgpack.ExtType(1, b""),)), id="extension"),
        pytest.param((HEADER, "name", (msgpack.Timestamp(1),)), id="time stamp"),
    ],
)
def test_what_is_no_event_is_refused(event: Any) -> None:
    with pytest.raises(BadFrame):
        received(b"who", b"", msgpack.packb(event))


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([b""], id="one"),
        pytest.param([b"who", msgpack.packb((HEADER, "name", (1,)))], id="no empty one"),
        pytest.param([b"who", b"", b"", msgpack.packb((HEADER, "name", (1,)))], id="four"),
        pytest.param([b"who", b"", b""], id="empty event"),
        pytest.param([b"who", b"", b"\xc1"], id="reserved byte"),
        pytest.param([b"who", b"", b"\x91" * 5000], id="nested"),
        pytest.param([b"who", b"", b"\xdd\xff\xff\xff\xff"], id="endless list"),
        pytest.param([b"who", b"", b"\xdf\xff\xff\xff\xff"], id="endless dictionary"),
        pytest.param([b"who", b"", b"\xc6\xff\xff\xff\xff"], id="endless bytes"),
        pytest.param([b"who", b"", b"\x01\x01"], id="more than one value"),
    ],
)
def test_frames_of_another_shape_are_refused(frames: list[bytes]) -> None:
    with pytest.raises(BadFrame):
        received(*frames)


def test_a_large_message_is_judged_in_no_time() -> None:
    began = time.monotonic()

    with pytest.raises(BadFrame):
        received(b"who", b"", b"\xdd\x00\x7f\xff\xff" + b"\x90" * (8 << 20))

    assert time.monotonic() - began < 1
