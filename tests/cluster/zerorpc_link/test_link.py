"""The link over zerorpc: the contract, where it listens, and that nothing of it is left."""

import gc
import os
from collections.abc import Iterator

import gevent
import greenlet
import pytest

from crowsg.cluster.zerorpc_link import Curve, ZerorpcLink
from crowsg.errors import InvalidAddress, Unreachable
from tests.cluster.contract import LinkContract, ignore
from tests.cluster.serving_node import Node
from tests.cluster.zerorpc_link.nets import HOST, ZerorpcNet, shared_curve, wait_until

CURVE = shared_curve()


@pytest.fixture(params=[None, CURVE], ids=["without keys", "with keys"])
def net(request: pytest.FixtureRequest) -> Iterator[ZerorpcNet]:
    net = ZerorpcNet(request.param)
    yield net
    net.close()


class TestZerorpcLink(LinkContract):
    """The promises of every link."""


@pytest.fixture
def plain() -> Iterator[ZerorpcNet]:
    net = ZerorpcNet()
    yield net
    net.close()


def greenlets() -> int:
    gc.collect()
    return sum(isinstance(each, greenlet.greenlet) and not each.dead for each in gc.get_objects())


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("curve", [None, CURVE], ids=["without keys", "with keys"])
def test_nothing_is_left_of_a_link_that_was_closed(curve: Curve | None) -> None:
    def live() -> None:
        net = ZerorpcNet(curve)
        server, client, dead = Node(net.link()), net.link(), net.dead_address()
        for number in range(5):
            net.call(client, server.address, "echo", number)
            client.tell(server.address, "beat", number)
        client.tell(net.dead_address(), "beat", 1)
        client.pulse(lambda: [(server.address, "beat", 5), (dead, "beat", 6)], ignore)
        for address, method in ((server.address, "wait"), (net.dead_address(), "echo")):
            with pytest.raises(Unreachable):
                net.call(client, address, method, timeout_s=0.02)
        wait_until(lambda: len(server.noticed) > 5)
        net.close()
        gevent.idle()

    live()
    before = greenlets(), descriptors(), threads()
    live()

    # Fewer, where garbage of others went meanwhile.
    assert greenlets() <= before[0]
    assert descriptors() <= before[1]
    assert threads() <= before[2]


def test_a_caller_that_is_killed_leaves_no_connection(plain: ZerorpcNet) -> None:
    server, client = Node(plain.link()), plain.link()
    plain.call(client, server.address, "echo", 1)
    gevent.idle()
    before = greenlets(), descriptors()

    callers = [gevent.spawn(client.call, server.address, "wait", n, 60) for n in range(10)]
    wait_until(lambda: len(server.begun) == 10)
    gevent.killall(callers)
    del callers
    server.release.set()

    wait_until(lambda: greenlets() <= before[0] and descriptors() <= before[1])


@pytest.mark.wall_clock
def test_no_connection_lingers_until_somebody_is_there(plain: ZerorpcNet) -> None:
    address, client = plain.dead_address(), plain.link()
    for number in range(5):
        with pytest.raises(Unreachable):
            plain.call(client, address, "wait", number, timeout_s=0.02)

    server = Node(plain.link(address))
    # Longer than ZeroMQ waits until it tries again.
    gevent.sleep(0.3)

    assert server.begun == []


def test_a_port_that_was_asked_for_is_the_only_one(plain: ZerorpcNet) -> None:
    taken = Node(plain.link())

    with pytest.raises(InvalidAddress, match="already in use"):
        plain.link(taken.address).open({}, {})


def test_the_next_free_port_will_do_where_no_port_was_asked_for(plain: ZerorpcNet) -> None:
    port = int(Node(plain.link()).address.rpartition(":")[2])
    link = ZerorpcLink(HOST, port, strict_port=False)
    plain.links.append(link)

    link.open({}, {})

    assert port < int(link.address.rpartition(":")[2]) < port + 100


@pytest.mark.parametrize(
    ("advertised", "told"),
    [(None, "127.0.0.1:PORT"), ("me.example", "me.example:PORT"), ("me.example:1", "me.example:1")],
)
def test_it_tells_the_address_that_others_use(
    plain: ZerorpcNet, advertised: str | None, told: str
) -> None:
    link = ZerorpcLink(HOST, 0, advertised=advertised)
    plain.links.append(link)

    link.open({}, {})

    assert link.address.partition(":")[0] == told.partition(":")[0]
    assert "PORT" in told or link.address == told


def test_two_links_call_over_the_address_of_six(plain: ZerorpcNet) -> None:
    link = ZerorpcLink("::1", 0)
    plain.links.append(link)
    server = Node(link)

    assert server.address.startswith("[::1]:")
    assert plain.call(plain.link(), server.address, "echo", 6) == 6


def test_a_name_is_looked_up(plain: ZerorpcNet) -> None:
    link = ZerorpcLink("localhost", 0)
    plain.links.append(link)
    server = Node(link)

    assert plain.call(plain.link(), server.address, "echo", 1) == 1


@pytest.mark.parametrize(
    ("host", "port"),
    [
        pytest.param("0.0.0.0", 0, id="all interfaces, no keys"),
        pytest.param("::", 0, id="all of v6, no keys"),
        pytest.param("no-such-host.invalid", 0, id="unknown name"),
        pytest.param(HOST, 70000, id="no port"),
        pytest.param(HOST, -1, id="negative port"),
    ],
)
def test_where_it_cannot_listen_is_refused(plain: ZerorpcNet, host: str, port: int) -> None:
    link = ZerorpcLink(host, port)
    plain.links.append(link)

    with pytest.raises(InvalidAddress):
        link.open({}, {})


def test_with_keys_it_listens_everywhere() -> None:
    link = ZerorpcLink("0.0.0.0", 0, advertised=HOST, curve=CURVE)
    try:
        server = Node(link)
        assert link.call(server.address, "echo", 1, 5) == 1
    finally:
        link.close()


def test_a_link_is_opened_once(plain: ZerorpcNet) -> None:
    server = Node(plain.link())

    with pytest.raises(InvalidAddress, match="opened before"):
        server.link.open({}, {})
