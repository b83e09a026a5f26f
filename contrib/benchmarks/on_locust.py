"""Idle users on Locust's own local runner; for an interpreter that has Locust."""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

import logging
from time import monotonic

import gevent
from gevent.event import Event
from locust import User, task
from locust.env import Environment

from contrib.benchmarks.sleepers import answer, rss

HOUR_S = 3600.0


def start(count: float) -> dict[str, float]:
    """Start idle users of the plainest class, at a rate that lets all of them in at once."""
    logging.disable()
    stepped = 0
    all_stepped = Event()

    class Idle(User):
        @task
        def idle(self) -> None:
            nonlocal stepped
            stepped += 1
            if stepped == count:
                all_stepped.set()
            gevent.sleep(HOUR_S)

    runner = Environment(user_classes=[Idle]).create_local_runner()
    before, from_s = rss(), monotonic()
    runner.start(int(count), spawn_rate=count)
    all_stepped.wait()
    took_s = monotonic() - from_s
    figures = {"started_per_s": count / took_s, "rss_per_user": (rss() - before) / count}
    runner.quit()
    return figures


if __name__ == "__main__":
    answer({"start": start})
