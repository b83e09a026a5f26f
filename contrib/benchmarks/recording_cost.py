"""What one sample costs, recorded through the facade by a user: the loop around it not included.

Processor time, not wall time: a neighbour may stop the process, which is not the sample's fault.
"""

from types import ModuleType
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from contrib.benchmarks.sleepers import answer
from contrib.benchmarks.telemetry_cost import ns_of
from crowsg import Node, metrics

STATEMENTS = {
    "observe_ns": 'metrics.observe("login", 0.0123)',
    "time_ns": 'with metrics.time("login"):\n pass',
    "time_since_ns": 'with metrics.time("login", since=1.0):\n pass',
    "time_failed_ns": 'with metrics.time("login") as operation:\n operation.fail("refused")',
    "time_labels_ns": 'with metrics.time("login", code=200):\n pass',
    "count_ns": 'metrics.count("sent")',
    "count_labels_ns": 'metrics.count("sent", code=200)',
    "gauge_ns": 'metrics.gauge("depth", 3)',
    "check_ns": 'metrics.check("has friends", True)',
}

# A child bound once; through ``labels()`` each time it takes twice as long.
OF_THE_LIBRARY = {
    "observe_ns": "observed.observe(0.0123)",
    "time_ns": "with observed.time():\n pass",
    "count_ns": "counted.inc()",
}


def cost(count: float) -> dict[str, float]:
    """Record ``count`` samples in each form, in a user."""
    told: dict[str, float] = {}

    def start(user_id: int) -> None:
        known: dict[str, Any] = {"metrics": metrics}
        for name, statement in STATEMENTS.items():
            told[name] = ns_of(statement, "metrics = known['metrics']", known, int(count))

    scenario = ModuleType("recording")
    vars(scenario).update(init=lambda: None, start=start)
    with Node(environment={}) as node:
        node.local.do(scenario, 1, {"user_rate": "infinity"})
        node.crowd.idle.wait()
    return told


def cost_of_the_library(count: float) -> dict[str, float]:
    """Record ``count`` samples with ``prometheus_client``, where it has the same form."""
    registry = CollectorRegistry()
    known: dict[str, Any] = {
        "observed": Histogram("a", "A", ["outcome"], registry=registry).labels("ok"),
        "counted": Counter("b", "B", ["name"], registry=registry).labels("sent"),
    }
    setup = "observed, counted = known['observed'], known['counted']"
    return {
        name: ns_of(statement, setup, known, int(count))
        for name, statement in OF_THE_LIBRARY.items()
    }


if __name__ == "__main__":
    answer({"cost": cost, "library": cost_of_the_library})
