"""Five ways to come by a permit."""

import pytest

from crowsg.rate import Rate
from crowsg.throttle.lease import FRESH_NS
from crowsg.throttle.pacing import Pacing
from crowsg.throttle.supply import Paced, Paused, Single, Slots, Supply, Unlimited

SECOND = 1_000_000_000


def slots(limit: int, held: int = 0) -> Slots:
    """Return slots of which some are out."""
    made = Slots()
    made.limit, made.held = limit, held
    return made


def single(given: int, due_ns: int = 0, used: int = 0) -> Single:
    """Return single permits of which some were used in time."""
    made = Single()
    for count in range(1, given + 1):
        made.give(count, due_ns)
        if count <= used:
            made.take(due_ns)
    return made


@pytest.mark.parametrize(
    "supply",
    [
        pytest.param(Unlimited(), id="unlimited"),
        pytest.param(slots(5), id="slots"),
        pytest.param(Paced(Pacing(Rate(1), 7)), id="paced"),
        pytest.param(single(1, due_ns=7), id="single"),
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
        pytest.param(single(0), id="none handed out"),
        pytest.param(single(3, due_ns=7, used=3), id="all used that were handed out"),
    ],
)
def test_there_is_no_permit(supply: Supply) -> None:
    assert supply.take(7) is None


@pytest.mark.parametrize(
    "supply",
    [Unlimited(), Paused(), slots(1), single(1)],
    ids=["unlimited", "paused", "slots", "single"],
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


@pytest.mark.parametrize("late_ns", [0, 1, FRESH_NS], ids=str)
def test_a_single_permit_that_is_fresh_tells_when_it_was_due(late_ns: int) -> None:
    assert single(1, due_ns=100).take(100 + late_ns) == 100


def test_a_single_permit_is_taken_once() -> None:
    supply = single(1)

    taken = [supply.take(0), supply.take(0)]

    assert (taken, supply.used, supply.returned) == ([0, None], 1, 0)


def test_a_single_permit_that_is_no_longer_fresh_is_returned_instead() -> None:
    supply = single(1)

    due_ns = supply.take(FRESH_NS + 1)

    assert (due_ns, supply.used, supply.returned) == (None, 0, 1)


@pytest.mark.parametrize(
    ("late_ns", "returned"), [(FRESH_NS, 0), (FRESH_NS + 1, 1)], ids=["fresh", "stale"]
)
def test_a_single_permit_is_returned_when_it_is_stale(late_ns: int, returned: int) -> None:
    supply = single(1, due_ns=5)

    supply.return_stale(5 + late_ns)

    assert supply.returned == returned


def test_a_single_permit_is_returned_once() -> None:
    supply = single(1)

    for late in range(1, 5):
        supply.return_stale(FRESH_NS + late)

    assert supply.returned == 1


def test_a_single_permit_that_was_used_is_not_returned() -> None:
    supply = single(2, used=2)

    supply.return_stale(60 * SECOND)

    assert (supply.used, supply.returned) == (2, 0)


def test_a_single_permit_put_back_can_be_taken_while_it_is_fresh() -> None:
    supply = single(1)
    supply.take(0)

    supply.put_back()

    assert (supply.take(FRESH_NS), supply.used) == (0, 1)


def test_a_single_permit_put_back_too_late_is_returned() -> None:
    supply = single(1)
    supply.take(0)
    supply.put_back()

    supply.return_stale(FRESH_NS + 1)

    assert (supply.used, supply.returned) == (0, 1)


def test_after_one_that_was_returned_the_next_single_permit_can_be_taken() -> None:
    supply = single(1)
    supply.return_stale(SECOND)
    supply.give(2, SECOND)

    taken = [supply.take(SECOND), supply.take(SECOND)]

    assert (taken, supply.used, supply.returned) == ([SECOND, None], 1, 1)


@pytest.mark.parametrize("given", [0, 1, 2], ids=["none", "one before", "the same again"])
def test_a_single_permit_that_was_told_already_is_no_other(given: int) -> None:
    supply = single(2, due_ns=100, used=1)

    supply.give(given, 500)

    assert (supply.take(100), supply.take(100)) == (100, None)


@pytest.mark.parametrize(
    ("supply", "patience_ns"),
    [
        pytest.param(Unlimited(), None, id="unlimited"),
        pytest.param(slots(1), None, id="slots"),
        pytest.param(Paced(Pacing(Rate(1), 0)), 10_000_000, id="paced"),
        pytest.param(single(1), 50_000_000, id="single"),
    ],
)
def test_a_permit_is_of_use_for_so_long(supply: Supply, patience_ns: int | None) -> None:
    assert supply.patience_ns == patience_ns
