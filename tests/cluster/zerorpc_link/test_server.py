"""The side that is called, with events of the test's making."""

import logging
from collections.abc import Callable
from typing import Any

import gevent
import msgpack
import pytest
import zmq

from crowsg.clock import MonotonicClock
from crowsg.cluster.limited_log import LimitedLog
from crowsg.cluster.link import Origin
from crowsg.cluster.serving import Serving
from crowsg.cluster.zerorpc_link.events import BadFrame, Received
from crowsg.cluster.zerorpc_link.server import Server

MANY = 300_000


class Events:
    """A socket on which as many messages wait as one asks for."""

    closed = False

    def __init__(self, receive: Callable[[int], Received]) -> None:
        self.socket = self
        self.received = 0
        self._receive = receive

    def recv(self) -> Received:
        self.received += 1
        self.closed = self.received >= MANY
        return self._receive(self.received)


def notice(number: int) -> Received:
    event = ({"message_id": b"x", "one_way": True}, "beat", (number,))
    return Received([zmq.Frame(b"who"), zmq.Frame(b""), zmq.Frame(msgpack.packb(event))])


def server(events: Any, take: Callable[[Origin, Any], object]) -> Server:
    clock = MonotonicClock()
    serving = Serving(gevent.spawn, clock)
    serving.begin({}, {"beat": take})
    return Server(events, serving, None, clock, LimitedLog(logging.getLogger("crowsg"), clock))


def test_others_run_while_it_is_flooded() -> None:
    events = Events(notice)
    running = gevent.spawn(server(events, lambda origin, payload: None).run)

    gevent.sleep(0.01)
    received = events.received
    running.kill()

    assert 0 < received < MANY


@pytest.mark.parametrize(
    "error",
    [BadFrame("x"), zmq.ZMQError(zmq.EAGAIN), MemoryError(), RuntimeError("x")],
    ids=lambda error: type(error).__name__,
)
def test_it_goes_on_after_whatever_goes_wrong(error: Exception) -> None:
    def receive(number: int) -> Received:
        if number == 1:
            raise error
        return notice(number)

    taken: list[int] = []
    events = Events(receive)

    def take(origin: Origin, payload: int) -> None:
        taken.append(payload)
        events.closed = True

    server(events, take).run()

    assert taken == [2]
