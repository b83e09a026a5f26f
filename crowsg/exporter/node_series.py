"""The series of the node itself: who it is, where its users stand, what its process uses."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import get_args

from prometheus_client import generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from crowsg.clock import SECOND
from crowsg.controller.status import State, Status
from crowsg.exporter.callbacks import CallbackTimes
from crowsg.exporter.exposition import Limits, header, histogram
from crowsg.health.monitor import Health
from crowsg.metrics.histogram import Histogram
from crowsg.metrics.lives import Lives
from crowsg.text import line_of
from crowsg.users.counts import Outcome

LIVES = Limits.growing(0.1, 7200, factor=2)
DELAYS = Limits.growing(0.001, 10, factor=2)
CALLBACKS = Limits.growing(0.001, 600, factor=3)


class _Only(Collector):
    """Collects one family, so that each is a piece of its own."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return (self._family,)


def spelled(family: Metric) -> str:
    """Return one family as text."""
    return generate_latest(_Only(family)).decode()


class NodeSeries:
    """Tells the series of one node.

    Args:
        node: Who it is.
        role: Tells what it is in its cluster.
        status: Tells where it stands.
        lives: How long its users lived.
        callbacks: How long callbacks of scenarios took.
        health: What it is itself like.
    """

    def __init__(
        self,
        node: str,
        role: Callable[[], str],
        status: Callable[[], Status],
        lives: Lives,
        callbacks: CallbackTimes,
        health: Health,
    ) -> None:
        self._info = {"node": line_of(node), "version": version("crowsg")}
        self._role = role
        self._status = status
        self._lives = lives
        self._callbacks = callbacks
        self._health = health

    def pieces(self) -> Iterator[str]:
        """Yield the text in pieces, each of one moment."""
        for family in self._families():
            yield spelled(family)
        yield from self._callback_durations()

    def _families(self) -> Iterable[Metric]:
        status = self._status()
        info = {**self._info, "role": self._role()}
        yield InfoMetricFamily("crowsg_node", "The node.", value=info)
        yield _state(status.state)
        yield from self._users(status)
        lags, pauses = self._health.lag.lags, self._health.pauses.pauses
        yield _histogram("crowsg_event_loop_lag_seconds", "Delays of the event loop.", lags)
        yield _histogram("crowsg_gc_pause_seconds", "Pauses of the garbage collector.", pauses)
        yield from self._process()

    def _users(self, status: Status) -> Iterable[Metric]:
        scenario, counts = line_of(status.scenario or ""), status.users
        running = GaugeMetricFamily("crowsg_users", "Users running now.", labels=["scenario"])
        running.add_metric([scenario], counts.running)
        yield running
        started = CounterMetricFamily(
            "crowsg_users_started", "Users that began to run.", labels=["scenario"]
        )
        started.add_metric([scenario], counts.started)
        yield started
        ended = CounterMetricFamily(
            "crowsg_users_ended", "Users that ended.", labels=["scenario", "outcome"]
        )
        for outcome in get_args(Outcome):
            ended.add_metric([scenario, outcome], counts.as_dict()[outcome])
        yield ended
        lived = HistogramMetricFamily(
            "crowsg_user_duration_seconds", "How long users ran.", labels=["scenario"]
        )
        _add(lived, [scenario], self._lives.durations, LIVES)
        yield lived

    def _callback_durations(self) -> Iterator[str]:
        # Written here, as they are many on a node that has run many scenarios.
        name = "crowsg_scenario_callback_duration_seconds"
        yield header(name, "histogram", "How long callbacks of scenarios took.")
        for values, times in list(self._callbacks.times.items()):
            labels = zip(("scenario", "callback", "outcome"), values, strict=True)
            yield histogram(name, labels, times, CALLBACKS)

    def _process(self) -> Iterable[Metric]:
        # Not by the library's own collector: it lists /proc/self/fd, 50 ms with 100 000 sockets.
        process = self._health.process()
        gauges: Mapping[str, tuple[str, float]] = {
            "resident_memory_bytes": ("Resident memory.", process.resident_bytes),
            "virtual_memory_bytes": ("Virtual memory.", process.virtual_bytes),
            "open_fds": ("Open file descriptors.", process.open_files),
            "max_fds": ("File descriptors the process may have.", process.max_files),
            "start_time_seconds": ("Start, in seconds since the epoch.", process.started_at),
        }
        yield CounterMetricFamily("process_cpu_seconds", "Processor time used.", process.cpu_s)
        for name, (help, value) in gauges.items():
            yield GaugeMetricFamily(f"process_{name}", help, value)


def _state(state: State) -> Metric:
    family = GaugeMetricFamily(
        "crowsg_node_state", "1 for the state the controller is in.", labels=["state"]
    )
    for each in get_args(State):
        family.add_metric([each], float(each == state))
    return family


def _histogram(name: str, help: str, samples: Histogram) -> Metric:
    family = HistogramMetricFamily(name, help, labels=[])
    _add(family, [], samples, DELAYS)
    return family


def _add(
    family: HistogramMetricFamily, labels: Iterable[str], samples: Histogram, limits: Limits
) -> None:
    names = [*map(str, limits.seconds), "+Inf"]
    buckets = list(zip(names, limits.cumulated(samples), strict=True))
    family.add_metric(list(labels), buckets, samples.sum_ns / SECOND)
