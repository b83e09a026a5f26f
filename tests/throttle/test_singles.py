"""Permits of a slow rate go one by one to where somebody waits."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from crowsg.rate import Rate
from crowsg.throttle.lease import Report
from crowsg.throttle.pacing import GRANULE_NS
from crowsg.throttle.singles import Account, Singles
from tests.throttle.cluster import MS, SECOND, most_beyond

TEN = Rate(10, per=1)


class Client:
    """One node's side of its account: what became of the permits it was given."""

    def __init__(self, waiting: int = 0) -> None:
        self.account = Account()
        self.waiting = waiting
        self.used = 0
        self.returned = 0
        self.say()

    @property
    def outstanding(self) -> int:
        return self.account.given - self.used - self.returned

    def say(self) -> bool:
        """Report, and return whether a permit came back with it."""
        report = Report(1, waiting=self.waiting, used=self.used, returned=self.returned)
        return self.account.note(report)

    def use(self) -> None:
        """Use the permit that is out, if any."""
        self.used += self.outstanding
        self.say()

    def give_back(self) -> bool:
        """Return the permit that is out, if any."""
        self.returned += self.outstanding
        return self.say()


def accounts(*clients: Client) -> dict[str, Account]:
    return {str(number): client.account for number, client in enumerate(clients)}


def test_nobody_wants_a_permit_before_it_reports() -> None:
    assert not Account().wants_one


@pytest.mark.parametrize(("waiting", "wants"), [(0, False), (1, True), (9, True)], ids=str)
def test_a_node_wants_a_permit_where_somebody_waits(waiting: int, wants: bool) -> None:
    assert Client(waiting).account.wants_one is wants


def test_a_node_wants_no_permit_while_one_is_on_its_way() -> None:
    client = Client(9)

    client.account.give(0)

    assert not client.account.wants_one


@pytest.mark.parametrize("way", [Client.use, Client.give_back], ids=["used", "returned"])
def test_a_node_wants_another_when_it_has_accounted_for_the_last(
    way: Callable[[Client], object],
) -> None:
    client = Client(9)
    client.account.give(0)

    way(client)

    assert client.account.wants_one


def test_an_account_remembers_when_the_last_permit_was_due() -> None:
    client = Client(1)

    client.account.give(70)
    client.account.give(90)

    assert (client.account.given, client.account.given_ns) == (2, 90)


def test_a_permit_comes_back_once_however_often_it_is_reported() -> None:
    client = Client(1)
    client.account.give(0)

    came_back = [client.give_back(), client.say(), client.say()]

    assert came_back == [True, False, False]


def test_a_permit_that_was_used_does_not_come_back() -> None:
    client = Client(1)
    client.account.give(0)
    client.used = 1

    assert not client.say()


def test_a_claim_is_raised_by_the_part_of_those_who_wait_and_paid_by_a_permit() -> None:
    client = Client(3)

    claims = [client.account.bid(6), client.account.bid(4)]
    client.account.give(0)

    assert [*claims, client.account.bid(12)] == [0.5, 1.25, 0.5]


def test_old_claims_keep_nobody_waiting() -> None:
    accounts = {"a": Account(), "b": Account()}
    singles = Singles(Rate(10, per=1), 0)
    for number in range(1, 700):
        for name, each in accounts.items():
            waiting = 1000 if name == "a" and number < 500 else 1
            each.note(Report(number, waiting=waiting, used=each.given))
        if number == 500:
            before = {name: each.given for name, each in accounts.items()}
        singles.hand_out(accounts, number * SECOND // 10)

    got = [accounts[name].given - before[name] for name in "ab"]
    assert got == pytest.approx([100, 100], abs=2)


def test_no_permit_is_given_where_nobody_waits() -> None:
    client = Client(0)

    Singles(TEN, 0).hand_out(accounts(client), SECOND)

    assert client.account.given == 0


def test_no_permit_is_given_before_it_is_due() -> None:
    client = Client(1)
    singles = Singles(TEN, 500)

    singles.hand_out(accounts(client), 499)
    before = client.account.given
    singles.hand_out(accounts(client), 500)

    assert (before, client.account.given, client.account.given_ns) == (0, 1, 500)


def test_the_next_permit_falls_due_a_period_after_the_last() -> None:
    client = Client(1)
    singles = Singles(TEN, 500)

    singles.hand_out(accounts(client), 500)

    assert singles.due_ns == 500 + 100 * MS


def test_a_node_that_has_not_accounted_for_its_permit_gets_no_other() -> None:
    client = Client(5)
    singles = Singles(TEN, 0)

    for step in range(50):
        singles.hand_out(accounts(client), step * 100 * MS)

    assert client.account.given == 1


def test_of_several_permits_that_are_due_each_goes_to_another_node() -> None:
    clients = [Client(5), Client(5)]
    singles = Singles(Rate(1000, per=1), 0)

    singles.hand_out(accounts(*clients), 5 * MS)

    assert [client.account.given for client in clients] == [1, 1]


def test_what_is_due_goes_to_another_while_one_node_is_silent() -> None:
    silent, other = Client(50), Client(1)
    singles = Singles(TEN, 0)

    for step in range(10):
        singles.hand_out(accounts(silent, other), step * 100 * MS)
        other.use()

    assert (silent.account.given, other.account.given) == (1, 9)


@pytest.mark.parametrize("seed", range(20))
def test_permits_are_handed_out_in_proportion_to_who_waits(seed: int) -> None:
    rng = random.Random(seed)
    clients = [Client(rng.randrange(0, 40)) for _ in range(rng.randrange(2, 6))]
    clients[0].waiting += 1
    clients[0].say()
    singles = Singles(TEN, 0)
    permits = 1000

    for step in range(permits):
        singles.hand_out(accounts(*clients), step * 100 * MS)
        for client in clients:
            client.use()

    all_waiting = sum(client.waiting for client in clients)
    fair = [permits * client.waiting / all_waiting for client in clients]
    assert [client.used for client in clients] == pytest.approx(fair, abs=len(clients))


def test_two_who_wait_alike_take_turns() -> None:
    clients = [Client(1), Client(1)]
    singles = Singles(TEN, 0)
    turns = []

    for step in range(20):
        singles.hand_out(accounts(*clients), step * 100 * MS)
        turns.append(clients[0].outstanding)
        for client in clients:
            client.use()

    assert all(before != after for before, after in pairwise(turns))


def wander(seed: int, rate: Rate) -> tuple[list[int], list[int], list[int]]:
    """Hand out by chance; return all due times, those of permits used, and what was outstanding."""
    rng = random.Random(seed)
    clients = [Client() for _ in range(rng.randrange(1, 5))]
    singles = Singles(rate, 0)
    handed_out: list[int] = []
    used: list[int] = []
    outstanding: list[int] = []
    now_ns = 0
    for _ in range(800):
        now_ns += rng.randrange(80 * MS)
        given = [client.account.given for client in clients]
        singles.hand_out(accounts(*clients), now_ns)
        changed = [c for c, before in zip(clients, given, strict=True) if c.account.given > before]
        handed_out += sorted(client.account.given_ns for client in changed)
        outstanding += [client.outstanding for client in clients]
        client = rng.choice(clients)
        client.waiting = rng.choice([0, 1, 20])
        if client.outstanding and rng.random() < 0.5:
            used.append(client.account.given_ns)
            client.use()
        elif client.give_back():
            singles.take_back(client.account)
    return handed_out, sorted(used), outstanding


@pytest.mark.parametrize("seed", range(20))
def test_due_times_never_run_backwards(seed: int) -> None:
    handed_out, _, _ = wander(seed, TEN)

    assert len(handed_out) > 100
    assert handed_out == sorted(handed_out)


@pytest.mark.parametrize("seed", range(20))
def test_at_most_one_permit_of_a_node_is_outstanding(seed: int) -> None:
    _, _, outstanding = wander(seed, TEN)

    assert set(outstanding) == {0, 1}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("per_second", [3, 19])
def test_no_window_holds_too_many_whatever_comes_back(per_second: int, seed: int) -> None:
    _, used, _ = wander(seed, Rate(per_second, per=1))

    assert len(used) > 50
    assert most_beyond(used, per_second) <= 1 + per_second * GRANULE_NS / SECOND + 1e-6


def test_a_permit_that_came_back_is_handed_out_again() -> None:
    first, second = Client(1), Client(0)
    singles = Singles(TEN, 0)
    singles.hand_out(accounts(first, second), 0)
    first.give_back()
    singles.take_back(first.account)
    first.waiting, second.waiting = 0, 1
    first.say(), second.say()

    singles.hand_out(accounts(first, second), 5 * MS)

    assert (second.account.given, second.account.given_ns, singles.lost_ns) == (1, 0, 0)


def returned_after_another() -> Singles:
    """Return singles where a permit came back after a later one was handed out."""
    first, second = Client(1), Client(1)
    singles = Singles(TEN, 0)
    singles.hand_out(accounts(first, second), 0)
    singles.hand_out(accounts(first, second), 100 * MS)
    first.give_back()
    singles.take_back(first.account)
    return singles


def test_a_permit_that_came_back_after_a_later_one_is_not_handed_out_again() -> None:
    assert returned_after_another().due_ns == 200 * MS


def test_a_permit_that_came_back_after_a_later_one_is_counted_as_lost() -> None:
    assert returned_after_another().lost_ns == 100 * MS


def test_of_two_permits_that_came_back_one_is_handed_out_again() -> None:
    first, second = Client(1), Client(1)
    singles = Singles(TEN, 0)
    singles.hand_out(accounts(first, second), 0)
    singles.hand_out(accounts(first, second), 100 * MS)

    for client in (second, first):
        client.give_back()
        singles.take_back(client.account)

    assert (singles.due_ns, singles.lost_ns) == (100 * MS, 100 * MS)


def test_a_permit_of_the_rate_before_is_not_handed_out_again() -> None:
    client = Client(1)
    singles = Singles(TEN, 0)
    singles.hand_out(accounts(client), 0)
    singles.change_rate(Rate(5, per=1), 0, 0)
    client.give_back()

    singles.take_back(client.account)

    assert (singles.due_ns, singles.lost_ns) == (200 * MS, 200 * MS)


def test_what_was_left_of_a_period_is_left_of_the_next() -> None:
    client = Client(1)
    singles = Singles(TEN, 0)
    singles.hand_out(accounts(client), 0)

    singles.change_rate(Rate(1, per=1), 50 * MS, 300 * MS)

    assert singles.due_ns == 800 * MS


def test_idle_time_earns_no_burst() -> None:
    client = Client(0)
    singles = Singles(TEN, 0)
    singles.hand_out(accounts(client), 60 * SECOND)
    client.waiting = 1
    client.say()

    for _ in range(5):
        singles.hand_out(accounts(client), 60 * SECOND)
        client.use()

    assert (client.used, singles.lost_ns) == (1, 0)


def test_time_that_goes_by_while_somebody_waits_is_counted_as_lost() -> None:
    singles = Singles(TEN, 0)

    singles.hand_out(accounts(Client(1)), 70 * MS)

    assert singles.lost_ns == 70 * MS - GRANULE_NS


def test_time_that_was_lost_before_still_counts() -> None:
    assert Singles(TEN, 0, 7).lost_ns == 7


def test_time_that_was_lost_still_counts_at_another_rate() -> None:
    singles = Singles(TEN, 0, 7)

    singles.change_rate(Rate(5, per=1), 0, 0)

    assert singles.lost_ns == 7
