"""The side that is called: reads what comes, and hands it over."""

import logging
from functools import partial
from typing import Any

import gevent
import zmq

from crowsg.clock import Breather, Clock
from crowsg.cluster.limited_log import LimitedLog
from crowsg.cluster.link import Origin
from crowsg.cluster.serving import Answer, Serving
from crowsg.cluster.zerorpc_link.curve import Curve
from crowsg.cluster.zerorpc_link.events import BadFrame, PackedEvent, Received
from crowsg.cluster.zerorpc_link.hardening import HardenedEvents

ONE_WAY = "one_way"
"""In the header of an event that wants no answer: a notice."""

ANSWER = "OK"
RETRY_S = 0.1


class Server:
    """Reads events from everybody.

    Args:
        events: The socket that listens.
        serving: Takes calls and notices.
        curve: The keys of the node, None on a link without.
        clock: Tells when to let others run.
        log: Where what strangers send is written.
    """

    def __init__(
        self,
        events: HardenedEvents,
        serving: Serving,
        curve: Curve | None,
        clock: Clock,
        log: LimitedLog,
    ) -> None:
        self._events = events
        self._serving = serving
        self._curve = curve
        self._breather = Breather(clock)
        self._log = log

    def run(self) -> None:
        """Read for ever, whatever comes; a kill is its end."""
        while not self._events.socket.closed:
            try:
                self._dispatch(self._events.recv())
            except BadFrame as error:
                self._log.write(logging.WARNING, "a message of a stranger was dropped: %s", error)
            except zmq.ZMQError as error:
                self._log.write(logging.ERROR, "the cluster's socket: %s", error)
                gevent.sleep(RETRY_S)
            except Exception:  # noqa: BLE001 - who reads for all must not die of one
                self._log.write(logging.ERROR, "a message was dropped", trace=True)
            self._breather.breathe()

    def _dispatch(self, received: Received) -> None:
        origin = self._curve.origin_of(received.frame) if self._curve else Origin()
        if origin is None:
            raise BadFrame("its key is not allowed any more")
        if "response_to" in received.header:
            # It is for a channel of zerorpc's, which there are none of here.
            return
        if len(received.args) != 1:
            raise BadFrame("it has not one argument")
        if received.header.get(ONE_WAY) is True:
            self._serving.take(received.name, origin, received.args[0])
        elif received.message_id is not None:
            # Not the whole event: it may be large, and the call may take long.
            reply = partial(self._reply, received.message_id, received.identity)
            self._serving.answer(received.name, origin, received.args[0], reply)

    def _reply(self, message_id: bytes | str, identity: list[bytes], answer: Answer) -> None:
        event: Any = PackedEvent(self._events.context, ANSWER, answer, {"response_to": message_id})
        event.identity = identity
        try:
            self._events.emit_event(event)
        except zmq.ZMQError as error:
            self._log.write(logging.WARNING, "an answer could not be sent: %s", error)
