"""Mail to the users of other nodes: queued here, taken there in batches, each exactly once."""

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from crowsg.clock import SECOND, Clock
from crowsg.errors import CrowsgError, Refused, RemoteFault, Unreachable
from crowsg.users.reference import Address, Home
from crowsg.users.wire import to_wire

MAX_WAITING = 100_000
MAX_WAITING_OCTETS = 64 << 20

# Less than may be: taking a batch holds up everybody else on the node it is for.
BATCH = 500
BATCH_OCTETS = 1 << 20

ANSWER_S = 2.0
PAUSE_S = 0.1
"""From one attempt that failed to the next."""

_LOGGER = logging.getLogger("crowsg")

Deliver = Callable[[str, dict[str, Any], float], Any]
"""Calls ``Inbox.deliver`` of a node with a body, within a time."""


class _Letter(NamedTuple):
    """A message on its way to a user."""

    user_id: int
    began_ns: int
    data: bytes


class _Route:
    """What waits to be sent to one life of one node, what is on its way included.

    Attributes:
        home: That life.
        is_carried: Whether a greenlet looks after it.
        moved_ns: When something was last taken there, or began to wait.
        number: Of the batch sent last.
        waiting: How many messages there are.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self.is_carried = False
        self.moved_ns = 0
        self.number = 0
        self.waiting = 0
        self._octets = 0
        self._queue: deque[_Letter] = deque()

    def has_room(self, octets: int) -> bool:
        return self.waiting < MAX_WAITING and self._octets + octets <= MAX_WAITING_OCTETS

    def put(self, letter: _Letter, now_ns: int) -> None:
        if not self.waiting:
            self.moved_ns = now_ns
        self.waiting += 1
        self._octets += len(letter.data)
        self._queue.append(letter)

    def take(self) -> list[_Letter]:
        """Return the next batch, at least one message of it however large, under a new number."""
        batch: list[_Letter] = []
        room = BATCH_OCTETS
        while (
            self._queue and len(batch) < BATCH and (room >= len(self._queue[0].data) or not batch)
        ):
            batch.append(self._queue.popleft())
            room -= len(batch[-1].data)
        self.number += 1
        return batch

    def settle(self, batch: list[_Letter], now_ns: int) -> None:
        """Let go of a batch that waits no longer."""
        self.moved_ns = now_ns
        self.waiting -= len(batch)
        self._octets -= sum(len(letter.data) for letter in batch)

    def clear(self) -> int:
        """Let go of everything; return how many messages that were."""
        dropped, self.waiting, self._octets = self.waiting, 0, 0
        self._queue.clear()
        return dropped


class Outbox:
    """Sends mail to other nodes, in order; one greenlet for each of them while there is some.

    Args:
        own: The name and the incarnation of this node.
        clock: Tells and waits.
        spawn: Starts a function on a greenlet of this node.
        deliver: Hands a batch to a node. ``Unreachable``, ``Refused`` as ``stale`` or ``unknown``,
            and the ``RemoteFault`` of a node that is busy, mean that it may not have taken it, and
            it is repeated; any other ``CrowsgError`` means that it never will.
        is_reachable: Whether a node of that name and incarnation is up.

    Attributes:
        own: As given.
        undelivered: Messages that were accepted and then dropped, as their node went; the last
            of them may have arrived.
    """

    def __init__(
        self,
        own: Home,
        clock: Clock,
        spawn: Callable[..., Any],
        deliver: Deliver,
        is_reachable: Callable[[str, int], bool],
    ) -> None:
        self.own = own
        self.undelivered = 0
        self._clock = clock
        self._spawn = spawn
        self._deliver = deliver
        self._is_reachable = is_reachable
        # Never forgotten: a node that comes back within its life knows the numbers it has taken.
        self._routes: dict[Home, _Route] = {}

    @property
    def waiting(self) -> int:
        """Messages that no node has taken yet."""
        return sum(route.waiting for route in self._routes.values())

    def send(self, receiver: Address, message: Any) -> None:
        """Send a message to a user of another node; one of this node has ended and gets nothing.

        Args:
            receiver: The user.
            message: As for ``User.send``.

        Raises:
            NotSendable: It could not arrive as it is.
            Unreachable: The node is not up, or too much waits to be sent there already.

        Blocks: never.
        """
        data = to_wire(message, self.own)
        if receiver.home == self.own:
            return
        if not self._is_reachable(*receiver.home):
            raise Unreachable(receiver.node, f"a message to user {receiver.user_id}", 0.0)
        route = self._route(receiver.home)
        self._refuse_without_room(route, len(data))
        route.put(_Letter(receiver.user_id, receiver.began_ns, data), self._clock.now_ns())
        if not route.is_carried:
            route.is_carried = True
            self._spawn(self._carry, route)

    def _route(self, home: Home) -> _Route:
        route = self._routes.get(home)
        if route is None:
            route = self._routes[home] = _Route(home)
        return route

    def _refuse_without_room(self, route: _Route, octets: int) -> None:
        if not route.has_room(octets):
            waited_s = (self._clock.now_ns() - route.moved_ns) / SECOND
            raise Unreachable(route.home[0], f"{route.waiting} messages", waited_s)

    def _carry(self, route: _Route) -> None:
        try:
            while route.waiting:
                self._carry_batch(route, route.take())
        finally:
            route.is_carried = False

    def _carry_batch(self, route: _Route, batch: list[_Letter]) -> None:
        """Repeat one batch until it was taken, or never will be."""
        body = {"number": route.number, "mail": [list(letter) for letter in batch]}
        while self._is_reachable(*route.home):
            try:
                self._deliver(route.home[0], body, ANSWER_S)
            except CrowsgError as error:
                if _may_pass(error):
                    self._clock.sleep(PAUSE_S)
                    continue
                self._report(route, len(batch), str(error))
            route.settle(batch, self._clock.now_ns())
            return
        self._report(route, route.clear(), "the node is gone")

    def _report(self, route: _Route, count: int, why: str) -> None:
        self.undelivered += count
        _LOGGER.warning("%d messages to users on %s are lost: %s", count, route.home[0], why)


def _may_pass(error: CrowsgError) -> bool:
    if isinstance(error, Refused):
        return error.kind in ("stale", "unknown")
    if isinstance(error, RemoteFault):
        # What a link answers that has too many calls to answer already.
        return str(error).startswith("Busy:")
    return isinstance(error, Unreachable)
