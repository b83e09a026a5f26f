"""Strangers that send anything: nothing dies of it, nothing is left of it, others are served."""

import gc
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import gevent
import greenlet
import msgpack
import pytest
import zmq
import zmq.green

from crowsg.cluster.zerorpc_link import Curve
from tests.cluster.serving_node import Node
from tests.cluster.zerorpc_link.nets import ZerorpcNet, shared_curve

FRAMES = 600
PAUSE_AFTER = 50
CURVE = shared_curve()

ODD: list[Any] = [
    None, 0, -1, 2**63, "", b"", "x" * 500, b"\xff" * 9, [], [1], {}, {"a": [1]}, 1.5,
    float("nan"), True, msgpack.ExtType(4, b"x"), msgpack.Timestamp(1),
]  # fmt: skip
NAMES = ["echo", "beat", "_zpc_hb", "_zpc_more", "OK", "ERR", "STREAM", "_zerorpc_list", "nosuch"]


class Stranger:
    """Sends messages that are nearly right."""

    def __init__(self, address: str, seed: int, curve: Curve | None) -> None:
        self._random = random.Random(seed)
        self._context = zmq.green.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger = 0
        if curve is not None:
            curve.protect_client(self._socket, address)
        self._socket.connect(f"tcp://{address}")

    def send(self) -> None:
        self._socket.send_multipart(self._frames())

    def send_raw(self, event: bytes, flags: int = 0) -> None:
        self._socket.send_multipart([b"", event], flags=flags)

    def send_notice(self, payload: Any, flags: int = 0) -> None:
        event = ({"message_id": b"x", "one_way": True}, "beat", (payload,))
        self.send_raw(msgpack.packb(event), flags)

    def close(self) -> None:
        self._socket.close()
        self._context.term()

    def _frames(self) -> list[bytes]:
        event = self._damaged(self._event())
        return self._random.choice(
            [[b"", event], [b"", event], [event], [b"", b"", event], [b"a", event, b""], [b""] * 99]
        )

    def _event(self) -> bytes:
        header = self._header()
        name = self._random.choice([*NAMES, *ODD]) if self._chance(0.3) else "echo"
        args = self._random.choice([(), (1,), (1, 2), [[]], *ODD])
        event = self._random.choice(
            [(header, name, args)] * 3
            + [(header, name), (name, header, args), [header, name, args, 1], header, 1]
        )
        packed: bytes = msgpack.packb(event)
        return packed

    def _header(self) -> dict[Any, Any]:
        header: dict[Any, Any] = {"message_id": self._random.randbytes(16), "v": 3}
        if self._chance(0.3):
            header["response_to"] = self._random.randbytes(16)
        if self._chance(0.3):
            header["one_way"] = self._random.choice([True, *ODD])
        for _ in range(self._random.randrange(3)):
            key = self._random.choice(["message_id", "response_to", "v", "one_way", "zz", 1])
            header[key] = self._random.choice(ODD)
        return header

    def _damaged(self, packed: bytes) -> bytes:
        if self._chance(0.2):
            return packed[: self._random.randrange(len(packed) + 1)]
        if self._chance(0.2):
            position = self._random.randrange(len(packed))
            flipped = packed[position] ^ (1 << self._random.randrange(8))
            return packed[:position] + bytes([flipped]) + packed[position + 1 :]
        return packed

    def _chance(self, share: float) -> bool:
        return self._random.random() < share


@pytest.fixture(params=[None, CURVE], ids=["without keys", "with keys"])
def curve(request: pytest.FixtureRequest) -> Curve | None:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def net(curve: Curve | None) -> Iterator[ZerorpcNet]:
    net = ZerorpcNet(curve)
    yield net
    net.close()


@pytest.fixture(autouse=True)
def small_heap() -> Iterator[None]:
    """Let ``living`` look at what a test made, not at what thousands before it have left.

    Each look would block the loop for a second, in which nothing of what is waited for goes on.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def living() -> list[Any]:
    gc.collect()
    return [x for x in gc.get_objects() if isinstance(x, greenlet.greenlet) and not x.dead]


def survives(net: ZerorpcNet, curve: Curve | None, seed: int, frames: int) -> None:
    """Let a stranger send, and compare what is there before and after."""
    node, client = Node(net.link()), net.link()
    net.call(client, node.address, "echo", 1)
    gevent.idle()
    before = len(living())
    stranger = Stranger(node.address, seed, curve)

    for number in range(frames):
        stranger.send()
        if number % PAUSE_AFTER == 0:
            gevent.sleep(0.002)
    stranger.close()

    assert net.call(client, node.address, "echo", "still there") == "still there"
    client.tell(node.address, "beat", "last")
    net.wait_until(lambda: node.noticed[-1:] == ["last"])
    # The one more is that which sends the notice.
    net.wait_until(lambda: len(living()) == before + 1)


@pytest.mark.parametrize("seed", range(2))
def test_a_stranger_who_sends_anything_harms_nobody(
    net: ZerorpcNet, curve: Curve | None, seed: int
) -> None:
    survives(net, curve, seed, FRAMES)


@pytest.mark.integration
@pytest.mark.parametrize("seed", range(2, 3))
def test_a_stranger_who_goes_on_harms_nobody(
    net: ZerorpcNet, curve: Curve | None, seed: int
) -> None:
    survives(net, curve, seed, 5000)


def test_a_stranger_without_a_key_does_not_get_through() -> None:
    net = ZerorpcNet(CURVE)
    try:
        node = Node(net.link())
        stranger = Stranger(node.address, 1, None)
        with suppress(zmq.Again):
            for _ in range(200):
                stranger.send_notice("from a stranger", zmq.NOBLOCK)
        gevent.sleep(0.1)
        stranger.close()

        assert net.call(net.link(), node.address, "echo", 1) == 1
        assert node.noticed == []
    finally:
        net.close()


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(({"message_id": b"x" * 12, "v": 3}, "_zpc_hb", (0,)), id="heart beats"),
        pytest.param(({"message_id": b"x" * 12, "v": 3}, "_zpc_more", (99,)), id="more"),
        pytest.param(
            ({"message_id": b"x", "response_to": b"y", "v": 3}, "_zpc_more", (9,)), id="answers"
        ),
        pytest.param(({"message_id": b"x", "v": 3}, "echo", (1,)), id="calls never read"),
        pytest.param(({"response_to": [1]}, "echo", (1,)), id="unhashable"),
    ],
)
def test_a_flood_leaves_nothing_behind(event: Any) -> None:
    net = ZerorpcNet()
    try:
        node, client = Node(net.link()), net.link()
        net.call(client, node.address, "echo", 1)
        gevent.idle()
        before = len(living())
        stranger = Stranger(node.address, 1, None)
        for _ in range(2000):
            stranger.send_raw(msgpack.packb(event))
        assert net.call(client, node.address, "echo", 2) == 2
        stranger.close()

        net.wait_until(lambda: len(living()) == before)
    finally:
        net.close()


def test_a_message_that_is_too_large_is_not_even_received(
    caplog: pytest.LogCaptureFixture,
) -> None:
    net = ZerorpcNet()
    try:
        node = Node(net.link())
        stranger = Stranger(node.address, 1, None)
        stranger.send_raw(bytes(16 << 20))

        def comes_through() -> bool:
            stranger.send_notice("next")
            return bool(node.noticed)

        # What comes after it on the same connection, which is a new one by then.
        net.wait_until(comes_through)
        stranger.close()
        assert caplog.messages == []
    finally:
        net.close()
