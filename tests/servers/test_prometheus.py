"""5000 users: the files, the last scrape, a real Prometheus and the printed table say the same."""

import csv
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crowsg.report.spelling import duration
from tests.support.prometheus import Prometheus, free_port, prometheus

pytestmark = [pytest.mark.servers, pytest.mark.integration, pytest.mark.wall_clock]

ROOT = Path(__file__).parents[2]
USERS = 5000
LINGER_S = 60
PATIENCE_S = 300
OUTCOMES = ("finished", "failed", "removed", "killed", "cancelled", "lost")


@dataclass(frozen=True)
class Told:
    """What each of those who tell of one run told."""

    summary: dict[str, Any]
    users: list[dict[str, str]]
    seconds: list[dict[str, str]]
    table: str
    prometheus: Prometheus


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder, port = tmp_path_factory.mktemp("run"), free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "crowsg", "run", "messaging"),
            *("--users", str(USERS), "--user-rate", "1000/s"),
            *("--out", str(folder / "out"), "--linger", str(LINGER_S)),
        ],
        cwd=ROOT,
        env={**os.environ, "CROWSG_PROMETHEUS_PORT": str(port)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        with prometheus(folder, f"127.0.0.1:{port}") as server:
            # The line about the generator is the last of the table.
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("generator:"):
                    break
            server.wait_for("sum(crowsg_users_ended_total)", USERS)
            server.wait_for("crowsg_node_state{state='finished'}", 1)
            yield Told(
                json.loads((folder / "out" / "summary.json").read_text()),
                rows(folder / "out" / "users.csv"),
                rows(folder / "out" / "timeseries.csv"),
                "".join(lines),
                server,
            )
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_all_users_are_accounted_for(told: Told) -> None:
    users = told.summary["users"]

    assert users["asked"] == USERS == sum(users[outcome] for outcome in OUTCOMES)
    assert users["finished"] == USERS


def test_prometheus_counts_the_users(told: Told) -> None:
    ended = told.prometheus.query("sum by (outcome) (crowsg_users_ended_total)")

    assert ended == {(outcome,): told.summary["users"][outcome] for outcome in OUTCOMES}
    assert told.prometheus.query("sum(crowsg_users_started_total)") == {(): USERS}
    assert told.prometheus.query("sum(crowsg_users)") == {(): 0}
    assert told.prometheus.query("sum(crowsg_user_duration_seconds_count)") == {(): USERS}


def test_prometheus_counts_the_operations(told: Told) -> None:
    counted = told.prometheus.query(
        "sum by (operation, outcome) (crowsg_operation_duration_seconds_count)"
    )

    assert counted == {
        (name, outcome): each[outcome]
        for name, each in told.summary["operations"].items()
        for outcome in ("ok", "failed", "interrupted")
    }


def test_prometheus_adds_up_the_durations(told: Told) -> None:
    summed = told.prometheus.query(
        "sum by (operation) (crowsg_operation_duration_seconds_sum{outcome!='interrupted'})"
    )

    for name, each in told.summary["operations"].items():
        total_s = each["service"]["mean"] * (each["ok"] + each["failed"])
        assert summed[(name,)] == pytest.approx(total_s, rel=1e-9)


def test_prometheus_counts_what_the_scenario_counts(told: Told) -> None:
    counters = told.summary["counters"]

    counted = {name: told.prometheus.query(f"sum({name}_total)")[()] for name in counters}

    assert counted == counters
    assert told.prometheus.query("crowsg_counter_total") == {}


def test_prometheus_counts_the_permits(told: Told) -> None:
    throttles = told.summary["throttles"]

    for series, field in (("requests", "requested"), ("executions", "executed")):
        counted = told.prometheus.query(f"sum by (throttle) (crowsg_throttle_{series}_total)")
        assert counted == {(name,): each[field] for name, each in throttles.items()}


def test_prometheus_estimates_the_quantile(told: Told) -> None:
    quantile = told.prometheus.query(
        "histogram_quantile(0.95, sum by (le)"
        " (crowsg_operation_duration_seconds_bucket{operation='delivery', outcome='ok'}))"
    )

    # Its buckets grow by half from one to the next.
    true_s = told.summary["operations"]["delivery"]["service"]["p95"]
    assert true_s / 1.5 <= quantile[()] <= true_s * 1.5


def test_the_rows_of_users_are_those_of_the_summary(told: Told) -> None:
    by_outcome = Counter(row["outcome"] for row in told.users)

    assert by_outcome == {"finished": USERS}
    assert sorted(int(row["id"]) for row in told.users) == list(range(1, USERS + 1))


@pytest.mark.parametrize("outcome", ["ok", "failed", "interrupted"])
def test_the_rows_of_seconds_add_up_to_the_summary(told: Told, outcome: str) -> None:
    added: Counter[str] = Counter()
    for row in told.seconds:
        added[row["operation"]] += int(row[outcome])

    everything = added.pop("")
    assert added == {name: each[outcome] for name, each in told.summary["operations"].items()}
    assert everything == added.total()


def test_the_printed_table_shows_the_same_counts(told: Told) -> None:
    counts = {**told.summary["counters"], "asked": USERS, "finished": USERS, "failed": 0}

    for name, count in counts.items():
        assert re.search(rf"^{name} +{count}$", told.table, re.MULTILINE), told.table


def test_the_printed_table_shows_the_same_operations(told: Told) -> None:
    for name, each in told.summary["operations"].items():
        counts = [str(each[outcome]) for outcome in ("ok", "failed", "interrupted")]
        times = [duration(each["service"][at]) for at in ("p50", "p95", "p99", "max")]
        cells = [name, *counts, f"{each['rate_per_s']:.1f}", *times]
        assert re.search("^" + " +".join(map(re.escape, cells)), told.table, re.MULTILINE)
