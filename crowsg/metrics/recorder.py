"""Everything a node records during a run. No lock: greenlets are not preempted."""

from collections.abc import Iterable, Mapping
from functools import partial

from crowsg.clock import Clock
from crowsg.metrics.declared import Declarations, Kind
from crowsg.metrics.failures import FailureLog, OnFirst, log_first
from crowsg.metrics.lives import Lives
from crowsg.metrics.names import Named, key_of, parts_of, spelled
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
        declarations: What the scenario said of these beforehand.
        failures: What went wrong.
        lives: How long users lived.

    Args:
        clock: Tells when.
        on_first_failure: Called at the first failure of each kind; by default it is logged.
    """

    def __init__(self, clock: Clock, on_first_failure: OnFirst = log_first) -> None:
        self.declarations = Declarations()
        check = self.declarations.check
        self.operations = Named("operations", Operation, partial(check, "operation"))
        self.counters = Named("counters", Number, partial(check, "counter"))
        self.gauges = Named("gauges", Number, partial(check, "gauge"))
        self.checks = Named("checks", Check)
        self.failures = FailureLog(clock, on_first_failure)
        self.lives = Lives()

    def reset(self) -> None:
        """Forget the last run."""
        for named in (self.operations, self.counters, self.gauges, self.checks):
            named.clear()
        self.declarations.clear()
        self.failures.reset()
        self.lives.reset()

    def declare(self, kind: Kind, name: str, help: str, labels: Iterable[str] = ()) -> None:
        """Declare a metric; see ``metrics.declare``."""
        named = (self.operations, self.counters, self.gauges)
        recorded = {parts_of(key)[0] for each in named for key in each}
        added = self.declarations.add(kind, name, help, labels, recorded)
        # A series that is there from the beginning shows its first increase too; a gauge that was
        # never set has no value to show.
        if added is None or added.labels:
            return
        if kind == "counter":
            self.count(name, 0, {})
        elif kind == "operation":
            _ = self.operations[name]

    def count(self, name: str, n: float, labels: Mapping[str, object]) -> None:
        """Add to a counter; see ``metrics.count``."""
        if not n >= 0:
            raise ValueError(f"a counter only grows, and not by {n!r}: use a gauge")
        self.counters[key_of(name, labels) if labels else name].value += n

    def gauge(self, name: str, value: float, labels: Mapping[str, object]) -> None:
        """Set a gauge; see ``metrics.gauge``."""
        # Whatever else is a number becomes a plain one; what is none is refused.
        plain = value if type(value) is float or type(value) is int else float(value)
        self.gauges[key_of(name, labels) if labels else name].value = plain

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
