"""Nodes that record what a test tells them to, and one place that records what all of them do."""

import random
from collections.abc import Mapping
from typing import Any

import gevent

from crowsg.controller.status import State, Status
from crowsg.dist.snapshot import NodeSnapshot, Snapshots, read
from crowsg.dist.totals import Totals
from crowsg.health.monitor import Health
from crowsg.health.process import ProcessReading
from crowsg.metrics.histogram import Histogram
from crowsg.metrics.recorder import Recorder
from crowsg.rate import Rate
from crowsg.supervision import unsupervised
from crowsg.testing import ManualClock
from crowsg.throttle.info import ThrottleInfo
from crowsg.users.counts import UserCounts

NAMES = ("login", "send", "receive")
KINDS = ("refused", "timeout", "ValueError")


def no_process() -> ProcessReading:
    """Read a process that uses nothing."""
    return ProcessReading(0.0, 1000, 0, 7, 0, 0.0)


class Recording:
    """One life of a node.

    Attributes:
        users, throttles, state, waits: What it tells of itself.
    """

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.recorder = Recorder(self.clock, lambda group, error: None)
        self.health = Health(self.clock, unsupervised(gevent.spawn), no_process)
        self.users = UserCounts()
        self.state: State = "running"
        self.throttles: dict[str, ThrottleInfo] = {}
        self.waits: dict[str, Histogram] = {}
        self.snapshots = Snapshots(
            self.clock, self.status, self.recorder, self.health, lambda: self.waits
        )

    def status(self) -> Status:
        """Return where it stands."""
        return Status(self.state, "chat", self.users, 0, "", {}, self.throttles)

    def take(self, lives_from: int | None = None) -> dict[str, Any]:
        """Return a snapshot as it travels."""
        return self.snapshots.take(lives_from)

    def snapshot(self, lives_from: int | None = None) -> NodeSnapshot:
        """Return a snapshot as the master reads it."""
        return read(self.take(lives_from))


def throttle(requested: int = 0, lost_s: float = 0.0, **changes: Any) -> ThrottleInfo:
    """Return a throttle of 100 permits a second."""
    values: dict[str, Any] = {
        "is_paused": False,
        "waiting": 1,
        "granted": requested,
        "executed": requested,
    }
    values |= {"held": 0, "progress": None, **changes}
    return ThrottleInfo(Rate(100, per=1), requested=requested, lost_s=lost_s, **values)


def record(rng: random.Random, *recorders: Recorder) -> None:
    """Record the same random thing everywhere."""
    name, kind = rng.choice(NAMES), rng.choice(KINDS)
    service_ns = rng.choice([0, 1, 127, 128, rng.randrange(10**6), rng.randrange(10**11)])
    response_ns = rng.choice([None, 2 * service_ns])
    n, seconds, holds = rng.randrange(5), rng.random(), rng.random() < 0.5
    what = rng.randrange(6)
    for each in recorders:
        operation = each.operations[name]
        if what == 0:
            operation.record(service_ns, "", response_ns)
        elif what == 1:
            operation.record(service_ns, kind, response_ns)
        elif what == 2:
            operation.interrupted.record(service_ns)
            operation.dropped += n
        elif what == 3:
            each.count("sent", n, {})
            each.count("spent", seconds, {"of": name})
        elif what == 4:
            each.check(name, holds)
        else:
            each.failures.record(ValueError(f"user {n} {kind}"))


def histogram_of(histogram: Histogram) -> tuple[Any, ...]:
    """Return all that a histogram tells."""
    fractions = [n / 40 for n in range(1, 41)]
    quantiles = histogram.quantiles(fractions)
    return list(histogram.nonzero()), histogram.sum_ns, histogram.max_ns, quantiles


def operations_of(operations: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return all that operations tell, by name."""
    return {
        name: (
            *map(histogram_of, (each.ok, each.failed, each.interrupted, each.response)),
            each.late_ns,
            each.dropped,
            each.failures,
        )
        for name, each in operations.items()
    }


def groups_of(groups: Any) -> dict[tuple[str, str], int]:
    """Return how many failures there were of each kind and template."""
    return {(each.kind, each.template): each.count for each in groups}


def check_sums(totals: Totals, one_place: Recorder) -> None:
    """Refuse totals that differ in anything from what one recorder saw."""
    assert operations_of(totals.operations) == operations_of(one_place.operations)
    assert totals.counters().get("sent", 0) == one_place.counters["sent"].value
    checks = {str(key): (each.passed, each.failed) for key, each in one_place.checks.items()}
    assert totals.checks() == checks
    assert groups_of(totals.failures(0)) == groups_of(one_place.failures.groups())
