"""Drill: nodes that must not join, alone and in a crowd (R12, R13)."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import msgpack
import pytest

from crowsg.cli.joining import curve_of
from crowsg.cluster.identity import PROTOCOL
from crowsg.cluster.keys import new_cluster_key
from tests.support.cluster_processes import ANY_PORT, NodeProcess, Programs, programs, until
from tests.support.hostile import MemberOfTheirs
from tests.support.tampering import NEXT_VERSION, tampered
from tests.support.vitals import Pings, pinging

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

REFUSED_WITHIN_S = 2.0
READY_WITHIN_S = 5.0
FREE_AGAIN_WITHIN_S = 10.5
RIGHT = 15
IDLE = """
from crowsg import users

def init():
    pass

def start(user_id):
    users.sleep(1000)
"""
OTHER_VERSIONS = f"speaks version {PROTOCOL} of the protocol, not {PROTOCOL + 1}"


@pytest.fixture(scope="module")
def hub() -> Iterator[NodeProcess]:
    """Give a node to join, which stays alone."""
    with programs() as started:
        node = started.node("hub@drill")
        assert node.address
        yield node


@pytest.fixture
def started() -> Iterator[Programs]:
    with programs() as started:
        yield started


def refusal_of(node: NodeProcess) -> str:
    """Return the one error of a node that was refused, in time and with its code."""
    assert node.address
    began = time.monotonic()
    assert node.code(20) == 4
    assert time.monotonic() - began <= REFUSED_WITHIN_S
    (error,) = (line for line in node.err if line.startswith("error: "))
    return error


def test_the_second_node_of_a_name_is_refused_and_the_first_does_not_notice(
    started: Programs, hub: NodeProcess
) -> None:
    """R12: a clear error within 2 s and exit code 4; the first misses nothing."""
    with pinging(hub.address) as pings:
        second = started.node("hub@drill", "--join", hub.address)

        assert "the name hub@drill belongs to a node that is alive" in refusal_of(second)

    assert pings.p99 <= 0.25
    assert [each["state"] for each in started.told(hub.address, "nodes")] == ["up"]


def test_a_node_at_work_loses_nobody_to_another_of_its_name(
    started: Programs, tmp_path: Path
) -> None:
    """R12: it is up all the time, and each of its users goes on."""
    (tmp_path / "idle.py").write_text(IDLE)
    run = started.start(
        *("run", str(tmp_path / "idle.py"), "--users", "20", "--user-rate", "inf", "--json"),
        *("--bind", ANY_PORT, "--expect-nodes", "1"),
    )
    address = run.until_said(r"waiting for 1 nodes at (\S+)")[1]
    first = started.node("first@drill", "--join", address)
    run.until_said("20 running")

    for at in (address, first.address):
        refusal_of(started.node("first@drill", "--join", at))
    run.send(signal.SIGINT)

    users = run.summary()["users"]
    assert (users["lost"], users["removed"]) == (0, 20)
    assert not run.said("suspect|dead|lost")


def test_the_name_of_a_node_that_died_is_free_again(started: Programs, hub: NodeProcess) -> None:
    """R12: within 10.5 s of its death."""
    both = {"hub@drill": "up", "twin@drill": "up"}
    first = started.node("twin@drill", "--join", hub.address)
    with closing(Pings(hub.address)) as hubs:
        until(lambda: hubs.states() == both, 20)
        first.end()
        until(lambda: hubs.states() == {"hub@drill": "up"}, FREE_AGAIN_WITHIN_S)

        started.node("twin@drill", "--join", hub.address)

        until(lambda: hubs.states() == both, 20)


def test_a_node_of_another_version_is_refused(
    started: Programs, hub: NodeProcess, tmp_path: Path
) -> None:
    """R13: by the older, which says so on both sides within 2 s."""
    newer = started.node("newer@drill", "--join", hub.address, **tampered(tmp_path, NEXT_VERSION))

    assert OTHER_VERSIONS in refusal_of(newer)
    assert hub.said(f"refused what newer@drill sent: hub@drill {OTHER_VERSIONS}")


def test_a_node_is_refused_by_one_of_another_version(started: Programs, tmp_path: Path) -> None:
    """R13: by the newer, which says so on both sides within 2 s."""
    newer = started.node("newer@drill", **tampered(tmp_path, NEXT_VERSION))
    older = started.node("older@drill", "--join", newer.address)

    told = f"speaks version {PROTOCOL + 1} of the protocol, not {PROTOCOL}"
    assert told in refusal_of(older)
    assert newer.said(f"refused what older@drill sent: newer@drill {told}")


class Storm:
    """Nodes that come to one with keys, all at once."""

    def __init__(self, started: Programs, folder: Path) -> None:
        self._started = started
        self.keys, foreign = folder / "keys", folder / "foreign"
        for each in (self.keys, foreign):
            new_cluster_key(each)
        self.hub = started.node("hub@drill", "--keys", str(self.keys))
        assert self.hub.address
        next_version = tampered(folder / "tampered", NEXT_VERSION)
        self.right = [self._node(f"node{each}@drill") for each in range(RIGHT)]
        self.wrong = {
            "other version": self._node("newer@drill", **next_version),
            "other cluster": self._node("astray@drill", "--cluster", "other"),
            "other key": self._node("foreign@drill", "--keys", str(foreign)),
            "name is taken": self._node("hub@drill"),
        }

    def _node(self, name: str, *arguments: str, **environment: str) -> NodeProcess:
        keys = () if "--keys" in arguments else ("--keys", str(self.keys))
        joined = "--join", self.hub.address, *keys
        return self._started.node(name, *joined, *arguments, **environment)


def garbled_hello(storm: Storm) -> bytes:
    """Return what a node answers that is told nonsense by one with its key."""
    peer = MemberOfTheirs(storm.hub.address, curve_of(storm.keys, "mad@drill"))
    peer.send([b"", msgpack.packb(({"message_id": b"x", "v": 3}, "hello", ({"v": "?"},)))])
    answer = peer.receive()
    peer.close()
    return answer


def test_a_crowd_joins_though_some_of_it_are_wrong(started: Programs, tmp_path: Path) -> None:
    """R12, R13: of 20 at once 15 are a mesh within 5 s; each other one is told its own reason."""
    storm = Storm(started, tmp_path)
    assert b"malformed" in garbled_hello(storm)
    assert all(node.address for node in storm.right)
    began = time.monotonic()

    with ExitStack() as stack:
        everybody = [
            stack.enter_context(closing(Pings(node.address, storm.keys)))
            for node in (storm.hub, *storm.right)
        ]
        names = ["hub@drill", *(f"node{each}@drill" for each in range(RIGHT))]
        all_up = dict.fromkeys(names, "up")
        until(lambda: all(each.states() == all_up for each in everybody), READY_WITHIN_S)
    print(f"a mesh of {RIGHT + 1} in {time.monotonic() - began:.1f} s")

    errors = {why: refusal_of(node) for why, node in storm.wrong.items()}
    assert OTHER_VERSIONS in errors["other version"]
    assert "belongs to the cluster 'crowsg', not 'other'" in errors["other cluster"]
    assert "has another key than this node expects there" in errors["other key"]
    assert "the name hub@drill belongs to a node that is alive" in errors["name is taken"]
