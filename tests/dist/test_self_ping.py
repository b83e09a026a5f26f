"""A node that does not hear itself listens anew; one that is only busy is left alone."""

import logging
from collections.abc import Callable, Iterator

import gevent
import pytest

from crowsg.clock import SECOND, MonotonicClock, to_ns
from crowsg.cluster.exchange import Exchange
from crowsg.cluster.identity import Identity
from crowsg.dist.self_ping import DEAF, EVERY_S, LOOK_S, LOOKS, SelfPing
from crowsg.errors import InvalidAddress, Refused
from crowsg.supervision import unsupervised
from crowsg.telemetry.bus import Bus
from crowsg.testing import ManualClock, MemoryNetwork, capture_events
from crowsg.testing.memory_network import MemoryLink
from tests.support.clusters import A, B, Cluster

ROUND_S = EVERY_S + LOOK_S * LOOKS
"""Seconds from one call that gets no answer to the next."""


class Ears:
    """Makes a link deaf, as a dispatcher that died did once, and counts how often it was rebuilt.

    Attributes:
        error: What rebuilding raises; None for nothing.
    """

    def __init__(self, link: MemoryLink) -> None:
        self.rebuilt = 0
        self.error: Exception | None = None
        self._link = link
        link.reopen = self._reopen  # type: ignore[method-assign]

    def close(self) -> None:
        """Let nothing that is sent there be read any more."""
        self._link._wires.listening.pop(self._link.address)

    def open(self) -> None:
        """Let it be read again."""
        self._link._wires.listening[self._link.address] = self._link

    def _reopen(self) -> None:
        if self.error is not None:
            raise self.error
        self.rebuilt += 1
        self.open()


@pytest.fixture
def cluster(make_cluster: Callable[..., Cluster]) -> Cluster:
    """Give two nodes that have met, and have heard themselves."""
    cluster = make_cluster(2)
    cluster.advance(ROUND_S)
    return cluster


@pytest.fixture
def ears(cluster: Cluster) -> Ears:
    """Give those of ``A``."""
    return Ears(cluster.links[A])


def test_a_node_that_hears_itself_is_left_alone(cluster: Cluster, ears: Ears) -> None:
    cluster.advance(60)

    assert ears.rebuilt == 0


def test_a_deaf_server_is_rebuilt_and_answers_again(cluster: Cluster, ears: Ears) -> None:
    """R37."""
    ears.close()

    cluster.advance(DEAF * ROUND_S)

    assert ears.rebuilt == 1
    assert cluster.ask(B, A, "ping", None) is None


def test_it_is_rebuilt_once_for_each_time_it_goes_deaf(cluster: Cluster, ears: Ears) -> None:
    for _ in range(2):
        ears.close()
        cluster.advance(DEAF * ROUND_S)
        cluster.advance(60)

    assert ears.rebuilt == 2


def test_that_it_was_deaf_is_told_and_written(
    cluster: Cluster, ears: Ears, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "crowsg")
    event = ("crowsg", "cluster", "deaf")
    ears.close()

    with capture_events(cluster[A].telemetry, event) as events:
        cluster.advance(DEAF * ROUND_S)

    assert [(each.measurements["count"], each.metadata["nodes"]) for each in events] == [(1, [A])]
    assert [record.message for record in caplog.records] == [
        f"{A} does not hear itself at {cluster.address(A)}: it listens anew"
    ]


def test_one_call_without_an_answer_is_not_enough(cluster: Cluster, ears: Ears) -> None:
    for _ in range(3):
        ears.close()
        cluster.advance(ROUND_S)
        ears.open()
        cluster.advance(ROUND_S)

    assert ears.rebuilt == 0


def test_the_loop_that_calls_is_supervised(cluster: Cluster) -> None:
    assert cluster[A].supervisor.states()["self ping"].is_running


def test_a_server_that_cannot_be_rebuilt_ends_the_process(cluster: Cluster, ears: Ears) -> None:
    ears.error = InvalidAddress("the cluster", cluster.address(A), "Address already in use")
    ears.close()

    cluster.advance(60)

    assert len(cluster.ended) == 1
    assert cluster.ended[0].startswith("self ping has died 3 times within 60 s")


def test_a_node_that_has_stopped_calls_no_more(cluster: Cluster, ears: Ears) -> None:
    cluster[A].stop()

    cluster.advance(60)

    assert ears.rebuilt == 0


class LateClock(ManualClock):
    """A clock of a loop that is blocked again and again: whoever sleeps oversleeps."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds + 1.5)


class Lone:
    """The self ping of one link."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        network = MemoryNetwork(clock)
        self.link = network.link("10.0.0.1:4000")
        self.exchange = Exchange(Identity(A, 1, "crowsg"), self.link, clock, logging.getLogger())
        bus, keep = Bus(MonotonicClock()), unsupervised(gevent.spawn)
        self.ping = SelfPing(self.exchange, self.link, bus, clock, gevent.spawn, keep)
        self.ears = Ears(self.link)
        self.answer: Callable[[], object] = lambda: None
        self.exchange.answer("ping", lambda sender, body: self.answer())

    def hear_itself(self) -> "Lone":
        """Begin, and hear itself once."""
        self.exchange.open()
        self.ping.start()
        self.clock.advance(2 * EVERY_S)
        return self

    def delay(self, seconds: float) -> None:
        """Let each message take so long from now on."""
        self.link._wires._delay_ns = to_ns(seconds)

    def refuse(self) -> None:
        """Refuse whoever calls."""
        raise Refused("wrong_key", "not you")


@pytest.fixture
def lone() -> Iterator[Lone]:
    """Give one that has heard itself."""
    lone = Lone(ManualClock(SECOND)).hear_itself()
    yield lone
    lone.ping.stop()
    lone.link.close()


def test_a_node_that_never_heard_itself_is_left_alone() -> None:
    lone = Lone(ManualClock(SECOND))
    lone.ping.start()

    lone.clock.advance(60)
    lone.ping.stop()

    assert lone.ears.rebuilt == 0


def test_a_loop_that_is_late_is_not_taken_for_a_deaf_server() -> None:
    lone = Lone(LateClock(SECOND)).hear_itself()
    lone.delay(4.0)

    lone.clock.advance(200)
    lone.ping.stop()

    assert lone.ears.rebuilt == 0


def test_an_answer_that_takes_too_long_is_none(lone: Lone) -> None:
    lone.delay(4.0)

    lone.clock.advance(DEAF * ROUND_S)

    assert lone.ears.rebuilt == 1


def test_one_that_stays_deaf_gets_as_many_calls_again(lone: Lone) -> None:
    lone.delay(4.0)

    lone.clock.advance(4 * DEAF * ROUND_S)

    assert lone.ears.rebuilt == 4


def test_a_refusal_is_an_answer(lone: Lone) -> None:
    lone.answer = lone.refuse

    lone.clock.advance(60)

    assert lone.ears.rebuilt == 0
