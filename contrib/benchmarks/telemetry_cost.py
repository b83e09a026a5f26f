"""What it costs to emit an event: its two dictionaries included, the loop around it not.

Processor time, not wall time: a neighbour may stop the process, which is not the event's fault.
"""

from statistics import median
from time import process_time
from timeit import Timer
from typing import Any

from contrib.benchmarks.sleepers import answer
from crowsg import Node, telemetry

BOUND = 'if event.handlers:\n event.fire({"count": 1}, {"name": "rate"})'
FACADE = 'telemetry.execute(name, {"count": 1}, {"name": "rate"})'
NAME = ("crowsg", "throttle", "request")
SAMPLES = 9
# As locals, which is what a service that bound its event has them in.
SETUP = "event, name, telemetry = known['event'], known['name'], known['telemetry']"


def handle(event: Any, measurements: Any, metadata: Any, config: Any) -> None:
    """Do nothing, as a handler."""


def cost(count: float) -> dict[str, float]:
    """Emit without and with one handler, on a greenlet of a node."""
    with Node(environment={}) as node:
        return node.spawn(_cost, node, int(count)).get()  # type: ignore[no-any-return]


def _cost(node: Node, count: int) -> dict[str, float]:
    known = {"event": node.telemetry.event(NAME), "name": NAME, "telemetry": telemetry}
    unheard_ns = [ns_of(statement, SETUP, known, count) for statement in (BOUND, FACADE)]
    telemetry.attach("benchmark", NAME, handle)
    heard_ns = [ns_of(statement, SETUP, known, count) for statement in (BOUND, FACADE)]
    return {
        "bound_unheard_ns": unheard_ns[0],
        "execute_unheard_ns": unheard_ns[1],
        "bound_heard_ns": heard_ns[0],
        "execute_heard_ns": heard_ns[1],
    }


def ns_of(statement: str, setup: str, known: dict[str, Any], count: int) -> float:
    """Return what ``statement`` costs in nanoseconds of processor time; ``setup`` binds locals."""
    full, empty = (
        Timer(each, setup, timer=process_time, globals={"known": known})
        for each in (statement, "pass")
    )
    samples = [full.timeit(count) - empty.timeit(count) for _ in range(SAMPLES)]
    return median(samples) / count * 1e9


if __name__ == "__main__":
    answer({"cost": cost})
