"""A node asks again where it doubts what it knows of another one."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from crowsg.clock import Clock
from crowsg.cluster.dialler import HELLO_S, Dialler, OnMet
from crowsg.cluster.exchange import Exchange
from crowsg.cluster.membership import Change, Member, Membership
from crowsg.errors import CrowsgError

LOOKS = 3
"""Times that a node is looked for whose connection was closed; then its silence is judged."""

LOOK_S = 0.5
"""Seconds it has to answer each time."""

AGAIN_S = 0.2
"""Seconds after which a refusal must stand: whoever listens anew does so sooner."""


class Doubts:
    """Asks nodes again, each node once at a time.

    Args:
        exchange: Looks whether somebody listens.
        membership: The nodes that are known.
        dialler: Says hello.
        clock: Waits.
        spawn: Starts a function on a greenlet of the node.
        publish: Gets what has changed.
        take_in: Gets the hello of each node that answered, and whom that node knows.
    """

    def __init__(
        self,
        exchange: Exchange,
        membership: Membership,
        dialler: Dialler,
        clock: Clock,
        spawn: Callable[..., Any],
        publish: Callable[[Iterable[Change]], object],
        take_in: OnMet,
    ) -> None:
        self._exchange = exchange
        self._membership = membership
        self._dialler = dialler
        self._clock = clock
        self._spawn = spawn
        self._publish = publish
        self._take_in = take_in
        self._compared: set[int] = set()
        self._looked_for: set[int] = set()

    def compare(self, member: Member) -> None:
        """Say hello again to a node that knows others.

        Blocks: never.
        """
        self._begin(self._compared, member, partial(self._takes_in, member, HELLO_S))

    def hung_up(self, address: str) -> None:
        """Find out what became of the nodes at an address where a connection was closed.

        Blocks: never.
        """
        for member in self._membership.living():
            if member.address == address:
                self._begin(self._looked_for, member, partial(self._look_for, member))

    def bury_if_gone(self, name: str) -> bool:
        """Take the node of that name for dead where nobody listens any more; returns whether it is.

        Blocks: for 1.2 seconds at the most.
        """
        member = self._membership.get(name)
        return member is None or member.is_gone or self._bury_if_refused(member)

    def _begin(self, open_ones: set[int], member: Member, ask: Callable[[], object]) -> None:
        if not member.is_gone and member.incarnation not in open_ones:
            open_ones.add(member.incarnation)
            self._spawn(self._settle, open_ones, member, ask)

    def _settle(self, open_ones: set[int], member: Member, ask: Callable[[], object]) -> None:
        try:
            ask()
        finally:
            open_ones.discard(member.incarnation)

    def _look_for(self, member: Member) -> None:
        for _ in range(LOOKS):
            if self._bury_if_refused(member) or self._takes_in(member, LOOK_S):
                return

    def _bury_if_refused(self, member: Member) -> bool:
        is_refused = self._exchange.refuses(member.address)
        if is_refused:
            self._clock.sleep(AGAIN_S)
            is_refused = self._exchange.refuses(member.address)
        if is_refused:
            self._publish(self._membership.died(member.name, member.incarnation))
        return is_refused

    def _takes_in(self, member: Member, timeout_s: float) -> bool:
        try:
            hello, gossip = self._dialler.say_hello(member.address, "node", timeout_s)
            if hello.identity.incarnation == self._exchange.identity.incarnation:
                return True
            if hello.identity.incarnation != member.incarnation:
                self._publish(self._membership.died(member.name, member.incarnation))
                self._membership.judge_hello(hello)
        except CrowsgError:
            # Its silence, if it is one, is judged elsewhere.
            return False
        self._take_in(hello, gossip)
        return True
