"""Dialling the nodes a node was told of, until it has met them all."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from crowsg.clock import Clock
from crowsg.cluster.address import parse, spell
from crowsg.cluster.address_book import MAX_TRIES, AddressBook
from crowsg.cluster.exchange import Exchange, Peer
from crowsg.cluster.greeting import call_of, hello_of_answer
from crowsg.cluster.link import Payload
from crowsg.cluster.lookup import Resolve, is_literal
from crowsg.cluster.membership import Hello, Member, Membership, Role
from crowsg.errors import ClusterError, CrowsgError, Refused
from crowsg.text import line_of

DIAL_S = 1.0
"""Seconds from one try to the next."""

HELLO_S = 2.0
"""Seconds a hello may take."""

STRANGER = frozenset({"other_cluster", "other_version", "wrong_key"})
"""Refusals of one who never was of this cluster; where it was only heard of, its address has been
taken over from one who was."""

OnMet = Callable[[Hello, Payload], object]
OnRefused = Callable[[str, Refused], object]

_LOGGER = logging.getLogger("crowsg")


class Dialler:
    """Says hello wherever a node may be that is not known yet, to all of them at once.

    Args:
        exchange: Carries hellos.
        membership: Knows who need not be dialled.
        clock: Tells and waits.
        spawn: Starts a function on a greenlet of the node.
        resolve: Finds the addresses of a host.
        met: Gets the hello of each node that was met, and whom that node knows.
    """

    def __init__(
        self,
        exchange: Exchange,
        membership: Membership,
        clock: Clock,
        spawn: Callable[..., Any],
        resolve: Resolve,
        met: OnMet,
    ) -> None:
        self._exchange = exchange
        self._membership = membership
        self._clock = clock
        self._spawn = spawn
        self._resolve = resolve
        self._met = met
        self._book = AddressBook()
        self._stopped = False
        self._refused: list[OnRefused] = []

    @property
    def refusals(self) -> dict[str, Refused]:
        """Why nodes refused this one for good, by their address."""
        return self._book.refusals

    def on_refused(self, callback: OnRefused) -> None:
        """Call ``callback(address, refusal)`` when a node refuses this one for good, or has."""
        self._refused.append(callback)
        for address, refusal in list(self.refusals.items()):
            callback(address, refusal)

    def join(self, addresses: Iterable[str]) -> None:
        """Dial the nodes at these addresses, ``host[:port]`` each, for as long as it takes.

        Raises:
            InvalidAddress: One of them is none; nothing was begun.
        """
        for host, port in [parse(each) for each in addresses]:
            if is_literal(host):
                self._book.name(spell(host, port))
            else:
                self._spawn(self._look_up, host, port)
        self.dial()

    def hear_of(self, gossip: Payload) -> None:
        """Dial those that another node knows and this one does not."""
        addresses = self._membership.merge(gossip)
        if addresses:
            self._book.hear_of(addresses)
            self.dial()

    def lost(self, member: Member) -> None:
        """Take in that a member is gone: one that died may come back, one that left will not.

        Of two that lost one another, the one that had dialled the other dials it again.
        """
        self._exchange.forget(member.address)
        if member.state == "left":
            self._book.drop(member.address)

    def run(self) -> None:
        """Dial again and again, until ``stop``.

        Blocks: until then.
        """
        while not self._stopped:
            self.dial()
            self._clock.sleep(DIAL_S)

    def stop(self) -> None:
        """Dial nobody any more."""
        self._stopped = True

    def dial(self) -> None:
        """Dial everybody who is due, each on a greenlet of its own."""
        if self._stopped:
            return
        self._book.is_own(self._exchange.identity.address)
        for address in self._book.begin(self._membership.living()):
            self._spawn(self._dial, address)

    def say_hello(self, address: str, role: Role, timeout_s: float) -> tuple[Hello, Payload]:
        """Return the hello of whoever is there, and whom that node knows.

        Raises:
            CrowsgError: Nobody answered, or refused.

        Blocks: for ``timeout_s`` seconds at the most.
        """
        own = call_of(role, self._clock.now_ns(), self._membership.gossip())
        answer = self._exchange.call_address(address, "hello", own, timeout_s)
        return hello_of_answer(answer), answer.get("members")

    def connect(self, address: str, timeout_s: float) -> Peer:
        """Say hello as a client, at each address of a host until one answers.

        Raises:
            InvalidAddress: It is no address.
            CrowsgError: Nobody answered, or refused.

        Blocks: for ``timeout_s`` seconds an address.
        """
        host, port = parse(address)
        errors: list[CrowsgError] = []
        for each in self._addresses(host, port):
            try:
                hello, _ = self.say_hello(each, "client", timeout_s)
            except CrowsgError as error:
                errors.append(error)
            else:
                met = hello.identity
                return Peer(met.name, each, met.incarnation, hello.stamp_ns - self._clock.now_ns())
        raise errors[0] if errors else ClusterError(f"no host is called {line_of(host, 100)}")

    def _look_up(self, host: str, port: int) -> None:
        """Name the addresses of a host, once it has any besides the own one."""
        is_told = False
        own = self._exchange.identity.address
        others: list[str] = []
        while not (others or self._stopped):
            others = [each for each in self._addresses(host, port) if each != own]
            if not others:
                if not is_told:
                    _LOGGER.warning("no other node is at %s yet", spell(host, port))
                is_told = True
                self._clock.sleep(DIAL_S)
        for address in others:
            self._book.name(address)
        self.dial()

    def _addresses(self, host: str, port: int) -> list[str]:
        if is_literal(host):
            return [spell(host, port)]
        try:
            return self._resolve(host, port)
        except OSError:
            return []

    def _dial(self, address: str) -> None:
        try:
            hello, gossip = self.say_hello(address, "node", HELLO_S)
        except CrowsgError as error:
            self._not_met(address, error)
        else:
            self._met_at(address, hello, gossip)
        finally:
            self._book.end(address)

    def _met_at(self, address: str, hello: Hello, gossip: Payload) -> None:
        if hello.identity.incarnation == self._exchange.identity.incarnation:
            self._book.is_own(address)
            return
        try:
            self._membership.judge_hello(hello)
        except Refused as refusal:
            # No reason to give up: whoever stands in its way may go.
            self._unreachable(address, refusal)
            return
        if self._book.found(address, hello.identity.name):
            _LOGGER.info("reached %s at %s", hello.identity.name, address)
        self._met(hello, gossip)

    def _not_met(self, address: str, error: CrowsgError) -> None:
        if not isinstance(error, Refused) or not self._is_for_good(address, error):
            self._unreachable(address, error)
        elif self._book.refused(address, error):
            _LOGGER.error("the node at %s refuses this one: %s", address, line_of(error))
            for callback in self._refused:
                callback(address, error)

    def _is_for_good(self, address: str, refusal: Refused) -> bool:
        if refusal.kind in STRANGER:
            return self._book.is_named(address)
        return refusal.kind == "name_taken"

    def _unreachable(self, address: str, error: CrowsgError) -> None:
        tries = self._book.failed(address)
        if tries == MAX_TRIES:
            self._exchange.forget(address)
        if tries == 1:
            _LOGGER.warning("cannot meet the node at %s yet: %s", address, line_of(error))
