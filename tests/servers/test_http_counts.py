"""The HTTP scenarios by the command line, however they end: nginx counts the same, to the unit."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
import pytest

from contrib.benchmarks.nginx import Nginx, nginx

pytestmark = [pytest.mark.servers, pytest.mark.integration, pytest.mark.wall_clock]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60
USERS = 20
MANY = 10_000_000

CLOSED = ["scenarios/http_basic.py", "--users", str(USERS), "--user-rate", "inf"]
CLOSED_WITHOUT_END = [*CLOSED, "--set", f"visits={MANY}", "--set", "pace=0"]
USERS_THAT_ARRIVE = [
    *("scenarios/http_basic.py", "--arrivals", "200/s", "--users", "1000"),
    *("--set", "visits=2", "--set", "pace=0.1"),
]
OPEN = ["scenarios/http_open_model.py", "--user-rate", "inf", "--set", "rate=500/s"]

# The oldest users go first, then all; the run ends with its last user.
REMOVING = """
import gevent, gevent.monkey
gevent.monkey.patch_all()
import json, sys
from pathlib import Path
from crowsg import Node
from crowsg.one_run import RunOptions

scenario, users, settings, out = json.loads(sys.argv[1])
with Node(environment={}) as node:
    def remove():
        gevent.sleep(1)
        node.local.remove(users // 2)
        gevent.sleep(0.5)
        node.local.remove(users)
    options = RunOptions(scenario, last_id=users, settings={**settings, "user_rate": "infinity"})
    run = node.one_run(options, [node.results(Path(out))])
    node.spawn(remove)
    run.execute()
"""

IMPATIENT = """
from crowsg import Variable, config, users
from crowsg.protocols import http

required_variables = [Variable("url", "server under test")]

def init():
    pass

def start(user_id):
    session = http.Session(config.get("url"), timeout=0.2)
    for _ in range(40):
        users.pace(0.05)
        session.get("/", operation="page")
"""

LEAVING = """
from crowsg import users
from http_open_model import init, start as drive

def start(user_id):
    users.spawn(leave)
    drive(user_id)

def leave():
    users.sleep(1.5)
    users.stop()
"""


@dataclass(frozen=True)
class Counts:
    """What crowsg and nginx counted of one run."""

    summary: dict[str, Any]
    seen: int

    @property
    def page(self) -> dict[str, Any]:
        """The operation that is a request."""
        page: dict[str, Any] = self.summary["operations"]["page"]
        return page


@pytest.fixture(scope="module")
def server() -> Iterator[Nginx]:
    with nginx() as server:
        yield server


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(server: Nginx, tmp_path: Path) -> Iterator[Start]:
    """Give a function that starts ``crowsg run``, which does not outlive the test."""
    processes = []

    def start(*arguments: str) -> "subprocess.Popen[bytes]":
        settings = ["--set", f"url={server.url}", "--out", str(tmp_path / "out")]
        process = python("-m", "crowsg", "run", *arguments, *settings)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait(PATIENCE_S)


def python(*arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "CROWSG_PROMETHEUS_PORT": "0"},
        stdout=subprocess.DEVNULL,
    )


@pytest.fixture
def count(server: Nginx, tmp_path: Path) -> Callable[["subprocess.Popen[bytes]"], Counts]:
    """Give a function that waits for a run and returns what was counted in it."""
    before = server.requests()

    def count(process: "subprocess.Popen[bytes]") -> Counts:
        process.wait(PATIENCE_S)
        summary = json.loads((tmp_path / "out" / "summary.json").read_text())
        return Counts(summary, server.requests() - before)

    return count


Count = Callable[["subprocess.Popen[bytes]"], Counts]


def wait_for_requests(server: Nginx, number: int) -> None:
    with gevent.Timeout(PATIENCE_S):
        while server.requests() < number:
            gevent.sleep(0.05)


def assert_equal(counts: Counts) -> None:
    page = counts.page
    told = (page["ok"], page["failed"], page["interrupted"])
    assert told == (counts.seen, 0, 0)
    assert counts.seen > USERS


def assert_all_visits_are_told(counts: Counts) -> None:
    visits = counts.summary["operations"]["visits"]
    throttle = counts.summary["throttles"]["visits"]
    assert visits["count"] == counts.page["count"]
    # Each driver may have been granted one more in the moment in which it was stopped.
    unused = throttle["executed"] - visits["count"] - visits["dropped"]
    assert 0 <= unused <= counts.summary["users"]["asked"]


def test_users_that_finish(start: Start, count: Count) -> None:
    counts = count(start(*CLOSED, "--set", "visits=30", "--set", "pace=0.01"))

    assert_equal(counts)
    assert counts.seen == USERS * 30


def test_users_that_arrive_and_finish(start: Start, count: Count) -> None:
    counts = count(start(*USERS_THAT_ARRIVE, "--duration", "2"))

    assert_equal(counts)
    assert counts.summary["users"]["finished"] > USERS


# While a slow page is on its way, each user, or each of many visits, is in the middle of one.
@pytest.mark.parametrize("path", ["/", "/slow"])
def test_closed_ended_by_time(start: Start, count: Count, path: str) -> None:
    counts = count(start(*CLOSED_WITHOUT_END, "--set", f"path={path}", "--duration", "2"))

    assert_equal(counts)
    assert counts.summary["users"]["removed"] == USERS


@pytest.mark.parametrize("path", ["/", "/slow"])
def test_open_ended_by_time(start: Start, count: Count, path: str) -> None:
    counts = count(start(*OPEN, "--set", f"path={path}", "--duration", "2"))

    assert_equal(counts)
    assert_all_visits_are_told(counts)


@pytest.mark.parametrize("path", ["/", "/slow"])
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(CLOSED_WITHOUT_END, id="closed"),
        pytest.param(USERS_THAT_ARRIVE, id="users-that-arrive"),
        pytest.param(OPEN, id="open"),
    ],
)
def test_ended_by_ctrl_c(
    server: Nginx, start: Start, count: Count, arguments: list[str], path: str
) -> None:
    before = server.requests()
    process = start(*arguments, "--set", f"path={path}")
    wait_for_requests(server, before + 5 * USERS)

    process.send_signal(signal.SIGINT)

    counts = count(process)
    assert_equal(counts)
    assert counts.summary["exit_reason"] == "interrupted"


@pytest.mark.parametrize("path", ["/", "/slow"])
@pytest.mark.parametrize(
    ("scenario", "users", "settings"),
    [
        pytest.param("http_basic", USERS, {"visits": MANY, "pace": 0}, id="closed"),
        pytest.param("http_open_model", 4, {"rate": "500/s"}, id="open"),
    ],
)
def test_ended_by_remove(
    server: Nginx,
    tmp_path: Path,
    count: Count,
    scenario: str,
    users: int,
    settings: dict[str, Any],
    path: str,
) -> None:
    settings = {**settings, "url": server.url, "path": path}
    task = [f"scenarios/{scenario}.py", users, settings, str(tmp_path / "out")]

    counts = count(python("-c", REMOVING, json.dumps(task)))

    assert_equal(counts)
    assert counts.summary["users"]["removed"] == users


def test_pages_that_are_missing_are_failures_and_count(start: Start, count: Count) -> None:
    settings = ["--set", "path=/missing", "--set", "visits=10", "--set", "pace=0"]

    counts = count(start(*CLOSED, *settings))

    page = counts.page
    assert page["failures"] == {"status_404": USERS * 10}
    assert (page["ok"], page["failed"], page["interrupted"]) == (0, counts.seen, 0)


def test_visits_that_find_no_room_reach_no_server(start: Start, count: Count) -> None:
    settings = ["--set", "path=/slow", "--set", "max_in_flight=10"]

    counts = count(start(*OPEN, *settings, "--duration", "2"))

    assert_equal(counts)
    assert_all_visits_are_told(counts)
    assert counts.summary["operations"]["visits"]["dropped"] > counts.seen


def test_a_stop_without_patience_interrupts_requests_that_the_server_saw(
    server: Nginx, start: Start, count: Count
) -> None:
    slow = ["--set", "path=/slow", "--stop-timeout", "0.02"]

    counts = count(start(*CLOSED_WITHOUT_END, *slow, "--duration", "2.1"))

    page = counts.page
    assert page["interrupted"] > 0
    assert page["ok"] + page["failed"] + page["interrupted"] == counts.seen


def test_requests_that_time_out_are_failures_and_count(
    server: Nginx, start: Start, count: Count, tmp_path: Path
) -> None:
    scenario = tmp_path / "impatient_users.py"
    scenario.write_text(IMPATIENT)
    before = server.requests()
    process = start(str(scenario), *CLOSED[1:])
    wait_for_requests(server, before + USERS)

    server.freeze()
    gevent.sleep(1)
    server.resume()

    counts = count(process)
    page = counts.page
    assert page["failed"] == page["failures"]["timeout"] > USERS
    assert page["ok"] + page["failed"] == page["count"] == counts.seen


def test_a_driver_that_leaves_interrupts_its_visits(
    start: Start, count: Count, tmp_path: Path
) -> None:
    scenario = tmp_path / "leaving_driver.py"
    scenario.write_text(LEAVING)

    counts = count(start(str(scenario), *OPEN[1:], "--set", "path=/slow"))

    page = counts.page
    assert counts.summary["users"]["finished"] == 1
    assert page["interrupted"] > USERS
    # The last visit may not have come further than to its connection.
    assert 0 <= page["count"] - counts.seen <= 1


def test_a_server_that_is_gone_refuses(tmp_path: Path) -> None:
    with nginx() as other:
        gone = other.url
    settings = ["--set", "visits=3", "--set", "pace=0.01", "--set", f"url={gone}"]
    process = python("-m", "crowsg", "run", *CLOSED, *settings, "--out", str(tmp_path / "gone"))

    process.wait(PATIENCE_S)

    page = json.loads((tmp_path / "gone" / "summary.json").read_text())["operations"]["page"]
    assert page["failures"] == {"refused": USERS * 3}
