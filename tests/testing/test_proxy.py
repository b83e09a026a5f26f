"""A proxy that delays, holds, loses, changes and cuts what passes through it."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random

import gevent
import pytest
from gevent.server import StreamServer

from crowsg.cluster.address import parse
from crowsg.testing import ManualClock
from crowsg.testing.proxy import ChaosProxy, Direction

PATIENCE_S = 5.0
SILENCE_S = 0.05


@pytest.fixture
def target() -> Iterator[StreamServer]:
    """Give a server that sends back what it gets."""
    server = StreamServer(("127.0.0.1", 0), echo)
    server.start()
    yield server
    server.close()


def echo(connection: socket.socket, _: object) -> None:
    with suppress(OSError):
        while data := connection.recv(65536):
            connection.sendall(data)


@pytest.fixture
def proxy(target: StreamServer) -> Iterator[ChaosProxy]:
    with ChaosProxy(f"127.0.0.1:{target.address[1]}") as proxy:
        yield proxy


def server_of(proxy: ChaosProxy) -> tuple[str, int]:
    return parse(proxy.address)


Connect = Callable[[], socket.socket]


@pytest.fixture
def connect(proxy: ChaosProxy) -> Iterator[Connect]:
    """Give a function that connects through the proxy."""
    opened: list[socket.socket] = []

    def connect() -> socket.socket:
        opened.append(socket.create_connection(server_of(proxy), timeout=PATIENCE_S))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


def echoed(connection: socket.socket, text: bytes = b"caw") -> bytes:
    connection.sendall(text)
    return connection.recv(65536)


def hears_nothing(connection: socket.socket) -> bool:
    connection.settimeout(SILENCE_S)
    try:
        return connection.recv(1) == b"never"
    except TimeoutError:
        return True
    finally:
        connection.settimeout(PATIENCE_S)


def everything(connection: socket.socket) -> bytes:
    """Say that this is all, and return all that comes back."""
    connection.shutdown(socket.SHUT_WR)
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_what_passes_is_not_changed(connect: Connect) -> None:
    sent = Random(1).randbytes(1 << 20)
    connection = connect()
    sender = gevent.spawn(connection.sendall, sent)

    received = bytearray()
    while len(received) < len(sent):
        received += connection.recv(65536)

    assert bytes(received) == sent
    sender.get()


def test_the_end_of_a_side_is_passed_on(connect: Connect) -> None:
    connection = connect()
    connection.sendall(b"last words")

    assert everything(connection) == b"last words"


def test_what_is_delayed_comes_later_each_way(proxy: ChaosProxy, connect: Connect) -> None:
    connection = connect()
    proxy.delay(0.1)
    began = time.monotonic()

    assert echoed(connection) == b"caw"

    assert 0.2 <= time.monotonic() - began < PATIENCE_S


def test_a_delay_is_told_by_the_clock(target: StreamServer) -> None:
    clock = ManualClock()
    with (
        ChaosProxy(f"127.0.0.1:{target.address[1]}", clock=clock) as proxy,
        socket.create_connection(server_of(proxy)) as connection,
    ):
        proxy.delay(3600)
        connection.sendall(b"caw")
        assert hears_nothing(connection)
        clock.advance(3600)
        assert hears_nothing(connection)
        clock.advance(3600)
        assert connection.recv(3) == b"caw"


def test_a_delay_does_not_thin_what_passes(proxy: ChaosProxy, connect: Connect) -> None:
    connection = connect()
    proxy.delay(0.2)
    began = time.monotonic()

    for _ in range(10):
        connection.sendall(b"caw")
        gevent.sleep(0.01)
    while len(everything(connection)) < 30 - 3:
        pass

    assert time.monotonic() - began < 10 * 0.2


def test_what_is_held_is_not_lost(proxy: ChaosProxy, connect: Connect) -> None:
    connection = connect()
    proxy.stall()
    connection.sendall(b"held")
    assert hears_nothing(connection)

    proxy.heal()

    assert connection.recv(4) == b"held"


def test_those_who_come_while_all_is_held_are_held_too(proxy: ChaosProxy, connect: Connect) -> None:
    proxy.stall()
    connection = connect()
    connection.sendall(b"held")
    assert hears_nothing(connection)

    proxy.heal()

    assert connection.recv(4) == b"held"


def test_who_sends_into_a_stall_is_held_up_in_the_end(proxy: ChaosProxy, connect: Connect) -> None:
    connection = connect()
    proxy.stall()
    connection.settimeout(0.3)

    with pytest.raises(TimeoutError):
        connection.sendall(bytes(64 << 20))


@pytest.mark.parametrize("direction", ["to_target", "from_target"])
def test_what_is_dropped_is_gone_for_good(
    proxy: ChaosProxy, connect: Connect, direction: Direction
) -> None:
    connection = connect()
    assert echoed(connection) == b"caw"
    proxy.drop(direction)
    connection.sendall(b"gone")
    assert hears_nothing(connection)

    proxy.heal()

    assert echoed(connection) == b"caw"


def test_only_one_direction_is_dropped(proxy: ChaosProxy, connect: Connect) -> None:
    connection = connect()
    proxy.drop("to_target")
    connection.sendall(b"gone")
    assert hears_nothing(connection)

    assert everything(connection) == b""


def test_a_cut_closes_both_sides(proxy: ChaosProxy, connect: Connect) -> None:
    connection = connect()
    assert echoed(connection) == b"caw"

    proxy.cut()

    with suppress(ConnectionResetError):
        assert connection.recv(1) == b""


def test_after_a_cut_others_are_let_in(proxy: ChaosProxy, connect: Connect) -> None:
    proxy.cut()

    assert echoed(connect()) == b"caw"


def test_nobody_is_let_in_where_that_is_refused_until_it_heals(
    proxy: ChaosProxy, connect: Connect
) -> None:
    before = proxy.address
    proxy.cut(refuse=True)
    with pytest.raises(ConnectionRefusedError):
        connect()

    proxy.heal()

    assert proxy.address == before
    assert echoed(connect()) == b"caw"


SENT = bytes(10_000)


def arrived(harm: Callable[[ChaosProxy], object], sent: bytes = SENT, size: int = 0) -> bytes:
    """Return what a target hears of what is sent through a proxy, once it has heard so much."""
    heard: list[bytes] = []

    def listen(connection: socket.socket, _: object) -> None:
        heard.extend(iter(lambda: connection.recv(65536), b""))

    server = StreamServer(("127.0.0.1", 0), listen)
    server.start()
    with ChaosProxy(f"127.0.0.1:{server.address[1]}") as proxy:
        harm(proxy)
        with socket.create_connection(server_of(proxy)) as connection:
            connection.sendall(sent)
            with gevent.Timeout(PATIENCE_S):
                while sum(map(len, heard)) < (size or len(sent)):
                    gevent.sleep(0.005)
            gevent.sleep(SILENCE_S)
    server.close()
    return b"".join(heard)


@pytest.mark.parametrize(
    ("probability", "least", "most"), [(0, 0, 0), (0.01, 60, 140), (1, len(SENT), len(SENT))]
)
def test_a_share_of_the_bytes_is_changed(probability: float, least: int, most: int) -> None:
    heard = arrived(lambda proxy: proxy.corrupt(probability, Random(1)))

    assert len(heard) == len(SENT)
    assert least <= sum(map(bool, heard)) <= most


def test_the_seed_tells_which_bytes_are_changed() -> None:
    first, again, other = (
        arrived(lambda proxy, seed=seed: proxy.corrupt(0.01, Random(seed)))  # type: ignore[misc]
        for seed in (1, 1, 2)
    )

    assert first == again != other


@pytest.mark.parametrize(("probability", "times"), [(0, 1), (1, 2)], ids=["never", "always"])
def test_a_piece_is_passed_twice(probability: int, times: int) -> None:
    heard = arrived(lambda proxy: proxy.duplicate(probability, Random(1)), b"caw", 3 * times)

    assert heard == b"caw" * times


def test_damages_end_with_healing(proxy: ChaosProxy, connect: Connect) -> None:
    proxy.corrupt(1, Random(1))
    proxy.duplicate(1, Random(1))
    proxy.delay(60)

    proxy.heal()

    assert echoed(connect()) == b"caw"


def test_a_target_that_is_not_there_ends_the_connection(
    connect: Connect, target: StreamServer
) -> None:
    target.close()

    with suppress(ConnectionResetError):
        assert connect().recv(1) == b""


def test_nobody_listens_after_the_block(target: StreamServer) -> None:
    with ChaosProxy(f"127.0.0.1:{target.address[1]}") as proxy:
        pass

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server_of(proxy))
