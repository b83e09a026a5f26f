"""Each batch is taken once, by the users that live; a faulty one changes nothing."""

from typing import Any

import pytest

from crowsg.users.wire import to_wire
from tests.users.stations import Network, Station


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def here(network: Network) -> Station:
    return network.station("here")


def batch(number: Any, *letters: tuple[int, Any], began_ns: int = 1) -> dict[str, Any]:
    """Return a batch of messages for the users of these ids."""
    mail = [[user_id, began_ns, to_wire(message, ("there", 1))] for user_id, message in letters]
    return {"number": number, "mail": mail}


def test_messages_reach_their_users_in_order(network: Network, here: Station) -> None:
    _, first = here.collect(1)
    _, second = here.collect(2)

    here.inbox.deliver("there", 1, batch(1, (1, "a"), (2, "b"), (1, "c")))
    network.clock.advance(0)

    assert (first, second) == (["a", "c"], ["b"])


@pytest.mark.parametrize("number", [1, 2])
def test_a_batch_of_a_number_that_was_taken_is_taken_no_more(
    network: Network, here: Station, number: int
) -> None:
    _, received = here.collect(1)
    here.inbox.deliver("there", 1, batch(2, (1, "a")))

    here.inbox.deliver("there", 1, batch(number, (1, "again")))
    network.clock.advance(0)

    assert received == ["a"]


@pytest.mark.parametrize("sender", [("other", 1), ("there", 2)])
def test_every_life_of_every_node_has_numbers_of_its_own(
    network: Network, here: Station, sender: tuple[str, int]
) -> None:
    _, received = here.collect(1)
    here.inbox.deliver("there", 1, batch(1, (1, "a")))

    here.inbox.deliver(*sender, batch(1, (1, "b")))
    network.clock.advance(0)

    assert received == ["a", "b"]


def test_a_user_of_this_node_comes_home_as_itself(network: Network, here: Station) -> None:
    user, received = here.collect(1)
    reference = here.refer_to(user, here)

    here.inbox.deliver("there", 1, batch(1, (1, [reference])))
    network.clock.advance(0)

    assert received[0][0] is user


def test_a_user_that_has_ended_comes_home_as_a_reference_that_sends_nothing(
    network: Network, here: Station
) -> None:
    _, received = here.collect(1)
    ended = here.start(2, lambda: None)

    here.inbox.deliver("there", 1, batch(1, (1, [here.refer_to(ended, here)])))
    network.clock.advance(0)
    received[0][0].send("unread")

    assert received == [[ended]]
    assert (here.outbox.waiting, here.outbox.undelivered) == (0, 0)


class TestSad:
    """Users that are gone, and batches that are none."""

    def test_messages_for_nobody_are_dropped_and_counted(
        self, network: Network, here: Station
    ) -> None:
        _, received = here.collect(1)
        here.start(2, lambda: None)

        here.inbox.deliver("there", 1, batch(1, (2, "ended"), (3, "unknown"), (1, "a")))
        network.clock.advance(0)

        assert (received, here.inbox.dropped) == (["a"], 2)

    def test_a_message_for_a_user_of_the_last_run_does_not_reach_that_of_this_run(
        self, network: Network, here: Station
    ) -> None:
        here.start(1, lambda: None)
        network.clock.advance(1)
        _, received = here.collect(1)

        here.inbox.deliver("there", 1, batch(1, (1, "late")))
        network.clock.advance(0)

        assert (received, here.inbox.dropped) == ([], 1)

    @pytest.mark.parametrize(
        "body",
        [
            *(None, [], {}, b"", {"number": 1}, {"mail": []}, {"number": 1, "mail": {}}),
            *({"number": number, "mail": []} for number in (0, -1, True, 1.0, "1", None)),
            {"number": 1, "mail": [None]},
            {"number": 1, "mail": ["abc"]},
            {"number": 1, "mail": [[1, b"\x01"]]},
            {"number": 1, "mail": [[1, 1, "text"]]},
            {"number": 1, "mail": [[True, 1, b"\x01"]]},
            {"number": 1, "mail": [[1, 1, b"\xc1"]]},
        ],
        ids=repr,
    )
    def test_what_is_no_batch_is_refused(self, here: Station, body: Any) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - all of them, and nothing but
            here.inbox.deliver("there", 1, body)

    def test_a_batch_with_a_fault_is_not_taken_in_part(
        self, network: Network, here: Station
    ) -> None:
        _, received = here.collect(1)
        faulty = batch(1, (1, "a"))
        faulty["mail"].append([1, 1, b"\xc1"])

        with pytest.raises(ValueError, match="no message: FormatError"):
            here.inbox.deliver("there", 1, faulty)
        here.inbox.deliver("there", 1, batch(1, (1, "b")))
        network.clock.advance(0)

        assert received == ["b"]
