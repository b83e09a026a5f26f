"""The series of a cluster, as one of its nodes sees it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from crowsg.cluster.membership import State
from crowsg.telemetry.bus import Bus, EventName, Measurements, Metadata

HANDLER_ID = "crowsg-cluster-events"
NOTED_EVENTS: tuple[EventName, ...] = (
    ("crowsg", "cluster", "connect_nodes"),
    ("crowsg", "cluster", "nodedown"),
    ("crowsg", "cluster", "master_node_down"),
    ("crowsg", "cluster", "deaf"),
)


class ClusterSeries:
    """Counts what happens to other nodes, and tells how many are in which state.

    Args:
        states: Tells how many other nodes are in each state.
    """

    def __init__(self, states: Callable[[], Mapping[str, int]]) -> None:
        self._states = states
        self._events = dict.fromkeys((event[-1] for event in NOTED_EVENTS), 0.0)

    def attach(self, bus: Bus) -> None:
        """Listen."""
        bus.attach_many(HANDLER_ID, NOTED_EVENTS, self._note)

    def detach(self, bus: Bus) -> None:
        """Listen no more."""
        bus.detach(HANDLER_ID)

    def families(self) -> Iterable[Metric]:
        """Yield the series."""
        nodes = GaugeMetricFamily(
            "crowsg_cluster_nodes", "Other nodes, as this one sees them.", labels=["state"]
        )
        states = self._states()
        for state in get_args(State):
            nodes.add_metric([state], states.get(state, 0))
        yield nodes
        events = CounterMetricFamily(
            "crowsg_cluster_events", "What happened to nodes; deaf: this one.", labels=["event"]
        )
        for event, count in self._events.items():
            events.add_metric([event], count)
        yield events

    def _note(
        self, event: EventName, measurements: Measurements, metadata: Metadata, _: Any
    ) -> None:
        self._events[event[-1]] += measurements["count"]
