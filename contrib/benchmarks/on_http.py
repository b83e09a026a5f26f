"""Users of ``crowsg.protocols.http`` that get a page without a pause: ``small USERS SECONDS``."""

import os
from functools import partial
from time import monotonic, process_time
from types import ModuleType

import gevent

from contrib.benchmarks.nginx import Nginx, cores, nginx
from contrib.benchmarks.sleepers import answer
from crowsg import Node
from crowsg.metrics.operation import Operation
from crowsg.protocols import http

WARM_UP_S = 1.0
NAME = "page"


def load(kind: str, count: float, seconds: float) -> dict[str, float]:
    """Get a page of that kind; every request is recorded, and nginx must have counted the same."""
    server_core, own_core = cores()
    with nginx(tls=kind == "tls", core=server_core) as server:
        os.sched_setaffinity(0, {own_core})
        with Node(environment={}) as node:
            node.watch()
            node.local.do(_scenario(server, kind), int(count), {"user_rate": "infinity"})
            gevent.sleep(WARM_UP_S)
            figures = _watch(node.recorder.operations[NAME], seconds)
            node.local.stop()
            node.crowd.idle.wait()
            _compare(node.recorder.operations[NAME], server.requests())
    return figures


def _scenario(server: Nginx, kind: str) -> ModuleType:
    address, path = server.page(kind)

    def start(user_id: int) -> None:
        session = http.Session(address, verify=False)
        while True:
            session.get(path, operation=NAME)

    scenario = ModuleType("load")
    vars(scenario).update(init=lambda: None, start=start)
    return scenario


def _watch(operation: Operation, seconds: float) -> dict[str, float]:
    before, from_s, spent_s = operation.copy(), monotonic(), process_time()
    gevent.sleep(seconds)
    took_s, spent_s = monotonic() - from_s, process_time() - spent_s
    recent = operation.since(before)
    if recent.failed.total:
        raise SystemExit(f"{recent.failed.total} requests failed: {operation.failures}")
    return {
        "requests_per_s": recent.ok.total / took_s,
        "p99_ms": recent.ok.quantiles((0.99,))[0] / 1e6,
        "cpu_us": spent_s / recent.ok.total * 1e6,
    }


def _compare(operation: Operation, seen: int) -> None:
    if operation.interrupted.total or operation.ok.total != seen:
        told = f"{operation.ok.total} requests and {operation.interrupted.total} interrupted"
        raise SystemExit(f"{told} are counted here, {seen} by nginx")


if __name__ == "__main__":
    answer({kind: partial(load, kind) for kind in ("small", "large", "tls")})
