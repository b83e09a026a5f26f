"""One node's end of the link, put together."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import gevent

from crowsg.clock import MonotonicClock
from crowsg.cluster.address import parse, refuse_open, spell
from crowsg.cluster.limited_log import LimitedLog
from crowsg.cluster.link import Beats, CallHandler, NoticeHandler, Payload
from crowsg.cluster.packing import check
from crowsg.cluster.serving import CLOSE_S, Serving
from crowsg.cluster.zerorpc_link.callers import Callers
from crowsg.cluster.zerorpc_link.curve import Curve
from crowsg.cluster.zerorpc_link.hardening import HardenedEvents
from crowsg.cluster.zerorpc_link.listener import Listener
from crowsg.cluster.zerorpc_link.notices import Notices
from crowsg.cluster.zerorpc_link.numbers import Numbers
from crowsg.cluster.zerorpc_link.probe import is_refused
from crowsg.cluster.zerorpc_link.pulse import Pulse
from crowsg.cluster.zerorpc_link.server import Server
from crowsg.cluster.zerorpc_link.sockets import Sockets
from crowsg.errors import InvalidAddress, Unreachable
from crowsg.supervision import Keep, Kept, unsupervised

LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""What stands for this machine alone, by what stands for all of its addresses."""

_LOGGER = logging.getLogger("crowsg")


class ZerorpcLink:
    """A ``crowsg.cluster.link.Link`` over zerorpc: TCP, encrypted where there are keys.

    Nothing is made before it is needed; ``call`` and ``tell`` work without ``open``, for somebody
    who only asks. What was closed stays closed.

    Args:
        host: The name or number of the interface to listen on.
        port: The port; 0 for any that is free.
        advertised: Where others reach this node, ``host`` or ``host:port``; None for ``host``.
        curve: The keys; None for a link on loopback without.
        spawn: Starts greenlets, those of handlers too, as ``gevent.spawn`` does.
        keep: Keeps the loops of the link running; None for starting them with ``spawn``.
        strict_port: Whether no other port will do where this is taken; otherwise the next free one
            is used.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        advertised: str | None = None,
        curve: Curve | None = None,
        spawn: Callable[..., Any] = gevent.spawn,
        keep: Keep | None = None,
        strict_port: bool = True,
    ) -> None:
        clock = MonotonicClock()
        self._host, self._port, self._strict_port = host, port, strict_port
        self._advertised = advertised or host
        self._curve = curve
        self._clock = clock
        self._keep = keep or unsupervised(spawn)
        self._log = LimitedLog(_LOGGER, clock)
        self._sockets = Sockets(curve)
        self._serving = Serving(spawn, clock)
        self._callers = Callers(self._sockets, spawn, clock, curve is not None)
        self._notices = Notices(self._sockets, spawn, clock)
        self._listener: Listener | None = None
        self._gatekeeper: Kept | None = None
        self._pulse: Pulse | None = None
        self._address = self._own_address = ""
        self._closed = False

    @property
    def address(self) -> str:
        """Where other nodes reach this one, ``host:port``; "" before ``open``."""
        return self._address

    @property
    def own_address(self) -> str:
        """Where this node reaches itself, with nothing between; "" before ``open``."""
        return self._own_address

    @property
    def dropped_notices(self) -> int:
        """Notices that were dropped as the other side did not take them."""
        return self._notices.dropped

    def open(self, calls: Mapping[str, CallHandler], notices: Mapping[str, NoticeHandler]) -> None:
        """Listen, and serve exactly these methods and topics; see ``Link.open``.

        Raises:
            InvalidAddress: It cannot listen there, or others could reach it and there are no keys.
        """
        refuse_open(self._host, self._curve is not None)
        if self._closed or self._listener:
            raise InvalidAddress("the cluster", self._host, "this link was opened before")
        listener = Listener(self._sockets, self._read, self._host)
        listener.open(self._port, strict_port=self._strict_port)
        self._serving.begin(calls, notices)
        self._listener = listener
        gatekeeper = self._sockets.gatekeeper(self._log)
        if gatekeeper is not None:
            self._gatekeeper = self._keep("link: gatekeeper", gatekeeper.run)
        self._address = spell(*parse(self._advertised, listener.port))
        self._own_address = spell(LOOPBACK.get(self._host, self._host), listener.port)

    def call(self, address: str, method: str, payload: Payload, timeout_s: float) -> Payload:
        """Call a method of the node at ``address`` and return its answer; see ``Link.call``."""
        if self._closed:
            check(payload)
            raise Unreachable(address, method, timeout_s)
        return self._callers.call(address, method, payload, timeout_s)

    def tell(self, address: str, topic: str, payload: Payload) -> None:
        """Send a notice to the node at ``address``; see ``Link.tell``."""
        if self._closed:
            check(payload)
        else:
            self._notices.tell(address, topic, payload)

    def pulse(self, beats: Beats, on_closed: Callable[[str], object]) -> None:
        """Send what ``beats`` says, however blocked the event loop is; see ``Link.pulse``."""
        if not self._closed:
            self._pulse = Pulse(self._curve, beats, on_closed, self._clock, Numbers())
            self._pulse.start()

    def refuses(self, address: str) -> bool:
        """Return whether nobody listens at ``address``; see ``Link.refuses``."""
        return is_refused(address)

    def reopen(self) -> None:
        """Listen anew at the same address; see ``Link.reopen``."""
        if self._listener is not None and not self._closed:
            self._listener.reopen()

    def forget(self, address: str) -> None:
        """Drop the connections to an address; see ``Link.forget``."""
        self._callers.forget(address)
        self._notices.forget(address)

    def close(self) -> None:
        """Let go of everything; see ``Link.close``.

        Blocks: until handlers that run have ended, for a second at the most.
        """
        if self._closed:
            return
        self._closed = True
        if self._pulse is not None:
            self._pulse.close()
        self._notices.close()
        self._callers.close()
        if self._listener is not None:
            self._listener.close()
        if self._gatekeeper is not None:
            self._gatekeeper.stop(CLOSE_S)
        self._serving.close()
        self._sockets.close()

    def _read(self, events: HardenedEvents) -> Kept:
        server = Server(events, self._serving, self._curve, self._clock, self._log)
        return self._keep("link: server", server.run)
