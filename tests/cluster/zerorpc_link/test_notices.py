"""Notices whose reader is slow, or not there."""

from collections.abc import Iterator

import gevent
import pytest

from crowsg.cluster.link import MAX_MESSAGE_BYTES
from crowsg.cluster.zerorpc_link import ZerorpcLink
from crowsg.cluster.zerorpc_link.notices import MAX_QUEUED, MAX_QUEUED_BYTES
from tests.cluster.serving_node import Node
from tests.cluster.zerorpc_link.nets import HOST, ZerorpcNet


@pytest.fixture
def net() -> Iterator[ZerorpcNet]:
    net = ZerorpcNet()
    yield net
    net.close()


@pytest.fixture
def sender(net: ZerorpcNet) -> ZerorpcLink:
    net.links.append(ZerorpcLink(HOST, 0))
    return net.links[-1]


def test_the_oldest_are_dropped_and_counted_where_nobody_reads(
    net: ZerorpcNet, sender: ZerorpcLink
) -> None:
    address = net.dead_address()
    for number in range(10):
        sender.tell(address, "beat", number)
    # Whoever sends them tries to, and finds nobody.
    gevent.sleep(0.01)
    for number in range(10, MAX_QUEUED + 10):
        sender.tell(address, "beat", number)

    node = Node(net.link(address))
    net.wait_until(lambda: len(node.noticed) == MAX_QUEUED)

    assert sender.dropped_notices == 10
    assert node.noticed == list(range(10, MAX_QUEUED + 10))


def test_large_ones_are_dropped_before_they_fill_the_memory(
    net: ZerorpcNet, sender: ZerorpcLink
) -> None:
    address, count = net.dead_address(), 8
    large = bytes(MAX_MESSAGE_BYTES - 100)
    for _ in range(count):
        sender.tell(address, "beat", large)

    assert (count - sender.dropped_notices) * len(large) <= MAX_QUEUED_BYTES
    assert sender.dropped_notices < count


def test_a_node_that_starts_later_gets_what_waits(net: ZerorpcNet, sender: ZerorpcLink) -> None:
    address = net.dead_address()
    sender.tell(address, "beat", 1)
    with pytest.raises(TimeoutError):
        sender.call(address, "echo", None, 0.05)

    node = Node(net.link(address))

    net.wait_until(lambda: node.noticed == [1])


def test_who_is_forgotten_gets_nothing_that_waited(net: ZerorpcNet, sender: ZerorpcLink) -> None:
    address = net.dead_address()
    sender.tell(address, "beat", "old")
    sender.forget(address)

    node = Node(net.link(address))
    sender.tell(address, "beat", "new")
    net.wait_until(lambda: "new" in node.noticed)

    assert node.noticed == ["new"]


def test_a_node_that_was_restarted_gets_what_is_sent_next(
    net: ZerorpcNet, sender: ZerorpcLink
) -> None:
    first = Node(net.link())
    sender.tell(first.address, "beat", 1)
    net.wait_until(lambda: first.noticed == [1])
    address = first.address
    first.link.close()
    second = Node(net.link(address))

    def is_there() -> bool:
        sender.tell(address, "beat", 2)
        return 2 in second.noticed

    net.wait_until(is_there)
