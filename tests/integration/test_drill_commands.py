"""Drill: commands to a node that stands still (R16)."""

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import gevent
import pytest

from crowsg.clock import MonotonicClock
from crowsg.cluster.exchange import Exchange, Peer
from crowsg.cluster.greeting import call_of, hello_of_answer
from crowsg.cluster.identity import Identity
from crowsg.cluster.zerorpc_link import ZerorpcLink
from crowsg.errors import Unreachable
from tests.support.cluster_processes import ANY_PORT, Program, programs
from tests.support.vitals import Pings, open_files

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

COMMANDS = 1000
TIMEOUT_S = 1.5
USERS = 4
IDLE = """
from crowsg import users

def init():
    pass

def start(user_id):
    users.sleep(1000)
"""


class Commander:
    """Gives commands to a node, each with a time it may take."""

    def __init__(self, address: str) -> None:
        clock = MonotonicClock()
        link = ZerorpcLink("127.0.0.1", 0)
        own = Identity("commander@drill", 7, "crowsg")
        self._exchange = Exchange(own, link, clock, logging.getLogger("drill"))
        hello = call_of("client", clock.now_ns(), [])
        told = hello_of_answer(self._exchange.call_address(address, "hello", hello, 5))
        self._peer = Peer(
            told.identity.name,
            address,
            told.identity.incarnation,
            told.stamp_ns - clock.now_ns(),
        )

    def add(self, timeout_s: float) -> float:
        """Ask for one more user; returns the seconds after which nobody had answered."""
        began = time.monotonic()
        command = {"verb": "add", "told": {"count": 1, "nodes": None}}
        with pytest.raises(Unreachable):
            self._exchange.call(self._peer, "dist", command, timeout_s)
        return time.monotonic() - began

    def close(self) -> None:
        self._exchange.close()


@pytest.fixture
def led(tmp_path: Path) -> Iterator[tuple[Program, str]]:
    """Give a run, and the address of the node that leads it."""
    (tmp_path / "idle.py").write_text(IDLE)
    with programs() as started:
        run = started.start(
            *("run", str(tmp_path / "idle.py"), "--users", str(USERS), "--user-rate", "inf"),
            *("--nodes", "1", "--bind", ANY_PORT),
        )
        run.until_said(f"{USERS} running")
        yield run, run.until_said(r"cluster: (\S+)")[1]


def test_what_a_stopped_node_did_not_answer_in_time_it_never_does(led: tuple[Program, str]) -> None:
    """R16: 1001 commands end within their time, and none has an effect when the node goes on."""
    run, address = led
    with closing(Commander(address)) as commander, closing(Pings(address)) as pings:
        files = open_files(run.pid)
        run.send(signal.SIGSTOP)
        calls = [gevent.spawn(commander.add, TIMEOUT_S) for _ in range(COMMANDS)]
        gevent.joinall(calls)
        last = commander.add(0.5)
        run.send(signal.SIGCONT)

        slowest = max(call.get() for call in calls)
        print(f"slowest of {COMMANDS}: {slowest:.2f} s; number {COMMANDS + 1}: {last:.2f} s")
        assert slowest <= TIMEOUT_S + 0.5
        assert last <= 0.5 + 0.25
        # All that came before is read by now.
        pings.ping(100, every_s=0.02)
        assert pings.ask()["users"]["asked"] == USERS
        assert open_files(run.pid) <= files + 2
