"""What the benchmarks of clusters start: it tells what happened, and nothing of it stays."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest

from contrib.benchmarks.on_cluster import Oracle, stop
from contrib.benchmarks.processes import Nodes, led
from contrib.benchmarks.runs import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

PATIENCE_S = 20.0


def hit(oracle: Oracle, hits: bytes) -> None:
    with socket.create_connection(("127.0.0.1", oracle.port), PATIENCE_S) as connection:
        connection.sendall(hits)
        while hits:
            hits = hits[len(connection.recv(100)) :]


def children_of(parent: int) -> list[str]:
    """Return the command lines of nodes that were started by a process, whoever has them now."""
    told = f" --parent {parent} "
    return [line for line in _command_lines() if told in f"{line} "]


def _command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        except OSError:
            continue


def until(is_so: Callable[[], bool]) -> None:
    with gevent.Timeout(PATIENCE_S):
        while not is_so():
            gevent.sleep(0.02)


@contextmanager
def benchmark(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "gevent.monkey", "--module", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_oracle_logs_every_hit_and_every_connection() -> None:
    with Oracle() as oracle:
        hit(oracle, b"...")
        hit(oracle, b".")
        log = oracle.end()

    assert (log["hits"], log["connections"]) == (4, 2)
    assert log["last_end_s"] >= log["last_hit_s"] > 0


def test_the_oracle_logs_hits_whose_answers_nobody_reads() -> None:
    with Oracle() as oracle:
        with socket.create_connection(("127.0.0.1", oracle.port), PATIENCE_S) as connection:
            connection.sendall(b"." * 50)
        log = oracle.end()

    assert log["hits"] == 50


def test_nodes_end_with_their_block() -> None:
    with Nodes() as nodes:
        nodes.start(["one@here", "two@here"])
        addresses = {nodes.listening(name).address for name in ("one@here", "two@here")}

    assert len(addresses) == 2
    assert {each.returncode for each in nodes.exits} == {0}
    assert not children_of(os.getpid())


def test_a_node_that_cannot_start_is_told_and_no_one_waits_for_it() -> None:
    with Nodes() as nodes:
        nodes.start(["one@here"], ["no address:at all"])

        with pytest.raises(RuntimeError, match="one@here ended with 2"):
            nodes.listening("one@here")


def test_workers_end_with_a_benchmark_that_fails() -> None:
    with pytest.raises(SystemExit), led(1) as (_, nodes):
        raise SystemExit("it failed")

    assert len(nodes.exits) == 1


def test_no_process_is_left_of_a_benchmark_that_is_killed(tmp_path: Path) -> None:
    module = "contrib.benchmarks.on_cluster_throttle"
    with benchmark(tmp_path, module, "paced", "100", "10", "60") as process:
        until(lambda: len(children_of(process.pid)) == 2)
        process.send_signal(signal.SIGKILL)

        until(lambda: not children_of(process.pid))


def test_a_run_that_is_stopped_counted_what_the_server_saw() -> None:
    figures = stop(20)

    assert figures["hits"] > 0
    assert figures["off"] == 0
