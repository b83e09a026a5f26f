"""HTTP runs over three workers, however they end: nginx counts the same, to the unit."""

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
import pytest

from contrib.benchmarks.nginx import Nginx, nginx
from tests.support.cluster_processes import ANY_PORT, Program, Programs, programs, until

pytestmark = [pytest.mark.servers, pytest.mark.integration, pytest.mark.wall_clock]

USERS = 30
WORKERS = 3
MANY = 10_000_000

CLOSED = ["scenarios/http_basic.py", "--users", str(USERS), "--user-rate", "inf"]
CLOSED_WITHOUT_END = [*CLOSED, "--set", f"visits={MANY}", "--set", "pace=0.002"]
USERS_THAT_ARRIVE = [
    *("scenarios/http_basic.py", "--arrivals", "200/s", "--users", "999"),
    *("--set", "visits=2", "--set", "pace=0.1"),
]
OPEN = [
    *("scenarios/http_open_model.py", "--users", str(WORKERS), "--user-rate", "inf"),
    *("--set", "rate=400/s"),
]

IMPATIENT = """
from crowsg import Variable, config, users
from crowsg.protocols import http

required_variables = [Variable("url", "server under test")]

def init():
    pass

def start(user_id):
    session = http.Session(config.get("url"), timeout=0.2)
    for _ in range(60):
        users.pace(0.05)
        session.get("/", operation="page")
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

    @property
    def users(self) -> dict[str, int]:
        """What became of all users."""
        users: dict[str, int] = self.summary["users"]
        return users


@pytest.fixture(scope="module")
def server() -> Iterator[Nginx]:
    with nginx() as server:
        yield server


@pytest.fixture
def started() -> Iterator[Programs]:
    with programs() as started:
        yield started


Start = Callable[..., Program]
Count = Callable[[Program], Counts]


@pytest.fixture
def start(started: Programs, server: Nginx, tmp_path: Path) -> Start:
    """Give a function that starts a run over three workers."""

    def start(*arguments: str, workers: tuple[str, ...] = ("--nodes", str(WORKERS))) -> Program:
        settings = "--set", f"url={server.url}", "--out", str(tmp_path / "out")
        return started.start("run", *arguments, *settings, "--bind", ANY_PORT, *workers)

    return start


@pytest.fixture
def count(server: Nginx, tmp_path: Path) -> Count:
    """Give a function that waits for a run and returns what was counted in it."""
    before = server.requests()

    def count(program: Program) -> Counts:
        program.code()
        summary = json.loads((tmp_path / "out" / "summary.json").read_text())
        return Counts(summary, server.requests() - before)

    return count


def wait_for_requests(server: Nginx, program: Program, number: int) -> None:
    """Wait until a run that was just started has made so many."""
    before = server.requests()
    until(lambda: program.has_ended or server.requests() >= before + number)
    assert not program.has_ended, program.err


def assert_equal(counts: Counts) -> None:
    page = counts.page
    told = (page["ok"], page["failed"], page["interrupted"])
    assert told == (counts.seen, 0, 0)
    assert counts.seen > USERS


def assert_all_worked(counts: Counts) -> None:
    asked = [node["users"]["asked"] for node in counts.summary["nodes"]]
    assert sorted(asked)[0] == 0
    assert len([number for number in asked if number]) == WORKERS
    assert sum(asked) == counts.users["asked"]


def test_users_that_finish(start: Start, count: Count) -> None:
    counts = count(start(*CLOSED, "--set", "visits=30", "--set", "pace=0.01"))

    assert_equal(counts)
    assert_all_worked(counts)
    assert counts.seen == USERS * 30


# While a slow page is on its way, each user is in the middle of one.
@pytest.mark.parametrize("path", ["/", "/slow"])
def test_closed_ended_by_time(start: Start, count: Count, path: str) -> None:
    counts = count(start(*CLOSED_WITHOUT_END, "--set", f"path={path}", "--duration", "2"))

    assert_equal(counts)
    assert_all_worked(counts)
    assert counts.users["removed"] == USERS


def test_users_that_arrive_and_finish(start: Start, count: Count) -> None:
    counts = count(start(*USERS_THAT_ARRIVE, "--duration", "2"))

    assert_equal(counts)
    assert_all_worked(counts)
    assert 300 < counts.users["asked"] <= 410


@pytest.mark.parametrize("path", ["/", "/slow"])
def test_open_ended_by_time(start: Start, count: Count, path: str) -> None:
    counts = count(start(*OPEN, "--set", f"path={path}", "--duration", "2"))

    assert_equal(counts)
    visits = counts.summary["operations"]["visits"]
    assert visits["count"] == counts.page["count"]
    # One rate for all three, not for each.
    assert 600 < visits["count"] <= 820


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
    program = start(*arguments, "--set", f"path={path}")
    wait_for_requests(server, program, 5 * USERS)

    program.send(signal.SIGINT)

    counts = count(program)
    assert_equal(counts)
    assert (counts.summary["exit_reason"], program.code()) == ("interrupted", 97)


@pytest.mark.parametrize("path", ["/", "/slow"])
def test_a_worker_that_leaves_takes_no_request_with_it(
    started: Programs, server: Nginx, start: Start, count: Count, path: str
) -> None:
    program = start(
        *CLOSED_WITHOUT_END,
        *("--set", f"path={path}", "--duration", "3"),
        workers=("--expect-nodes", str(WORKERS)),
    )
    address = program.until_said(r"waiting for 3 nodes at (\S+)")[1]
    nodes = [started.node(f"w{number}@here", "--join", address) for number in range(WORKERS)]
    wait_for_requests(server, program, 5 * USERS)

    nodes[0].send(signal.SIGTERM)

    counts = count(program)
    assert_equal(counts)
    assert_all_worked(counts)
    assert (program.code(), nodes[0].code()) == (0, 0)


def test_users_that_are_removed_by_a_command(
    started: Programs, server: Nginx, start: Start, count: Count
) -> None:
    program = start(
        *CLOSED_WITHOUT_END,
        *("--set", "path=/slow"),
        workers=("--nodes", str(WORKERS), "--cluster", "steered", "--expect-nodes", "1"),
    )
    address = program.until_said(r"waiting for 1 nodes at (\S+)")[1]
    started.node("guest@here", "--join", address, "--cluster", "steered")
    wait_for_requests(server, program, 5 * USERS)

    removed = started.told(address, "remove", str(USERS), "--cluster", "steered")

    counts = count(program)
    assert_equal(counts)
    assert sum(removed.values()) == counts.users["removed"] == USERS


def test_requests_that_time_out_are_failures_and_count(
    server: Nginx, start: Start, count: Count, tmp_path: Path
) -> None:
    scenario = tmp_path / "impatient_users.py"
    scenario.write_text(IMPATIENT)
    program = start(str(scenario), *CLOSED[1:])
    wait_for_requests(server, program, 2 * USERS)

    server.freeze()
    gevent.sleep(1)
    server.resume()

    counts = count(program)
    page = counts.page
    assert page["failed"] == page["failures"]["timeout"] > USERS
    assert page["ok"] + page["failed"] == page["count"] == counts.seen
