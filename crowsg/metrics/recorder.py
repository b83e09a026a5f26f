"""Everything a node records during a run. No lock: greenlets are not preempted."""

from collections.abc import Mapping

from crowsg.clock import Clock
from crowsg.metrics.failures import FailureLog, OnFirst
from crowsg.metrics.names import Named, key_of, spelled
from crowsg.metrics.operation import Check, Operation


class Number:
    """The value of a counter or a gauge."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0


class Recorder:
    """The records of one node, begun anew with each run.

    Attributes:
        operations: What users do, timed.
        counters, gauges, checks: What the scenario counts, sets and asserts.
        failures: What went wrong.

    Args:
        clock: Tells when.
        on_first_failure: Called at the first failure of each kind.
    """

    def __init__(self, clock: Clock, on_first_failure: OnFirst) -> None:
        self.operations: Named[Operation] = Named("operations", Operation)
        self.counters: Named[Number] = Named("counters", Number)
        self.gauges: Named[Number] = Named("gauges", Number)
        self.checks: Named[Check] = Named("checks", Check)
        self.failures = FailureLog(clock, on_first_failure)

    def reset(self) -> None:
        """Forget the last run."""
        for named in (self.operations, self.counters, self.gauges, self.checks):
            named.clear()
        self.failures.reset()

    def count(self, name: str, n: float, labels: Mapping[str, object]) -> None:
        """Add to a counter; see ``metrics.count``."""
        self.counters[key_of(name, labels) if labels else name].value += n

    def gauge(self, name: str, value: float, labels: Mapping[str, object]) -> None:
        """Set a gauge; see ``metrics.gauge``."""
        # The sum refuses what is no number.
        self.gauges[key_of(name, labels) if labels else name].value = 0 + value

    def check(self, name: str, condition: object) -> bool:
        """Count whether a condition holds; see ``metrics.check``."""
        check = self.checks[name]
        if condition:
            check.passed += 1
        else:
            check.failed += 1
        return bool(condition)


def values_of(numbers: Named[Number]) -> dict[str, float]:
    """Return the values of counters or gauges by their spelled names."""
    return {spelled(key): number.value for key, number in numbers.items()}
