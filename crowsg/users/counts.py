"""What became of the users of a run on one node."""

from dataclasses import asdict, dataclass
from typing import Literal

Outcome = Literal["finished", "failed", "removed", "killed", "cancelled", "lost"]


@dataclass(frozen=True, slots=True)
class UserCounts:
    """The users at one moment.

    At every moment ``asked = waiting + running + finished + failed + removed + killed + cancelled
    + lost``.

    Attributes:
        asked: Users asked for so far.
        waiting: Not started yet.
        running: Started, not ended.
        finished: Returned, or stopped themselves.
        failed: Ended by an exception, or a greenlet of ``users.spawn`` did.
        removed: Ended after they were asked to stop, however they returned.
        killed: Ended by being killed.
        cancelled: Never started.
        lost: Gone with their node.
        stuck: How many of ``running`` survived a kill.
    """

    asked: int = 0
    waiting: int = 0
    running: int = 0
    finished: int = 0
    failed: int = 0
    removed: int = 0
    killed: int = 0
    cancelled: int = 0
    lost: int = 0
    stuck: int = 0

    @property
    def started(self) -> int:
        """Users that began to run, whatever became of them."""
        return self.asked - self.waiting - self.cancelled

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name, for files."""
        return asdict(self)
