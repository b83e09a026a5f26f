"""What a scrape tells of the other nodes."""

from collections.abc import Mapping

from crowsg.clock import MonotonicClock
from crowsg.exporter.cluster_series import ClusterSeries
from crowsg.exporter.node_series import spelled
from crowsg.telemetry.bus import Bus
from tests.exporter.scrapes import Scrape

NODES = "crowsg_cluster_nodes"
EVENTS = "crowsg_cluster_events_total"


def scrape(series: ClusterSeries) -> Scrape:
    return Scrape(spelled(family) for family in series.families())


def told(states: Mapping[str, int]) -> ClusterSeries:
    return ClusterSeries(lambda: states)


def test_nodes_are_counted_by_state_and_every_state_is_told() -> None:
    found = scrape(told({"up": 3, "suspect": 1}))

    assert found.value(NODES, state="up") == 3
    assert found.value(NODES, state="suspect") == 1
    assert found.value(NODES, state="dead") == 0


def test_events_are_counted_from_the_beginning() -> None:
    bus, series = Bus(MonotonicClock()), told({})
    series.attach(bus)
    for event in ("connect_nodes", "connect_nodes", "nodedown", "deaf"):
        bus.execute(("crowsg", "cluster", event), {"count": 1}, {"nodes": ["a@x"], "state": "up"})

    found = scrape(series)

    assert found.value(EVENTS, event="connect_nodes") == 2
    assert found.value(EVENTS, event="nodedown") == 1
    assert found.value(EVENTS, event="deaf") == 1
    assert found.value(EVENTS, event="master_node_down") == 0


def test_who_listens_no_more_counts_no_more() -> None:
    bus, series = Bus(MonotonicClock()), told({})
    series.attach(bus)
    series.detach(bus)
    bus.execute(("crowsg", "cluster", "nodedown"), {"count": 1}, {"nodes": [], "state": "dead"})

    assert scrape(series).value(EVENTS, event="nodedown") == 0
