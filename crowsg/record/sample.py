"""A second of a run."""

from collections.abc import Mapping
from dataclasses import dataclass

from crowsg.clock import Breather, Clock
from crowsg.controller.status import Status
from crowsg.health.monitor import Reading
from crowsg.metrics.failures import FailureGroup
from crowsg.metrics.figures import Interval, interval_of
from crowsg.metrics.names import Key, spelled
from crowsg.metrics.operation import Operation
from crowsg.throttle.info import ThrottleInfo


@dataclass(frozen=True, slots=True)
class Sample:
    """What there was to see of a run at one moment, and since the sample before.

    Attributes:
        from_s, to_s: The time it covers, in seconds since the start of the run.
        status: The run at its end.
        operations: Those with samples in that time, by name.
        everything: All operations in that time taken together.
        errors: The failures of the run so far, grouped, the most frequent first.
        health: The generator itself in that time; with several nodes, the worst of them.
        workers: How many other nodes carry the users; 0 for a lone node.
    """

    from_s: float
    to_s: float
    status: Status
    operations: Mapping[str, Interval]
    everything: Interval
    errors: tuple[FailureGroup, ...]
    health: Reading
    workers: int = 0

    @property
    def throttles(self) -> Mapping[str, ThrottleInfo]:
        """The throttles of the run as they stand, by name."""
        return self.status.throttles

    @property
    def seconds(self) -> float:
        """How long the time is."""
        return self.to_s - self.from_s


class Window:
    """Tells what operations recorded since it was last asked.

    Args:
        clock: Tells when it is time to let others run.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._before: dict[Key, Operation] = {}

    def take(self, operations: Mapping[Key, Operation]) -> tuple[dict[str, Interval], Interval]:
        """Return the operations with samples since the last call, and all of them together.

        Args:
            operations: The same as at the last call, grown since.

        Blocks: between two operations, so that many of them hold up nobody.
        """
        breather = Breather(self._clock)
        intervals, everything = {}, Operation()
        for key, operation in list(operations.items()):
            before = self._before.get(key) or Operation()
            if operation.differs_from(before):
                # No switch from here to the copy: no sample falls between two windows.
                recent = operation.since(before)
                self._before[key] = operation.copy()
                intervals[spelled(key)] = interval_of(recent)
                everything.merge(recent)
            breather.breathe()
        return intervals, interval_of(everything)
