"""A clock for loops that stand still."""

from crowsg.testing import ManualClock


class StallingClock(ManualClock):
    """A clock that can go on while the loop stands still."""

    def stall(self, delay_ns: int) -> None:
        self._now_ns += delay_ns
