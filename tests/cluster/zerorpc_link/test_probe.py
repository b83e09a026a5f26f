"""Whether anybody listens: what counts as a refusal, and what does not."""

import socket
from collections.abc import Iterator
from contextlib import closing

import gevent
import pytest

from crowsg.cluster.zerorpc_link.probe import PROBE_S, is_refused
from tests.cluster.zerorpc_link.nets import HOST, ZerorpcNet


@pytest.fixture
def full() -> Iterator[str]:
    """Give an address whose machine takes no more connections, and says nothing."""
    with closing(socket.socket()) as listening:
        listening.bind((HOST, 0))
        listening.listen(0)
        address = listening.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        yield f"{HOST}:{address[1]}"
        for each in waiting:
            each.close()


def test_where_nobody_listens_it_is() -> None:
    assert is_refused(ZerorpcNet().dead_address())


def test_where_somebody_listens_it_is_not() -> None:
    with closing(socket.create_server((HOST, 0))) as listening:
        assert not is_refused(f"{HOST}:{listening.getsockname()[1]}")


@pytest.mark.parametrize("address", ["", "no-such-host.invalid:1", "127.0.0.1:x"])
def test_what_is_no_address_is_not(address: str) -> None:
    assert not is_refused(address)


@pytest.mark.wall_clock
def test_who_does_not_say_so_is_not_waited_for(full: str) -> None:
    with gevent.Timeout(PROBE_S + 0.3):
        assert not is_refused(full)
