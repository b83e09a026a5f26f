"""The network in memory: a link like any other, and the faults it is told to have."""

from collections.abc import Callable
from itertools import count
from typing import Any

import gevent
import pytest

from crowsg.cluster.link import Link, Origin
from crowsg.errors import Unreachable
from crowsg.testing import ManualClock, MemoryNetwork
from tests.cluster.contract import LinkContract
from tests.cluster.serving_node import Node


class MemoryNet:
    """The network in memory, on a clock that is moved while calls wait."""

    def __init__(self, delay_ns: int) -> None:
        self.clock = ManualClock()
        self.network = MemoryNetwork(self.clock, delay_ns=delay_ns)
        self._numbers = count(1)

    def link(self, address: str = "") -> Link:
        return self.network.link(address or self.dead_address())

    def dead_address(self) -> str:
        return f"node{next(self._numbers)}:9400"

    def wait_until(self, condition: Callable[[], bool]) -> None:
        self.clock.advance_until(condition, step=0.01, steps=1000)

    def call(
        self, link: Link, address: str, method: str, payload: object = None, timeout_s: float = 5
    ) -> Any:
        outcome: list[Any] = []

        def caller() -> None:
            try:
                outcome.append((link.call(address, method, payload, timeout_s), None))
            except Exception as error:  # noqa: BLE001 - raised again
                outcome.append((None, error))

        gevent.spawn(caller)
        self.wait_until(lambda: bool(outcome))
        value, error = outcome[0]
        if error is not None:
            raise error
        return value


class TestMemoryLink(LinkContract):
    @pytest.fixture(params=[0, 1_000_000], ids=["at once", "delayed"])
    def net(self, request: pytest.FixtureRequest) -> MemoryNet:
        return MemoryNet(request.param)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def network(clock: ManualClock) -> MemoryNetwork:
    return MemoryNetwork(clock)


@pytest.fixture
def a(network: MemoryNetwork) -> Node:
    return Node(network.link("a:1"))


@pytest.fixture
def b(network: MemoryNetwork) -> Node:
    return Node(network.link("b:1"))


def calling(source: Node, target: Node, timeout_s: float = 1) -> Any:
    """Start a call and return its greenlet, whose value is what came of it."""

    def caller() -> object:
        try:
            return source.link.call(target.address, "echo", "there", timeout_s)
        except Unreachable as error:
            return error

    return gevent.spawn(caller)


def test_a_call_needs_no_time_where_there_is_no_delay(a: Node, b: Node) -> None:
    assert a.link.call("b:1", "echo", 1, 1) == 1


def test_a_message_takes_its_time(clock: ManualClock) -> None:
    network = MemoryNetwork(clock, delay_ns=250_000_000)
    a, b = Node(network.link("a:1")), Node(network.link("b:1"))
    call = calling(a, b)

    clock.advance(0.499)
    was_ready = call.ready()
    clock.advance(0.001)

    assert (was_ready, call.value) == (False, "there")


def test_a_call_to_nobody_lasts_until_its_end(
    clock: ManualClock, network: MemoryNetwork, a: Node, b: Node
) -> None:
    b.link.close()
    call = gevent.spawn(calling(a, b, 3).get)
    clock.advance(2.999)
    was_ready = call.ready()

    clock.advance(0.001)

    assert (was_ready, type(call.value)) == (False, Unreachable)


@pytest.mark.parametrize(
    ("cut", "one_way", "reached"),
    [
        pytest.param(("a:1", "b:1"), False, [], id="both ways"),
        pytest.param(("b:1", "a:1"), False, [], id="both ways, backwards"),
        pytest.param(("a:1", "b:1"), True, [], id="there"),
        pytest.param(("b:1", "a:1"), True, [1], id="back"),
        pytest.param(("a:1", "c:1"), False, [1], id="others"),
    ],
)
def test_a_cut_loses_what_comes_to_it(
    clock: ManualClock,
    network: MemoryNetwork,
    a: Node,
    b: Node,
    cut: tuple[str, str],
    one_way: bool,
    reached: list[int],
) -> None:
    network.cut(*cut, one_way=one_way)

    a.link.tell("b:1", "beat", 1)
    clock.advance(0)

    assert b.noticed == reached


@pytest.mark.parametrize(
    ("cut", "refuses"),
    [
        pytest.param(("a:1", "b:1"), False, id="both ways"),
        pytest.param(("b:1", "c:1"), True, id="others"),
    ],
)
def test_nothing_is_refused_or_heard_to_close_beyond_a_cut(
    clock: ManualClock,
    network: MemoryNetwork,
    a: Node,
    b: Node,
    cut: tuple[str, str],
    refuses: bool,
) -> None:
    closed: list[str] = []
    a.link.pulse(lambda: [("b:1", "beat", 1)], closed.append)
    clock.advance(1)
    network.cut(*cut)
    b.link.close()
    clock.advance(1)

    assert a.link.refuses("b:1") is refuses
    assert closed == (["b:1"] if refuses else [])


@pytest.mark.parametrize("way", [("a:1", "b:1"), ("b:1", "a:1")], ids=["there", "back"])
def test_a_cut_of_one_way_is_enough_to_hear_no_refusal(
    network: MemoryNetwork, a: Node, way: tuple[str, str]
) -> None:
    network.cut(*way, one_way=True)

    assert not a.link.refuses("b:1")


def test_beats_are_asked_for_ten_times_a_second(clock: ManualClock, a: Node, b: Node) -> None:
    a.link.pulse(lambda: [("b:1", "beat", clock.now())], lambda address: None)
    clock.advance(0.95)

    assert b.noticed == pytest.approx([tenth / 10 for tenth in range(10)])


def test_who_was_never_beaten_to_is_not_heard_to_close(
    clock: ManualClock, a: Node, b: Node
) -> None:
    closed: list[str] = []
    a.link.pulse(list, closed.append)
    clock.advance(1)
    b.link.close()
    clock.advance(1)

    assert closed == []


def test_an_answer_is_cut_as_well(
    clock: ManualClock, network: MemoryNetwork, a: Node, b: Node
) -> None:
    network.cut("b:1", "a:1", one_way=True)
    call = calling(a, b)

    clock.advance(1)

    assert isinstance(call.value, Unreachable)


def test_what_is_under_way_when_it_is_cut_is_lost(clock: ManualClock) -> None:
    network = MemoryNetwork(clock, delay_ns=1000)
    a, b = Node(network.link("a:1")), Node(network.link("b:1"))
    a.link.tell("b:1", "beat", 1)

    network.cut("a:1", "b:1")
    clock.advance(1)
    network.heal("a:1", "b:1")
    a.link.tell("b:1", "beat", 2)
    clock.advance(1)

    assert b.noticed == [2]


def test_a_way_can_be_slower_than_the_others(
    clock: ManualClock, network: MemoryNetwork, a: Node, b: Node
) -> None:
    network.delay("a:1", "b:1", 500_000_000, one_way=True)
    a.link.tell("b:1", "beat", 1)
    b.link.tell("a:1", "beat", 1)

    clock.advance(0.4)

    assert (a.noticed, b.noticed) == ([1], [])


def test_notices_stay_in_order_when_the_delay_shrinks(
    clock: ManualClock, network: MemoryNetwork, a: Node, b: Node
) -> None:
    for number, delay_ns in enumerate([500, 100, 0, 300, 0]):
        network.delay("a:1", "b:1", delay_ns)
        a.link.tell("b:1", "beat", number)

    clock.advance(1)

    assert b.noticed == [0, 1, 2, 3, 4]


def test_a_call_may_overtake_another_one(
    clock: ManualClock, network: MemoryNetwork, a: Node, b: Node
) -> None:
    network.delay("a:1", "b:1", 500_000_000)
    first = calling(a, b)
    clock.advance(0.1)
    network.delay("a:1", "b:1", 0)
    second = calling(a, b)
    clock.advance(0.1)

    assert (first.ready(), second.ready()) == (False, True)


def test_others_are_told_who_sends(network: MemoryNetwork) -> None:
    seen: list[Origin] = []
    network.link("b:1").open({"who": lambda origin, _: seen.append(origin)}, {})

    network.link("a:1", origin=Origin("key", "a@host")).call("b:1", "who", None, 1)

    assert seen == [Origin("key", "a@host")]


def test_handlers_run_on_the_greenlets_they_are_given(network: MemoryNetwork) -> None:
    spawned: list[object] = []

    def spawn(function: Callable[..., Any], *args: Any) -> Any:
        spawned.append(gevent.spawn(function, *args))
        return spawned[-1]

    link = network.link("b:1", spawn=spawn)
    link.open({"mine": lambda _, __: gevent.getcurrent() in spawned}, {})

    assert network.link("a:1").call("b:1", "mine", None, 1) is True
