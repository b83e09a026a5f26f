"""Four ways to come by a permit."""

import pytest

from crowsg.rate import Rate
from crowsg.throttle.pacing import Pacing
from crowsg.throttle.supply import Paced, Paused, Slots, Supply, Unlimited

SECOND = 1_000_000_000


def slots(limit: int, held: int = 0) -> Slots:
    """Return slots of which some are out."""
    made = Slots()
    made.limit, made.held = limit, held
    return made


@pytest.mark.parametrize(
    "supply",
    [
        pytest.param(Unlimited(), id="unlimited"),
        pytest.param(slots(5), id="slots"),
        pytest.param(Paced(Pacing(Rate(1), 7)), id="paced"),
    ],
)
def test_a_permit_that_is_there_is_due_now(supply: Supply) -> None:
    assert supply.take(7) == 7


@pytest.mark.parametrize(
    "supply",
    [
        pytest.param(Paused(), id="paused"),
        pytest.param(slots(5, held=5), id="all slots out"),
        pytest.param(slots(5, held=9), id="more slots out than the limit"),
        pytest.param(slots(0), id="no slots"),
        pytest.param(Paced(Pacing(Rate(1), 8)), id="paced"),
    ],
)
def test_there_is_no_permit(supply: Supply) -> None:
    assert supply.take(7) is None


@pytest.mark.parametrize(
    "supply", [Unlimited(), Paused(), slots(1)], ids=["unlimited", "paused", "slots"]
)
def test_no_time_brings_a_permit_where_time_does_not_count(supply: Supply) -> None:
    supply.rest(SECOND)

    assert supply.next_ns() is None


def test_a_paced_supply_tells_when_the_next_permit_falls_due() -> None:
    supply = Paced(Pacing(Rate(10, per=1), 0))

    supply.take(0)

    assert supply.next_ns() == SECOND // 10


def test_a_paced_permit_put_back_is_the_next_one() -> None:
    supply = Paced(Pacing(Rate(10, per=1), 0))
    supply.take(0)

    supply.put_back()

    assert supply.next_ns() == 0


def test_a_paced_supply_earns_nothing_while_nobody_asks() -> None:
    supply = Paced(Pacing(Rate(100, per=1), 0))

    supply.rest(60 * SECOND)

    taken = [supply.take(60 * SECOND) for _ in range(4)]
    assert [due is not None for due in taken] == [True, True, False, False]


def test_a_slot_that_is_taken_is_out() -> None:
    supply = slots(2)

    supply.take(0)

    assert supply.held == 1


def test_a_slot_that_is_not_given_is_not_out() -> None:
    supply = slots(2, held=2)

    supply.take(0)

    assert supply.held == 2


def test_a_slot_put_back_can_be_taken_again() -> None:
    supply = slots(1, held=1)

    supply.put_back()

    assert supply.take(3) == 3


@pytest.mark.parametrize(
    ("supply", "due_ns"), [(Unlimited(), 5), (Paused(), None)], ids=["unlimited", "paused"]
)
def test_putting_back_changes_nothing_where_permits_do_not_count(
    supply: Supply, due_ns: int | None
) -> None:
    supply.put_back()

    assert supply.take(5) == due_ns
