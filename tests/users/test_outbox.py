"""Every message to a living user arrives once and in order, or its loss is counted."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from crowsg import users
from crowsg.errors import InvalidStatus, NotPackable, Refused, RemoteFault, Unreachable
from crowsg.users import outbox
from tests.users.stations import Faults, Network, Station


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def here(network: Network) -> Station:
    return network.station("here")


@pytest.fixture
def there(network: Network) -> Station:
    return network.station("there")


def always(error: Exception) -> Callable[..., None]:
    """Return the fate of failing so."""

    def fail(*_: Any) -> None:
        raise error

    return fail


def test_a_message_reaches_a_user_of_another_node(
    network: Network, here: Station, there: Station
) -> None:
    user, received = there.collect(5)

    here.refer_to(user, there).send(("hello", {"from": 1}))
    network.clock.advance(0)

    assert received == [("hello", {"from": 1})]


def test_users_of_two_nodes_talk_by_the_references_they_are_sent(
    network: Network, here: Station, there: Station
) -> None:
    answers: list[Any] = []

    def answer() -> None:
        asker, question = users.receive()
        asker.send((users.current(), asker, question + 1))

    other = here.refer_to(there.start(5, answer), there)

    def ask() -> None:
        other.send((users.current(), 41))
        who, me, answer = users.receive()
        answers.append((who == other, me is users.current(), answer))

    here.start(1, ask)
    network.clock.advance(0)

    assert answers == [(True, True, 42)]


@pytest.mark.parametrize("seed", range(30))
def test_all_messages_arrive_once_and_in_order_whatever_the_network_does(seed: int) -> None:
    network = Network()
    network.fate = Faults(network, seed)
    stations = {name: network.station(name) for name in ("a", "b")}
    readers = {"a": [1, 2], "b": [11, 12]}
    found = {name: [stations[name].collect(each) for each in readers[name]] for name in stations}

    def talk(sender: str, receiver: str) -> None:
        for number in range(20):
            for user, _ in found[receiver]:
                stations[sender].refer_to(user, stations[receiver]).send((sender, number))
            users.sleep(number % 3)

    for user_id, (sender, receiver) in enumerate([("a", "b"), ("b", "a")], 50):
        stations[sender].start(user_id, partial(talk, sender, receiver))
    network.clock.advance(60)
    network.clock.advance_until(lambda: not any(s.outbox.waiting for s in stations.values()), 1)

    assert {name: [received for _, received in everybody] for name, everybody in found.items()} == {
        "a": [[("b", number) for number in range(20)]] * 2,
        "b": [[("a", number) for number in range(20)]] * 2,
    }


def test_what_is_sent_without_a_pause_travels_together(
    network: Network, here: Station, there: Station
) -> None:
    reference = here.refer_to(there.collect(5)[0], there)

    for number in range(outbox.BATCH + 1):
        reference.send(number)
    network.clock.advance(0)

    assert network.batches == [outbox.BATCH, 1]


def test_large_messages_travel_one_by_one(network: Network, here: Station, there: Station) -> None:
    user, received = there.collect(5)

    for size in (3 << 20, 3 << 20, 1, 1):
        here.refer_to(user, there).send(b"a" * size)
    network.clock.advance(0)

    assert network.batches == [1, 1, 2]
    assert list(map(len, received)) == [3 << 20, 3 << 20, 1, 1]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Unreachable("there", "mail", 2), id="unreachable"),
        pytest.param(Refused("unknown", "who are you?"), id="not known yet"),
        pytest.param(Refused("stale", "after its deadline"), id="late"),
        pytest.param(RemoteFault("Busy: 1000 calls are being answered already"), id="busy"),
    ],
)
def test_a_batch_that_may_not_have_been_taken_is_repeated_with_pauses(
    network: Network, here: Station, there: Station, error: Exception
) -> None:
    user, received = there.collect(5)
    fate, network.fate = network.fate, always(error)
    here.refer_to(user, there).send("a")
    network.clock.advance(outbox.PAUSE_S * 9.5)
    attempts = len(network.batches)

    network.fate = fate
    network.clock.advance(outbox.PAUSE_S)

    assert (received, attempts) == (["a"], 10)


def test_nobody_looks_after_a_route_without_mail(
    network: Network, here: Station, there: Station
) -> None:
    spawned: list[Any] = []

    def spawn(*call: Any) -> None:
        spawned.append(here.node.spawn(*call))

    sender = outbox.Outbox(
        here.outbox.own,
        network.clock,
        spawn,
        lambda *call: network.deliver(here, *call),
        network.is_reachable,
    )
    address = here.refer_to(there.collect(5)[0], there).address
    for _ in range(2):
        sender.send(address, "a")
        sender.send(address, "b")
        network.clock.advance(0)

    assert [greenlet.dead for greenlet in spawned] == [True, True]


def test_a_node_that_is_back_within_its_life_takes_what_is_sent_then(
    network: Network, here: Station, there: Station
) -> None:
    user, received = there.collect(5)
    reference = here.refer_to(user, there)
    reference.send("before")
    network.clock.advance(0)
    there.is_up = False
    network.clock.advance(1)

    there.is_up = True
    reference.send("after")
    network.clock.advance(0)

    assert received == ["before", "after"]


class TestSad:
    """Nodes that are gone, slow or at fault."""

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param({"is_up": False}, id="down"),
            pytest.param({"incarnation": 8}, id="in its next life"),
        ],
    )
    def test_a_node_that_is_not_up_is_sent_nothing(
        self, here: Station, there: Station, change: dict[str, Any]
    ) -> None:
        reference = here.refer_to(there.collect(5)[0], there)
        for name, value in change.items():
            setattr(there, name, value)

        with pytest.raises(Unreachable, match="there did not answer a message to user 5"):
            reference.send("a")
        assert here.outbox.waiting == 0

    def test_no_more_messages_wait_than_may(
        self, monkeypatch: pytest.MonkeyPatch, network: Network, here: Station, there: Station
    ) -> None:
        monkeypatch.setattr(outbox, "MAX_WAITING", 3)
        network.fate = always(Unreachable("there", "mail", 2))
        reference = here.refer_to(there.collect(5)[0], there)
        for _ in range(3):
            reference.send("a")
        network.clock.advance(4)

        with pytest.raises(Unreachable, match="there did not answer 3 messages within 4 s"):
            reference.send("a")

    def test_no_more_bytes_wait_than_may(self, here: Station, there: Station) -> None:
        reference = here.refer_to(there.collect(5)[0], there)
        for _ in range(21):
            reference.send(b"a" * (3 << 20))

        with pytest.raises(Unreachable, match="there did not answer 21 messages"):
            reference.send(b"a" * (3 << 20))

    @pytest.mark.parametrize(("bound", "most"), [("MAX_WAITING", 3), ("MAX_WAITING_OCTETS", 9)])
    def test_there_is_room_again_when_messages_were_taken(
        self,
        monkeypatch: pytest.MonkeyPatch,
        network: Network,
        here: Station,
        there: Station,
        bound: str,
        most: int,
    ) -> None:
        monkeypatch.setattr(outbox, bound, most)
        user, received = there.collect(5)

        for _ in range(2):
            for text in ("a", "b", "c"):
                here.refer_to(user, there).send(text)
            network.clock.advance(0)

        assert received == ["a", "b", "c"] * 2

    def test_there_is_room_again_when_mail_was_dropped(
        self, monkeypatch: pytest.MonkeyPatch, network: Network, here: Station, there: Station
    ) -> None:
        monkeypatch.setattr(outbox, "MAX_WAITING_OCTETS", 5)
        user, received = there.collect(5)
        fate, network.fate = network.fate, always(Unreachable("there", "mail", 2))
        here.refer_to(user, there).send("lost")
        network.clock.advance(1)
        there.is_up = False
        network.clock.advance(1)

        there.is_up, network.fate = True, fate
        here.refer_to(user, there).send("next")
        network.clock.advance(0)

        assert received == ["next"]

    def test_a_full_route_tells_since_when_it_has_not_moved(
        self, monkeypatch: pytest.MonkeyPatch, network: Network, here: Station, there: Station
    ) -> None:
        monkeypatch.setattr(outbox, "BATCH", 1)
        monkeypatch.setattr(outbox, "MAX_WAITING", 2)
        reference = here.refer_to(there.collect(5)[0], there)
        network.clock.advance(10)
        network.fate = lambda *_: network.clock.sleep(3)
        reference.send("taken after 3 s")
        reference.send("taken after 6 s")
        network.clock.advance(5)
        reference.send("waits")

        with pytest.raises(Unreachable, match="did not answer 2 messages within 2 s"):
            reference.send("too many")

    def test_an_idle_time_is_no_part_of_it(
        self, monkeypatch: pytest.MonkeyPatch, network: Network, here: Station, there: Station
    ) -> None:
        monkeypatch.setattr(outbox, "MAX_WAITING", 1)
        reference = here.refer_to(there.collect(5)[0], there)
        reference.send("taken")
        network.clock.advance(10)
        network.fate = always(Unreachable("there", "mail", 2))
        reference.send("waits")
        network.clock.advance(4)

        with pytest.raises(Unreachable, match="did not answer 1 messages within 4 s"):
            reference.send("too many")

    def test_mail_to_a_node_that_goes_is_dropped_counted_and_reported_once(
        self, caplog: pytest.LogCaptureFixture, network: Network, here: Station, there: Station
    ) -> None:
        network.fate = always(Unreachable("there", "mail", 2))
        reference = here.refer_to(there.collect(5)[0], there)
        for number in range(outbox.BATCH + 2):
            reference.send(number)
        network.clock.advance(1)

        there.is_up = False
        with caplog.at_level(logging.WARNING):
            network.clock.advance(1)

        assert (here.outbox.undelivered, here.outbox.waiting) == (outbox.BATCH + 2, 0)
        assert [record.getMessage() for record in caplog.records] == [
            f"{outbox.BATCH + 2} messages to users on there are lost: the node is gone"
        ]

    @pytest.mark.parametrize(
        "error",
        [
            pytest.param(RemoteFault("ValueError"), id="fault"),
            pytest.param(NotPackable("too large"), id="not packable"),
            pytest.param(Refused("malformed", "no mail"), id="malformed"),
            pytest.param(InvalidStatus("idle", "mail"), id="an error of the node"),
        ],
    )
    def test_a_batch_that_never_will_be_taken_is_given_up_and_the_next_one_goes(
        self, network: Network, here: Station, there: Station, error: Exception
    ) -> None:
        user, received = there.collect(5)
        fate, network.fate = network.fate, always(error)
        here.refer_to(user, there).send("lost")
        network.clock.advance(0)

        network.fate = fate
        here.refer_to(user, there).send("next")
        network.clock.advance(0)

        assert (received, here.outbox.undelivered) == (["next"], 1)

    def test_a_user_that_has_ended_gets_nothing_and_nobody_is_told(
        self, network: Network, here: Station, there: Station
    ) -> None:
        reference = here.refer_to(there.start(5, lambda: None), there)

        reference.send("a")
        network.clock.advance(0)

        assert (here.outbox.waiting, here.outbox.undelivered, there.inbox.dropped) == (0, 0, 1)

    def test_one_silent_node_does_not_hold_up_another(
        self, network: Network, here: Station, there: Station
    ) -> None:
        third = network.station("third")
        user, received = third.collect(9)

        def fate(receiver: Station, hand_over: Callable[[], None], timeout_s: float) -> None:
            if receiver is there:
                network.clock.sleep(timeout_s)
                raise Unreachable("there", "mail", timeout_s)
            hand_over()

        network.fate = fate
        here.refer_to(there.collect(5)[0], there).send("stuck")
        here.refer_to(user, third).send("a")
        network.clock.advance(0)

        assert received == ["a"]
