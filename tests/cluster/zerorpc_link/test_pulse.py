"""Beats over real sockets, while the event loop of this process is blocked."""

import itertools
import os
import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
import zmq
from gevent.monkey import get_original  # noqa: TID251 - to block all that gevent runs

from crowsg.clock import MonotonicClock
from crowsg.cluster.link import Beat
from crowsg.cluster.zerorpc_link import ZerorpcLink
from crowsg.cluster.zerorpc_link.numbers import Numbers
from crowsg.cluster.zerorpc_link.pulse import Pulse, Wire
from crowsg.health.watchdog import Watchdog
from tests.cluster.contract import ignore
from tests.cluster.serving_node import Node
from tests.cluster.zerorpc_link.nets import HOST, ZerorpcNet, shared_curve, wait_until
from tests.support.full_pipe import full_stderr

BLOCKED_S = 2.0

block = get_original("time", "sleep")


@pytest.fixture(params=[None, shared_curve()], ids=["without keys", "with keys"])
def net(request: pytest.FixtureRequest) -> Iterator[ZerorpcNet]:
    net = ZerorpcNet(request.param)
    yield net
    net.close()


@pytest.fixture
def server(net: ZerorpcNet) -> Node:
    return Node(net.link())


@pytest.mark.wall_clock
def test_beats_go_on_while_the_loop_is_blocked(net: ZerorpcNet, server: Node) -> None:
    """R8: they are made ten times a second, and each is sent then: only the newest could wait."""
    net.link().pulse(lambda: [(server.address, "beat", time.monotonic())], ignore)
    wait_until(lambda: len(server.noticed) > 2)

    began = time.monotonic()
    block(BLOCKED_S)
    ended = time.monotonic()
    wait_until(lambda: server.noticed[-1] > ended)

    meanwhile = [each for each in server.noticed if began < each < ended]
    assert len(meanwhile) >= 5 * BLOCKED_S
    gaps = [after - before for before, after in itertools.pairwise(meanwhile)]
    assert max(gaps) < 1


@pytest.mark.wall_clock
def test_others_can_be_told_of_a_stall_while_it_lasts(net: ZerorpcNet, server: Node) -> None:
    """R8: with the function that blocks, within 1.5 s."""
    watchdog = Watchdog(time.monotonic_ns, lambda text: None)
    watchdog.start()
    net.link().pulse(
        lambda: [(server.address, "beat", [time.monotonic(), watchdog.blocked_by()])], ignore
    )

    wait_until(lambda: len(server.noticed) > 2)
    watchdog.beat(time.monotonic_ns())
    began = time.monotonic()
    block(BLOCKED_S)
    wait_until(lambda: server.noticed[-1][0] > began + BLOCKED_S)
    watchdog.stop()

    told_s, where = next(each for each in server.noticed if each[1])
    assert told_s - began < 1.5
    assert "test_pulse.py" in where


def test_what_goes_wrong_is_written_once_and_beats_go_on(
    net: ZerorpcNet, server: Node, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[Any] = [[1], [("", "beat", {1: 2})], [(server.address, "beat", {1, 2})]]

    def beats() -> list[Beat]:
        if told:
            found: list[Beat] = told.pop(0)
            return found
        return [(server.address, "beat", 1)]

    net.link().pulse(beats, ignore)
    wait_until(lambda: bool(server.noticed))

    assert capfd.readouterr().err.count("WARNING: a beat failed: TypeError") == 1


@pytest.mark.wall_clock
def test_a_stderr_that_nobody_reads_does_not_end_the_beats(net: ZerorpcNet, server: Node) -> None:
    told: list[Any] = [[1]]

    with full_stderr():
        net.link().pulse(lambda: told.pop() if told else [(server.address, "beat", 1)], ignore)
        wait_until(lambda: bool(server.noticed))


@pytest.mark.wall_clock
def test_a_node_that_closes_is_noticed_at_once(net: ZerorpcNet, server: Node) -> None:
    closed: list[str] = []
    address = server.address
    net.link().pulse(lambda: [(address, "beat", 1)], closed.append)
    wait_until(lambda: bool(server.noticed))

    server.link.close()
    began = time.monotonic()
    wait_until(lambda: bool(closed))

    assert set(closed) == {address}
    assert time.monotonic() - began < 0.3


def test_a_node_that_comes_back_hears_the_next_beat(net: ZerorpcNet, server: Node) -> None:
    address = server.address
    net.link().pulse(lambda: [(address, "beat", 1)], ignore)
    wait_until(lambda: bool(server.noticed))
    server.link.close()

    again = Node(net.link(address))

    wait_until(lambda: bool(again.noticed))


def test_a_connection_that_cannot_send_any_more_is_of_no_use(server: Node) -> None:
    with zmq.Context() as context:
        wire = Wire(context, None, server.address, HOST)
        was_of_use = wire.flush()
        wire.put(b"x", 0.0)
        wire._socket.close()

        assert (was_of_use, wire.flush()) == (True, False)
        wire.close()


def test_a_name_is_looked_up(net: ZerorpcNet, server: Node) -> None:
    port = server.address.rpartition(":")[2]

    net.link().pulse(lambda: [(f"localhost:{port}", "beat", 1)], ignore)

    wait_until(lambda: bool(server.noticed))


@pytest.mark.wall_clock
def test_a_host_that_hangs_delays_nobody(net: ZerorpcNet, server: Node) -> None:
    """R27: 100 look-ups that hang do not affect beats."""
    is_over = False

    def hang(*args: Any, **options: Any) -> None:
        while not is_over:
            block(0.05)

    told = [(f"host{number}:1", "beat", 0) for number in range(100)]
    told.append((server.address, "beat", 1))
    pulse = Pulse(net._curve, lambda: told, ignore, MonotonicClock(), Numbers(hang))
    pulse.start()
    try:
        wait_until(lambda: len(server.noticed) >= 5)
    finally:
        is_over = True
        pulse.close()


def test_connections_that_nobody_asks_for_are_closed(
    net: ZerorpcNet, server: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crowsg.cluster.zerorpc_link.pulse.IDLE_S", 0.15)
    told = [(server.address, "beat", 1)]
    before = descriptors()
    net.link().pulse(lambda: list(told), ignore)
    wait_until(lambda: len(server.noticed) >= 2)
    connected = descriptors()

    told.clear()

    # One of the server's, two of the monitor's and two of the socket's.
    wait_until(lambda: descriptors() <= connected - 3)
    assert connected > before


@pytest.mark.wall_clock
@pytest.mark.parametrize("told", [[], [("127.0.0.1:1", "beat", 1)]], ids=["nobody", "somebody"])
def test_it_costs_next_to_nothing(told: list[Beat]) -> None:
    link = ZerorpcLink(HOST, 0)
    link.pulse(lambda: told, ignore)
    gevent.sleep(0.2)
    began = time.process_time()
    block(1)
    took_s = time.process_time() - began
    link.close()

    assert took_s < 0.1


@pytest.mark.wall_clock
def test_its_end_is_not_waited_for_when_the_thread_is_stuck() -> None:
    is_over = False

    def beats() -> list[Beat]:
        while not is_over:
            block(0.01)
        return []

    link = ZerorpcLink(HOST, 0)
    link.pulse(beats, ignore)
    gevent.sleep(0.05)
    began = time.monotonic()
    link.close()
    took_s = time.monotonic() - began
    is_over = True

    assert took_s < 1


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
