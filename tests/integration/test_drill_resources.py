"""Drill: descriptors that run out, names that are not found, clocks that are set (R26-R28)."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import gevent
import pytest
from gevent.server import StreamServer

from tests.support.cluster_processes import ANY_PORT, Program, Programs, programs
from tests.support.tampering import CLOCK_STEPS, FEW_FILES, HANGING_NAMES, tampered
from tests.support.vitals import pinging

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

RUN_IS_SHOWN_S = 1.0
"""A run tells each second how it stands."""

CONNECTING = """
import socket
from crowsg import Variable, config, metrics, users

required_variables = [Variable("port", "of a server", default=0)]

def init():
    pass

def start(user_id):
    if user_id == 1:
        users.sleep(1000)
    with metrics.time("connect"):
        connection = socket.create_connection(("127.0.0.1", config.get("port")), 5)
    with connection:
        users.sleep(4)
"""
LOOKING_UP = """
import socket
from crowsg import metrics, throttle, users

def init():
    throttle.start("caws", "100/s")

def start(user_id):
    if user_id <= 100:
        socket.create_connection(("hanging.drill", 80))
    while True:
        throttle.wait("caws")
        metrics.count("caws")
"""
TIMED = """
from crowsg import metrics, throttle, users

def init():
    throttle.start("caws", "100/s")

def start(user_id):
    while True:
        permit = throttle.wait("caws")
        with metrics.time("caw", since=permit):
            users.sleep(0.01)
"""


@pytest.fixture
def started() -> Iterator[Programs]:
    with programs() as started:
        yield started


@pytest.fixture
def server() -> Iterator[StreamServer]:
    """Give a server that holds every connection until its other side has enough."""
    server = StreamServer(("127.0.0.1", 0), lambda it, _: it.recv(1))
    server.start()
    yield server
    server.close()


def scraped(node: Program, labels: str) -> str:
    """Return the count of operations with those labels, as Prometheus would get it."""
    address = node.until_said(r"metrics: (http://\S+)")[1]
    with urlopen(address, timeout=2) as answer:
        lines: list[str] = answer.read().decode().splitlines()
    series = f"crowsg_operation_duration_seconds_count{{{labels}}} "
    return next(line.removeprefix(series) for line in lines if line.startswith(series))


def test_a_node_without_descriptors_fails_users_and_nothing_else(
    started: Programs, server: StreamServer, tmp_path: Path
) -> None:
    """R26: 1000 users with 256 descriptors: counted errors, the node stays up, it recovers."""
    (tmp_path / "connecting.py").write_text(CONNECTING)
    run = started.start(
        *("run", str(tmp_path / "connecting.py"), "--users", "1000", "--user-rate", "1000/s"),
        *("--set", f"port={server.address[1]}", "--bind", ANY_PORT, "--expect-nodes", "1"),
        "--json",
    )
    address = run.until_said(r"waiting for 1 nodes at (\S+)")[1]
    node = started.node("few@drill", "--join", address, **tampered(tmp_path / "few", FEW_FILES))
    failed = int(run.until_said(r" ([678]\d\d) failed")[1])
    assert int(scraped(node, 'operation="connect",outcome="failed"')) >= failed
    assert "few@drill" in {each["name"] for each in started.until_met(address, 2)}

    run.until_said(r" 1 running")
    began = time.monotonic()
    # As many as had found room before, less what the node itself may have opened meanwhile.
    assert started.dist(address, "add", "100").code() == 0
    run.until_said(r" 101 running")
    assert time.monotonic() - began <= 2 + RUN_IS_SHOWN_S

    run.send(signal.SIGINT)
    said = run.summary()
    connects, users = said["operations"]["connect"], said["users"]
    assert connects["failed"] == users["failed"] == said["errors"][0]["count"] >= failed
    assert "Too many open files" in said["errors"][0]["template"]
    assert users["asked"] == 1100 == users["finished"] + users["failed"] + users["removed"]
    assert not run.said("suspect|dead|lost")


def least_of_a_rate(said: dict[str, Any]) -> float:
    """Return how often 100/s came at the least, in the four seconds of a run."""
    return 0.98 * 100 * (4 - float(said["throttles"]["caws"]["lost_s"]))


def test_names_that_are_never_found_do_not_touch_the_cluster(
    started: Programs, tmp_path: Path
) -> None:
    """R27: 100 users whose look-ups hang: the nodes stay up, and the rate is what it was."""
    (tmp_path / "looking_up.py").write_text(LOOKING_UP)
    run = started.start(
        *("run", str(tmp_path / "looking_up.py"), "--users", "150", "--user-rate", "inf"),
        *("--bind", ANY_PORT, "--nodes", "1", "--json", "--duration", "4"),
        **tampered(tmp_path / "hanging", HANGING_NAMES),
    )
    address = run.until_said(r"cluster: (\S+)")[1]
    run.until_said(r" 150 running")
    with pinging(address) as pings:
        gevent.sleep(1.5)
        states = [each["state"] for each in started.told(address, "nodes")]

    said = run.summary()
    assert (states, said["users"]["failed"], said["errors"]) == (["up", "up"], 0, [])
    assert said["counters"]["caws"] >= least_of_a_rate(said)
    assert pings.p99 <= 0.25
    assert not run.said("suspect|dead|lost")


def test_a_clock_that_is_set_changes_nothing(started: Programs, tmp_path: Path) -> None:
    """R28: jumps of two hours there and back: no suspects, the same rate, no odd latencies."""
    (tmp_path / "timed.py").write_text(TIMED)
    run = started.start(
        *("run", str(tmp_path / "timed.py"), "--users", "10", "--user-rate", "inf"),
        *("--bind", ANY_PORT, "--nodes", "1", "--json", "--duration", "4"),
        *("--out", str(tmp_path / "out")),
        **tampered(tmp_path / "jumping", CLOCK_STEPS),
    )

    said = run.summary()
    caw = said["operations"]["caw"]
    assert (run.code(), caw["failed"]) == (0, 0)
    assert least_of_a_rate(said) <= caw["ok"] <= 100 * said["duration_s"] + 2
    assert 0.01 <= caw["service"]["p50"] <= caw["response"]["max"] <= 1
    assert 4 <= said["duration_s"] <= 6
    rows = (tmp_path / "out" / "timeseries.csv").read_text().splitlines()
    moments = [float(row.split(",")[0]) for row in rows[1:]]
    assert moments == sorted(moments)
    assert not run.said("suspect|dead|lost")
