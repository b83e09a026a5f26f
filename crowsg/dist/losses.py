"""What becomes of a run that loses workers: it goes on, gets its users back, or ends. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Policy = Literal["keep", "refill", "abort"]
"""Go on with the users that are left; start as many new ones elsewhere; end the run."""

NONE_LEFT = "no worker is left"

POLICIES: tuple[Policy, ...] = get_args(Policy)


@dataclass(frozen=True, slots=True)
class Loss:
    """A worker that was lost.

    Attributes:
        node: Its name.
        users: How many users are counted as lost.
        missing: How many were waiting or running there that nobody had asked to stop.
    """

    node: str
    users: int
    missing: int

    def __str__(self) -> str:
        return f"{self.node} was lost with {self.users} users"


class Losses:
    """The workers that one run has lost, and what is to follow from it."""

    def __init__(self) -> None:
        self._policy: Policy = "keep"
        self._run = ""
        self._all: list[Loss] = []
        self._owed = 0
        self._awaited: set[str] = set()

    def begin(self, run: str, policy: Policy) -> None:
        """Begin a run that has lost nobody."""
        self._run, self._policy = run, policy
        self._all.clear()
        self._awaited.clear()
        self._owed = 0

    @property
    def all(self) -> Sequence[Loss]:
        """Those of the current or last run, the first one first."""
        return tuple(self._all)

    @property
    def owed(self) -> int:
        """How many users are to be started anew."""
        return self._owed

    def note(self, loss: Loss) -> None:
        """Note that a worker was lost."""
        self._all.append(loss)
        if self._policy == "refill":
            self._owed += loss.missing

    def settle(self, run: str, users: int) -> None:
        """Note that so many were started anew in a run, which may be over by now."""
        if run == self._run:
            self._owed -= users

    def await_worker(self, name: str) -> None:
        """Note that a worker in place of one that ended is on its way."""
        self._awaited.add(name)

    def await_no_more(self, name: str) -> None:
        """Note that it has come, or never will."""
        self._awaited.discard(name)

    def ends(self, workers: Sequence[str]) -> str:
        """Return why a run with these workers left is to end; "" where it is not."""
        if self._policy == "abort" and self._all:
            return str(self._all[0])
        if workers or (self._policy == "refill" and self._awaited):
            return ""
        return NONE_LEFT
