"""The smaller parts of a snapshot as plain values, and back. Pure.

Moments are in nanoseconds of the clock of the node that tells them; who reads them knows by how
much its own clock is ahead.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, astuple, dataclass, fields, replace
from typing import Any, get_args

from crowsg.clock import SECOND
from crowsg.controller.status import State
from crowsg.dist.checked import (
    duration,
    garbled,
    items,
    line,
    moment,
    named,
    number,
    number_as_plain,
    second,
    truth,
    whole,
)
from crowsg.health.monitor import Reading
from crowsg.health.record import MAX_SPANS, HealthSummary, StallSummary
from crowsg.health.watchdog import MAX_STALLS
from crowsg.metrics.declared import Declaration, Kind
from crowsg.metrics.failures import FailureGroup, FailureLog
from crowsg.metrics.figures import Latency
from crowsg.metrics.names import MAX_NAMES, Key, Labels
from crowsg.metrics.operation import Check
from crowsg.metrics.recorder import Number
from crowsg.throttle.info import ThrottleInfo
from crowsg.users.counts import UserCounts

Plain = Any

MAX_ENTRIES = MAX_NAMES + 1
"""Names of one kind that a node can have, the one for all the rest included."""

_MAX_SAMPLE = 2048
_MAX_LABEL = 100_000


def key_as_plain(key: Key) -> Plain:
    """Return a name, or a name with its labels."""
    return key if isinstance(key, str) else [key[0], [list(pair) for pair in key[1]]]


def key(plain: Plain) -> Key:
    """Read what ``key_as_plain`` made."""
    if type(plain) is str:
        return line(plain, "a name")
    name, labels = items(plain, "a name", 2, 2)
    return line(name, "a name"), _labels(items(labels, "labels", 1))


def _labels(plain: list[Any]) -> Labels:
    pairs = [items(pair, "a label", 2, 2) for pair in plain]
    return tuple((_label(name), _label(value)) for name, value in pairs)


def _label(plain: Plain) -> str:
    return line(plain, "a label", _MAX_LABEL)


def entries(plain: Plain, what: str) -> dict[Key, Any]:
    """Read a list of [name, value], the values as they are."""
    pairs = [items(pair, what, 2, 2) for pair in items(plain, what, 0, MAX_ENTRIES)]
    read = {key(name): value for name, value in pairs}
    if len(read) != len(pairs):
        raise garbled(f"names of {what}", len(pairs))
    return read


def numbers_as_plain(numbers: Mapping[Key, Number]) -> Plain:
    """Return counters or gauges."""
    return [[key_as_plain(name), number_as_plain(each.value)] for name, each in numbers.items()]


def numbers(plain: Plain, what: str) -> dict[Key, float]:
    """Read what ``numbers_as_plain`` made."""
    return {name: number(value, what) for name, value in entries(plain, what).items()}


def checks_as_plain(checks: Mapping[Key, Check]) -> Plain:
    """Return how often each held, and how often not."""
    return [[key_as_plain(name), [each.passed, each.failed]] for name, each in checks.items()]


def checks(plain: Plain) -> dict[Key, tuple[int, int]]:
    """Read what ``checks_as_plain`` made."""
    read = {}
    for name, value in entries(plain, "checks").items():
        passed, failed = items(value, "a check", 2, 2)
        read[name] = whole(passed, "a check"), whole(failed, "a check")
    return read


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures of one kind and template on one node; see ``FailureGroup``.

    Attributes:
        first_ns, last_ns: When the first and the last came, in nanoseconds of that node's clock.
    """

    kind: str
    template: str
    count: int
    first_ns: int
    last_ns: int
    sample: str


def failures_as_plain(log: FailureLog) -> Plain:
    """Return the groups of a log."""
    return [_group_as_plain(group, log.began_ns) for group in log.groups()]


def _group_as_plain(group: FailureGroup, began_ns: int) -> Plain:
    first_ns, last_ns = (
        began_ns + round(seconds * SECOND) for seconds in (group.first_s, group.last_s)
    )
    return [group.kind, group.template, group.count, first_ns, last_ns, group.sample]


def failures(plain: Plain) -> dict[tuple[str, str], Failures]:
    """Read what ``failures_as_plain`` made, by kind and template."""
    what = "failures"
    groups = [items(each, what, 6, 6) for each in items(plain, what, 0, MAX_ENTRIES)]
    read = [
        Failures(
            line(kind, what),
            line(template, what),
            whole(count, what, 1),
            moment(first_ns, what),
            moment(last_ns, what),
            line(sample, what, _MAX_SAMPLE),
        )
        for kind, template, count, first_ns, last_ns, sample in groups
    ]
    known = {(each.kind, each.template): each for each in read}
    if len(known) != len(read):
        raise garbled(f"groups of {what}", len(read))
    return known


def users(plain: Plain) -> UserCounts:
    """Read what ``UserCounts.as_dict`` made."""
    names = [field.name for field in fields(UserCounts)]
    counts = named(plain, "users")
    if counts.keys() != set(names):
        raise garbled("users", list(counts))
    return UserCounts(**{name: whole(counts[name], "users") for name in names})


def state(plain: Plain) -> State:
    """Read the state of a controller."""
    for known in get_args(State):
        if plain == known:
            return known  # type: ignore[no-any-return]
    raise garbled("a state", plain)


@dataclass(frozen=True, slots=True)
class ThrottleCounts:
    """What one node counted of a throttle; see ``ThrottleInfo``."""

    waiting: int
    requested: int
    granted: int
    executed: int
    held: int
    lost_s: float

    @classmethod
    def of(cls, info: ThrottleInfo) -> "ThrottleCounts":
        """Return the counts of a throttle as it stands."""
        return cls(*(getattr(info, field.name) for field in fields(cls)))

    def added_to(self, info: ThrottleInfo) -> ThrottleInfo:
        """Return a throttle with these counts too."""
        mine = asdict(self)
        return replace(info, **{name: mine[name] + getattr(info, name) for name in mine})


def throttle_as_plain(info: ThrottleInfo) -> Plain:
    """Return the counts of a throttle."""
    return list(astuple(ThrottleCounts.of(info)))


def throttle(plain: Plain) -> ThrottleCounts:
    """Read what ``throttle_as_plain`` made."""
    what = "a throttle"
    waiting, requested, granted, executed, held, lost_s = items(plain, what, 6, 6)
    return ThrottleCounts(
        whole(waiting, what),
        whole(requested, what),
        whole(granted, what),
        whole(executed, what),
        whole(held, what),
        duration(lost_s, what),
    )


def reading(plain: Plain) -> Reading:
    """Read the fields of a ``Reading`` in their order."""
    what = "a reading"
    cpu, lag_s, resident_bytes, open_files, saturated = items(plain, what, 5, 5)
    return Reading(
        duration(cpu, what),
        duration(lag_s, what),
        whole(resident_bytes, what),
        whole(open_files, what),
        truth(saturated, what),
    )


def health_as_plain(health: HealthSummary) -> Plain:
    """Return the fields of the summary in their order."""
    return [
        health.saturated_s,
        [list(span) for span in health.saturated],
        health.cpu_mean,
        health.cpu_max,
        _latency_as_plain(health.loop_lag),
        _latency_as_plain(health.gc_pause),
        health.gc_pause_s,
        health.resident_bytes,
        health.open_files,
        [[each.at_s, each.seconds, each.place] for each in health.stalls],
    ]


def health(plain: Plain) -> HealthSummary:
    """Read what ``health_as_plain`` made."""
    what = "health"
    saturated_s, spans, mean, most, lag, pause, pause_s, size, files, stalls = items(
        plain, what, 10, 10
    )
    return HealthSummary(
        duration(saturated_s, what),
        tuple(_span(each) for each in items(spans, what, 0, MAX_SPANS)),
        duration(mean, what),
        duration(most, what),
        _latency(lag),
        _latency(pause),
        duration(pause_s, what),
        whole(size, what),
        whole(files, what),
        tuple(_stall(each) for each in items(stalls, what, 0, MAX_STALLS)),
    )


def _span(plain: Plain) -> tuple[float, float]:
    from_s, to_s = items(plain, "a span", 2, 2)
    span = second(from_s, "a span"), second(to_s, "a span")
    if span[0] > span[1]:
        raise garbled("a span", plain)
    return span


def _stall(plain: Plain) -> StallSummary:
    at_s, seconds, place = items(plain, "a stall", 3, 3)
    return StallSummary(
        second(at_s, "a stall"), duration(seconds, "a stall"), line(place, "a stall", _MAX_SAMPLE)
    )


def _latency_as_plain(latency: Latency | None) -> Plain:
    return None if latency is None else list(astuple(latency))


def _latency(plain: Plain) -> Latency | None:
    if plain is None:
        return None
    return Latency(*(duration(value, "a latency") for value in items(plain, "a latency", 7, 7)))


def declarations_as_plain(declarations: Iterable[Declaration]) -> Plain:
    """Return what a scenario said of its metrics."""
    return [[each.kind, each.name, each.help, list(each.labels)] for each in declarations]


def declarations(plain: Plain) -> tuple[Declaration, ...]:
    """Read what ``declarations_as_plain`` made."""
    what = "declarations"
    read = []
    for each in items(plain, what, 0, MAX_ENTRIES):
        kind, name, text, labels = items(each, what, 4, 4)
        if kind not in get_args(Kind):
            raise garbled("a kind of metric", kind)
        told = tuple(_label(label) for label in items(labels, what))
        read.append(Declaration(kind, line(name, what), line(text, what), told))
    return tuple(read)
