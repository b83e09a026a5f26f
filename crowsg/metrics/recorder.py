"""Everything a node records during a run."""

from crowsg.clock import Clock
from crowsg.metrics.counters import Counters
from crowsg.metrics.failures import FailureLog, OnFirst


class Recorder:
    """The records of one node, begun anew with each run.

    Attributes:
        counters: What the scenario counts.
        failures: What went wrong.
    """

    def __init__(self, clock: Clock, on_first_failure: OnFirst) -> None:
        self.counters = Counters()
        self.failures = FailureLog(clock, on_first_failure)

    def reset(self) -> None:
        """Forget the last run."""
        self.counters.reset()
        self.failures.reset()
