"""Drill: the loops of real processes die, those of the network and of its keys too (R37)."""

import os
import signal
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import gevent
import pytest

from crowsg.cluster.keys import new_cluster_key
from tests.support.cluster_processes import ANY_PORT, children, programs
from tests.support.tampering import KILLING_LOOPS, tampered
from tests.support.vitals import Pings

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

MASTER = "master@drill"
AGAIN_WITHIN_S = 1.0
OF_ALL = {"link: server", "link: gatekeeper", "loop lag", "members: dial", "members: judge"}
OF_ALL |= {"self ping", "worker: fence"}
OF_MASTER = OF_ALL | {"master: snapshots", "samples", "worker processes"}
OF_WORKER = OF_ALL | {"worker: beat"}
WORK = """
from crowsg import metrics, throttle

def init():
    throttle.start("caws", "100/s")

def start(user_id):
    while True:
        throttle.wait("caws")
        metrics.count("caws")
"""


@dataclass
class Killed:
    """What became of a run when every loop of its master and of the worker it started was killed.

    Attributes:
        states: Of each node and each of its loops, whether it runs, and how often it has died.
        summary: How the run ended.
        code: With which exit code.
    """

    states: dict[str, dict[str, tuple[bool, int]]]
    summary: dict[str, Any]
    code: int


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """Kill the loops in the midst of a run, and let it go on until its end."""
    folder = tmp_path_factory.mktemp("loops")
    (folder / "work.py").write_text(WORK)
    new_cluster_key(folder / "keys")
    with programs() as started:
        run = started.start(
            *("run", str(folder / "work.py"), "--users", "5", "--user-rate", "inf", "--json"),
            *("--nodes", "1", "--keys", str(folder / "keys"), "--bind", ANY_PORT),
            *("--name", MASTER, "--duration", "5"),
            **tampered(folder / "killing", KILLING_LOOPS),
        )
        address = run.until_said(r"cluster: (\S+)")[1]
        run.until_said("5 running")
        with closing(Pings(address, folder / "keys")) as pings:
            pings.ask()
            for pid in (run.pid, *children(run.pid)):
                os.kill(pid, signal.SIGUSR2)
            gevent.sleep(AGAIN_WITHIN_S)
            states = loops_in(pings.ask(verb="greenlets"))
        return Killed(states, run.summary(), run.code())


def loops_in(told: dict[str, Any]) -> dict[str, dict[str, tuple[bool, int]]]:
    return {
        node: {each["name"]: (each["is_running"], each["deaths"]) for each in loops}
        for node, loops in told.items()
    }


def test_all_loops_of_the_master_run_again_within_a_second(killed: Killed) -> None:
    """R37: that of the sockets, of the keys, of samples and of its workers among them."""
    loops = killed.states[MASTER]

    assert loops.keys() >= OF_MASTER
    assert loops == dict.fromkeys(loops, (True, 1))


def test_all_loops_of_its_worker_do(killed: Killed) -> None:
    """R37."""
    (loops,) = (loops for node, loops in killed.states.items() if node != MASTER)

    assert loops.keys() >= OF_WORKER
    assert loops == dict.fromkeys(loops, (True, 1))


def test_the_run_goes_on_and_ends_in_order(killed: Killed) -> None:
    """R37: nobody is lost, and the rate is what it was."""
    assert (killed.code, killed.summary["users"]["lost"]) == (0, 0)
    assert killed.summary["counters"]["caws"] >= 0.9 * 5 * 100
