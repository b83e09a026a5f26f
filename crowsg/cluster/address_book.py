"""Which addresses a node still has to dial: those it was told to, and those it heard of."""

from collections.abc import Collection, Iterable

from crowsg.cluster.membership import Member
from crowsg.errors import Refused

MAX_TRIES = 600
"""Tries, one a second, after which an address that was only heard of is given up."""

MAX_HEARSAY = 1000
"""Addresses that were only heard of; beyond this none is taken in."""


class AddressBook:
    """Addresses, and what came of dialling them.

    Attributes:
        refusals: Why nodes refused this one for good, by their address.
    """

    def __init__(self) -> None:
        self.refusals: dict[str, Refused] = {}
        self._tries: dict[str, int] = {}
        self._named: set[str] = set()
        self._found: dict[str, str] = {}
        self._own: set[str] = set()
        self._dialled: set[str] = set()

    def name(self, address: str) -> None:
        """Keep an address for ever, as somebody asked for it."""
        self._named.add(address)
        self._tries.setdefault(address, 0)

    def hear_of(self, addresses: Iterable[str]) -> None:
        """Take in addresses of nodes that others know."""
        for address in addresses:
            if len(self._tries) - len(self._named) < MAX_HEARSAY:
                self._tries.setdefault(address, 0)

    def is_named(self, address: str) -> bool:
        """Return whether somebody asked for this address."""
        return address in self._named

    def is_own(self, address: str) -> None:
        """Take in that the node itself is reached there."""
        self._own.add(address)

    def begin(self, living: Collection[Member]) -> list[str]:
        """Return the addresses to dial now; each is taken as being dialled until it has ended.

        Args:
            living: The members that need no dialling.
        """
        names = {each.name for each in living}
        skipped = self._dialled | self._own | self.refusals.keys()
        skipped |= {each.address for each in living}
        skipped |= {address for address, name in self._found.items() if name in names}
        due = [address for address in self._tries if address not in skipped]
        self._dialled.update(due)
        return due

    def end(self, address: str) -> None:
        """Take in that an address is no longer being dialled, whatever came of it."""
        self._dialled.discard(address)

    def found(self, address: str, name: str) -> bool:
        """Take in who is reached at an address; return whether tries had failed before."""
        self._found[address] = name
        had_failed = self._tries.get(address, 0) > 0
        self._tries[address] = 0
        return had_failed

    def failed(self, address: str) -> int:
        """Take in that nobody answered; return how often that was so since anybody did."""
        tries = self._tries[address] = self._tries.get(address, 0) + 1
        if tries >= MAX_TRIES and address not in self._named:
            self.drop(address)
        return tries

    def drop(self, address: str) -> None:
        """Forget an address that was only heard of."""
        if address not in self._named:
            self._tries.pop(address, None)
            self._found.pop(address, None)

    def refused(self, address: str, refusal: Refused) -> bool:
        """Take in a refusal for good; return whether that is the first from there."""
        return self.refusals.setdefault(address, refusal) is refusal
