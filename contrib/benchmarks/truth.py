"""A server that stands still now and then, and what is told of it: ``crowsg STOP PERIOD COUNT``.

nginx is frozen for STOP seconds in the middle of each of COUNT periods, and 1000 requests a second
are to arrive all the time. The expectation is that of wrk2: who arrives at the moment t within a
stop waits until its end e, so ``e - t`` seconds; everybody else is answered at once. It is worked
out for each arrival of the schedule from the moments at which nginx was seen to stop and to go on.

What it leaves out is that those who waited are answered one after the other. The longest waits are
answered first and lose next to nothing by that; who came in the middle of the stop, where p95 lies,
waits for half of the backlog: 25 ms of 500 where server and generator do 20 000 a second. So a
truthful figure is a little above the expectation, never below it by more than its own error.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic, sleep, time  # noqa: TID251 - a plain process, no node
from typing import Any

from contrib.benchmarks.nginx import Nginx, cores, nginx
from contrib.benchmarks.runs import ROOT
from contrib.benchmarks.sleepers import answer, percentile

RATE_PER_S = 1000
LOCUST_USERS = 20
PERCENTS = (50, 95, 99)
PATIENCE_S = 60
IN_FLIGHT = 3000
"""More than ever arrive within a stop."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A time in which the server stood still, in seconds of the monotonic clock."""

    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Told:
    """What crowsg's files say of a run, and what is expected of it.

    Attributes:
        page: The operation, as in ``summary.json``.
        visits: That of the arrivals, which knows who was dropped.
        lost_s: Seconds of the schedule that were lost.
        expected_s: The expected response times, ascending.
        seen: Requests that nginx counted.
    """

    page: dict[str, Any]
    visits: dict[str, Any]
    lost_s: float
    expected_s: Sequence[float]
    seen: int

    def off_percent(self, percent: int) -> float:
        """Return how far a percentile of the response times lies above the expectation."""
        expected_s = percentile(list(self.expected_s), percent)
        told_s: float = self.page["response"][f"p{percent}"]
        return 100 * (told_s / expected_s - 1)


def stand_still(server: Nginx, stop_s: float, period_s: float, count: int) -> list[Stop]:
    """Freeze the server in the middle of each period; blocks for all of them but the last half."""
    stops, running_s = [], period_s - stop_s
    sleep(running_s / 2)
    for number in range(count):
        if number:
            sleep(running_s)
        from_s = server.freeze()
        sleep(stop_s)
        stops.append(Stop(from_s, server.resume()))
    return stops


def expected(arrivals_s: Iterator[float], stops: Sequence[Stop]) -> list[float]:
    """Return the expected response times in seconds, ascending."""
    waits_s = []
    for arrival_s in arrivals_s:
        ends_s = [stop.to_s for stop in stops if stop.from_s <= arrival_s < stop.to_s]
        waits_s.append(ends_s[0] - arrival_s if ends_s else 0.0)
    return sorted(waits_s)


def watch_crowsg(
    server: Nginx,
    folder: Path,
    stop_s: float,
    period_s: float,
    count: int,
    in_flight: int = IN_FLIGHT,
) -> Told:
    """Let ``crowsg run http_open_model`` tell of the stops; its files go to ``folder``."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "crowsg", "run", "scenarios/http_open_model.py"),
            *("--user-rate", "inf", "--duration", f"{period_s * count}", "--out", str(folder)),
            *("--set", f"url={server.url}", "--set", f"rate={RATE_PER_S}/s"),
            *("--set", f"max_in_flight={in_flight}", "--stop-timeout", "10", "--quiet"),
        ],
        cwd=ROOT,
        env={**os.environ, "CROWSG_PROMETHEUS_PORT": "0"},
        stdout=subprocess.DEVNULL,
    )
    stops = _stops(server, process, stop_s, period_s, count)
    return _told(folder, stops, server.requests())


def crowsg(stop_s: float, period_s: float, count: float) -> dict[str, float]:
    """Return what crowsg tells."""
    with _served() as server, tempfile.TemporaryDirectory() as name:
        told = watch_crowsg(server, Path(name) / "out", stop_s, period_s, int(count))
    if told.page["ok"] != told.page["count"] or told.page["ok"] != told.seen:
        raise SystemExit(f"{told.page} is counted by crowsg, {told.seen} by nginx")
    page, expected_s = told.page, list(told.expected_s)
    return {
        **{f"p{each}_ms": page["response"][f"p{each}"] * 1e3 for each in PERCENTS},
        **{f"expected_p{each}_ms": percentile(expected_s, each) * 1e3 for each in PERCENTS},
        **{f"off_p{each}_percent": abs(told.off_percent(each)) for each in PERCENTS[1:]},
        **{f"service_p{each}_ms": page["service"][f"p{each}"] * 1e3 for each in PERCENTS},
        "requests_per_s": page["count"] / (period_s * count),
        "late_ms": page["late_s"] / page["count"] * 1e3,
        "dropped": told.visits["dropped"],
        "lost_s": told.lost_s,
    }


def locust(rate_per_s: float, stop_s: float, period_s: float, count: float) -> dict[str, float]:
    """Return what Locust tells; without a pause at a rate of 0."""
    seconds, per_user_per_s = period_s * count, rate_per_s / LOCUST_USERS
    module = "contrib.benchmarks.on_locust_http"
    with _served() as server:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", module, f"{server.url}/"),
                *(str(LOCUST_USERS), str(seconds), str(per_user_per_s)),
            ],
            stdout=subprocess.PIPE,
        )
        stops = _stops(server, process, stop_s, period_s, int(count))
        told: dict[str, float] = json.loads(process.communicate()[0])
    number = int(RATE_PER_S * seconds)
    from_s = stops[0].from_s - (period_s - stop_s) / 2
    waits_s = expected((from_s + each / RATE_PER_S for each in range(number)), stops)
    return {
        **{f"p{each}_ms": told[f"p{each}_ms"] for each in PERCENTS},
        **{
            f"off_p{each}_percent": abs(told[f"p{each}_ms"] / percentile(waits_s, each) / 10 - 100)
            for each in PERCENTS[1:]
        },
        "requests_per_s": told["requests_per_s"],
    }


def _served() -> Any:
    """Run nginx on its core, and this process and its generator on the other."""
    server_core, own_core = cores()
    server = nginx(core=server_core)
    os.sched_setaffinity(0, {own_core})
    return server


def _stops(
    server: Nginx,
    process: "subprocess.Popen[bytes]",
    stop_s: float,
    period_s: float,
    count: int,
) -> list[Stop]:
    """Freeze the server while the generator works, and wait for its end but for what it prints."""
    try:
        until_s = monotonic() + PATIENCE_S
        while not server.requests() and monotonic() < until_s:
            sleep(0.02)
        stops = stand_still(server, stop_s, period_s, count)
        if process.stdout is None and process.wait(PATIENCE_S):
            raise RuntimeError(f"the generator ended with {process.returncode}")
    except BaseException:
        server.resume()
        process.kill()
        raise
    return stops


def _told(folder: Path, stops: Sequence[Stop], seen: int) -> Told:
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    page, visits = summary["operations"]["page"], summary["operations"]["visits"]
    with (folder / "users.csv").open(newline="", encoding="utf-8") as file:
        (driver,) = csv.DictReader(file)
    began_s = datetime.fromisoformat(summary["started_at"]).timestamp() - time() + monotonic()
    first_s = began_s + float(driver["started_s"])
    arrivals_s = (
        first_s + number / RATE_PER_S for number in range(visits["count"] + visits["dropped"])
    )
    lost_s = summary["throttles"]["visits"]["lost_s"]
    return Told(page, visits, lost_s, expected(arrivals_s, stops), seen)


Work = Callable[..., dict[str, float]]

WORKS: dict[str, Work] = {
    "crowsg": crowsg,
    "locust-paced": partial(locust, RATE_PER_S),
    "locust-no-wait": partial(locust, 0),
}

if __name__ == "__main__":
    answer(WORKS)
