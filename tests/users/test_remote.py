"""What stands for a user of another node: equal to it, and as good for sending."""

from dataclasses import FrozenInstanceError, replace

import pytest

from crowsg import throttle, users
from crowsg.errors import NotSendable
from tests.users.stations import Network, Station


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def here(network: Network) -> Station:
    return network.station("here")


@pytest.fixture
def there(network: Network) -> Station:
    return network.station("there")


def test_it_equals_the_user_either_way_round(here: Station, there: Station) -> None:
    user, _ = there.collect(5)
    reference = here.refer_to(user, there)

    assert reference == user
    assert user == reference
    assert {user, reference} == {user}


def test_it_equals_every_other_reference_to_the_user(here: Station, there: Station) -> None:
    user, _ = there.collect(5)

    assert len({here.refer_to(user, there), there.refer_to(user, there)}) == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"id": 6}, id="id"),
        pytest.param({"began_ns": 99}, id="run"),
        pytest.param({"node": "here"}, id="node"),
        pytest.param({"incarnation": 8}, id="incarnation"),
    ],
)
def test_it_differs_from_a_reference_to_anybody_else(
    here: Station, there: Station, change: dict[str, object]
) -> None:
    reference = here.refer_to(there.collect(5)[0], there)

    assert reference != replace(reference, **change)  # type: ignore[arg-type]


def test_it_differs_from_the_user_of_that_id_in_the_next_run(
    network: Network, here: Station, there: Station
) -> None:
    reference = here.refer_to(there.start(5, lambda: None), there)
    network.clock.advance(1)

    assert reference != there.collect(5)[0]


def test_it_differs_from_what_is_no_user(here: Station, there: Station) -> None:
    assert here.refer_to(there.collect(5)[0], there) != 5


def test_it_says_who_it_is(here: Station, there: Station) -> None:
    reference = here.refer_to(there.collect(5)[0], there)

    assert repr(reference) == "RemoteUser(id=5, began_ns=1, node='there', incarnation=7)"


def test_it_cannot_be_changed(here: Station, there: Station) -> None:
    reference = here.refer_to(there.collect(5)[0], there)

    with pytest.raises(FrozenInstanceError):
        reference.id = 6  # type: ignore[misc]


def test_a_throttle_sends_to_it(network: Network, here: Station, there: Station) -> None:
    user, received = there.collect(5)
    reference = here.refer_to(user, there)
    here.node.throttles.start("a", "1/s")

    def act() -> None:
        for number in range(9):
            throttle.send("a", (number, reference), to=reference)
        users.sleep(2.5)

    here.start(1, act)
    network.clock.advance(5)

    assert received == [(0, user), (1, user), (2, user)]


class TestSad:
    """What only the user's own node can do."""

    def test_it_cannot_be_stopped_from_here(self, here: Station, there: Station) -> None:
        reference = here.refer_to(there.collect(5)[0], there)

        with here.node, pytest.raises(NotSendable, match="lives on there: only users of this node"):
            users.stop(reference)

    def test_a_user_of_this_node_that_has_ended_is_left_alone(self, here: Station) -> None:
        reference = here.refer_to(here.start(5, lambda: None), here)

        with here.node:
            users.stop(reference)

    def test_what_cannot_be_sent_is_refused_before_it_is_queued(
        self, here: Station, there: Station
    ) -> None:
        reference = here.refer_to(there.collect(5)[0], there)

        with pytest.raises(NotSendable, match="is a set"):
            reference.send({1, 2})
        assert here.outbox.waiting == 0
