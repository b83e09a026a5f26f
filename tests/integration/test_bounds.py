"""A million distinct names and a hundred thousand distinct errors stay within bounds."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.support.prometheus import free_port

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120
USERS = 100_000
NAMES = 1_000_000
MIB = 1024 * 1024

SCENARIO = """
import uuid
from crowsg import metrics

def init():
    pass

def start(user_id):
    for number in range(10):
        metrics.count(f"sent {user_id} {number}")
        metrics.observe(f"login {user_id} {number}", 0.001, failure=f"refused {user_id} {number}")
        metrics.gauge("depth", number, user=f"{user_id} {number}")
        metrics.check(f"holds {user_id} {number}", number % 2)
    raise RuntimeError(uuid.uuid4().hex * 50 + "".join(chr(97 + int(x)) for x in str(user_id)))
"""


class Told:
    """What the run left behind, and the last scrape of it."""

    def __init__(self, folder: Path, scrape: bytes) -> None:
        self.sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
        self.summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
        self.scrape = scrape


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder, port = tmp_path_factory.mktemp("bounds"), free_port()
    scenario = folder / "leaking.py"
    scenario.write_text(SCENARIO)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "crowsg", "run", str(scenario), "--users", str(USERS)),
            *("--user-rate", "inf", "--out", str(folder / "out"), "--json", "--linger", "60"),
        ],
        cwd=ROOT,
        env={"CROWSG_PROMETHEUS_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line == "}\n":
            break
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
        scrape = answer.read()
    process.terminate()
    assert process.wait(PATIENCE_S) == 0
    return Told(folder / "out", scrape)


@pytest.mark.parametrize("kind", ["operations", "counters", "gauges", "checks"])
def test_names_are_capped(told: Told, kind: str) -> None:
    assert len(told.summary[kind]) <= 201


def test_every_count_is_kept(told: Told) -> None:
    summary = told.summary

    assert sum(summary["counters"].values()) == NAMES
    assert sum(each["failed"] for each in summary["operations"].values()) == NAMES
    assert sum(each["passed"] + each["failed"] for each in summary["checks"].values()) == NAMES


def test_kinds_of_failure_are_capped_and_every_failure_is_kept(told: Told) -> None:
    other = told.summary["operations"]["__other__"]

    assert len(other["failures"]) <= 201
    assert sum(other["failures"].values()) == other["failed"]


def test_errors_are_capped_and_every_error_is_kept(told: Told) -> None:
    errors = told.summary["errors"]

    assert len(errors) <= 201
    assert sum(each["count"] for each in errors) == USERS


def test_memory_stays_bounded(told: Told) -> None:
    # A node that has done nothing has some 40 MiB.
    assert told.summary["health"]["resident_bytes"] < 96 * MIB


@pytest.mark.parametrize(
    ("name", "limit"), [("summary.json", 8 * MIB), ("timeseries.csv", 2 * MIB)]
)
def test_files_stay_bounded(told: Told, name: str, limit: int) -> None:
    assert told.sizes[name] < limit


def test_the_scrape_stays_bounded_and_whole(told: Told) -> None:
    assert len(told.scrape) < 4 * MIB
    assert b'crowsg_counter_total{name="__other__"}' in told.scrape


def test_no_error_and_no_user_is_in_the_scrape(told: Told) -> None:
    assert b"RuntimeError" not in told.scrape
    assert b"refused" not in told.scrape
