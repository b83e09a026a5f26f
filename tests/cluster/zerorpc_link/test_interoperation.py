"""The link speaks zerorpc: clients and servers as released understand it."""

from collections.abc import Iterator
from typing import Any

import gevent
import pytest
import zerorpc

from crowsg.cluster.link import Link
from crowsg.errors import RemoteFault
from tests.cluster.serving_node import Node
from tests.cluster.zerorpc_link.nets import ZerorpcNet


@pytest.fixture
def net() -> Iterator[ZerorpcNet]:
    net = ZerorpcNet()
    yield net
    net.close()


@pytest.fixture
def released(net: ZerorpcNet) -> Iterator[tuple[Any, str]]:
    address = net.dead_address()
    server = zerorpc.Server({"give": lambda value: value}, "given", heartbeat=None)
    server.bind(f"tcp://{address}")
    running = gevent.spawn(server.run)
    yield server, address
    server.close()
    running.join()


def test_a_client_as_released_is_answered(net: ZerorpcNet) -> None:
    node = Node(net.link())
    client = zerorpc.Client(f"tcp://{node.address}", timeout=5, heartbeat=None)
    try:
        assert client("echo", [1, "two"]) == {"ok": [1, "two"]}
    finally:
        client.close()


def test_a_server_as_released_understands_a_call(
    net: ZerorpcNet, released: tuple[Any, str]
) -> None:
    link: Link = net.link()

    # It answers without saying that this is a value, which no handler of a node does.
    assert link.call(released[1], "give", {"ok": 1}, 5) == 1


def test_the_error_of_a_server_as_released_is_a_fault(
    net: ZerorpcNet, released: tuple[Any, str]
) -> None:
    with pytest.raises(RemoteFault, match="NameError"):
        net.link().call(released[1], "nowhere", 1, 5)
