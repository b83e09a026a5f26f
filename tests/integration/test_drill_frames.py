"""Drill: peers that send anything, with a key of the cluster and without one (R17)."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

import gevent
import pytest

from crowsg.cli.joining import curve_of
from crowsg.cluster.keys import new_cluster_key
from crowsg.dist.self_ping import EVERY_S
from tests.support.cluster_processes import ANY_PORT, NodeProcess, programs, until
from tests.support.hostile import Damage, MemberOfTheirs, recorded, shout
from tests.support.tampering import COUNTING_GREENLETS, recording, tampered
from tests.support.vitals import Pings, greenlets, open_files

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

FRAMES = 100_000
FRAMES_A_CONNECTION = 100
FILES_FOR_HEARSAY = 24
"""Whom a member tells it of, it dials for ten minutes, with a descriptor for each.

A few of the damaged messages are whole enough to tell of nodes that are not there.
"""

WORK = """
from crowsg import throttle, users

def init():
    throttle.start("caws", "100/s")

def start(user_id):
    throttle.wait("caws")
    users.sleep(0.3)
"""


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Record what two nodes say to one another in a run."""
    folder = tmp_path_factory.mktemp("session")
    (folder / "work.py").write_text(WORK)
    run = "run", str(folder / "work.py"), "--users", "5", "--user-rate", "inf", "--nodes", "1"
    recorder = tampered(folder / "tampered", recording(folder / "messages"))
    with programs() as started:
        assert started.start(*run, "--bind", ANY_PORT, **recorder).code() == 0
    return recorded(folder / "messages")


@dataclass
class Bothered:
    """A node with keys, and what it was like before anybody bothered it."""

    node: NodeProcess
    keys: Path
    open_files: int = 0
    files_for_others: int = 0
    greenlets: int = 0
    lines: int = 0

    def look(self) -> None:
        """Remember what it is like."""
        self.open_files = open_files(self.node.pid)
        self.greenlets = greenlets(self.node)
        self.lines = len(self.node.err)

    def has_nothing_left(self) -> bool:
        """Whether it is again what it was like."""
        return (
            open_files(self.node.pid) <= self.open_files + self.files_for_others + 2
            and greenlets(self.node) <= self.greenlets + 5
        )


@pytest.fixture
def bothered(tmp_path: Path) -> Iterator[Bothered]:
    new_cluster_key(tmp_path / "keys")
    telling = tampered(tmp_path / "tampered", COUNTING_GREENLETS)
    with programs() as started:
        node = started.node("node@drill", "--keys", str(tmp_path / "keys"), **telling)
        assert node.address
        # It calls itself from then on, over a connection of its own.
        gevent.sleep(EVERY_S + 1)
        yield Bothered(node, tmp_path / "keys")


def with_a_key(bothered: Bothered, frames: Iterator[list[bytes]], _: Random) -> None:
    bothered.files_for_others = FILES_FOR_HEARSAY
    peer = MemberOfTheirs(bothered.node.address, curve_of(bothered.keys, "peer@drill"))
    for frame in islice(frames, FRAMES):
        peer.send(frame)
    peer.until_all_is_read()
    peer.close()


def without_a_key(bothered: Bothered, frames: Iterator[list[bytes]], rng: Random) -> None:
    for _ in range(FRAMES // FRAMES_A_CONNECTION):
        shout(bothered.node.address, list(islice(frames, FRAMES_A_CONNECTION)), rng)


Bother = Callable[[Bothered, Iterator[list[bytes]], Random], None]


@pytest.mark.parametrize("bother", [with_a_key, without_a_key])
def test_a_node_outlives_100_000_damaged_frames(
    bothered: Bothered, messages: list[bytes], bother: Bother
) -> None:
    """R17: it answers, has nothing left of them, and does not say more than 10 lines a second."""
    seed = time.monotonic_ns() % 10**6
    print(f"seed {seed}")
    with closing(Pings(bothered.node.address, bothered.keys)) as pings:
        pings.ping(20)
        bothered.look()
        began = time.monotonic()

        bother(bothered, iter(Damage(messages, seed)), Random(seed))

        pings.seconds.clear()
        pings.ping(300)
        seconds, lines = time.monotonic() - began, len(bothered.node.err) - bothered.lines
        print(f"{seconds:.1f} s, {lines} lines, p99 of pings {pings.p99 * 1e3:.1f} ms")
        assert pings.p99 <= 0.05
        assert lines <= 10 * (seconds + 1)
        until(bothered.has_nothing_left, 15)
