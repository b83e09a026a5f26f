"""The largest of all promises that may still be in use counts."""

import random

import pytest

from crowsg.throttle.promises import Promise, Promises


def promised(*promises: Promise) -> Promises:
    made = Promises()
    for each in promises:
        made.make(each)
    return made


def of_parts(sequence: int, parts: int, ends_ns: int | None = None, change: int = 1) -> Promise:
    return Promise(sequence, change, parts, 0, ends_ns)


def of_slots(sequence: int, slots: int, ends_ns: int | None = None) -> Promise:
    return Promise(sequence, 1, 0, slots, ends_ns)


def test_to_whom_nothing_was_promised_nothing_is_out() -> None:
    promises = Promises()

    assert (promises.parts, promises.slots, promises.next_end_ns) == (0, 0, None)


@pytest.mark.parametrize("order", [(5, 9, 2), (9, 2, 5), (2, 5, 9)], ids=str)
def test_the_largest_of_the_open_promises_counts(order: tuple[int, ...]) -> None:
    parts = promised(*(of_parts(n, units) for n, units in enumerate(order, 1)))
    slots = promised(*(of_slots(n, units) for n, units in enumerate(order, 1)))

    assert (parts.parts, slots.slots) == (9, 9)


def test_a_confirmed_promise_ends_those_before_it() -> None:
    promises = promised(of_parts(1, 9), of_parts(2, 5))

    promises.confirm(2, 0)

    assert promises.parts == 5


def test_a_confirmed_promise_still_holds() -> None:
    promises = promised(of_parts(1, 9), of_parts(2, 5))

    promises.confirm(1, 0)

    assert promises.parts == 9


def test_a_promise_after_the_confirmed_one_may_be_in_use() -> None:
    promises = promised(of_parts(1, 2), of_parts(2, 3), of_parts(3, 9))

    promises.confirm(2, 0)

    assert promises.parts == 9


def test_a_promise_that_ran_out_counts_no_more() -> None:
    promises = promised(of_parts(1, 9, 100), of_parts(2, 5, 200))

    promises.forget(100)

    assert promises.parts == 5


def test_all_promises_that_ran_out_meanwhile_count_no_more() -> None:
    promises = promised(of_parts(1, 9, 100), of_parts(2, 5, 200), of_parts(3, 1, 300))

    promises.forget(250)

    assert promises.parts == 1


def test_a_promise_counts_until_it_has_run_out() -> None:
    promises = promised(of_parts(1, 9, 100))

    promises.forget(99)

    assert promises.parts == 9


def test_a_promise_for_ever_does_not_run_out() -> None:
    promises = promised(of_parts(1, 9, None))

    promises.forget(10**18)

    assert promises.parts == 9


def test_slots_of_a_promise_that_ran_out_stay_out_until_the_node_says() -> None:
    promises = promised(of_slots(1, 7, 100))
    promises.confirm(1, 3)
    promises.forget(100)
    before = promises.slots

    promises.make(of_slots(2, 1, 400))
    promises.confirm(2, 2)

    assert (before, promises.slots) == (7, 2)


def test_of_several_promises_that_ran_out_the_most_slots_stay_out() -> None:
    promises = promised(of_slots(1, 7, 100), of_slots(2, 2, 100))

    promises.forget(100)

    assert promises.slots == 7


def test_slots_that_are_out_count_beyond_what_is_promised() -> None:
    promises = promised(of_slots(1, 9), of_slots(2, 1))

    promises.confirm(2, 6)

    assert promises.slots == 6


def test_slots_that_are_promised_count_beyond_those_that_are_out() -> None:
    promises = promised(of_slots(1, 4))

    promises.confirm(1, 0)

    assert promises.slots == 4


@pytest.mark.parametrize(
    ("change", "behind"), [(2, False), (3, True)], ids=["the last rate", "an older rate"]
)
def test_a_node_is_behind_while_it_may_go_by_an_older_rate(change: int, behind: bool) -> None:
    promises = promised(of_parts(1, 5, change=2), of_parts(2, 5, change=3))
    promises.confirm(1, 0)

    assert promises.is_behind(change) is behind


@pytest.mark.parametrize("way", ["confirmed", "run out"])
def test_a_node_is_behind_no_more_when_older_promises_are_gone(way: str) -> None:
    promises = promised(of_parts(1, 5, 100, change=1), of_parts(2, 5, 200, change=2))

    if way == "confirmed":
        promises.confirm(2, 0)
    else:
        promises.forget(100)

    assert not promises.is_behind(2)


def test_the_next_end_is_that_of_the_oldest_open_promise() -> None:
    promises = promised(of_parts(1, 5, 100), of_parts(2, 5, 200), of_parts(3, 5, 300))
    promises.forget(100)

    assert promises.next_end_ns == 200


@pytest.mark.parametrize("seed", range(20))
def test_the_promise_a_node_goes_by_is_always_covered(seed: int) -> None:
    rng = random.Random(seed)
    promises = Promises()
    made: list[Promise] = []
    confirmed = 0

    for now_ns in range(1, 400):
        # Renewed now and then, told or lost; the node confirms any one from the last on.
        if rng.random() < 0.3:
            made.append(Promise(len(made) + 1, 1, rng.randrange(100), 0, now_ns + 40))
            promises.make(made[-1])
        if made and rng.random() < 0.2:
            confirmed = rng.randrange(confirmed, len(made) + 1)
            promises.confirm(confirmed, 0)
        promises.forget(now_ns)

        open_ones = [each for each in made[max(0, confirmed - 1) :] if (each.ends_ns or 0) > now_ns]
        assert promises.parts == max((each.parts for each in open_ones), default=0)


def test_a_confirmation_of_what_was_never_promised_ends_all_that_was() -> None:
    promises = promised(of_parts(1, 9), of_parts(2, 5))

    promises.confirm(99, 0)

    assert promises.parts == 0


def test_a_confirmation_of_what_is_gone_already_ends_nothing() -> None:
    promises = promised(of_parts(1, 9), of_parts(2, 5))
    promises.confirm(2, 0)

    promises.confirm(1, 0)

    assert promises.parts == 5


def test_a_report_older_than_what_ran_out_does_not_free_its_slots() -> None:
    promises = Promises()
    promises.make(Promise(1, 1, 0, 5, 300))
    promises.forget(400)

    promises.confirm(1, 0)

    assert promises.slots == 5


def test_what_ran_out_is_free_once_a_later_promise_is_confirmed() -> None:
    promises = Promises()
    promises.make(Promise(1, 1, 0, 5, 300))
    promises.forget(400)
    promises.make(Promise(2, 1, 0, 2, 700))

    promises.confirm(2, 1)

    assert promises.slots == 2
