"""Runs that were taken back before they came."""

from typing import Any

import pytest

from crowsg.cluster.exchange import Sender
from crowsg.cluster.link import Origin
from crowsg.dist.drops import MAX_MASTERS, Drops
from crowsg.errors import Refused


def sender(name: str = "a@test", incarnation: int = 1) -> Sender:
    return Sender(name, incarnation, "10.0.0.1:4000", "run", Origin())


@pytest.fixture
def drops() -> Drops:
    return Drops()


def test_what_was_brought_before_it_was_taken_back_is_refused(drops: Drops) -> None:
    drops.note(sender(), 7)

    with pytest.raises(Refused, match="taken back"):
        drops.refuse(sender(), 6)


def test_what_is_brought_afterwards_is_not(drops: Drops) -> None:
    drops.note(sender(), 7)

    drops.refuse(sender(), 8)


def test_the_last_order_counts_in_whatever_order_they_come(drops: Drops) -> None:
    drops.note(sender(), 7)
    drops.note(sender(), 3)

    with pytest.raises(Refused):
        drops.refuse(sender(), 6)


@pytest.mark.parametrize("other", [sender("b@test"), sender(incarnation=2)], ids=["node", "life"])
def test_another_master_is_not_meant(drops: Drops, other: Sender) -> None:
    drops.note(sender(), 7)

    drops.refuse(other, 6)


def test_only_the_last_masters_are_remembered(drops: Drops) -> None:
    for incarnation in range(MAX_MASTERS + 1):
        drops.note(sender(incarnation=incarnation), 7)

    drops.refuse(sender(incarnation=0), 6)
    with pytest.raises(Refused):
        drops.refuse(sender(incarnation=1), 6)


@pytest.mark.parametrize("number", [None, "1", 1.5, True], ids=repr)
def test_what_is_no_number_is_refused(drops: Drops, number: Any) -> None:
    for take in (drops.note, drops.refuse):
        with pytest.raises(Refused, match="no number"):
            take(sender(), number)
