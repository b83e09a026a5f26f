"""What one node may be granting by now, from what was promised to it. Pure.

A promise may have arrived or not, and holds until it runs out or the node confirms a later one.
Until then the node must be taken to go by the largest of them.
"""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """One lease, as the throttle process remembers it.

    Attributes:
        sequence: Its number.
        change: Which change of the rate it carries; later ones count higher.
        parts: Parts of a paced rate.
        slots: Slots of a parallel one.
        ends_ns: When it has run out at the latest; None for never.
    """

    sequence: int
    change: int
    parts: int
    slots: int
    ends_ns: int | None


class Promises:
    """All that were made to one node and may still be in use."""

    def __init__(self) -> None:
        self._open: deque[Promise] = deque()
        # Slots in use, as last reported, or more where a promise that ran out allowed them.
        self._slots = 0
        self._ended = 0

    def make(self, promise: Promise) -> None:
        """Remember one that is about to be told."""
        self._open.append(promise)

    def confirm(self, sequence: int, held: int) -> None:
        """Take it that the node goes by the promise ``sequence`` and has ``held`` slots out."""
        while self._open and self._open[0].sequence < sequence:
            self._open.popleft()
        # A report may be older than what ran out since, and not tell of slots granted under that.
        self._slots = held if sequence > self._ended else max(self._slots, held)

    def forget(self, now_ns: int) -> None:
        """Drop what has run out; slots granted under it may be out until the node says."""
        while self._open and self._has_ended(self._open[0], now_ns):
            promise = self._open.popleft()
            self._slots = max(self._slots, promise.slots)
            self._ended = promise.sequence

    @property
    def parts(self) -> int:
        """Parts of a paced rate that the node may go by."""
        return max((each.parts for each in self._open), default=0)

    @property
    def slots(self) -> int:
        """Slots that the node may have out, or give out."""
        return max(self._slots, *(each.slots for each in self._open), 0)

    def is_behind(self, change: int) -> bool:
        """Whether the node may go by a rate older than ``change``."""
        return any(each.change < change for each in self._open)

    @property
    def next_end_ns(self) -> int | None:
        """When the first of them runs out; None for never."""
        return self._open[0].ends_ns if self._open else None

    @staticmethod
    def _has_ended(promise: Promise, now_ns: int) -> bool:
        return promise.ends_ns is not None and promise.ends_ns <= now_ns
