"""Many nodes, one rate: whatever the network does, shares add up and no window holds too many."""

import random
from collections.abc import Iterator

import gevent
import pytest

from crowsg.rate import Rate
from crowsg.throttle.lease import NOTHING, TTL_NS, WHOLE, Report, Terms
from crowsg.throttle.leases import Leases
from crowsg.throttle.pacing import GRANULE_NS
from tests.throttle.cluster import MS, SECOND, Cluster, Node, most_beyond

GRANULE_S = GRANULE_NS / SECOND


def per_second(rate: Rate) -> float:
    return rate.permits * SECOND / rate.interval_ns


def parts_in_use(cluster: Cluster) -> int:
    terms = (node.gate.terms for node in cluster.nodes)
    return sum(each.units for each in terms if not each.rate.is_parallel)


def steps(cluster: Cluster, seconds: float) -> Iterator[None]:
    for _ in range(round(seconds * 200)):
        cluster.run(0.005, 1_000_000)
        yield


@pytest.mark.parametrize("seed", range(40))
def test_no_window_over_the_cluster_holds_too_many(seed: int) -> None:
    rng = random.Random(seed)
    rate = rng.choice(
        [Rate(n, per=1) for n in (1, 3, 19, 21, 50, 300, 2000)] + [Rate(40), Rate(700)]
    )
    count = rng.randrange(1, 6)
    # A slow rate keeps the bound where ways are shorter than the limit of singles.py.
    slowest_ns = rng.choice([MS, 5 * MS, 25 * MS] + [150 * MS] * (per_second(rate) >= 20))
    cluster = Cluster(rate, count, seed, slowest_ns, rng.choice([0.0, 0.1, 0.3]))
    for node in cluster.nodes:
        node.loop(rng.choice([0, 1, 5, 40]))

    for _ in range(6):
        cluster.run(0.7)
        rng.choice(cluster.nodes).loop(rng.choice([1, 20]))
        cluster.network.cut_off = {n.name for n in cluster.nodes if rng.random() < 0.2}

    beyond = most_beyond(cluster.stamps, per_second(rate))
    assert beyond <= per_second(rate) * GRANULE_S + count + 1e-6


@pytest.mark.parametrize("seed", range(20))
def test_shares_in_use_never_add_up_to_more_than_the_whole(seed: int) -> None:
    rng = random.Random(seed)
    cluster = Cluster(Rate(500, per=1), 4, seed, 40 * MS, 0.2)
    for node in cluster.nodes:
        node.loop(rng.choice([0, 1, 30]))

    for _ in steps(cluster, 3):
        if rng.random() < 0.02:
            rng.choice(cluster.nodes).loop(rng.randrange(1, 60))
        if rng.random() < 0.02:
            cluster.network.cut_off = {n.name for n in cluster.nodes if rng.random() < 0.3}

        assert parts_in_use(cluster) <= WHOLE


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("users", [(40, 40, 40), (200, 3, 0), (1, 1, 1)], ids=str)
@pytest.mark.parametrize("rate", [30, 300, 3000])
def test_while_permits_are_wanted_the_mean_is_reached(
    rate: int, users: tuple[int, ...], seed: int
) -> None:
    cluster = Cluster(Rate(rate, per=1), 3, seed)
    for node, count in zip(cluster.nodes, users, strict=True):
        node.loop(count)
    cluster.run(1)

    cluster.run(3)

    assert cluster.between(1, 4) >= 0.995 * rate * 3 - 3


@pytest.mark.parametrize("rate", [2, 10, 19])
def test_a_slow_rate_is_reached_too(rate: int) -> None:
    cluster = Cluster(Rate(rate, per=1), 3)
    for node in cluster.nodes:
        node.loop(5)

    cluster.run(10)

    assert cluster.between(0, 10) == pytest.approx(rate * 10, abs=1)


def test_a_slow_rate_does_not_stand_still_between_nodes_that_are_far_apart() -> None:
    cluster = Cluster(Rate(5, per=1), 2, slowest_ns=80 * MS, quickest_ns=70 * MS)
    for node in cluster.nodes:
        node.loop(5)

    cluster.run(10)

    assert cluster.between(2, 10) == pytest.approx(40, abs=2)


def test_permits_go_where_users_wait() -> None:
    cluster = Cluster(Rate(1000, per=1), 2)
    cluster.nodes[0].loop(90)
    cluster.nodes[1].loop(10)
    cluster.run(1)

    cluster.run(4)

    first, second = (sum(s > SECOND for s in node.stamps) for node in cluster.nodes)
    assert first / (first + second) == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("rate", [Rate(5, per=1), Rate(1000, per=1), Rate.parallel(3)], ids=str)
def test_one_who_begins_to_wait_on_a_node_that_had_nothing_need_not_wait_long(rate: Rate) -> None:
    cluster = Cluster(rate, 2)
    if not rate.is_parallel:
        cluster.nodes[0].loop(10)
    cluster.run(2)
    began_ns = cluster.clock.now_ns()

    gevent.spawn(cluster.nodes[1].wait_once)
    cluster.run(2.5)

    assert cluster.nodes[1].stamps[0] - began_ns < 300 * MS + 11 * SECOND / 5 * (rate.permits == 5)


@pytest.mark.parametrize("seed", range(10))
def test_after_a_pause_returned_nothing_is_granted(seed: int) -> None:
    rng = random.Random(seed)
    cluster = Cluster(Rate(2000, per=1), 3, seed, rng.choice([MS, 30 * MS]), 0.2)
    for node in cluster.nodes:
        node.loop(20)
    cluster.run(0.5)
    cluster.network.cut_off = {cluster.nodes[0].name} if seed % 2 else set()
    returned: list[int] = []

    def pause() -> None:
        cluster.process.pause()
        returned.append(cluster.clock.now_ns())

    gevent.spawn(pause)
    cluster.run(2)

    assert len(returned) == 1
    assert returned[0] <= 0.5 * SECOND + TTL_NS + 100 * MS
    assert not [stamp for stamp in cluster.stamps if stamp > returned[0] + GRANULE_NS]


@pytest.mark.parametrize("seed", range(20))
def test_over_changes_the_highest_rate_is_the_bound(seed: int) -> None:
    rng = random.Random(seed)
    rates = [Rate(n, per=1) for n in (5, 15, 25, 200, 1000)]
    cluster = Cluster(rates[0], 3, seed, rng.choice([MS, 30 * MS]), 0.1)
    for node in cluster.nodes:
        node.loop(rng.choice([1, 30]))
    changes = [(0, 5)]

    def change() -> None:
        rate = rng.choice(rates)
        changes.append((cluster.clock.now_ns(), int(rate.permits)))
        cluster.process.change_rate(rate)
        changes.append((cluster.clock.now_ns(), int(rate.permits)))

    for _ in range(10):
        greenlet = gevent.spawn(change)
        cluster.run(rng.uniform(0.05, 0.6))
        # One after the other: of two changes at once nobody could say which is in force.
        for _ in range(20):
            if not greenlet.dead:
                cluster.run(0.05)

    cluster.run(0.6)
    moments = [moment for moment, _ in changes] + [cluster.clock.now_ns()]
    assert len(changes) == 21
    for index in range(0, len(changes) - 1, 2):
        in_force = max(changes[max(0, index - 1)][1], changes[index][1])
        inside = [s for s in cluster.stamps if moments[index] <= s < moments[index + 1]]
        assert most_beyond(inside, in_force) <= in_force * GRANULE_S + 4 + 1e-6


def test_a_rate_is_set_when_every_node_goes_by_it() -> None:
    cluster = Cluster(Rate(100, per=1), 3, slowest_ns=50 * MS)
    cluster.run(0.5)
    seen: list[Rate] = []

    def change() -> None:
        cluster.process.change_rate(Rate(200, per=1))
        seen.extend(node.gate.terms.rate for node in cluster.nodes)

    gevent.spawn(change)
    cluster.run(0.5)

    assert seen == [Rate(200, per=1)] * 3


@pytest.mark.parametrize("rate", [Rate(1000, per=1), Rate(5, per=1), Rate.UNLIMITED], ids=str)
def test_a_node_that_is_cut_off_grants_nothing_after_its_lease(rate: Rate) -> None:
    cluster = Cluster(rate, 2)
    for node in cluster.nodes:
        if not rate.is_unlimited:
            node.loop(10)
    cluster.run(0.5)
    cut = cluster.nodes[0]
    cluster.network.cut_off = {cut.name}

    cluster.run(1)

    assert cut.gate.terms == NOTHING
    assert not [stamp for stamp in cut.stamps if stamp > 0.5 * SECOND + TTL_NS + GRANULE_NS]


def test_what_a_lost_node_had_goes_to_the_others_when_its_lease_has_run_out() -> None:
    cluster = Cluster(Rate(1000, per=1), 2)
    for node in cluster.nodes:
        node.loop(20)
    cluster.run(1)
    cluster.network.cut_off = {cluster.nodes[0].name}

    cluster.run(0.5)
    cluster.run(1)

    assert cluster.between(1.5, 2.5) >= 990


def test_a_node_that_was_cut_off_takes_part_again() -> None:
    cluster = Cluster(Rate(1000, per=1), 2)
    for node in cluster.nodes:
        node.loop(20)
    cluster.network.cut_off = {cluster.nodes[0].name}
    cluster.run(1)

    cluster.network.cut_off = set()
    cluster.run(2)

    assert len([s for s in cluster.nodes[0].stamps if s > 2 * SECOND]) == pytest.approx(500, abs=50)


def test_a_node_that_joins_gets_its_share() -> None:
    cluster = Cluster(Rate(1000, per=1), 1)
    cluster.nodes[0].loop(20)
    cluster.run(1)

    cluster.join().loop(20)
    cluster.run(2)

    assert len([s for s in cluster.nodes[1].stamps if s > 2 * SECOND]) == pytest.approx(500, abs=50)


class Workers:
    """Users who hold slots for a while."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.held = 0
        self.most = 0
        self.ended = 0

    def work(self, node: Node, longest_s: float) -> None:
        while True:
            node.wait_once()
            self.held += 1
            self.most = max(self.most, self.held)
            self.cluster.clock.sleep(self.cluster.rng.uniform(0, longest_s))
            self.held -= 1
            self.ended += 1
            node.gate.give_back()


@pytest.mark.parametrize("seed", range(20))
def test_no_more_slots_than_the_limit_are_ever_out(seed: int) -> None:
    rng = random.Random(seed)
    limit = rng.choice([1, 2, 7])
    cluster = Cluster(
        Rate.parallel(limit), 3, seed, rng.choice([MS, 40 * MS]), rng.choice([0.0, 0.2])
    )
    workers = Workers(cluster)
    for node in cluster.nodes:
        for _ in range(rng.choice([1, 5])):
            gevent.spawn(workers.work, node, rng.choice([0.01, 0.3]))

    for _ in range(5):
        cluster.run(0.6)
        cluster.network.cut_off = {n.name for n in cluster.nodes if rng.random() < 0.2}

    assert workers.most <= limit
    assert workers.ended > 0


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_nobody_waits_for_a_slot_for_ever(limit: int) -> None:
    cluster = Cluster(Rate.parallel(limit), 3)
    workers = Workers(cluster)
    for node in cluster.nodes:
        gevent.spawn(workers.work, node, 0.02)

    cluster.run(10)

    passed = [len(node.stamps) for node in cluster.nodes]
    assert min(passed) > 0.5 * max(passed)


def test_the_limit_of_slots_may_fall_below_what_is_out() -> None:
    cluster = Cluster(Rate.parallel(6), 2)
    workers = Workers(cluster)
    for node in cluster.nodes:
        for _ in range(5):
            gevent.spawn(workers.work, node, 0.1)
    cluster.run(1)

    gevent.spawn(cluster.process.change_rate, Rate.parallel(2))
    cluster.run(0.5)
    workers.most = workers.held
    cluster.run(2)

    assert workers.most == 2


def heard(leases: Leases, node: str, number: int, now_ns: int, **known: int) -> None:
    leases.hear(node, Report(number, **known), now_ns)


def test_who_is_alone_has_everything_for_ever() -> None:
    leases = Leases(ttl_ns=None)
    leases.enrol("a", 0)
    leases.change_rate(Rate(3, per=1), 0)

    [(node, lease)] = leases.offers(0)

    assert (node, lease.terms, lease.ttl_ns) == ("a", Terms(Rate(3, per=1), WHOLE), None)


def test_nobody_is_told_anything_before_its_first_report() -> None:
    leases = Leases()
    leases.enrol("a", 0)
    leases.change_rate(Rate(3, per=1), 0)

    assert leases.offers(0) == []


def test_an_older_report_is_of_no_use() -> None:
    leases = Leases()
    leases.enrol("a", 0)
    leases.change_rate(Rate(3, per=1), 0)
    heard(leases, "a", 5, 0)
    [(_, lease)] = leases.offers(0)

    heard(leases, "a", 4, 0, epoch=1, sequence=lease.sequence)

    assert leases.next_ns(0) is None or not leases.offers(0)


def test_a_report_of_a_node_that_is_gone_is_of_no_use() -> None:
    leases = Leases()

    heard(leases, "a", 1, 0)

    assert leases.offers(0) == []


def test_the_confirmation_of_another_life_counts_for_nothing() -> None:
    leases = Leases(epoch=2)
    leases.enrol("a", 0)
    leases.change_rate(Rate(30, per=1), 0)
    heard(leases, "a", 1, 0)
    leases.offers(0)
    leases.change_rate(Rate(60, per=1), 0)
    leases.offers(0)

    heard(leases, "a", 2, 0, epoch=1, sequence=99)

    assert not leases.is_in_force(0)


def test_what_is_renewed_carries_the_same_terms() -> None:
    leases = Leases()
    leases.enrol("a", 0)
    leases.change_rate(Rate(30, per=1), 0)
    heard(leases, "a", 1, 0)
    [(_, first)] = leases.offers(0)

    heard(leases, "a", 2, 100 * MS, epoch=1, sequence=1)
    [(_, second)] = leases.offers(100 * MS)

    assert second.terms == first.terms
    assert (second.sequence, second.answers) == (first.sequence + 1, 2)


@pytest.mark.parametrize("rate", [Rate(1000, per=1), Rate.parallel(4)], ids=str)
def test_what_a_node_had_that_is_known_to_be_gone_goes_to_the_others(rate: Rate) -> None:
    cluster = Cluster(rate, 2)
    cluster.run(0.5)
    gone, left = cluster.nodes
    cluster.network.cut_off = {gone.name}

    cluster.process.dismiss(gone.name)
    cluster.run(0.2)

    assert left.gate.terms.units == Terms.everything(rate).units


def test_the_last_node_may_go() -> None:
    cluster = Cluster(Rate(5, per=1), 1)
    cluster.run(0.5)

    cluster.process.dismiss(cluster.nodes[0].name)
    cluster.process.change_rate(Rate(10, per=1))

    assert cluster.leases.offers(cluster.clock.now_ns()) == []


def test_what_was_never_told_cannot_be_confirmed() -> None:
    leases = Leases()
    leases.enrol("a", 0)
    leases.enrol("b", 0)
    leases.change_rate(Rate(100, per=1), 0)
    leases.hear("a", Report(1, waiting=1), 0)
    leases.offers(0)
    leases.change_rate(Rate(10_000, per=1), 0)

    leases.hear("a", Report(2, 1, 99, waiting=1), 0)

    assert not leases.is_in_force(0)
