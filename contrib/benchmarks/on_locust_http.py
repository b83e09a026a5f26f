"""Locust's FastHttpUser on one page: ``URL USERS SECONDS PER_USER``; 0 per user: without a pause.

Prints what its own statistics say, in its own whole milliseconds.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

import json
import logging
import sys
from time import monotonic, process_time
from typing import Any

import gevent
from gevent.event import Event
from locust import FastHttpUser, constant, constant_throughput, task
from locust.env import Environment

WARM_UP_S = 1.0


def visit(url: str, users: int, seconds: float, per_user_per_s: float) -> dict[str, float]:
    """Let users get the page; what comes within a second of the last user's first is left out."""
    logging.disable()
    warm = 0
    all_warm = Event()
    pause: Any = constant_throughput(per_user_per_s) if per_user_per_s else constant(0)

    class Visitor(FastHttpUser):
        host = url
        wait_time = pause

        def on_start(self) -> None:
            # Each makes a TLS context of its own, which takes longer than all the rest.
            nonlocal warm
            self.client.get(url)
            warm += 1
            if warm == users:
                all_warm.set()

        @task
        def get_page(self) -> None:
            self.client.get(url)

    runner = Environment(user_classes=[Visitor]).create_local_runner()
    runner.start(users, spawn_rate=users)
    all_warm.wait()
    gevent.sleep(WARM_UP_S)
    runner.stats.reset_all()
    from_s, spent_s = monotonic(), process_time()
    gevent.sleep(seconds)
    figures = _figures(runner.stats.total, monotonic() - from_s, process_time() - spent_s)
    runner.quit()
    return figures


def _figures(total: Any, took_s: float, spent_s: float) -> dict[str, float]:
    if total.num_failures:
        raise SystemExit(f"{total.num_failures} requests failed")
    quantiles = {
        f"p{percent}_ms": total.get_response_time_percentile(percent / 100)
        for percent in (50, 95, 99)
    }
    return {
        "requests_per_s": total.num_requests / took_s,
        "cpu_us": spent_s / total.num_requests * 1e6,
        **quantiles,
    }


if __name__ == "__main__":
    print(json.dumps(visit(sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:]))), flush=True)
