"""Beats that go out however blocked the event loop is: from a native thread, over own sockets.

The thread touches nothing of gevent, no log and no stream of Python's: whoever blocks the loop may
hold their locks. The loop hears of it by the one call of its own that is meant for other threads.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gevent
import zmq
from gevent.event import Event
from gevent.monkey import get_original  # noqa: TID251 - what is not patched, for a native thread

from crowsg.clock import Clock
from crowsg.cluster.address import parse, spell
from crowsg.cluster.link import Beats
from crowsg.cluster.zerorpc_link.curve import Curve
from crowsg.cluster.zerorpc_link.events import packed_event
from crowsg.cluster.zerorpc_link.numbers import Numbers
from crowsg.cluster.zerorpc_link.server import ONE_WAY
from crowsg.cluster.zerorpc_link.sockets import CANNOT_CONNECT, COMMON_OPTIONS
from crowsg.stderr import warn
from crowsg.text import line_of

TICK_S = 0.1
IDLE_S = 30.0
"""Seconds after which the connection to an address is closed that nothing was sent to."""

CLOSE_S = 0.5

_OPTIONS = (
    *COMMON_OPTIONS,
    # Nothing is queued where nobody is there: it would be delivered to whoever comes later.
    (zmq.IMMEDIATE, 1),
    (zmq.SNDHWM, 4),
    (zmq.RCVHWM, 1),
)
# It hung up, or it was not there in the first place.
_GONE = zmq.EVENT_DISCONNECTED | zmq.EVENT_CONNECT_RETRIED
_HEADER = {"v": 3, ONE_WAY: True}


class Wire:
    """The connection to one address; all of it belongs to one native thread.

    Attributes:
        monitor: Tells when the other side hangs up, or is not there.
        asked_s: When something was to be sent the last time.

    Args:
        context: Makes the sockets.
        curve: The keys of the node; None on a link without.
        address: Whom it connects to.
        number: The number of its host.
    """

    def __init__(
        self, context: "zmq.Context[Any]", curve: Curve | None, address: str, number: str
    ) -> None:
        self.asked_s = 0.0
        self._waiting: bytes | None = None
        self._socket = context.socket(zmq.DEALER)
        try:
            for option, value in _OPTIONS:
                self._socket.setsockopt(option, value)
            self._socket.setsockopt(zmq.IPV6, int(":" in number))
            if curve is not None:
                curve.protect_client(self._socket, address)
            self.monitor = self._socket.get_monitor_socket(_GONE)
            self._socket.connect(f"tcp://{spell(number, parse(address)[1])}")
        except BaseException:
            self.close()
            raise

    def put(self, event: bytes, now_s: float) -> None:
        """Take what is to be sent, in place of what waits."""
        self.asked_s = now_s
        self._waiting = event

    def flush(self) -> bool:
        """Send what waits, where the other side takes it; return whether this is of further use."""
        if self._waiting is None:
            return True
        try:
            self._socket.send_multipart((b"", self._waiting), zmq.NOBLOCK)
        except zmq.Again:
            return True
        except zmq.ZMQError:
            return False
        self._waiting = None
        return True

    def hung_up(self) -> bool:
        """Return whether the other side has closed or refused a connection since the last call."""
        has_hung_up = False
        while self.monitor.poll(0):
            self.monitor.recv_multipart(zmq.NOBLOCK)
            has_hung_up = True
        return has_hung_up

    def close(self) -> None:
        """Let go of it, and of what waits."""
        monitor = getattr(self, "monitor", None)
        if monitor is not None:
            with suppress(zmq.ZMQError):
                self._socket.disable_monitor()
            monitor.close(linger=0)
        self._socket.close(linger=0)


class Pulse:
    """Sends the beats of one link.

    Args:
        curve: The keys of the node; None on a link without. It is asked on a native thread.
        beats: Says what to send.
        on_closed: Called in the loop with each address that has hung up, or is not there.
        clock: Tells the time, on any thread.
        numbers: Finds the numbers of hosts.
    """

    def __init__(
        self,
        curve: Curve | None,
        beats: Beats,
        on_closed: Callable[[str], object],
        clock: Clock,
        numbers: Numbers,
    ) -> None:
        self._curve = curve
        self._beats = beats
        self._on_closed = on_closed
        self._clock = clock
        self._numbers = numbers
        self._loop = gevent.get_hub().loop
        self._sleep: Callable[[float], object] = get_original("time", "sleep")
        self._wires: dict[str, Wire] = {}
        self._is_over = False
        self._has_complained = False
        self._ended = Event()

    def start(self) -> None:
        """Begin to send."""
        get_original("_thread", "start_new_thread")(self._run, ())

    def close(self) -> None:
        """Send no more, and let go of the sockets.

        Blocks: until the thread has ended, for half a second at the most.
        """
        self._is_over = True
        self._ended.wait(CLOSE_S)

    def _run(self) -> None:
        context: zmq.Context[Any] = zmq.Context()
        due_s = self._clock.now()
        while not self._is_over:
            try:
                self._beat(context)
                due_s = max(due_s + TICK_S, self._clock.now())
                self._listen_until(due_s)
            except Exception as error:  # noqa: BLE001 - who beats for a node must not die of one beat
                self._complain(error)
                self._sleep(TICK_S)
        self._end(context)

    def _beat(self, context: "zmq.Context[Any]") -> None:
        now_s = self._clock.now()
        for address, topic, payload in self._beats():
            wire = self._wire(context, address)
            if wire is not None:
                wire.put(packed_event(_HEADER, topic, payload), now_s)
        for address, wire in list(self._wires.items()):
            if not wire.flush() or now_s - wire.asked_s > IDLE_S:
                self._wires.pop(address).close()

    def _wire(self, context: "zmq.Context[Any]", address: str) -> Wire | None:
        """Return the connection to an address; None where there can be none yet."""
        wire = self._wires.get(address)
        if wire is None:
            try:
                number = self._numbers.of(parse(address)[0])
                if number is not None:
                    wire = self._wires[address] = Wire(context, self._curve, address, number)
            except CANNOT_CONNECT:
                return None
        return wire

    def _listen_until(self, due_s: float) -> None:
        poller = zmq.Poller()
        for wire in self._wires.values():
            poller.register(wire.monitor, zmq.POLLIN)
        remaining_s = due_s - self._clock.now()
        while remaining_s > 0 and not self._is_over:
            # To wait for nothing takes no time.
            if not self._wires:
                self._sleep(remaining_s)
            elif poller.poll(max(1, round(remaining_s * 1000))):
                self._tell_who_hung_up()
            remaining_s = due_s - self._clock.now()

    def _tell_who_hung_up(self) -> None:
        for address, wire in self._wires.items():
            if wire.hung_up():
                self._loop.run_callback_threadsafe(self._on_closed, address)

    def _end(self, context: "zmq.Context[Any]") -> None:
        try:
            for wire in self._wires.values():
                wire.close()
            context.destroy(linger=0)
            self._loop.run_callback_threadsafe(self._ended.set)
        except Exception as error:  # noqa: BLE001 - the loop may be gone, and nobody is left to tell
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        """Say what went wrong, once and past Python's streams."""
        if not self._has_complained:
            self._has_complained = True
            warn(f"a beat failed: {type(error).__name__}: {line_of(error)}")
