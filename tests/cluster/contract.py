"""What every link between nodes promises; run over each by the tests that subclass this.

A subclass gives the fixture ``net``; time passes only through it, as some networks have their own.
"""

import itertools
from collections.abc import Callable
from typing import Any, Protocol

import gevent
import pytest

from crowsg.cluster.link import MAX_ITEMS, MAX_MESSAGE_BYTES, Link, Origin
from crowsg.errors import InvalidAddress, NotPackable, RemoteFault, Unreachable
from tests.cluster.serving_node import Node

DEAD_CALLS = 1001
"""More than ZeroMQ would queue for one address."""

NOT_PLAIN = [
    pytest.param({1, 2}, id="set"),
    pytest.param(object(), id="object"),
    pytest.param(1j, id="complex"),
    pytest.param({1: 2}, id="key that is no text"),
    pytest.param(float("nan"), id="nan"),
    pytest.param([float("inf")], id="infinity"),
    pytest.param({"a": [1 << 64]}, id="65 bits"),
    pytest.param("\ud800", id="half a character"),
    pytest.param([0] * (MAX_ITEMS + 1), id="too many items"),
    pytest.param(bytes(MAX_MESSAGE_BYTES), id="too large"),
]


class Net(Protocol):
    """The network under test."""

    def link(self, address: str = "") -> Link:
        """Return an end that is not open yet; by default at a new address."""

    def dead_address(self) -> str:
        """Return an address where nobody listens."""

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until ``condition()`` holds; fail where it does not in a few seconds."""

    def call(
        self, link: Link, address: str, method: str, payload: object = None, timeout_s: float = 5
    ) -> Any:
        """Call ``link.call`` while time passes."""


def ignore(address: str) -> None:
    """Take in that a connection was closed."""


class LinkContract:
    """The promises of ``crowsg.cluster.link``."""

    @pytest.fixture
    def server(self, net: Net) -> Node:
        return Node(net.link())

    @pytest.fixture
    def client(self, net: Net) -> Link:
        link = net.link()
        link.open({}, {})
        return link

    @pytest.mark.parametrize(
        "value",
        [
            pytest.param(None, id="none"),
            pytest.param([True, False], id="truth"),
            pytest.param([-(1 << 63), (1 << 64) - 1, 0], id="whole numbers"),
            pytest.param([0.1, -1e308, 5e-324], id="numbers"),
            pytest.param(["", "räksmörgås 🐦", "\x00"], id="text"),
            pytest.param([b"", bytes(range(256))], id="bytes"),
            pytest.param({"a": {"b": [{}, []]}, "": 1}, id="nested"),
            pytest.param([0] * MAX_ITEMS, id="many items"),
            pytest.param(bytes(MAX_MESSAGE_BYTES - 100), id="large"),
        ],
    )
    def test_a_value_comes_back_as_it_was_sent(
        self, net: Net, server: Node, client: Link, value: object
    ) -> None:
        assert net.call(client, server.address, "echo", value) == value

    def test_tuples_arrive_as_lists(self, net: Net, server: Node, client: Link) -> None:
        assert net.call(client, server.address, "echo", (1, (2, ()))) == [1, [2, []]]

    def test_what_arrives_is_a_copy(self, net: Net, server: Node, client: Link) -> None:
        sent = [1]

        client.tell(server.address, "beat", sent)
        sent.append(2)
        net.wait_until(lambda: bool(server.noticed))

        assert server.noticed == [[1]]

    def test_it_has_no_address_before_it_is_open(self, net: Net) -> None:
        assert net.link().address == ""

    def test_who_only_asks_need_not_listen(self, net: Net, server: Node) -> None:
        assert net.call(net.link(), server.address, "echo", 1) == 1

    def test_a_node_can_call_itself(self, net: Net, server: Node) -> None:
        assert net.call(server.link, server.address, "echo", 1) == 1

    def test_calls_do_not_wait_for_one_another(self, net: Net, server: Node, client: Link) -> None:
        hanging = gevent.spawn(client.call, server.address, "wait", 1, 5)
        net.wait_until(lambda: server.begun == [1])

        assert net.call(client, server.address, "echo", 2) == 2
        server.release.set()
        net.wait_until(hanging.ready)

    @pytest.mark.parametrize(
        ("method", "told"),
        [
            ("refuse", "ValueError: not that"),
            ("leave", "SystemExit: 3"),
            ("die", "GreenletExit: "),
            ("interrupt", "KeyboardInterrupt: "),
        ],
    )
    def test_a_handler_that_raises_is_a_fault_with_its_name(
        self, net: Net, server: Node, client: Link, method: str, told: str
    ) -> None:
        with pytest.raises(RemoteFault) as caught:
            net.call(client, server.address, method)

        assert str(caught.value) == told

    @pytest.mark.parametrize("kind", ["set", "keys", "nan", "large"])
    def test_an_answer_that_cannot_travel_is_a_fault(
        self, net: Net, server: Node, client: Link, kind: str
    ) -> None:
        with pytest.raises(RemoteFault, match=r"^NotPackable: "):
            net.call(client, server.address, "make", kind)

    @pytest.mark.parametrize(
        "method",
        [
            "nowhere",
            "",
            "__class__",
            "__init__",
            "open",
            "_zerorpc_list",
            "_zerorpc_inspect",
            "_zerorpc_ping",
            "_zpc_hb",
            "_zpc_more",
            "echo\x00",
            "x" * 5000,
            pytest.param("beat", id="topic"),
        ],
    )
    def test_only_what_was_opened_can_be_called(
        self, net: Net, server: Node, client: Link, method: str
    ) -> None:
        with pytest.raises(RemoteFault, match=r"^NameError: no method"):
            net.call(client, server.address, method)

    @pytest.mark.parametrize("payload", NOT_PLAIN)
    def test_a_call_with_what_cannot_travel_is_not_sent(
        self, net: Net, server: Node, client: Link, payload: object
    ) -> None:
        with pytest.raises(NotPackable):
            client.call(server.address, "wait", payload, 5)

        assert net.call(client, server.address, "echo", 1) == 1
        assert server.begun == []

    @pytest.mark.parametrize("payload", NOT_PLAIN)
    def test_a_notice_of_what_cannot_travel_is_not_sent(
        self, net: Net, server: Node, client: Link, payload: object
    ) -> None:
        with pytest.raises(NotPackable):
            client.tell(server.address, "beat", payload)

        client.tell(server.address, "beat", 1)
        net.wait_until(lambda: server.noticed == [1])

    @pytest.mark.parametrize("address", ["", "no such host:1", "127.0.0.1:x", "[::1", "256.1.1.1"])
    def test_a_call_to_no_address_is_unreachable(
        self, net: Net, client: Link, address: str
    ) -> None:
        with pytest.raises(Unreachable):
            net.call(client, address, "echo", timeout_s=0.2)

    def test_a_call_to_nobody_ends_in_time(self, net: Net, client: Link) -> None:
        with pytest.raises(Unreachable, match=r"did not answer echo within 0\.05 s"):
            net.call(client, net.dead_address(), "echo", timeout_s=0.05)

    def test_calls_to_nobody_do_not_pile_up(self, net: Net, server: Node, client: Link) -> None:
        dead = net.dead_address()
        for _ in range(DEAD_CALLS):
            with pytest.raises(Unreachable):
                net.call(client, dead, "echo", timeout_s=0.001)

        assert net.call(client, server.address, "echo", 1) == 1

    def test_what_was_not_answered_in_time_is_never_delivered(self, net: Net, client: Link) -> None:
        address = net.dead_address()
        for _ in range(3):
            with pytest.raises(Unreachable):
                net.call(client, address, "wait", "late", timeout_s=0.05)

        server = Node(net.link(address))
        server.release.set()
        net.call(client, address, "wait", "new")

        assert server.ended == ["new"]

    def test_a_handler_that_hangs_is_waited_for_no_longer_than_asked(
        self, net: Net, server: Node, client: Link
    ) -> None:
        with pytest.raises(Unreachable):
            net.call(client, server.address, "wait", 1, timeout_s=0.05)

    def test_a_handler_runs_to_its_end_when_nobody_waits_any_more(
        self, net: Net, server: Node, client: Link
    ) -> None:
        with pytest.raises(Unreachable):
            net.call(client, server.address, "wait", 1, timeout_s=0.05)

        server.release.set()
        net.wait_until(lambda: server.ended == [1])

    def test_a_caller_may_be_killed(self, net: Net, server: Node, client: Link) -> None:
        caller = gevent.spawn(client.call, server.address, "wait", 1, 60)
        net.wait_until(lambda: server.begun == [1])

        caller.kill()
        server.release.set()
        net.wait_until(lambda: server.ended == [1])

        assert net.call(client, server.address, "echo", 2) == 2

    def test_an_answer_goes_to_whoever_asked(self, net: Net, server: Node, client: Link) -> None:
        callers = [
            gevent.spawn(client.call, server.address, "echo", number, 5) for number in range(100)
        ]
        net.wait_until(lambda: all(caller.ready() for caller in callers))

        assert [caller.get() for caller in callers] == list(range(100))

    def test_notices_arrive_in_order(self, net: Net, server: Node, client: Link) -> None:
        for number in range(1000):
            client.tell(server.address, "beat", number)
        net.wait_until(lambda: len(server.noticed) == 1000)

        assert server.noticed == list(range(1000))

    @pytest.mark.parametrize("topic", ["refuse", "leave", "nowhere", "echo", "__class__", ""])
    def test_a_notice_that_fails_harms_nobody(
        self, net: Net, server: Node, client: Link, topic: str
    ) -> None:
        client.tell(server.address, topic, 1)
        client.tell(server.address, "beat", 2)

        net.wait_until(lambda: server.noticed == [2])

    def test_telling_never_lets_others_run(self, net: Net, server: Node, client: Link) -> None:
        ran: list[int] = []
        gevent.spawn(ran.append, 1)

        for address in (server.address, net.dead_address(), "no such host:1"):
            for number in range(1000):
                client.tell(address, "beat", number)

        assert ran == []

    def test_beats_are_told_again_and_again(self, net: Net, server: Node, client: Link) -> None:
        client.pulse(lambda: [(server.address, "beat", 1)], ignore)

        net.wait_until(lambda: len(server.noticed) >= 3)

    def test_beats_go_to_those_that_are_there(self, net: Net, server: Node, client: Link) -> None:
        dead = net.dead_address()
        told = [(dead, "beat", 1), ("", "beat", 2), (server.address, "beat", 3)]
        client.pulse(lambda: told, ignore)

        net.wait_until(lambda: len(server.noticed) >= 2)

        assert set(server.noticed) == {3}

    def test_who_comes_later_hears_the_newest_beat(self, net: Net, client: Link) -> None:
        address, numbers = net.dead_address(), itertools.count()
        client.pulse(lambda: [(address, "beat", next(numbers))], ignore)
        net.wait_until(lambda: next(numbers) > 2)

        late = Node(net.link(address))
        net.wait_until(lambda: len(late.noticed) >= 2)

        assert late.noticed[0] > 2

    def test_a_connection_that_the_other_side_closed_is_told(
        self, net: Net, server: Node, client: Link
    ) -> None:
        closed: list[str] = []
        address = server.address
        client.pulse(lambda: [(address, "beat", 1)], closed.append)
        net.wait_until(lambda: bool(server.noticed))
        assert closed == []

        server.link.close()
        net.wait_until(lambda: bool(closed))

        assert set(closed) == {address}

    def test_a_link_that_is_closed_asks_for_no_more_beats(
        self, net: Net, server: Node, client: Link
    ) -> None:
        numbers = itertools.count()
        client.pulse(lambda: [(server.address, "beat", next(numbers))], ignore)
        net.wait_until(lambda: bool(server.noticed))

        client.close()
        asked = next(numbers)
        net.call(net.link(), server.address, "echo", timeout_s=5)
        with pytest.raises(Unreachable):
            net.call(net.link(), net.dead_address(), "echo", timeout_s=0.3)

        assert next(numbers) == asked + 1

    def test_a_link_that_was_closed_has_no_pulse(self, net: Net, client: Link) -> None:
        client.close()

        client.pulse(list, ignore)

    def test_where_nobody_listens_is_refused(self, net: Net, server: Node, client: Link) -> None:
        address = server.address
        before = client.refuses(address)
        server.link.close()

        net.wait_until(lambda: client.refuses(address))
        assert not before

    def test_a_link_that_is_reopened_is_reached_as_before(
        self, net: Net, server: Node, client: Link
    ) -> None:
        address = server.address
        net.call(client, address, "echo", 1)

        server.link.reopen()
        client.tell(address, "beat", 2)
        net.wait_until(lambda: server.noticed == [2])

        assert server.address == address
        assert net.call(net.link(), address, "echo", 3) == 3
        assert net.call(client, address, "echo", 4) == 4

    def test_what_was_never_open_or_is_closed_is_not_reopened(self, net: Net) -> None:
        link = net.link()
        link.reopen()
        link.open({}, {})
        address = link.address
        link.close()
        link.reopen()

        assert net.link().refuses(address)

    def test_who_is_forgotten_is_waited_for_no_more(
        self, net: Net, server: Node, client: Link
    ) -> None:
        caller = gevent.spawn(_outcome, client, server.address, "wait", 60)
        net.wait_until(lambda: bool(server.begun))

        client.forget(server.address)
        net.wait_until(caller.ready)

        assert isinstance(caller.value, Unreachable)

    def test_who_was_forgotten_can_be_called_again(
        self, net: Net, server: Node, client: Link
    ) -> None:
        net.call(client, server.address, "echo", 1)
        client.forget(server.address)
        client.forget(server.address)
        client.tell(server.address, "beat", 2)
        net.wait_until(lambda: server.noticed == [2])

        assert net.call(client, server.address, "echo", 3) == 3

    def test_calls_that_wait_end_when_the_link_closes(
        self, net: Net, server: Node, client: Link
    ) -> None:
        caller = gevent.spawn(_outcome, client, server.address, "wait", 60)
        net.wait_until(lambda: bool(server.begun))

        client.close()
        net.wait_until(caller.ready)

        assert isinstance(caller.value, Unreachable)

    def test_a_closed_link_reaches_nobody(self, net: Net, server: Node, client: Link) -> None:
        client.close()
        client.tell(server.address, "beat", 1)

        assert isinstance(_outcome(client, server.address, "echo", 60), Unreachable)

    def test_a_closed_link_is_reached_by_nobody(self, net: Net, server: Node, client: Link) -> None:
        address = server.address
        server.link.close()

        with pytest.raises(Unreachable):
            net.call(client, address, "echo", timeout_s=0.05)

    def test_closing_ends_the_handlers_that_run(self, net: Net, server: Node, client: Link) -> None:
        gevent.spawn(_outcome, client, server.address, "wait", 0.2)
        net.wait_until(lambda: bool(server.begun))

        server.link.close()
        server.release.set()
        gevent.idle()

        assert server.ended == []

    def test_a_handler_may_close_its_own_link(self, net: Net, client: Link) -> None:
        link, after = net.link(), []

        def close(origin: Origin, payload: object) -> None:
            link.close()
            after.append(payload)

        link.open({"stop": close}, {"stop": close})
        address = link.address
        client.tell(address, "stop", 1)
        net.wait_until(lambda: after == [1])

        with pytest.raises(Unreachable):
            net.call(client, address, "stop", 2, timeout_s=0.05)

    def test_it_may_be_closed_twice(self, server: Node) -> None:
        server.link.close()
        server.link.close()

    def test_it_may_be_closed_before_it_was_opened(self, net: Net) -> None:
        net.link().close()

    def test_an_address_is_free_again_after_the_close(
        self, net: Net, server: Node, client: Link
    ) -> None:
        address = server.address
        server.link.close()
        Node(net.link(address))

        assert net.call(client, address, "echo", 1) == 1

    def test_an_address_that_is_taken_is_refused(self, net: Net, server: Node) -> None:
        with pytest.raises(InvalidAddress, match="in use"):
            net.link(server.address).open({}, {})


def _outcome(link: Link, address: str, method: str, timeout_s: float) -> object:
    """Return what a call returns or raises."""
    try:
        return link.call(address, method, None, timeout_s)
    except Unreachable as error:
        return error
