"""What one sample costs, recorded through the facade by a user: the loop around it not included.

Processor time, not wall time: a neighbour may stop the process, which is not the sample's fault.
"""

from types import ModuleType
from typing import Any

from contrib.benchmarks.sleepers import answer
from contrib.benchmarks.telemetry_cost import ns_of
from crowsg import Node, metrics

STATEMENTS = {
    "observe_ns": 'metrics.observe("login", 0.0123)',
    "time_ns": 'with metrics.time("login"):\n pass',
    "time_since_ns": 'with metrics.time("login", since=1.0):\n pass',
    "count_ns": 'metrics.count("sent")',
    "count_labels_ns": 'metrics.count("sent", code=200)',
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


if __name__ == "__main__":
    answer({"cost": cost})
