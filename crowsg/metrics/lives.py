"""How long users lived, and, for whoever writes them down, a row for each that ended."""

from collections.abc import Sequence
from typing import NamedTuple

from crowsg.metrics.histogram import Histogram


class Life(NamedTuple):
    """One user that ended.

    Attributes:
        user_id: Which one.
        began_ns, ended_ns: When, in nanoseconds of the clock.
        outcome: What became of it.
    """

    user_id: int
    began_ns: int
    ended_ns: int
    outcome: str


class Lives:
    """The users of one node that ended.

    Attributes:
        durations: How long those lived that had started.
    """

    def __init__(self) -> None:
        self.durations = Histogram()
        self._kept: list[Life | range] | None = None

    def reset(self) -> None:
        """Forget the last run; lives are kept as before."""
        self.durations = Histogram()
        if self._kept is not None:
            self._kept = []

    def keep(self) -> None:
        """Keep each life from now on, for ``take``: whoever asks for it must go on taking."""
        self._kept = []

    def discard(self) -> None:
        """Keep no more of them."""
        self._kept = None

    def take(self) -> list[Life | range]:
        """Return the lives that were kept since the last call.

        A range holds the ids of users that never started: there may be more than fit in memory.
        """
        taken = self._kept or []
        if taken:
            self._kept = []
        return taken

    def end(self, user_id: int, began_ns: int, ended_ns: int, outcome: str) -> None:
        """Note the end of a user that had started."""
        self.durations.record(ended_ns - began_ns)
        if self._kept is not None:
            self._kept.append(Life(user_id, began_ns, ended_ns, outcome))

    def cancel(self, ranges: Sequence[range]) -> None:
        """Note users that will never start, by ranges of their ids."""
        if self._kept is not None:
            self._kept += ranges
