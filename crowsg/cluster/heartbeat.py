"""What a node tells the others of itself, and when: called from a thread that nothing blocks.

So all of it only reads what the event loop replaces whole; it waits for nothing and logs nothing.
"""

from collections.abc import Callable

from crowsg.clock import Clock, to_ns
from crowsg.cluster.alive import Alive, Condition
from crowsg.cluster.exchange import Exchange
from crowsg.cluster.link import Beat
from crowsg.cluster.membership import Member, Membership

BEAT_S = 0.5
"""Seconds from one sign of life to the next."""

NEWS_S = 0.2
"""Seconds until the others hear by a sign of life that this node has met somebody."""


class Heartbeat:
    """The signs of life of one node.

    Attributes:
        is_fenced: Whether the node has stopped its users, as it may be taken for dead.

    Args:
        exchange: Seals them.
        membership: Knows who gets them.
        clock: Tells the time.
        blocked_by: Says what blocks the node's loop; "" for nothing.
    """

    def __init__(
        self,
        exchange: Exchange,
        membership: Membership,
        clock: Clock,
        blocked_by: Callable[[], str],
    ) -> None:
        self.is_fenced = False
        self._exchange = exchange
        self._membership = membership
        self._clock = clock
        self._blocked_by = blocked_by
        self._last_ns = clock.now_ns() - to_ns(BEAT_S)
        self._told: Condition = "up"
        self._has_news = False
        self._is_over = False

    def hurry(self) -> None:
        """Let the others hear soon, as this node has met somebody."""
        self._has_news = True

    def stop(self) -> None:
        """Give no more of them."""
        self._is_over = True

    def beats(self) -> list[Beat]:
        """Return what is to be told now: nothing, or one for each node that is not gone."""
        now_ns, place = self._clock.now_ns(), self._blocked_by()
        condition = self._condition(place)
        pause_ns = to_ns(NEWS_S if self._has_news else BEAT_S)
        is_due = condition != self._told or now_ns >= self._last_ns + pause_ns
        if self._is_over or not is_due:
            return []
        self._last_ns, self._told, self._has_news = now_ns, condition, False
        digest = self._membership.digest()
        return [
            self._beat(member, Alive(now_ns, digest, member.stamp_ns, condition, place))
            for member in self._membership.living()
        ]

    def _beat(self, member: Member, alive: Alive) -> Beat:
        return self._exchange.beat(member.peer, "alive", alive.packed())

    def _condition(self, place: str) -> Condition:
        if self.is_fenced:
            return "fenced"
        return "stalled" if place else "up"
