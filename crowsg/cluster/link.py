"""What carries messages between nodes: calls that are answered, notices that are not.

Payloads are plain values: None, bool, int of 64 bits, finite float, text, bytes, lists, and
dictionaries with text keys; tuples arrive as lists. Whoever implements this promises, and
``tests/cluster/contract.py`` checks it for each of them:

* A call returns or raises within its time, whatever the other side is like; what was not answered
  in time is never delivered by this link later.
* A notice never blocks its sender. It may be lost; notices of one topic to one address arrive in
  the order in which they were sent.
* A handler runs to its end whatever becomes of the caller, and its faults stay where they are: the
  caller gets ``RemoteFault`` with the name of the exception.
* What cannot be packed, or is too large, is refused before it is sent.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Payload = Any

MAX_MESSAGE_BYTES = 8 << 20
"""Beyond this a message is refused, by its sender and by whoever gets it."""

MAX_ITEMS = 100_000
"""Items that one list or dictionary of a message may have."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sent a message, as far as the link can vouch for it.

    Attributes:
        key: The public key it proved to own (Z85 text); "" on a link without keys.
        name: The node that key is bound to; "" where any name may use it.
    """

    key: str = ""
    name: str = ""


CallHandler = Callable[[Origin, Payload], Payload]
"""Answers a call; may block, as each runs on a greenlet of its own."""

NoticeHandler = Callable[[Origin, Payload], object]
"""Takes a notice; must not block."""

Beat = tuple[str, str, Payload]
"""A notice that ``Link.pulse`` sends: to which address, of which topic, and what."""

Beats = Callable[[], Iterable[Beat]]
"""Says what to send now; called from a native thread, so it may touch nothing of gevent."""


class Link(Protocol):
    """One node's end."""

    @property
    def address(self) -> str:
        """Where other nodes reach this one, ``host:port``; "" before ``open``."""

    @property
    def own_address(self) -> str:
        """Where this node reaches itself, with nothing between; "" before ``open``."""

    def open(self, calls: Mapping[str, CallHandler], notices: Mapping[str, NoticeHandler]) -> None:
        """Listen, and serve exactly these methods and topics.

        Raises:
            InvalidAddress: It cannot listen there.
        """

    def call(self, address: str, method: str, payload: Payload, timeout_s: float) -> Payload:
        """Call a method of the node at ``address`` and return its answer.

        Raises:
            NotPackable: The payload cannot travel; nothing was sent.
            Unreachable: No answer within ``timeout_s`` seconds; at once where the address is none,
                or was forgotten meanwhile, or this link is closed.
            Refused: The other side does not accept this node's key, or has not the right one
                itself; with kind ``wrong_key``.
            RemoteFault: The handler raised, or there is no such method.

        Blocks: for ``timeout_s`` at the most. The caller may be killed meanwhile.
        """

    def tell(self, address: str, topic: str, payload: Payload) -> None:
        """Send a notice to the node at ``address``.

        Raises:
            NotPackable: The payload cannot travel.

        Blocks: never; where the other side does not take notices, the oldest are dropped.
        """

    def pulse(self, beats: Beats, on_closed: Callable[[str], object]) -> None:
        """Ask ``beats`` ten times a second what to send, however blocked the event loop is.

        Of what cannot be sent to an address yet, the newest waits. A connection to an address of
        which nothing was sent for 30 seconds is closed. To be called once.

        Args:
            beats: Says what to send; what it raises is written once.
            on_closed: Called in the loop with the address, when the other side has closed the
                connection over which these notices are sent, or takes none; must not block.

        Blocks: never.
        """

    def refuses(self, address: str) -> bool:
        """Return whether nobody listens at ``address``, and its machine says so.

        Blocks: for half a second at the most.
        """

    def reopen(self) -> None:
        """Listen anew at the same address, in place of a connection point that has gone deaf.

        Calls that are being answered get no answer.

        Raises:
            InvalidAddress: It cannot listen there any more; it may be called again.

        Blocks: until it listens again, for a second at the most.
        """

    def forget(self, address: str) -> None:
        """Drop the connections to an address, and whatever waits to be sent there.

        Calls that wait for it raise ``Unreachable``; later ones connect anew.
        """

    def close(self) -> None:
        """Let go of everything, for good.

        Calls that wait raise ``Unreachable``, handlers that run are ended (a handler may be the one
        who closes); later calls raise, later notices are dropped.

        Blocks: until the handlers have ended, for a second at the most.
        """
