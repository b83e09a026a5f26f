"""One connection to one address, used by one call at a time."""

from crowsg.clock import Breather, Clock
from crowsg.cluster.serving import Answer, fault
from crowsg.cluster.zerorpc_link.events import BadFrame, PackedEvent, Received
from crowsg.cluster.zerorpc_link.refusals import HandshakeMonitor
from crowsg.cluster.zerorpc_link.server import ANSWER
from crowsg.cluster.zerorpc_link.sockets import Sockets
from crowsg.text import line_of


class Connection:
    """A connection to one address.

    Args:
        sockets: Makes its socket.
        address: Whom it connects to.
        has_keys: Whether this node uses keys.
        clock: Tells when to let others run.
    """

    def __init__(self, sockets: Sockets, address: str, has_keys: bool, clock: Clock) -> None:
        self._breather = Breather(clock)
        self._events, endpoint = sockets.client(address)
        self._monitor: HandshakeMonitor | None = None
        try:
            self._monitor = HandshakeMonitor(
                self._events.socket, sockets.context, address, has_keys
            )
            self._events.connect(endpoint)
        except BaseException:
            self.close()
            raise

    @property
    def monitor(self) -> HandshakeMonitor | None:
        """Tells of a refusal; None once a call was answered."""
        return self._monitor

    def ask(self, event: PackedEvent) -> Answer:
        """Send a call and return its answer.

        Blocks: until it comes; a kill is the only other end.
        """
        self._events.emit_event(event)
        answer = self._answer_to(event.message_id)
        while answer is None:
            self._breather.breathe()
            answer = self._answer_to(event.message_id)
        self._stop_watching()
        return answer

    def close(self) -> None:
        """Let go of it, and of whatever waits in it."""
        self._stop_watching()
        self._events.close()

    def _answer_to(self, message_id: bytes) -> Answer | None:
        """Return the next message, where it is the answer to that one."""
        try:
            received = self._events.recv()
        except BadFrame:
            return None
        is_answer = received.header.get("response_to") == message_id
        return _answer_in(received) if is_answer else None

    def _stop_watching(self) -> None:
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None


def _answer_in(received: Received) -> Answer:
    """Return an answer; that of a node of another make counts as a fault."""
    value = received.args[0] if received.args else None
    if received.name == ANSWER and isinstance(value, dict):
        return value
    return fault("BadAnswer", line_of(value))
