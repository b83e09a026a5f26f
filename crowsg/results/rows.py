"""The rows of the CSV files. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator

from crowsg.clock import SECOND
from crowsg.metrics.figures import Interval, Latency
from crowsg.metrics.lives import Life
from crowsg.record.sample import Sample

Cell = str | int | float | None
Row = list[Cell]

TIMESERIES = (
    "at_s", "seconds", "operation", "ok", "failed", "interrupted", "rate_per_s",
    "mean_s", "p50_s", "p95_s", "p99_s", "max_s",
    "response_p50_s", "response_p95_s", "response_p99_s", "response_max_s",
    "users_waiting", "users_running", "users_ended", "loop_lag_s", "cpu", "saturated",
)  # fmt: skip
USERS = ("id", "node", "started_s", "duration_s", "outcome")

_NO_RUN: Row = [None] * 6


def csv_of(rows: Iterable[Iterable[Cell]]) -> str:
    """Return rows as CSV, a line each."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def timeseries_of(sample: Sample) -> Iterator[Row]:
    """Yield the rows of one second: the run, then each operation."""
    counts, health = sample.status.users, sample.health
    yield [
        *_interval("", sample.everything, sample),
        counts.waiting,
        counts.running,
        counts.started - counts.running,
        _short(health.lag_s),
        _short(health.cpu),
        int(health.saturated),
    ]
    for name, interval in sample.operations.items():
        yield [*_interval(name, interval, sample), *_NO_RUN]


def user_of(life: Life | int, node: str, run_began_ns: int) -> Row:
    """Return the row of one user: of its life, or, where it never started, of its id."""
    if isinstance(life, int):
        return [life, node, None, None, "cancelled"]
    started = _short((life.began_ns - run_began_ns) / SECOND)
    duration = _short((life.ended_ns - life.began_ns) / SECOND)
    return [life.user_id, node, started, duration, life.outcome]


def safe(text: str) -> str:
    """Return text as no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _interval(name: str, interval: Interval, sample: Sample) -> Row:
    ended = interval.ok + interval.failed
    rate = ended / sample.seconds if sample.seconds else 0.0
    counts = [interval.ok, interval.failed, interval.interrupted, _short(rate)]
    mean = None if interval.service is None else _short(interval.service.mean)
    return [
        _short(sample.to_s),
        _short(sample.seconds),
        safe(name),
        *counts,
        mean,
        *_latency(interval.service),
        *_latency(interval.response),
    ]


def _latency(latency: Latency | None) -> Row:
    if latency is None:
        return [None] * 4
    return [_short(value) for value in (latency.p50, latency.p95, latency.p99, latency.max)]


def _short(value: float) -> float:
    """Leave out what nobody measured: digits below a nanosecond."""
    return round(value, 9)
