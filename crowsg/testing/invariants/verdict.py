"""What a check finds, and how far things may go."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crowsg.clock import SECOND
from crowsg.testing.invariants.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that did not hold.

    Attributes:
        invariant: Which, ``I1`` and so on.
        at: When, in nanoseconds of the machine's monotonic clock; 0 for no moment of its own.
        who: Which node, throttle or file.
        text: What was wrong, with its figures.
    """

    invariant: str
    at: int
    who: str
    text: str

    def __str__(self) -> str:
        when = f" at {self.at / SECOND:.3f} s" if self.at else ""
        return f"{self.invariant}{when}, {self.who}: {self.text}"


@dataclass(frozen=True, slots=True)
class Limits:
    """How far things may go; the times are those of design.md, in seconds.

    Attributes:
        grace_s: From asking a user to stop to killing it.
        confirmed_s: Until a rate that was set is in force on every node.
        dead_s: Of silence until a node is dead.
        noticed_s: Until the master no longer takes a silent node for ``up``, and what it says of
            users is no longer true.
        init_s, terminate_s: What ``setup`` and ``init``, and what ``terminate`` and ``teardown``
            may take.
        max_duration_s: What a run may take, None for a day.
        silence_s: Between two roll calls of the loops of a node.
        rss_bytes, files, greenlets: What a process may use: memory; file descriptors, one for each
            user aside; greenlets of the node, those of users aside.
    """

    grace_s: float = 2.0
    confirmed_s: float = 0.4
    dead_s: float = 10.0
    noticed_s: float = 4.0
    init_s: float = 30.0
    terminate_s: float = 10.0
    max_duration_s: float | None = None
    silence_s: float = 2.0
    rss_bytes: int = 1 << 30
    files: int = 512
    greenlets: int = 2000


Check = Callable[[Evidence, Limits], Iterator[Violation]]
"""Looks at one invariant."""
