"""A network in memory: nodes of one process, on a clock of the test's choice."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import gevent
from gevent.event import AsyncResult
from gevent.queue import Queue

from crowsg.clock import Clock, to_ns
from crowsg.cluster.link import Beats, CallHandler, NoticeHandler, Origin, Payload
from crowsg.cluster.packing import pack, unpack
from crowsg.cluster.serving import Answer, Serving, end_all, value_of
from crowsg.errors import InvalidAddress, Unreachable

PULSE_S = 0.1


class MemoryNetwork:
    """Carries the messages of its links, and fails as it is told to.

    What is sent arrives ``delay_ns`` later; with 0, the default, as soon as everybody else waits,
    without the clock being moved. A message to where nobody listens, or that comes to a cut, is
    lost; a call that gets no answer raises when the clock has come to the end of its time. Notices
    of one topic stay in order; a call may overtake another one where the delay has changed. That a
    link has closed is heard by those that send it beats, unless there is a cut.

    Args:
        clock: The time of the delays and of the calls' ends.
        delay_ns: Nanoseconds that a message is on its way, in each direction.
    """

    def __init__(self, clock: Clock, *, delay_ns: int = 0) -> None:
        self._wires = _Wires(clock, delay_ns)

    def link(
        self,
        address: str,
        *,
        origin: Origin | None = None,
        spawn: Callable[..., Any] = gevent.spawn,
    ) -> "MemoryLink":
        """Return the end of a node, which is reached at ``address`` once it is open.

        Args:
            address: ``host:port``.
            origin: What others are told of it, as if it had proved to own a key.
            spawn: Starts the greenlets of its handlers.
        """
        return MemoryLink(self._wires, address, origin or Origin(), spawn)

    def cut(self, a: str, b: str, *, one_way: bool = False) -> None:
        """Lose what is under way from address ``a`` to ``b``, and back unless ``one_way``."""
        self._wires.cuts |= _ways(a, b, one_way)

    def heal(self, a: str, b: str, *, one_way: bool = False) -> None:
        """Let messages from ``a`` to ``b`` through again, and back unless ``one_way``."""
        self._wires.cuts -= _ways(a, b, one_way)

    def delay(self, a: str, b: str, delay_ns: int, *, one_way: bool = False) -> None:
        """Let what is sent from ``a`` to ``b``, and back unless ``one_way``, take this long."""
        self._wires.delays.update(dict.fromkeys(_ways(a, b, one_way), delay_ns))


class MemoryLink:
    """One node's end; made by ``MemoryNetwork.link``, and a ``crowsg.cluster.link.Link``."""

    def __init__(
        self, wires: "_Wires", own: str, origin: Origin, spawn: Callable[..., Any]
    ) -> None:
        self._wires = wires
        self._own = own
        self._origin = origin
        self._spawn = spawn
        self._serving = Serving(spawn, wires.clock)
        self._inbox: Queue[Callable[[], object]] = Queue()
        self._dispatcher: Any = None
        self._waiting: dict[AsyncResult, str] = {}
        self._closed = False
        self._pulse: Any = None
        self._reached: set[str] = set()
        self._on_closed: Callable[[str], object] = bool

    @property
    def address(self) -> str:
        """Where other nodes reach this one; "" before ``open``."""
        return self._own if self._dispatcher is not None else ""

    @property
    def own_address(self) -> str:
        """Where this node reaches itself; "" before ``open``."""
        return self.address

    def open(self, calls: Mapping[str, CallHandler], notices: Mapping[str, NoticeHandler]) -> None:
        """Listen, and serve exactly these methods and topics; see ``Link.open``."""
        if self._wires.listening.setdefault(self._own, self) is not self:
            raise InvalidAddress("the cluster", self._own, "Address already in use")
        self._serving.begin(calls, notices)
        self._dispatcher = self._spawn(self._dispatch)

    def call(self, address: str, method: str, payload: Payload, timeout_s: float) -> Payload:
        """Call a method of the node at ``address`` and return its answer; see ``Link.call``."""
        packed = pack(payload)
        if self._closed or timeout_s <= 0:
            raise Unreachable(address, method, timeout_s)
        result = AsyncResult()
        self._waiting[result] = address
        timer = self._wires.clock.call_later(to_ns(timeout_s), partial(result.set, None))
        try:
            hand_over = partial(
                self._wires.hand_over,
                address,
                lambda link: link._take_call(method, packed, self, result),
            )
            self._wires.carry(self._own, address, hand_over)
            answer = result.get()
        finally:
            timer.cancel()
            del self._waiting[result]
        if answer is None:
            raise Unreachable(address, method, timeout_s)
        return value_of(unpack(answer))

    def tell(self, address: str, topic: str, payload: Payload) -> None:
        """Send a notice to the node at ``address``; see ``Link.tell``."""
        packed = pack(payload)
        if not self._closed:
            hand_over = partial(
                self._wires.hand_over, address, lambda link: link._take_notice(topic, packed, self)
            )
            self._wires.carry_in_order(self._own, address, topic, hand_over)

    def pulse(self, beats: Beats, on_closed: Callable[[str], object]) -> None:
        """Send what ``beats`` says, ten times a second of the clock; see ``Link.pulse``."""
        self._on_closed = on_closed
        self._pulse = self._spawn(self._send_beats, beats)

    def refuses(self, address: str) -> bool:
        """Return whether nobody listens at ``address``, which is not cut off."""
        return address not in self._wires.listening and not self._wires.is_cut(self._own, address)

    def reopen(self) -> None:
        """Do nothing: this link never goes deaf."""

    def forget(self, address: str) -> None:
        """Let calls to ``address`` that wait raise; see ``Link.forget``."""
        for result, target in self._waiting.items():
            if target == address:
                result.set(None)

    def close(self) -> None:
        """Let go of everything; see ``Link.close``."""
        if self._closed:
            return
        self._closed = True
        if self._wires.listening.get(self._own) is self:
            del self._wires.listening[self._own]
            self._wires.tell_closed(self._own)
        for result in self._waiting:
            result.set(None)
        end_all(each for each in (self._dispatcher, self._pulse) if each is not None)
        self._serving.close()

    def _send_beats(self, beats: Beats) -> None:
        while not self._closed:
            for address, topic, payload in beats():
                self._reached.add(address)
                self.tell(address, topic, payload)
            self._wires.clock.sleep(PULSE_S)

    def _hear_of_end(self, address: str) -> None:
        if address in self._reached and not self._closed:
            self._reached.discard(address)
            self._on_closed(address)

    def _take_call(
        self, method: str, packed: bytes, caller: "MemoryLink", result: AsyncResult
    ) -> None:
        """Answer a call of another link; the answer travels back as the call came."""

        def reply(answer: Answer) -> None:
            packed_answer = pack(answer)
            self._wires.carry(
                self._own, caller._own, lambda: result.ready() or result.set(packed_answer)
            )

        answer = self._serving.answer
        self._inbox.put(partial(answer, method, caller._origin, unpack(packed), reply))

    def _take_notice(self, topic: str, packed: bytes, sender: "MemoryLink") -> None:
        self._inbox.put(partial(self._serving.take, topic, sender._origin, unpack(packed)))

    def _dispatch(self) -> None:
        while not self._closed:
            self._inbox.get()()


_Arrival = Callable[[MemoryLink], object]


class _Wires:
    """What is between the links."""

    def __init__(self, clock: Clock, delay_ns: int) -> None:
        self.clock = clock
        self.listening: dict[str, MemoryLink] = {}
        self.cuts: set[tuple[str, str]] = set()
        self.delays: dict[tuple[str, str], int] = {}
        self._delay_ns = delay_ns
        self._last_due_ns: dict[tuple[str, str, str], int] = {}

    def carry(self, source: str, target: str, arrive: Callable[[], object]) -> None:
        """Call ``arrive`` when a message of now gets there, if it does."""
        delay_ns = self._delay(source, target)
        arrive = partial(self._arrive, (source, target), arrive)
        if delay_ns:
            self.clock.call_later(delay_ns, arrive)
        else:
            arrive()

    def carry_in_order(
        self, source: str, target: str, topic: str, arrive: Callable[[], object]
    ) -> None:
        """Do so, but not before what was sent of the same topic before."""
        stream, now_ns = (source, target, topic), self.clock.now_ns()
        last_due_ns, delay_ns = self._last_due_ns.get(stream, -1), self._delay(source, target)
        if not delay_ns and last_due_ns < now_ns:
            self.carry(source, target, arrive)
            return
        due_ns = self._last_due_ns[stream] = max(now_ns + delay_ns, last_due_ns)
        self.clock.call_later(due_ns - now_ns, partial(self._arrive, (source, target), arrive))

    def is_cut(self, a: str, b: str) -> bool:
        """Return whether anything between the two is lost."""
        return not self.cuts.isdisjoint(_ways(a, b, one_way=False))

    def tell_closed(self, address: str) -> None:
        """Let all links hear that the one at ``address`` has closed."""
        for source, link in self.listening.items():
            self.carry(address, source, partial(link._hear_of_end, address))

    def hand_over(self, address: str, arrive: _Arrival) -> None:
        """Give the link that listens at ``address``, if any, to ``arrive``."""
        link = self.listening.get(address)
        if link is not None:
            arrive(link)

    def _delay(self, source: str, target: str) -> int:
        return self.delays.get((source, target), self._delay_ns)

    def _arrive(self, way: tuple[str, str], arrive: Callable[[], object]) -> None:
        if way not in self.cuts:
            arrive()


def _ways(a: str, b: str, one_way: bool) -> set[tuple[str, str]]:
    return {(a, b)} if one_way else {(a, b), (b, a)}
