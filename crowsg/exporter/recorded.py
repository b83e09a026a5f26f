"""The series of what a run recorded: operations, counters, gauges, checks, throttles."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from crowsg.exporter.exposition import Limits, header, histogram, sample
from crowsg.metrics.declared import Declaration, Kind
from crowsg.metrics.histogram import Histogram
from crowsg.metrics.names import Key, Labels, parts_of
from crowsg.metrics.operation import Operation
from crowsg.metrics.recorder import Number, Recorder
from crowsg.throttle.service import Throttles

LATENCIES = Limits.growing(0.0001, 60)

Series = tuple[Labels, Histogram | float]
Value = TypeVar("Value")


class Family(NamedTuple):
    """All series of one name.

    Attributes:
        name: What Prometheus knows them by.
        kind: ``counter``, ``gauge`` or ``histogram``.
        help: What they tell.
        groups: The series; those of a group are written in one piece, so at one moment.
    """

    name: str
    kind: str
    help: str
    groups: list[list[Series]]

    def pieces(self) -> Iterator[str]:
        """Yield the text."""
        yield header(self.name, self.kind, self.help)
        for group in self.groups:
            yield "".join(self._written(*series) for series in group)

    def _written(self, labels: Labels, value: Histogram | float) -> str:
        if isinstance(value, Histogram):
            return histogram(self.name, labels, value, LATENCIES)
        return sample(self.name, labels, value)


def recorded(recorder: Recorder, throttles: Throttles) -> Iterator[str]:
    """Return the text in pieces, each of one moment; the families of a name stand together.

    Which series there are, and all values but histograms, are looked up here and now: a run that
    begins between two pieces changes neither names nor families.
    """
    declarations = recorder.declarations
    families = [
        *_families("operation", recorder.operations, declarations, _by_outcome),
        _responses(recorder),
        *_families("counter", recorder.counters, declarations, _number),
        *_families("gauge", recorder.gauges, declarations, _number),
        _checks(recorder),
        *_throttles(throttles),
    ]
    return (piece for family in families for piece in family.pieces())


def _families(
    kind: Kind,
    entries: Mapping[Key, Value],
    declarations: Iterable[Declaration],
    group: Callable[[Labels, Value], list[Series]],
) -> list[Family]:
    """Return the family of what is undeclared, and one for each declaration."""
    generic, label = _undeclared(kind)
    own = {
        declared.name: Family(declared.series, generic.kind, declared.help, [])
        for declared in declarations
        if declared.kind == kind
    }
    for key, value in entries.items():
        name, labels = parts_of(key)
        if name in own:
            own[name].groups.append(group(labels, value))
        else:
            generic.groups.append(group(((label, name), *labels), value))
    return [generic, *own.values()]


def _undeclared(kind: Kind) -> tuple[Family, str]:
    """Return the family of what has none of its own, still empty, and its label for the name."""
    if kind == "operation":
        name, help = "crowsg_operation_duration_seconds", "Service time, from beginning to end."
        return Family(name, "histogram", help, []), "operation"
    if kind == "counter":
        help = "What the scenario counts, undeclared."
        return Family("crowsg_counter_total", "counter", help, []), "name"
    return Family("crowsg_gauge", "gauge", "What the scenario sets, undeclared.", []), "name"


def _by_outcome(labels: Labels, operation: Operation) -> list[Series]:
    # All three from the first sample on: a rate over a series that appears misses its first count.
    return [
        ((*labels, ("outcome", "ok")), operation.ok),
        ((*labels, ("outcome", "failed")), operation.failed),
        ((*labels, ("outcome", "interrupted")), operation.interrupted),
    ]


def _number(labels: Labels, number: Number) -> list[Series]:
    return [(labels, number.value)]


def _responses(recorder: Recorder) -> Family:
    family = Family(
        "crowsg_operation_response_seconds",
        "histogram",
        "Response time, from the intended moment.",
        [],
    )
    for key, operation in recorder.operations.items():
        if operation.response.counts:
            name, labels = parts_of(key)
            family.groups.append([((("operation", name), *labels), operation.response)])
    return family


def _checks(recorder: Recorder) -> Family:
    help = "How often what the scenario checked did and did not hold."
    family = Family("crowsg_checks_total", "counter", help, [])
    for key, check in recorder.checks.items():
        named = ("check", parts_of(key)[0])
        outcomes = (("passed", check.passed), ("failed", check.failed))
        family.groups.append([((named, ("outcome", word)), count) for word, count in outcomes])
    return family


def _throttles(throttles: Throttles) -> list[Family]:
    infos = throttles.infos()

    def family(
        suffix: str, kind: str, help: str, values: Mapping[str, Histogram | float]
    ) -> Family:
        groups: list[list[Series]] = [[((("throttle", name),), values[name])] for name in values]
        return Family(f"crowsg_throttle_{suffix}", kind, help, groups)

    return [
        family(
            "limit_per_second",
            "gauge",
            "The rate in force.",
            {name: info.per_second for name, info in infos.items()},
        ),
        family(
            "requests_total",
            "counter",
            "Permits asked for.",
            {name: info.requested for name, info in infos.items()},
        ),
        family(
            "executions_total",
            "counter",
            "Permits used.",
            {name: info.executed for name, info in infos.items()},
        ),
        family(
            "lost_seconds_total",
            "counter",
            "Schedule lost to stalls.",
            {name: info.lost_s for name, info in infos.items()},
        ),
        family("wait_seconds", "histogram", "How long permits were waited for.", throttles.waits()),
    ]
