"""Where the permits of a throttle come from on one node: five ways, each an object of its own.

A supply is asked for a permit and answers with the moment it was due, or not at all; ``next_ns``
tells when asking again makes sense. Pure: it is handed the time.
"""

from typing import Protocol

from crowsg.throttle.lease import FRESH_NS
from crowsg.throttle.pacing import GRANULE_NS, Pacing


class Supply(Protocol):
    """What a gate needs of a supply.

    Attributes:
        patience_ns: How long after it was due a permit is of use; None for always.
    """

    patience_ns: int | None

    def take(self, now_ns: int) -> int | None:
        """Take a permit and return when it was due; None while there is none."""

    def rest(self, now_ns: int) -> None:
        """Note that nobody wanted a permit until now."""

    def catch_up(self, now_ns: int) -> None:
        """Note that what was due came too late, and all of it was returned."""

    def put_back(self) -> None:
        """Return a permit that was not used, or no longer is."""

    def next_ns(self) -> int | None:
        """Return when the next permit falls due; None where no time brings one."""


class _Timeless:
    """A supply that time does not change."""

    patience_ns: int | None = None

    def rest(self, now_ns: int) -> None:
        """Do nothing."""

    def catch_up(self, now_ns: int) -> None:
        """Do nothing."""

    def put_back(self) -> None:
        """Do nothing."""

    def next_ns(self) -> int | None:
        """No time brings one."""
        return None


class Unlimited(_Timeless):
    """Permits for everybody at once."""

    def take(self, now_ns: int) -> int | None:
        """Take a permit that is due now."""
        return now_ns


class Paused(_Timeless):
    """No permits."""

    def take(self, now_ns: int) -> int | None:
        """There is none."""
        return None


class Slots(_Timeless):
    """So many permits that are held and come back.

    Attributes:
        limit: How many may be out; below what is out already, nobody gets in until enough return.
        held: Permits that are out.
    """

    def __init__(self) -> None:
        self.limit = 0
        self.held = 0

    def take(self, now_ns: int) -> int | None:
        """Take one that is free."""
        if self.held >= self.limit:
            return None
        self.held += 1
        return now_ns

    def put_back(self) -> None:
        """Return one."""
        self.held -= 1


class Paced:
    """Permits that fall due one after the other.

    Args:
        pacing: When they do.
    """

    patience_ns: int | None = GRANULE_NS

    def __init__(self, pacing: Pacing) -> None:
        self.take = pacing.take
        self.rest = pacing.rest
        self.put_back = pacing.put_back
        self.catch_up = pacing.catch_up
        self._pacing = pacing

    def next_ns(self) -> int | None:
        """Return when the next permit falls due."""
        return self._pacing.due_ns


class Single(_Timeless):
    """Permits that the throttle process hands out one at a time, to be used at once.

    Attributes:
        used, returned: What became of them, from the beginning.
    """

    patience_ns: int | None = FRESH_NS

    def __init__(self) -> None:
        self.used = 0
        self.returned = 0
        self._given = 0
        self._due_ns = 0

    def give(self, given: int, due_ns: int) -> None:
        """Note that ``given`` were handed out from the beginning, the last one at ``due_ns``."""
        if given > self._given:
            self._given, self._due_ns = given, due_ns

    def take(self, now_ns: int) -> int | None:
        """Take the one that is here, if it is fresh."""
        self.return_stale(now_ns)
        if self.used + self.returned == self._given:
            return None
        self.used += 1
        return self._due_ns

    def return_stale(self, now_ns: int) -> None:
        """Return what is here and no longer fresh."""
        if now_ns - self._due_ns > FRESH_NS:
            self.returned = self._given - self.used

    def put_back(self) -> None:
        """Return it, to be taken by somebody else while it is fresh."""
        self.used -= 1
