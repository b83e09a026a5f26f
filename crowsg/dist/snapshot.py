"""What a node has recorded of a run so far, as plain values for the master.

A snapshot is cumulative: the newest holds all that those before it held. So one that gets lost, or
comes twice or late, takes nothing away and adds nothing. Only users that ended are told once, and
again until the master has asked for those behind them.
"""

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

from gevent.lock import BoundedSemaphore

from crowsg.clock import SECOND, Breather, Clock
from crowsg.controller.status import State, Status
from crowsg.dist import forms
from crowsg.dist.checked import garbled, items, moment, named, whole
from crowsg.dist.ended import Ended, EndedUsers, ended
from crowsg.dist.packed import (
    Packed,
    PackedOperation,
    histogram_as_plain,
    operation_as_plain,
    packed,
    packed_operation,
)
from crowsg.failpoints import failpoint
from crowsg.health.monitor import Health, Reading
from crowsg.health.record import HealthRecord, HealthSummary
from crowsg.metrics.declared import Declaration
from crowsg.metrics.histogram import Histogram
from crowsg.metrics.names import OTHER, Key, spelled
from crowsg.metrics.operation import Operation
from crowsg.metrics.recorder import Recorder
from crowsg.users.counts import UserCounts

MAX_KINDS = 1 << 20
"""Characters of kinds of failure in one snapshot; beyond, an operation's kinds are summed up."""

_KIND = 16
"""What a kind costs besides its characters."""

_FIELDS = frozenset({
    *("life", "number", "now_ns", "state", "users", "operations", "counters", "gauges", "checks"),
    *("failures", "throttles", "waits", "reading", "health", "declarations", "lives"),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class NodeSnapshot:
    """A snapshot that was read and found sound; times are of the clock of its node.

    Attributes:
        life: Which of its parts in runs the node tells of; each begins with nothing recorded.
        number: Which of the node's snapshots it is; newer ones have higher numbers.
        now_ns: When it was taken.
        state: State of the node's controller.
        users, operations, counters, gauges, checks, failures: As the node's recorder has them.
        throttles, waits: What the node counted of each throttle, and how long its permits took.
        reading: The generator since the snapshot before.
        health: The generator over the run, in seconds since ``health_began_ns``.
        health_began_ns: When the record of its health began.
        declarations: What the scenario said of its metrics.
        ended: The users that ended since those that the master has.
    """

    life: int
    number: int
    now_ns: int
    state: State
    users: UserCounts
    operations: Mapping[Key, PackedOperation]
    counters: Mapping[Key, float]
    gauges: Mapping[Key, float]
    checks: Mapping[Key, tuple[int, int]]
    failures: Mapping[tuple[str, str], forms.Failures]
    throttles: Mapping[str, forms.ThrottleCounts]
    waits: Mapping[str, Packed]
    reading: Reading
    health: HealthSummary
    health_began_ns: int
    declarations: tuple[Declaration, ...]
    ended: Ended


class Snapshots:
    """Takes the snapshots of one node.

    Args:
        clock: Tells when.
        status: Tells where the node stands, its throttles included.
        recorder, health: What there is to look at; nobody else may take readings of ``health``.
        waits: Tells how long permits were waited for, by throttle.
    """

    def __init__(
        self,
        clock: Clock,
        status: Callable[[], Status],
        recorder: Recorder,
        health: Health,
        waits: Callable[[], Mapping[str, Histogram]],
    ) -> None:
        self._clock = clock
        self._status = status
        self._recorder = recorder
        self._health = health
        self._waits = waits
        self._ended = EndedUsers(recorder.lives)
        self._taking = BoundedSemaphore(1)
        self._life = self._number = 0
        self._read_s = 0.0
        self._health_began_ns = clock.now_ns()
        self._record = HealthRecord(health, self._health_began_ns)

    def begin(self, *, keeps_lives: bool = False) -> None:
        """Begin a run, or to take part in one again: nothing is recorded, users are about to start.

        Args:
            keeps_lives: Whether the master wants to know of each user that ends; it must then go
                on asking, as they are kept until it has them.
        """
        self._life += 1
        self._ended.begin(keeps=keeps_lives)
        self._read_s = 0.0
        self._health_began_ns = self._clock.now_ns()
        self._record = HealthRecord(self._health, self._health_began_ns)

    def take(self, lives_from: int | None = None) -> dict[str, Any]:
        """Return all there is on record as plain values.

        Args:
            lives_from: The number of the first user that ended which the master does not have:
                those before are forgotten. None: all that are still kept.

        Blocks: between two operations, so that many of them hold up nobody; and while another
            snapshot is taken, so that a higher number never tells of less.
        """
        failpoint("before_snapshot")
        with self._taking:
            operations = self._operations()
            # No switch from here to the end: all of this is of one moment.
            self._number += 1
            return {
                "life": self._life,
                "number": self._number,
                "operations": operations,
                "now_ns": self._clock.now_ns(),
                **self._recorded(),
                **self._of_node(),
                "lives": self._ended.as_plain(lives_from),
            }

    def _operations(self) -> list[Any]:
        breather, room, taken = Breather(self._clock), MAX_KINDS, []
        for name, operation in list(self._recorder.operations.items()):
            room -= sum(len(kind) + _KIND for kind in operation.failures)
            kinds = operation.failures if room >= 0 else _summed_up(operation)
            taken.append([forms.key_as_plain(name), operation_as_plain(operation, kinds)])
            breather.breathe()
        return taken

    def _recorded(self) -> dict[str, Any]:
        recorder = self._recorder
        return {
            "counters": forms.numbers_as_plain(recorder.counters),
            "gauges": forms.numbers_as_plain(recorder.gauges),
            "checks": forms.checks_as_plain(recorder.checks),
            "failures": forms.failures_as_plain(recorder.failures),
            "declarations": forms.declarations_as_plain(recorder.declarations),
        }

    def _of_node(self) -> dict[str, Any]:
        status = self._status()
        return {
            "state": status.state,
            "users": status.users.as_dict(),
            "throttles": [
                [name, forms.throttle_as_plain(info)] for name, info in status.throttles.items()
            ],
            "waits": [[name, histogram_as_plain(each)] for name, each in self._waits().items()],
            "reading": list(astuple(self._read_health())),
            "health": [self._health_began_ns, forms.health_as_plain(self._record.summary())],
        }

    def _read_health(self) -> Reading:
        reading = self._health.reading()
        from_s, self._read_s = self._read_s, self._elapsed_s()
        self._record.add(reading, from_s, self._read_s)
        return reading

    def _elapsed_s(self) -> float:
        return (self._clock.now_ns() - self._health_began_ns) / SECOND


def _summed_up(operation: Operation) -> dict[str, int]:
    return {OTHER: sum(operation.failures.values())} if operation.failures else {}


def read(plain: Any) -> NodeSnapshot:
    """Read what ``Snapshots.take`` made on another node.

    Raises:
        NotPackable: It is garbled; nothing of it may be believed.
    """
    told = named(plain, "a snapshot")
    if told.keys() != _FIELDS:
        raise garbled("a snapshot", list(told))
    began_ns, health = items(told["health"], "health", 2, 2)
    return NodeSnapshot(
        life=whole(told["life"], "the life of a node"),
        number=whole(told["number"], "the number of a snapshot"),
        now_ns=moment(told["now_ns"], "the moment of a snapshot"),
        state=forms.state(told["state"]),
        users=forms.users(told["users"]),
        operations=_operations(told["operations"]),
        counters=forms.numbers(told["counters"], "counters"),
        gauges=forms.numbers(told["gauges"], "gauges"),
        checks=forms.checks(told["checks"]),
        failures=forms.failures(told["failures"]),
        throttles={
            spelled(name): forms.throttle(each)
            for name, each in forms.entries(told["throttles"], "throttles").items()
        },
        waits={
            spelled(name): packed(each, "waits")
            for name, each in forms.entries(told["waits"], "waits").items()
        },
        reading=forms.reading(told["reading"]),
        health=forms.health(health),
        health_began_ns=moment(began_ns, "the beginning of health"),
        declarations=forms.declarations(told["declarations"]),
        ended=ended(told["lives"]),
    )


def _operations(plain: Any) -> dict[Key, PackedOperation]:
    return {
        name: packed_operation(each, spelled(name))
        for name, each in forms.entries(plain, "operations").items()
    }
