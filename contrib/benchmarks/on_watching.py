"""What it costs the users to be watched: ``scrape USERS SECONDS``, ``live USERS SECONDS``.

Every user does an operation a second. First nobody watches; then a process scrapes all the series a
node can have, each as often as it is made anew, or a terminal of 200 x 60 shows the live view.
"""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from time import process_time
from types import ModuleType
from typing import Any

import gevent
from gevent.threadpool import ThreadPool

from contrib.benchmarks.runs import ROOT
from contrib.benchmarks.sleepers import answer, percentile
from crowsg import Node, metrics, users
from crowsg.record.sample import Sample
from crowsg.report.live import LiveView

OPERATIONS = 200
PERIOD_S = 1.0
SCRAPE_S = 1.05
"""A little more than a rendered page lives, so that each scrape is made anew."""

SHOWN = 40
COLUMNS, LINES = "200", "60"


class Load:
    """A node whose users sleep a second, do an operation, and note how late they woke.

    Args:
        count: How many users.
        names: Operations they do, dealt in turn.
    """

    def __init__(self, count: int, names: int) -> None:
        self._count = count
        self._names = names
        self._late_s: list[float] = []
        self.node = Node("benchmark@localhost", environment={"CROWSG_PROMETHEUS_PORT": "0"})

    def start(self) -> None:
        """Start the users; they are spread over the first two periods."""
        scenario = ModuleType("watched")
        vars(scenario).update(init=fill, start=self._live)
        self.node.local.do(scenario, self._count, {"user_rate": "infinity"})
        gevent.sleep(3 * PERIOD_S)

    def late_ms(self, watch: Callable[[], Any]) -> tuple[list[float], Any]:
        """Return how late users woke while ``watch`` blocks, ascending, and what it returned."""
        self._late_s.clear()
        watched = watch()
        return sorted(late * 1e3 for late in self._late_s), watched

    def _live(self, user_id: int) -> None:
        clock = self.node.clock
        name = f"operation {user_id % self._names}"
        due_s = clock.now() + PERIOD_S * (1 + user_id / self._count)
        while True:
            users.sleep(max(0.0, due_s - clock.now()))
            self._late_s.append(clock.now() - due_s)
            due_s += PERIOD_S
            metrics.observe(name, 0.001 * (user_id % 97))


def fill() -> None:
    """Record into all the names that a node keeps, in every outcome."""
    for number in range(OPERATIONS):
        name = f"operation {number}"
        for step in range(100):
            seconds = 0.0003 * 1.1**step
            metrics.observe(name, seconds, response=2 * seconds)
            metrics.observe(name, seconds, failure="refused")
        metrics.count(f"counter {number}")
        metrics.gauge(f"gauge {number}", number)
        metrics.check(f"check {number}", number % 2)


def scrape(count: float, seconds: float) -> dict[str, float]:
    """Scrape from another process."""
    load = Load(int(count), OPERATIONS)
    with load.node as node:
        url = f"http://{node.serve_metrics()}/metrics"
        load.start()
        alone, _ = load.late_ms(lambda: gevent.sleep(seconds))
        scraper = _scraper(url, max(1, int(seconds / SCRAPE_S)))
        watched, told = load.late_ms(lambda: json.loads(scraper.communicate()[0]))
    return {
        "scrape_ms": told["took_s"] * 1e3,
        "series": told["series"],
        "lines": told["lines"],
        **_lateness(alone, watched),
    }


def live(count: float, seconds: float) -> dict[str, float]:
    """Show the live view on a terminal that is read."""
    load = Load(int(count), SHOWN)
    with load.node as node:
        load.start()
        alone, _ = load.late_ms(lambda: gevent.sleep(seconds))
        node.record.begin("benchmark", "watched")
        node.record.begin_samples()
        watched, frame_ms = load.late_ms(lambda: _shown(node, int(seconds)))
    return {"frame_ms": frame_ms, **_lateness(alone, watched)}


def _lateness(alone: list[float], watched: list[float]) -> dict[str, float]:
    return {
        "alone_p99_ms": percentile(alone, 99),
        "alone_max_ms": alone[-1],
        "late_p99_ms": percentile(watched, 99),
        "late_max_ms": watched[-1],
    }


def _scraper(url: str, scrapes: int) -> "subprocess.Popen[bytes]":
    """Start another process that scrapes; to fork this one takes 20 ms, which are not counted."""
    command = ["-m", "contrib.benchmarks.scraper", url, str(scrapes), str(SCRAPE_S)]
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE)
    gevent.sleep(PERIOD_S)
    return process


def _shown(node: Node, seconds: int) -> float:
    """Show a frame a second; returns the processor time that one takes, in milliseconds."""
    os.environ.update(COLUMNS=COLUMNS, LINES=LINES, TERM="xterm-256color")
    reader, terminal = pty.openpty()
    ThreadPool(1).spawn(_read, reader)
    view = LiveView("watched", terminal)
    spent_s: list[float] = []
    for _ in range(seconds):
        gevent.sleep(1.0)
        sample: Sample = node.record.sample()
        from_s = process_time()
        view.see(sample)
        spent_s.append(process_time() - from_s)
    view.end(None)
    return percentile(sorted(spent_s), 50) * 1e3


def _read(descriptor: int) -> None:
    while os.read(descriptor, 65536):
        pass


if __name__ == "__main__":
    answer({"scrape": scrape, "live": live})
