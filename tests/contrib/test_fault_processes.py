"""Faults that the benchmarks do to real processes: what they tell, and that nothing stays."""

import signal
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from contrib.benchmarks import stamping
from contrib.benchmarks.on_faults import kill, kill_master, restart_master
from contrib.benchmarks.processes import Master, Nodes
from tests.contrib.test_cluster_processes import benchmark

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

USERS = 20
PATIENCE_S = 30.0


def programs_in(folder: Path) -> list[str]:
    """Return the command lines that name the folder."""
    return [line for line in _command_lines() if str(folder) in line]


def _command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue


def test_users_of_a_worker_that_is_killed_run_again_elsewhere() -> None:
    figures = kill(USERS)

    assert 0 < figures["noticed_s"] < figures["restored_s"]
    assert figures["starts_above"] <= 0
    assert figures["permits_above"] <= 0


def test_nodes_without_a_master_end_their_part_and_say_so() -> None:
    figures = kill_master(USERS)

    assert figures["over_s"] > 0
    assert (figures["terminates_off"], figures["exit_code"], figures["codes_off"]) == (0, 4, 0)
    assert figures["behind_s"] > 0


def test_nodes_of_a_master_that_is_killed_work_for_the_next() -> None:
    assert restart_master(USERS)["free_s"] > 0


def test_nothing_is_left_of_a_benchmark_that_is_killed(tmp_path: Path) -> None:
    module = "contrib.benchmarks.on_faults"
    with benchmark(tmp_path, module, "freeze-master", str(USERS)) as process:
        with gevent.Timeout(PATIENCE_S):
            while not any(tmp_path.glob("faulted-*/first/*.start")):
                gevent.sleep(0.05)
        assert programs_in(tmp_path)
        process.send_signal(signal.SIGKILL)

        with gevent.Timeout(PATIENCE_S):
            while programs_in(tmp_path):
                gevent.sleep(0.05)


def test_a_master_that_nobody_joins_tells_how_it_ended() -> None:
    waits = ("--expect-nodes", "1", "--wait", "0.1")
    with Nodes() as nodes, Master(nodes, "127.0.0.1:0", stamping.__file__, *waits) as master:
        assert master.wait() == 4
        assert master.has_ended
