"""Drill: messages that are far too large, and peers that never read (R18, R19)."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import gevent
import msgpack
import pytest

from crowsg.cluster.link import MAX_MESSAGE_BYTES
from crowsg.cluster.zerorpc_link import ZerorpcLink
from crowsg.errors import NotPackable
from tests.support.cluster_processes import ANY_PORT, NodeProcess, Program, programs
from tests.support.hostile import MemberOfTheirs, NeverReads, stream_frame
from tests.support.tampering import LARGE_BYTES, LARGE_FAULTS, tampered
from tests.support.vitals import (
    MIB,
    Pings,
    comparing,
    forget_peak,
    peak_bytes,
    pinging,
    resident_bytes,
)

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

HUGE = 400 * MIB
STOPPED_S = 5.0
UNREAD_S, UNREAD_A_SECOND = 5, 1500
TOLD = 4000
STEERING = """
from random import Random
from crowsg import throttle, users

def init():
    throttle.start("caws", "1000/s")

def start(user_id):
    rng = Random(user_id)
    while True:
        if user_id % 10:
            throttle.wait("caws")
        else:
            throttle.change_rate("caws", f"{rng.randrange(900, 1100)}/s")
            users.sleep(0.01)
"""


@pytest.fixture(scope="module")
def untouched() -> Iterator[str]:
    """Give the address of a node that nobody bothers: how long it takes is up to the machine."""
    with programs() as started:
        yield started.node("untouched@drill").address


@pytest.fixture(scope="module")
def node() -> Iterator[NodeProcess]:
    with programs() as started:
        node = started.node("node@drill")
        assert node.address
        # What it needs once for all time is there.
        with closing(Pings(node.address)) as pings:
            pings.ping(50)
        yield node


def test_a_frame_of_400_megabytes_is_not_even_received(node: NodeProcess, untouched: str) -> None:
    """R18: a stranger's huge message takes no memory, and no time of others."""
    forget_peak(node.pid)
    before = resident_bytes(node.pid)
    with comparing(node.address, untouched) as pings:
        assert stream_frame(node.address, 5 * MIB) == 5 * MIB
        taken = stream_frame(node.address, HUGE)
        gevent.sleep(0.5)

    assert taken < HUGE
    assert peak_bytes(node.pid) - before <= 64 * MIB
    assert pings.later <= 0.25


INNER = 99_000


@pytest.mark.parametrize(
    "item", [b"\x80", b"\x90", b"\xa2\xc3\xa9"], ids=["dictionaries", "lists", "texts"]
)
def test_a_message_that_would_become_much_is_not_read(
    node: NodeProcess, untouched: str, item: bytes
) -> None:
    """R18: 8 MiB of the smallest items take no memory either, and no time of others."""
    inner = b"\xdd" + INNER.to_bytes(4) + item * INNER
    count = MAX_MESSAGE_BYTES // len(inner) - 1
    payload = b"\xdc" + count.to_bytes(2) + inner * count
    header = msgpack.packb({"message_id": b"x", "v": 3})
    event = b"\x93" + header + msgpack.packb("hello") + b"\x91" + payload
    forget_peak(node.pid)
    before = resident_bytes(node.pid)
    peer = MemberOfTheirs(node.address, None)
    with comparing(node.address, untouched) as pings:
        peer.send([b"", event])
        gevent.sleep(0.7)
    peer.close()

    assert peak_bytes(node.pid) - before <= 64 * MIB
    assert pings.later <= 0.25


def test_the_sender_of_a_message_that_is_too_large_is_told(node: NodeProcess) -> None:
    """R18: the error is that of its size, at the sender, before anything is sent."""
    too_large = rf"bytes are more than the {MAX_MESSAGE_BYTES} of a message"
    with closing(Pings(node.address)) as own, pytest.raises(NotPackable, match=too_large):
        own.ask(bytes(HUGE))


def test_a_peer_that_never_reads_its_answers_costs_no_memory(tmp_path: Path) -> None:
    """R19: what it does not take is dropped, and nobody else waits for it.

    Of 200 MB that it asks for, ZeroMQ keeps a thousand answers of 40 kB, until it hangs up on it.
    """
    call = {"message_id": b"x" * 16, "v": 3}, "no such method", (None,)
    with programs() as started:
        node = started.node("node@drill", **tampered(tmp_path, LARGE_FAULTS))
        assert node.address
        forget_peak(node.pid)
        before = resident_bytes(node.pid)
        peer = NeverReads(node.address, None)
        with pinging(node.address) as pings:
            taken = peer.ask(msgpack.packb(call), UNREAD_S, UNREAD_A_SECOND)
        grown = peak_bytes(node.pid) - before
        peer.close()

    print(f"{taken} taken, {grown / MIB:.0f} MiB more, p99 of pings {pings.p99 * 1e3:.1f} ms")
    assert grown <= 64 * MIB < taken * LARGE_BYTES / 2
    assert pings.p99 <= 0.25


def test_what_a_node_that_stands_still_is_told_costs_no_memory() -> None:
    """R19: of 150 MB of notices as much is kept as may wait, the rest is dropped and counted."""
    told = bytes(LARGE_BYTES)
    with programs() as started, closing(ZerorpcLink("127.0.0.1", 0)) as link:
        node = started.node("node@drill")
        assert node.address
        link.tell(node.address, "news", told)
        gevent.sleep(0.5)
        node.send(signal.SIGSTOP)
        before = resident_bytes(os.getpid())
        for _ in range(TOLD):
            link.tell(node.address, "news", told)
            gevent.sleep(0)
        grown, dropped = resident_bytes(os.getpid()) - before, link.dropped_notices
        node.send(signal.SIGCONT)

    print(f"{grown / MIB:.0f} MiB more, {dropped} of {TOLD} dropped")
    assert grown <= 64 * MIB < TOLD * LARGE_BYTES / 2
    assert dropped >= TOLD / 2


@pytest.fixture
def steered(tmp_path: Path) -> Iterator[tuple[str, Program, NodeProcess]]:
    """Give a run that two nodes carry, whose rate is changed all the time."""
    (tmp_path / "steering.py").write_text(STEERING)
    with programs() as started:
        run = started.start(
            *("run", str(tmp_path / "steering.py"), "--users", "100", "--user-rate", "inf"),
            *("--bind", ANY_PORT, "--expect-nodes", "2"),
        )
        address = run.until_said(r"waiting for 2 nodes at (\S+)")[1]
        nodes = [started.node(f"{name}@drill", "--join", address) for name in ("one", "two")]
        run.until_said("100 running")
        yield address, run, nodes[0]


def test_a_node_that_stands_still_costs_the_master_no_memory(
    steered: tuple[str, Program, NodeProcess],
) -> None:
    """R19: with a stopped node and a thousand changes a second the master stays as it is.

    It tells a node that does not report nothing new; what is told all the same is shown above.
    """
    address, run, node = steered
    gevent.sleep(1)
    before = resident_bytes(run.pid)

    node.send(signal.SIGSTOP)
    with pinging(address) as pings:
        gevent.sleep(STOPPED_S)
    node.send(signal.SIGCONT)

    assert resident_bytes(run.pid) - before <= 32 * MIB
    assert pings.p99 <= 0.25
