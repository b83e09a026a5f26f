"""Drill: starts that fail on one node, stops at any moment, commands that end (R11, R30, R31)."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gevent
import pytest

from crowsg.cli.joining import CLUSTER
from crowsg.clock import MonotonicClock
from crowsg.cluster.zerorpc_link import ZerorpcLink
from crowsg.code.server import CodeServer
from crowsg.dist.client import Client
from crowsg.dist.run_settings import packed
from crowsg.errors import StartRefused
from tests.support.cluster_processes import Programs, programs

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

NAMES = ("one", "two", "three")
ENDED_WITHIN_S = 3.0
CAREFUL = """
import os
from crowsg import Variable, config, throttle, users

required_variables = [
    Variable("moment", "when it is stopped", default=""),
    Variable("fails", "on which node init fails", default=""),
    Variable("notes", "file of what happened"),
]

def note(what):
    with open(config.get("notes"), "a") as file:
        file.write(f"{what} {os.environ['DRILL_NODE']}\\n")

def init():
    if config.get("fails") == os.environ["DRILL_NODE"]:
        raise RuntimeError("init of the drill failed")
    throttle.start("caws", "100/s")
    note("init")
    if config.get("moment") == "init":
        users.sleep(1.5)
    if config.get("moment") == "pause":
        throttle.pause("caws")

def start(user_id):
    while True:
        throttle.wait("caws")

def terminate():
    note("terminate")
"""


class Crew:
    """Three nodes that stay, and a fourth that leads one run after the other."""

    def __init__(self, started: Programs, folder: Path) -> None:
        self._notes = folder / "notes"
        hub = started.node("hub@drill")
        for name in NAMES:
            started.node(f"{name}@drill", "--join", hub.address, DRILL_NODE=name)
        started.until_met(hub.address, 1 + len(NAMES))
        link = ZerorpcLink("127.0.0.1", 0)
        self._client = Client("drill@drill", CLUSTER, link, MonotonicClock(), gevent.spawn)
        self._hub = self._client.connect(hub.address)
        (folder / "careful.py").write_text(CAREFUL)
        bundle = CodeServer([]).bundle_of(folder / "careful.py")
        self._client.upload(self._hub, bundle)

    def start(self, count: int = 30, **settings: Any) -> dict[str, int]:
        """Start a run; returns the users of each node."""
        self._notes.write_text("")
        given = packed({"notes": str(self._notes), "user_rate": "inf", **settings})
        return self._ask("do", scenario="careful", count=count, settings=given)

    def stop_twice(self) -> None:
        """Stop it by two commands at once, which must say the same, in time."""
        began = time.monotonic()
        stops = [gevent.spawn(self._ask, "stop") for _ in range(2)]
        answers = [stop.get() for stop in stops]
        assert time.monotonic() - began <= ENDED_WITHIN_S
        ended = {f"{name}@drill": "finished" for name in NAMES}
        assert answers == [ended, ended]
        users = self.overview()["users"]
        assert users["running"] == users["waiting"] == 0

    def overview(self) -> dict[str, Any]:
        """Return how the cluster stands."""
        return self._ask("overview")

    def notes(self) -> Counter[str]:
        """Return how often which callback ran on which node."""
        return Counter(self._notes.read_text().splitlines())

    def close(self) -> None:
        """Let go of it."""
        self._client.close()

    def _ask(self, verb: str, **told: object) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.ask(self._hub, verb, told)
        return answer


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with programs() as started, closing(Crew(started, tmp_path_factory.mktemp("crew"))) as crew:
        yield crew


def each(callback: str, *names: str) -> dict[str, int]:
    return {f"{callback} {name}": 1 for name in names}


def test_a_start_that_fails_on_one_node_is_none(crew: Crew) -> None:
    """R11: the other two end what they began, once; then a start works."""
    with pytest.raises(StartRefused, match=r"two@drill: .*init of the drill failed"):
        crew.start(fails="two")
    assert crew.notes() == each("init", "one", "three") | each("terminate", "one", "three")

    assert sum(crew.start().values()) == 30

    crew.stop_twice()
    assert crew.notes() == each("init", *NAMES) | each("terminate", *NAMES)


MOMENTS: dict[str, dict[str, Any]] = {
    "ramp": {"user_rate": "20/s"},
    "rate 0": {"user_rate": "paused"},
    "pause": {"moment": "pause"},
    "work": {"count": 10_000},
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_is_stopped_at_any_moment_and_another_one_follows(crew: Crew, moment: str) -> None:
    """R30: two stops at once are one; users end within 3 s, terminate runs once on each node."""
    crew.start(**MOMENTS[moment])
    gevent.sleep(0.3)

    crew.stop_twice()

    assert crew.notes() == each("init", *NAMES) | each("terminate", *NAMES)
