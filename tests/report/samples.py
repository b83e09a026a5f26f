"""Seconds of runs that nobody ran."""

from collections.abc import Iterable, Mapping

from crowsg.controller.status import State, Status
from crowsg.health.monitor import Reading
from crowsg.metrics.failures import FailureGroup
from crowsg.metrics.figures import Interval, Latency
from crowsg.rate import Rate
from crowsg.record.sample import Sample
from crowsg.throttle.info import ThrottleInfo
from crowsg.users.counts import UserCounts

NOTHING = Interval(0, 0, 0, None, None)


def latency(p95: float) -> Latency:
    """Return times of which only the 95th percentile is of interest."""
    return Latency(p95 / 2, p95 / 2, p95, p95, p95, p95, p95)


def interval(ok: int = 1, failed: int = 0, p95: float = 0.01) -> Interval:
    """Return a second of an operation."""
    return Interval(ok, failed, 0, latency(p95), None)


def throttle(lost_s: float = 0.0, *, is_paused: bool = False) -> ThrottleInfo:
    """Return a throttle of 100 permits a second."""
    return ThrottleInfo(Rate(100, per=1), is_paused, 3, 95, 92, 92, 0, lost_s, None)


def failure(sample: str, count: int = 1) -> FailureGroup:
    """Return failures of one kind."""
    return FailureGroup("ValueError", "*", count, 0.0, 0.0, sample)


def sample(  # noqa: PLR0913 - whatever a test is about
    second: int = 1,
    *,
    seconds: float = 1.0,
    users: UserCounts | None = None,
    state: State = "running",
    operations: Mapping[str, Interval] | None = None,
    everything: Interval = NOTHING,
    throttles: Mapping[str, ThrottleInfo] | None = None,
    errors: Iterable[FailureGroup] = (),
    health: Reading | None = None,
) -> Sample:
    """Return what there was to see at the end of a second of a run."""
    return Sample(
        from_s=second - seconds,
        to_s=second,
        status=Status(state, "any", users or UserCounts(), 0, "", {}, throttles or {}),
        operations=operations or {},
        everything=everything,
        errors=tuple(errors),
        health=health or Reading(),
    )
