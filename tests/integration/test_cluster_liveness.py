"""What a node notices of processes that die, freeze and come back, and how soon."""

import logging
import signal
import time
from collections.abc import Iterator

import gevent
import pytest

from crowsg.clock import SECOND, MonotonicClock
from crowsg.cluster.exchange import Exchange
from crowsg.cluster.identity import Identity, new_incarnation
from crowsg.cluster.members import Members
from crowsg.cluster.membership import Member, Membership, State
from crowsg.cluster.zerorpc_link import ZerorpcLink
from tests.support.cluster_processes import NodeProcess, Programs, programs, until

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.drills]

BEATEN_S = 1.5
"""Seconds after which each has heard the other, over connections that stand."""


class Observer:
    """A node of this process, and when it noticed what of the others."""

    def __init__(self) -> None:
        clock = MonotonicClock()
        identity = Identity("observer@here", new_incarnation(), "crowsg")
        link = ZerorpcLink("127.0.0.1", 0)
        exchange = Exchange(identity, link, clock, logging.getLogger("crowsg"))
        self.members = Members(exchange, Membership(identity), clock, gevent.spawn)
        self.changes: list[tuple[float, str]] = []
        self.members.on_change(self.note)
        exchange.open()
        self.members.start()
        self.close = link.close
        self.address = link.address

    def note(self, member: Member, before: State | None) -> None:
        self.changes.append((time.monotonic(), member.state))

    def told(self) -> list[str]:
        return [state for _, state in self.changes]

    def until_told(self, state: str, seconds: float) -> float:
        """Return when it noticed that state last."""
        until(lambda: self.told()[-1:] == [state], seconds)
        return self.changes[-1][0]


@pytest.fixture
def started() -> Iterator[Programs]:
    with programs() as started:
        yield started


@pytest.fixture
def observer() -> Iterator[Observer]:
    observer = Observer()
    yield observer
    observer.members.stop()
    observer.close()


@pytest.fixture
def node(started: Programs, observer: Observer) -> NodeProcess:
    node = started.node("other@here", "--join", observer.address)
    observer.until_told("up", 30)
    gevent.sleep(BEATEN_S)
    return node


def test_a_process_that_is_killed_is_dead_within_a_second(
    observer: Observer, node: NodeProcess
) -> None:
    """R1."""
    killed_s = time.monotonic()
    node.send(signal.SIGKILL)

    assert observer.until_told("dead", 5) - killed_s <= 1.0
    assert observer.told() == ["up", "dead"]


def test_a_process_that_is_frozen_for_a_while_is_suspect_and_up_again(
    observer: Observer, node: NodeProcess
) -> None:
    """R2: suspect after 3 to 3.5 s without a beat, and up within a second of its thaw."""
    node.send(signal.SIGSTOP)
    gevent.sleep(0.1)
    (member,) = observer.members.all()
    suspect_s = observer.until_told("suspect", 5)
    gevent.sleep(0.5)
    thawed_s = time.monotonic()
    node.send(signal.SIGCONT)

    assert observer.until_told("up", 5) - thawed_s <= 1.0
    assert 3.0 <= suspect_s - member.heard_ns / SECOND <= 3.7
    assert observer.told() == ["up", "suspect", "up"]


def test_a_node_that_comes_back_at_its_address_is_met_as_a_new_life(
    observer: Observer, node: NodeProcess, started: Programs
) -> None:
    """R5, R12: its name and its address are free at once."""
    address = node.address
    (former,) = observer.members.all()
    node.send(signal.SIGKILL)
    node.code()
    started.node("other@here", "--bind", address, "--join", observer.address)
    until(lambda: observer.told() == ["up", "dead", "up"], 30)

    (member,) = observer.members.all()
    assert (member.name, member.address) == (former.name, former.address)
    assert member.incarnation != former.incarnation
