"""When a node tells that it lives, and what."""

import logging
from typing import Any

import pytest

from crowsg.clock import SECOND
from crowsg.cluster.alive import Alive, alive_of
from crowsg.cluster.exchange import Exchange
from crowsg.cluster.heartbeat import Heartbeat
from crowsg.cluster.identity import PROTOCOL, Identity
from crowsg.cluster.membership import Hello, Membership
from crowsg.testing import ManualClock, MemoryNetwork

OWN = Identity("me@here", 1, "test", "here:1")


class Bench:
    """A heartbeat that is asked ten times a second, and what it told."""

    def __init__(self) -> None:
        self.clock = ManualClock(100 * SECOND)
        self.membership = Membership(OWN)
        self.blocking = ""
        link = MemoryNetwork(self.clock).link("here:1")
        exchange = Exchange(OWN, link, self.clock, logging.getLogger("crowsg"))
        self.heartbeat = Heartbeat(exchange, self.membership, self.clock, lambda: self.blocking)
        self.told: list[tuple[float, str, dict[str, Any]]] = []

    def meet(self, name: str, stamp_ns: int = 0) -> None:
        hello = Hello(Identity(name, 5, "test", f"{name}:1"), PROTOCOL, "node", stamp_ns)
        self.membership.met(hello, self.clock.now_ns())

    def run(self, seconds: float) -> list[float]:
        """Return at which tenths of a second it told anything, and keep what it did."""
        self.told.clear()
        times = []
        for tenth in range(round(seconds * 10)):
            beats = self.heartbeat.beats()
            if beats:
                times.append(tenth / 10)
            self.told += [(tenth / 10, address, body) for address, _, body in beats]
            self.clock.advance(0.1)
        return times

    def last(self) -> Alive:
        return alive_of(self.told[-1][2]["body"])


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.meet("a@x", stamp_ns=77)
    return bench


def test_it_is_told_twice_a_second(bench: Bench) -> None:
    assert bench.run(1.75) == [0, 0.5, 1, 1.5]


def test_all_are_told_that_are_not_gone(bench: Bench) -> None:
    for name in ("b@x", "c@x", "d@x"):
        bench.meet(name)
    bench.membership.left("b@x", 5)
    bench.membership.died("c@x", 5)
    bench.run(0.1)

    assert [(address, body["to"]) for _, address, body in bench.told] == [
        ("a@x:1", 5),
        ("d@x:1", 5),
    ]


def test_it_tells_the_last_moment_that_was_got_of_the_other(bench: Bench) -> None:
    bench.meet("b@x", stamp_ns=99)
    bench.run(0.1)

    assert [alive_of(body["body"]).heard_ns for *_, body in bench.told] == [77, 99]


def test_it_tells_the_moment_and_the_digest(bench: Bench) -> None:
    bench.run(0.1)

    assert bench.last() == Alive(100 * SECOND, bench.membership.digest(), 77, "up", "")


def test_a_stall_is_told_at_once_and_so_is_its_end(bench: Bench) -> None:
    """R8: with what blocks the loop, and as often as ever as long as it lasts."""
    bench.run(0.3)
    bench.blocking = "spin (scene.py:7)"
    assert bench.run(1.3) == [0, 0.5, 1]
    assert (bench.last().condition, bench.last().place) == ("stalled", "spin (scene.py:7)")

    bench.blocking = ""
    assert bench.run(0.3) == [0]
    assert (bench.last().condition, bench.last().place) == ("up", "")


def test_a_fenced_node_says_so_at_once(bench: Bench) -> None:
    bench.run(0.3)
    bench.heartbeat.is_fenced = True

    assert bench.run(0.3) == [0]
    assert bench.last().condition == "fenced"


def test_what_blocks_a_fenced_node_is_told_too(bench: Bench) -> None:
    bench.heartbeat.is_fenced, bench.blocking = True, "spin (scene.py:7)"
    bench.run(0.1)

    assert (bench.last().condition, bench.last().place) == ("fenced", "spin (scene.py:7)")


def test_somebody_new_is_told_of_soon_but_not_more_often(bench: Bench) -> None:
    bench.run(0.3)
    bench.heartbeat.hurry()
    assert bench.run(0.1) == [0]

    bench.heartbeat.hurry()
    assert bench.run(0.8) == [0.1, 0.6]


def test_a_loss_is_no_news_that_cannot_wait(bench: Bench) -> None:
    bench.meet("b@x")
    bench.run(0.3)
    bench.membership.died("b@x", 5)

    assert bench.run(0.5) == [0.2]


def test_nothing_is_told_when_it_is_over(bench: Bench) -> None:
    bench.heartbeat.stop()
    bench.blocking = "x"

    assert bench.run(3) == []
