"""What several nodes recorded, added up: the same as if one place had recorded it all."""

import random
from dataclasses import replace
from typing import Any

import pytest

from crowsg.clock import SECOND
from crowsg.controller.status import Status
from crowsg.dist.checked import MAX_WHOLE
from crowsg.dist.packed import packed
from crowsg.dist.snapshot import NodeSnapshot
from crowsg.dist.totals import Totals
from crowsg.errors import NotPackable
from crowsg.health.monitor import Reading
from crowsg.health.record import HealthSummary
from crowsg.metrics.figures import Latency, summary_of
from crowsg.metrics.lives import Life
from crowsg.metrics.names import MAX_NAMES, OTHER
from crowsg.metrics.recorder import Recorder
from crowsg.rate import Rate
from crowsg.testing import ManualClock
from crowsg.throttle.info import ThrottleInfo
from crowsg.users.counts import UserCounts
from tests.dist.recorders import Recording, check_sums, histogram_of, record, throttle

A, B = "a@host", "b@host"


class Merging:
    """Totals, and the nodes that they are of."""

    def __init__(self) -> None:
        self.totals = Totals()
        self.clock = ManualClock()

    def merge(self, node: str, snapshot: NodeSnapshot, incarnation: int = 1) -> bool:
        """Merge a snapshot that comes right now."""
        return self.totals.merge(node, incarnation, snapshot, self.clock.now_ns())

    def lose(self, node: str, incarnation: int = 1, asked: int = 0) -> None:
        """Give a node up."""
        self.totals.lose(node, incarnation, self.clock.now_ns(), asked)


@pytest.fixture
def merging() -> Merging:
    return Merging()


class Fleet:
    """Nodes that record at random, restart at random, and whose snapshots come as they like."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.one_place = Recorder(ManualClock(), lambda group, error: None)
        self.merging = Merging()
        self.lives = {(f"n{n}", 1): Recording() for n in range(self.rng.randrange(1, 6))}
        self.on_their_way: list[tuple[str, int, NodeSnapshot]] = []

    def step(self) -> None:
        """Let one thing happen."""
        rng = self.rng
        name, incarnation = key = rng.choice(list(self.lives))
        what = rng.randrange(10)
        if what < 6:
            for _ in range(rng.randrange(20)):
                record(rng, self.lives[key].recorder, self.one_place)
        elif what == 6:
            self.on_their_way.append((*key, self.lives[key].snapshot()))
        elif what == 7:
            self.deliver()
        elif what == 8 and (name, incarnation + 1) not in self.lives:
            self.finish(key)
            self.lives[name, incarnation + 1] = Recording()
        elif what == 9 and self.lives[key].recorder.operations:
            self.merging.lose(name, incarnation)

    def deliver(self) -> None:
        """Let some snapshots arrive: in any order, some twice, some never."""
        self.rng.shuffle(self.on_their_way)
        for name, incarnation, snapshot in self.on_their_way[self.rng.randrange(3) :]:
            for _ in range(self.rng.randrange(1, 3)):
                self.merging.merge(name, snapshot, incarnation)
        self.on_their_way.clear()
        # A look in between changes nothing of what comes.
        assert self.merging.totals.operations is not None

    def finish(self, key: tuple[str, int]) -> None:
        """Fetch the last snapshot of a life."""
        self.merging.merge(key[0], self.lives[key].snapshot(), key[1])


@pytest.mark.parametrize("seed", range(60))
def test_the_sum_is_what_one_place_would_have_recorded(seed: int) -> None:
    fleet = Fleet(seed)
    for _ in range(80):
        fleet.step()

    for key in fleet.lives:
        fleet.finish(key)
    fleet.deliver()

    check_sums(fleet.merging.totals, fleet.one_place)


@pytest.mark.parametrize("seed", range(20))
def test_figures_of_operations_are_those_of_one_place(seed: int) -> None:
    fleet = Fleet(seed)
    for _ in range(60):
        fleet.step()

    for key in fleet.lives:
        fleet.finish(key)

    summed, expected = (
        {name: summary_of(each, 10) for name, each in operations.items()}
        for operations in (fleet.merging.totals.operations, fleet.one_place.operations)
    )
    assert summed == expected


def test_an_older_snapshot_changes_nothing(merging: Merging) -> None:
    node = Recording()
    older = node.snapshot()
    node.recorder.count("sent", 5, {})
    merging.merge(A, node.snapshot())

    assert not merging.merge(A, older)

    assert merging.totals.counters() == {"sent": 5}


def test_the_same_snapshot_again_changes_nothing(merging: Merging) -> None:
    node = Recording()
    node.recorder.operations["login"].record(5, "", None)
    snapshot = node.snapshot()

    assert [merging.merge(A, snapshot) for _ in range(3)] == [True, False, False]

    assert merging.totals.operations["login"].count == 1


def test_what_a_former_life_recorded_stays(merging: Merging) -> None:
    for incarnation in (7, 3):
        node = Recording()
        node.recorder.count("sent", 5, {})
        merging.merge(A, node.snapshot(), incarnation)

    assert merging.totals.counters() == {"sent": 10}


def test_the_users_of_a_former_life_are_lost(merging: Merging) -> None:
    node = Recording()
    node.users = UserCounts(asked=5, waiting=1, running=2, finished=2)
    merging.merge(A, node.snapshot())

    merging.merge(A, Recording().snapshot(), 2)

    assert merging.totals.users() == UserCounts(asked=5, finished=2, lost=3)
    assert [each.state for each in merging.totals.nodes(0)] == ["running"]


def test_a_node_that_was_lost_may_take_part_again_with_nothing_recorded(
    merging: Merging, kept: Recording
) -> None:
    for user_id in range(1, 4):
        kept.recorder.count("sent", 5, {})
        kept.recorder.lives.end(user_id, 0, 1, "finished")
        kept.users = UserCounts(asked=user_id, finished=user_id)
        merging.merge(A, kept.snapshot(merging.totals.lives_from(A, 1)))
    merging.lose(A)

    kept.recorder.reset()
    kept.snapshots.begin(keeps_lives=True)
    kept.recorder.count("sent", 1, {})
    kept.recorder.lives.end(9, 0, 1, "finished")
    kept.users = UserCounts(asked=2, running=1, finished=1)
    merging.merge(A, kept.snapshot(merging.totals.lives_from(A, 1)))

    assert merging.totals.counters() == {"sent": 16}
    assert merging.totals.users() == UserCounts(asked=5, running=1, finished=4)
    lives = merging.totals.take_lives()[A]
    assert [each.user_id for each in lives if isinstance(each, Life)] == [1, 2, 3, 9]
    assert [each.state for each in merging.totals.nodes(0)] == ["running"]


def test_users_of_a_node_that_was_lost_before_it_told_anything_count_once(
    merging: Merging,
) -> None:
    merging.lose(A, asked=3)
    node = Recording()
    node.users = UserCounts(asked=3, finished=1, running=2)

    merging.merge(A, node.snapshot())

    assert merging.totals.users() == UserCounts(asked=3, finished=1, lost=2)


def test_a_late_snapshot_of_a_former_life_counts_too(merging: Merging) -> None:
    node = Recording()
    merging.merge(A, node.snapshot())
    node.recorder.count("sent", 5, {})
    late = node.snapshot()
    merging.merge(A, Recording().snapshot(), 2)

    assert merging.merge(A, late)

    assert merging.totals.counters() == {"sent": 5}


@pytest.mark.parametrize(
    ("values", "total"),
    [
        pytest.param([5], 5, id="one"),
        pytest.param([2**62, 2**62, 1], 2**63 + 1, id="beyond-64-bits"),
        pytest.param([0.1] * 10, 1.0, id="rounded-once"),
        pytest.param([2**53, 1.0, 1.0], 2**53 + 2, id="mixed"),
        pytest.param([10**400, 1], float("inf"), id="beyond-floats"),
        pytest.param([float("inf"), 1], float("inf"), id="infinite"),
        pytest.param([1e308] * 3, float("inf"), id="too-large-together"),
    ],
)
def test_counters_are_added_up_exactly(merging: Merging, values: list[Any], total: float) -> None:
    for number, value in enumerate(values):
        node = Recording()
        node.recorder.count("sent", value, {})
        merging.merge(f"n{number}", node.snapshot())

    assert merging.totals.counters() == {"sent": total}


def test_gauges_are_added_up(merging: Merging) -> None:
    for name, value in ((A, 2.5), (B, -1)):
        node = Recording()
        node.recorder.gauge("queue", value, {"of": "x"})
        merging.merge(name, node.snapshot())

    assert merging.totals.gauges() == {'queue{of="x"}': 1.5}


def test_the_newest_value_of_a_gauge_counts(merging: Merging) -> None:
    node = Recording()
    for value in (5, 2):
        node.recorder.gauge("queue", value, {})
        merging.merge(A, node.snapshot())

    assert merging.totals.gauges() == {"queue": 2}


def test_beyond_two_hundred_names_over_all_nodes_the_rest_is_kept_together(
    merging: Merging,
) -> None:
    for name in (A, B):
        node = Recording()
        for number in range(MAX_NAMES - 50):
            node.recorder.operations[f"{name}{number}"].record(5, "refused", None)
            node.recorder.count(f"{name}{number}", 1, {})
        for _ in range(3):
            merging.merge(name, node.snapshot())

    operations, counters = merging.totals.operations, merging.totals.counters()
    assert len(operations) == len(counters) == MAX_NAMES + 1
    assert sum(each.count for each in operations.values()) == 300
    assert sum(counters.values()) == 300
    assert operations[OTHER].failures == {"refused": 100}


def test_beyond_two_hundred_kinds_of_failure_the_rest_is_kept_together(merging: Merging) -> None:
    for name in (A, B):
        node = Recording()
        for number in range(MAX_NAMES - 50):
            node.recorder.operations["login"].record(5, f"{name}{number}", None)
        merging.merge(name, node.snapshot())

    failures = merging.totals.operations["login"].failures
    assert (len(failures), failures[OTHER], sum(failures.values())) == (MAX_NAMES + 1, 100, 300)


def test_failures_of_one_kind_are_one_group_placed_on_the_clock_of_the_master(
    merging: Merging,
) -> None:
    merging.clock.advance(1000)
    for name, ahead_s, ago_s in ((A, 50, 3), ("c@host", 7, 9), (B, 90_000, 3)):
        node = Recording()
        node.clock.advance(ahead_s)
        for _ in range(2):
            node.clock.advance(1)
            node.recorder.failures.record(ValueError(f"user {ahead_s}"))
        node.clock.advance(ago_s)
        merging.merge(name, node.snapshot())
        merging.clock.advance(1)

    (group,) = merging.totals.failures(980 * SECOND)
    assert (group.count, group.first_s, group.last_s) == (6, 11.0, 19.0)
    assert group.sample == "ValueError: user 7"


def test_times_do_not_move_when_a_later_snapshot_was_longer_on_its_way(merging: Merging) -> None:
    node = Recording(merging.clock)
    node.recorder.failures.record(ValueError("x"))
    merging.merge(A, node.snapshot())
    late = node.snapshot()
    merging.clock.advance(3)
    merging.merge(A, late)

    (group,) = merging.totals.failures(0)

    assert (group.first_s, group.last_s) == (0.0, 0.0)


def test_users_are_added_up(merging: Merging) -> None:
    for name in (A, B):
        node = Recording()
        node.users = UserCounts(asked=9, waiting=2, running=3, finished=3, failed=1, stuck=1)
        merging.merge(name, node.snapshot())

    users = merging.totals.users()

    assert users == UserCounts(asked=18, waiting=4, running=6, finished=6, failed=2, stuck=2)


def test_of_a_lost_node_the_counts_stay_and_the_users_are_lost(merging: Merging) -> None:
    node = Recording()
    node.users = UserCounts(asked=9, waiting=2, running=3, finished=4, stuck=1)
    node.recorder.count("sent", 5, {})
    merging.clock.advance(4)
    merging.merge(A, node.snapshot())
    merging.clock.advance(10)

    merging.lose(A)

    (told,) = merging.totals.nodes(1 * SECOND)
    assert (told.state, told.gaps) == ("dead", ((3.0, 13.0),))
    assert told.users == merging.totals.users() == UserCounts(asked=9, finished=4, lost=5)
    assert merging.totals.counters() == {"sent": 5}


def test_users_that_the_last_snapshot_does_not_know_of_are_lost_too(merging: Merging) -> None:
    node = Recording()
    node.users = UserCounts(asked=9, running=3, finished=6)
    merging.merge(A, node.snapshot())

    merging.lose(A, asked=12)

    assert merging.totals.users() == UserCounts(asked=12, finished=6, lost=6)


def test_a_node_that_never_told_anything_can_be_lost(merging: Merging) -> None:
    merging.clock.advance(5)

    merging.lose(A, asked=3)

    (told,) = merging.totals.nodes(0)
    assert (told.name, told.state, told.users) == (A, "dead", UserCounts(asked=3, lost=3))


def test_losing_a_node_twice_is_losing_it_once(merging: Merging) -> None:
    node = Recording()
    node.users = UserCounts(asked=2, running=2)
    merging.merge(A, node.snapshot())
    merging.lose(A)
    merging.clock.advance(1)

    merging.lose(A)

    (told,) = merging.totals.nodes(0)
    assert (told.users.lost, told.gaps) == (2, ((0.0, 0.0),))


def test_what_a_lost_node_still_hands_in_counts(merging: Merging) -> None:
    node = Recording()
    node.users = UserCounts(asked=2, running=2)
    merging.merge(A, node.snapshot())
    merging.lose(A)
    node.users = UserCounts(asked=2, running=1, finished=1)
    node.recorder.count("sent", 1, {})

    merging.merge(A, node.snapshot())

    assert merging.totals.users() == UserCounts(asked=2, finished=1, lost=1)
    assert merging.totals.counters() == {"sent": 1}


def test_the_status_is_that_of_the_master_with_the_counts_of_the_nodes(merging: Merging) -> None:
    for name, lost_s in ((A, 0.5), (B, 0.25)):
        node = Recording()
        node.users = UserCounts(asked=1, running=1)
        node.throttles = {"calls": throttle(7, lost_s)}
        merging.merge(name, node.snapshot())
    asked = {"calls": replace(throttle(), rate=Rate(9, per=1), is_paused=True, requested=99)}

    status = merging.totals.status(Status("disabled", "chat", UserCounts(), 2, "", {}, asked))

    assert (status.state, status.highest_user_id, status.users.running) == ("disabled", 2, 2)
    assert status.throttles == {
        "calls": ThrottleInfo(Rate(9, per=1), True, 2, 14, 14, 14, 0, 0.75, None)
    }


def test_a_throttle_that_only_nodes_know_is_counted_too(merging: Merging) -> None:
    node = Recording()
    node.throttles = {"calls": throttle(7)}
    merging.merge(A, node.snapshot())

    status = merging.totals.status(Status("disabled", "chat", UserCounts(), 0, "", {}))

    assert status.throttles["calls"].requested == 7


def test_waits_for_permits_are_added_up(merging: Merging) -> None:
    expected = Recorder(ManualClock(), lambda group, error: None).operations["waits"].ok
    for name in (A, B):
        node = Recording()
        waits = node.waits["calls"] = type(expected)()
        for wait_ns in (5, 10**9):
            waits.record(wait_ns)
            expected.record(wait_ns)
            merging.merge(name, node.snapshot())

    assert histogram_of(merging.totals.waits()["calls"]) == histogram_of(expected)


def test_declarations_are_told_once(merging: Merging) -> None:
    for name in (A, B):
        node = Recording()
        node.recorder.declare("counter", "sent_total", "What was sent.", ())
        merging.merge(name, node.snapshot())

    assert [each.name for each in merging.totals.declarations()] == ["sent_total"]


LAG = Latency(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.9)
CALM = HealthSummary(0.0, (), 0.5, 0.6, LAG, None, 0.1, 1000, 10, ())


def unwell(node: Recording, health: HealthSummary, reading: Reading | None = None) -> NodeSnapshot:
    return replace(node.snapshot(), health=health, reading=reading or Reading())


def test_health_is_told_in_the_time_of_the_run(merging: Merging) -> None:
    node = Recording()
    node.clock.advance(500)
    node.snapshots.begin()
    node.clock.advance(10)
    merging.clock.advance(100)
    limit = replace(CALM, saturated_s=1.0, saturated=((4.0, 5.0),))

    merging.merge(A, unwell(node, limit))

    assert merging.totals.health(80 * SECOND).saturated == ((14.0, 15.0),)
    assert merging.totals.is_saturated()


def test_the_reading_is_the_worst_since_the_last(merging: Merging) -> None:
    first, second = Recording(), Recording()
    merging.merge(A, unwell(first, CALM, Reading(cpu=0.9, saturated=True)))
    merging.merge(A, unwell(first, CALM, Reading(cpu=0.1)))
    merging.merge(B, unwell(second, CALM, Reading(lag_s=0.2)))

    readings = [merging.totals.reading()]
    merging.merge(A, unwell(first, CALM, Reading(cpu=0.2)))
    readings.append(merging.totals.reading())

    assert readings == [Reading(0.9, 0.2, saturated=True), Reading(0.2, 0.2)]


def test_what_a_lost_node_was_like_is_no_reading_any_more(merging: Merging) -> None:
    merging.merge(A, unwell(Recording(), CALM, Reading(cpu=0.9)))

    merging.lose(A)

    assert merging.totals.reading() == Reading()


def test_nodes_that_live_are_counted(merging: Merging) -> None:
    for name in (A, B, "c@host"):
        merging.merge(name, Recording().snapshot())

    merging.lose(B)

    assert (merging.totals.living(), merging.totals.living(besides=A)) == (2, 1)


@pytest.fixture
def kept(merging: Merging) -> Recording:
    """Return a node whose users are wanted."""
    merging.totals.keeps_lives = True
    node = Recording()
    node.snapshots.begin(keeps_lives=True)
    return node


def test_users_that_ended_are_told_with_node_and_times_of_the_master(
    merging: Merging, kept: Recording
) -> None:
    merging.clock.advance(100)
    kept.clock.advance(7)
    kept.recorder.lives.end(5, 3 * SECOND, 6 * SECOND, "finished")
    kept.recorder.lives.cancel([range(6, 9)])

    merging.merge(A, kept.snapshot(0))

    lives = [Life(5, 96 * SECOND, 99 * SECOND, "finished"), range(6, 9)]
    assert merging.totals.take_lives() == {A: lives}
    assert merging.totals.take_lives() == {}


@pytest.mark.parametrize("seed", range(30))
def test_no_user_is_told_twice_or_left_out(merging: Merging, kept: Recording, seed: int) -> None:
    rng, user_id, told = random.Random(seed), 0, []
    answers: list[NodeSnapshot] = []

    for _ in range(60):
        for _ in range(rng.randrange(4)):
            user_id += 1
            kept.recorder.lives.end(user_id, 0, 1, "finished")
        answers.append(kept.snapshot(merging.totals.lives_from(A, 1)))
        if rng.random() < 0.6:
            merging.merge(A, rng.choice(answers))
        told += merging.totals.take_lives().get(A, [])
    merging.merge(A, kept.snapshot(merging.totals.lives_from(A, 1)))
    told += merging.totals.take_lives().get(A, [])

    assert [each.user_id for each in told if isinstance(each, Life)] == list(range(1, user_id + 1))


def test_a_node_with_more_users_than_fit_is_asked_again(
    merging: Merging, kept: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crowsg.dist.ended.MAX_LIVES", 3)
    for user_id in range(7):
        kept.recorder.lives.end(user_id, 0, 1, "finished")

    more = []
    for _ in range(3):
        merging.merge(A, kept.snapshot(merging.totals.lives_from(A, 1)))
        more.append(merging.totals.has_more(A, 1))

    assert more == [True, True, False]
    assert len(merging.totals.take_lives()[A]) == 7


def test_where_nobody_wants_its_users_a_node_keeps_none(merging: Merging, kept: Recording) -> None:
    kept.recorder.lives.end(1, 0, 1, "finished")
    merging.totals.keeps_lives = False

    assert merging.totals.lives_from(A, 1) == MAX_WHOLE
    merging.merge(A, kept.snapshot(MAX_WHOLE))

    assert (merging.totals.take_lives(), kept.snapshot(0).ended.lives) == ({}, [])


def test_users_that_are_missing_are_refused(merging: Merging, kept: Recording) -> None:
    merging.merge(A, kept.snapshot(0))
    kept.recorder.lives.end(1, 0, 1, "finished")
    kept.snapshot(1)

    with pytest.raises(NotPackable):
        merging.merge(A, kept.snapshot(1))


@pytest.mark.parametrize("what", ["operations", "waits"])
def test_what_a_snapshot_lacks_is_named(merging: Merging, what: str) -> None:
    node = Recording()
    node.recorder.operations["login"].record(5, "", None)
    node.waits["login"] = node.recorder.operations["login"].ok
    merging.merge(A, node.snapshot())
    emptied: dict[str, Any] = {what: {}}

    with pytest.raises(NotPackable, match=r"lacks what the last one had.*login"):
        merging.merge(A, replace(node.snapshot(), **emptied))


@pytest.mark.parametrize("what", ["operations", "waits", "counts", "dropped"])
def test_a_snapshot_with_less_than_before_changes_nothing(merging: Merging, what: str) -> None:
    node = Recording()
    node.recorder.operations["login"].record(5, "", None)
    node.recorder.operations["login"].dropped = 3
    node.waits["calls"] = node.recorder.operations["login"].ok
    merging.merge(A, node.snapshot())
    node.recorder.operations["other"].record(7, "", None)
    node.recorder.count("sent", 5, {})
    snapshot = node.snapshot()
    if what == "dropped":
        operations: Any = dict(snapshot.operations)
        operations["login"] = operations["login"]._replace(dropped=2)
        snapshot = replace(snapshot, operations=operations)
    elif what == "counts":
        operations = {**snapshot.operations, "login": snapshot.operations["other"]}
        snapshot = replace(snapshot, operations=operations)
    else:
        emptied: dict[str, Any] = {what: {}}
        snapshot = replace(snapshot, **emptied)

    with pytest.raises(NotPackable):
        merging.merge(A, snapshot)

    assert merging.totals.counters() == {}
    assert list(merging.totals.operations) == ["login"]
    assert merging.totals.operations["login"].count == 1


def test_a_stranger_that_is_refused_is_no_node(merging: Merging) -> None:
    beyond = packed([b"", b"", 0, bytes([0, 1]) + bytes(126)], "waits")
    snapshot = replace(Recording().snapshot(), waits={"calls": beyond})

    with pytest.raises(NotPackable):
        merging.merge(B, snapshot)

    assert merging.totals.nodes(0) == ()
