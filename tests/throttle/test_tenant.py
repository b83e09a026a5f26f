"""A node grants by the leases it holds, no longer than they last, and tells how it stands."""

from collections.abc import Callable

import gevent
import pytest

from crowsg.errors import ThrottleStopped
from crowsg.rate import Rate
from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle
from crowsg.throttle.gate import Gate
from crowsg.throttle.lease import FRESH_NS, NOTHING, TTL_NS, WHOLE, Lease, Report, Terms
from crowsg.throttle.tenant import Tenant, Ways
from tests.throttle.stalling import StallingClock

MS = 1_000_000
SECOND = 1_000_000_000
SLOW = Rate(2, per=1)
TTL_S = TTL_NS / SECOND

HALF = Terms(Rate(100, per=1), WHOLE // 2)
QUARTER = Terms(Rate(100, per=1), WHOLE // 4)


def singles(given: int) -> Terms:
    return Terms(SLOW, 0, singles=given)


class Bench:
    """A tenant with a real gate; what it reports is kept."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.gate = Gate(self.clock, "a")
        self.passed: list[int] = []
        self.told: list[Report] = []
        self.tenant = Tenant(self.clock, self.gate, lambda: len(self.passed), self.told.append)

    def pass_once(self) -> None:
        self.passed.append(self.gate.wait())

    def wait(self, users: int = 1) -> None:
        """Let users wait for one permit each."""
        for _ in range(users):
            gevent.spawn(self.pass_once)
        settle()

    def report(self) -> int:
        """Report, and return the number of the report."""
        self.tenant.report()
        return self.told[-1].number

    def hold(
        self,
        terms: Terms,
        sequence: int,
        *,
        epoch: int = 1,
        ttl_ns: int | None = TTL_NS,
        answers: int | None = None,
        kept_ns: int = 0,
        age_ns: int = 0,
    ) -> None:
        """Be told a lease; it answers a report that is sent now, unless another is named."""
        answers = self.report() if answers is None else answers
        self.tenant.hold(Lease(terms, epoch, sequence, ttl_ns, answers, kept_ns, age_ns))

    def held(self, terms: Terms, sequence: int) -> list[Report]:
        """Be told a lease, and return what was reported by reason of it."""
        answers = self.report()
        before = len(self.told)
        self.hold(terms, sequence, answers=answers)
        return self.told[before:]


def test_without_a_lease_nothing_is_granted() -> None:
    bench = Bench()
    bench.wait()

    bench.clock.advance(60)

    assert (bench.passed, bench.gate.terms) == ([], NOTHING)


def test_a_lease_is_what_the_gate_goes_by() -> None:
    bench = Bench()

    bench.hold(HALF, 1)

    assert bench.gate.terms == HALF


def test_a_later_lease_counts() -> None:
    bench = Bench()
    bench.hold(HALF, 1)

    bench.hold(QUARTER, 2)

    assert bench.gate.terms == QUARTER


@pytest.mark.parametrize(
    ("epoch", "sequence"),
    [
        pytest.param(2, 5, id="the same again"),
        pytest.param(2, 4, id="one before"),
        pytest.param(1, 99, id="one of an earlier life"),
    ],
)
def test_an_older_lease_does_not_count(epoch: int, sequence: int) -> None:
    bench = Bench()
    bench.hold(HALF, 5, epoch=2)

    bench.hold(QUARTER, sequence, epoch=epoch)

    assert bench.gate.terms == HALF


@pytest.mark.parametrize(
    ("sequence", "counts"),
    [
        pytest.param(4, False, id="one before"),
        pytest.param(5, False, id="the same again"),
        pytest.param(6, True, id="a later one"),
    ],
)
def test_whether_a_lease_counts_is_told(sequence: int, counts: bool) -> None:
    bench = Bench()
    bench.hold(HALF, 5)

    lease = Lease(HALF, 1, sequence, TTL_NS, bench.report())

    assert bench.tenant.hold(lease) == counts


def test_a_lease_that_ran_out_on_its_way_does_not_count_and_tells_so() -> None:
    bench = Bench()
    number = bench.report()
    bench.clock.advance(TTL_S)

    assert not bench.tenant.hold(Lease(HALF, 1, 1, TTL_NS, number))


def test_reports_of_a_later_tenant_count_higher() -> None:
    bench = Bench()
    before = [bench.report() for _ in range(9)][-1]
    bench.clock.advance(0.001)

    later: list[Report] = []
    Tenant(bench.clock, Gate(bench.clock, "a"), lambda: 0, later.append).report()

    assert later[0].number > before


def test_a_tenant_is_closed_for_good() -> None:
    bench = Bench()
    was_closed = bench.tenant.is_closed

    bench.tenant.close()

    assert (was_closed, bench.tenant.is_closed) == (False, True)


def test_an_older_lease_does_not_make_the_later_one_last_longer() -> None:
    bench = Bench()
    bench.hold(HALF, 5)
    bench.clock.advance(TTL_S / 2)

    bench.hold(HALF, 4)
    bench.clock.advance(TTL_S / 2)

    assert bench.gate.terms == NOTHING


def test_the_first_lease_of_a_later_life_counts() -> None:
    bench = Bench()
    bench.hold(HALF, 99, epoch=1)

    bench.hold(QUARTER, 1, epoch=2)

    assert bench.gate.terms == QUARTER


def test_a_lease_that_has_run_out_on_its_way_does_not_count() -> None:
    bench = Bench()
    number = bench.report()
    bench.clock.advance(TTL_S)

    bench.hold(HALF, 1, answers=number)

    assert bench.gate.terms == NOTHING


def test_a_lease_that_ran_out_on_its_way_leaves_the_one_that_is_held() -> None:
    bench = Bench()
    old = bench.report()
    bench.clock.advance(TTL_S)
    bench.hold(HALF, 1)

    bench.hold(QUARTER, 2, answers=old)

    assert bench.gate.terms == HALF


@pytest.mark.parametrize("answers", [0, 77], ids=["none", "one that was never sent"])
def test_a_lease_that_runs_out_and_answers_no_report_does_not_count(answers: int) -> None:
    bench = Bench()
    bench.clock.advance(1)
    bench.report()

    bench.hold(HALF, 1, answers=answers)

    assert bench.gate.terms == NOTHING


def test_a_lease_that_answers_a_report_of_long_ago_does_not_count() -> None:
    bench = Bench()
    number = bench.report()
    for _ in range(200):
        bench.clock.advance(0.1)
        bench.report()

    bench.hold(HALF, 1, answers=number)

    assert bench.gate.terms == NOTHING


def test_a_lease_lasts_from_when_the_report_it_answers_was_sent() -> None:
    bench = Bench()
    number = bench.report()
    bench.clock.advance(0.2)
    bench.hold(HALF, 1, answers=number)

    bench.clock.advance(TTL_S - 0.2 - 1e-6)
    just_before = bench.gate.terms
    bench.clock.advance(1e-6)

    assert (just_before, bench.gate.terms) == (HALF, NOTHING)


def test_a_node_that_hears_nothing_more_grants_for_300_ms() -> None:
    bench = Bench()
    bench.hold(HALF, 1)

    bench.clock.advance(0.299)
    just_before = bench.gate.terms
    bench.clock.advance(0.001)

    assert (just_before, bench.gate.terms) == (HALF, NOTHING)


def test_a_lease_that_lapsed_grants_nothing_to_those_who_wait() -> None:
    bench = Bench()
    bench.hold(Terms(Rate(1, per=1)), 1)
    bench.wait(2)

    bench.clock.advance(60)

    assert bench.passed == [0]


def test_a_lease_that_is_renewed_goes_on() -> None:
    bench = Bench()
    for sequence in range(1, 30):
        bench.hold(HALF, sequence)
        bench.clock.advance(TTL_S * 0.9)

    assert bench.gate.terms == HALF


def test_a_lease_that_was_renewed_lapses_when_the_last_renewal_ends() -> None:
    bench = Bench()
    bench.hold(HALF, 1)
    bench.clock.advance(TTL_S / 2)
    bench.hold(HALF, 2)

    bench.clock.advance(TTL_S - 1e-6)
    just_before = bench.gate.terms
    bench.clock.advance(1e-6)

    assert (just_before, bench.gate.terms) == (HALF, NOTHING)


def test_the_same_terms_count_again_after_a_lapse() -> None:
    bench = Bench()
    bench.hold(HALF, 1)
    bench.clock.advance(TTL_S)

    bench.hold(HALF, 2)

    assert bench.gate.terms == HALF


def test_a_renewal_does_not_disturb_the_pace() -> None:
    bench = Bench()
    bench.hold(Terms(Rate(10, per=1)), 1)
    bench.wait(5)

    for sequence in range(2, 10):
        bench.clock.advance(0.05)
        bench.hold(Terms(Rate(10, per=1)), sequence)

    assert bench.passed == [step * 100 * MS for step in range(5)]


def test_a_lease_for_ever_does_not_lapse() -> None:
    bench = Bench()
    bench.hold(HALF, 1, ttl_ns=None, answers=0)

    bench.clock.advance(3600)

    assert bench.gate.terms == HALF


def test_a_lease_for_ever_ends_the_wait_for_the_lapse_of_the_one_before() -> None:
    bench = Bench()
    bench.hold(HALF, 1)
    bench.hold(HALF, 2, ttl_ns=None, answers=0)

    bench.clock.advance(3600)

    assert bench.gate.terms == HALF


def test_new_terms_are_confirmed_at_once() -> None:
    bench = Bench()

    reports = bench.held(HALF, 7)

    assert [(each.epoch, each.sequence) for each in reports] == [(1, 7)]


def test_a_renewal_is_not_confirmed_at_once() -> None:
    bench = Bench()
    bench.hold(HALF, 1)

    assert bench.held(HALF, 2) == []


def test_a_renewal_is_confirmed_by_the_next_report() -> None:
    bench = Bench()
    bench.hold(HALF, 1)
    bench.hold(HALF, 2)

    bench.report()

    assert (bench.told[-1].epoch, bench.told[-1].sequence) == (1, 2)


@pytest.mark.parametrize(
    "hold",
    [
        pytest.param(lambda bench: bench.hold(QUARTER, 3), id="older"),
        pytest.param(lambda bench: bench.hold(QUARTER, 6, answers=0), id="run out"),
    ],
)
def test_a_lease_that_does_not_count_is_not_confirmed(hold: Callable[[Bench], None]) -> None:
    bench = Bench()
    bench.clock.advance(1)
    bench.hold(HALF, 5)

    hold(bench)
    bench.report()

    assert bench.told[-1].sequence == 5


def test_the_first_report_goes_by_no_lease() -> None:
    bench = Bench()

    bench.report()

    assert bench.told == [Report(1)]


def test_reports_are_counted() -> None:
    bench = Bench()

    assert [bench.report() for _ in range(100)] == list(range(1, 101))


def test_a_report_tells_who_waits_and_what_was_granted() -> None:
    bench = Bench()
    bench.hold(Terms(Rate(10, per=1)), 1)
    bench.wait(5)
    bench.clock.advance(0.15)

    bench.report()

    assert (bench.told[-1].granted, bench.told[-1].waiting) == (2, 3)


def test_a_report_tells_what_slots_are_out() -> None:
    bench = Bench()
    bench.hold(Terms(Rate.parallel(5), 2), 1)
    bench.wait(3)

    bench.report()

    assert (bench.told[-1].held, bench.told[-1].waiting) == (2, 1)


def test_somebody_who_begins_to_wait_where_nothing_is_granted_is_reported_at_once() -> None:
    bench = Bench()

    bench.wait()

    assert [report.waiting for report in bench.told] == [1]


def test_those_who_wait_behind_somebody_are_not_reported_one_by_one() -> None:
    bench = Bench()

    bench.wait(9)

    assert len(bench.told) == 1


def test_somebody_who_still_waits_when_the_lease_lapses_is_reported() -> None:
    bench = Bench()
    bench.hold(Terms(Rate(1, per=3600)), 1)
    bench.wait(3)
    before = len(bench.told)

    bench.clock.advance(TTL_S)

    assert [report.waiting for report in bench.told[before:]] == [2]


def test_somebody_who_waits_for_a_slot_of_a_lease_is_reported() -> None:
    bench = Bench()
    bench.hold(Terms(Rate.parallel(5), 0), 1)
    bench.clock.advance(0.01)
    before = len(bench.told)

    bench.wait()

    assert [report.waiting for report in bench.told[before:]] == [1]


def test_many_who_wait_for_a_moment_are_told_together() -> None:
    bench = Bench()
    bench.hold(Terms(Rate.parallel(1), 1), 1)
    bench.wait()
    before = len(bench.told)

    for _ in range(200):
        bench.wait()
        bench.gate.give_back()
        settle()
        bench.clock.advance(0.0001)

    assert 3 <= len(bench.told) - before <= 5


def test_a_lease_whose_end_passed_while_the_loop_stood_still_grants_nothing() -> None:
    bench = Bench()
    bench.hold(Terms.everything(Rate.UNLIMITED), 1)
    bench.clock._now_ns += 2 * TTL_NS

    bench.wait(users=3)

    assert bench.passed == []


def test_another_life_with_the_same_terms_begins_anew() -> None:
    bench = Bench()
    bench.hold(singles(1), 1)
    bench.wait()

    bench.hold(singles(1), 1, epoch=2)
    bench.wait()

    assert len(bench.passed) == 2


def test_who_waits_where_one_node_has_everything_for_ever_is_not_reported() -> None:
    bench = Bench()
    bench.hold(Terms.everything(Rate.parallel(1)), 1, ttl_ns=None, answers=0)
    before = len(bench.told)

    bench.wait(4)

    assert bench.told[before:] == []


def test_a_permit_that_was_handed_out_is_used() -> None:
    bench = Bench()
    bench.wait(2)

    bench.hold(singles(1), 1)
    settle()

    assert (len(bench.passed), bench.gate.singles_used) == (1, 1)


def test_a_permit_that_was_used_is_reported_at_once() -> None:
    bench = Bench()
    bench.wait(1)

    bench.hold(singles(1), 1)
    settle()

    assert (bench.told[-1].used, bench.told[-1].waiting) == (1, 0)


def test_a_permit_that_nobody_used_is_returned_with_a_report() -> None:
    bench = Bench()
    bench.hold(singles(1), 1)
    bench.clock.advance(FRESH_NS / SECOND + 1e-6)

    bench.report()

    assert (bench.told[-1].used, bench.told[-1].returned) == (0, 1)


def test_a_permit_that_is_fresh_is_kept_for_somebody_to_come() -> None:
    bench = Bench()
    bench.hold(singles(1), 1)
    bench.clock.advance(FRESH_NS / SECOND)

    bench.report()
    bench.wait()

    assert (bench.told[-1].returned, len(bench.passed)) == (0, 1)


def test_in_a_new_life_permits_are_counted_from_the_beginning() -> None:
    bench = Bench()
    bench.wait(2)
    bench.hold(singles(1), 1, epoch=1)
    settle()

    bench.hold(singles(0), 1, epoch=2)

    assert (bench.told[-1].epoch, bench.told[-1].used) == (2, 0)


def test_in_a_new_life_the_first_permit_is_used_whatever_came_before() -> None:
    bench = Bench()
    bench.wait(3)
    bench.hold(singles(1), 1, epoch=1)
    settle()
    bench.hold(singles(0), 1, epoch=2)

    bench.hold(singles(1), 2, epoch=2)
    settle()

    assert (len(bench.passed), bench.gate.singles_used) == (2, 1)


def test_in_the_same_life_the_count_goes_on() -> None:
    bench = Bench()
    bench.wait(3)
    bench.hold(singles(1), 1)
    settle()

    bench.hold(singles(2), 2)
    settle()

    assert (len(bench.passed), bench.gate.singles_used) == (2, 2)


def test_a_permit_counts_from_when_it_was_due() -> None:
    bench = Bench()
    bench.clock.advance(1)
    bench.wait()

    bench.hold(singles(1), 1, age_ns=30 * MS)
    settle()

    assert bench.passed == [970 * MS]


@pytest.mark.parametrize(
    ("slow_before", "kept_ns", "due_ms"),
    [
        pytest.param(0, 0, -40, id="the way counts"),
        pytest.param(8, 0, -40, id="as slow as all, but too few to tell"),
        pytest.param(9, 0, 0, id="as slow as all"),
        pytest.param(0, 30 * MS, -10, id="the time with the process does not count twice"),
    ],
)
def test_a_way_moves_a_permit_as_far_as_it_was_slower_than_others(
    slow_before: int, kept_ns: int, due_ms: int
) -> None:
    bench = Bench()
    for sequence in range(1, slow_before + 2):
        number = bench.report()
        bench.clock.advance(0.04)
        if sequence <= slow_before:
            bench.hold(singles(0), sequence, answers=number)
    bench.wait()

    bench.hold(singles(1), 99, answers=number, kept_ns=kept_ns)
    settle()

    assert bench.passed == [bench.clock.now_ns() + due_ms * MS]


def test_a_permit_whose_way_was_too_slow_is_not_used() -> None:
    bench = Bench()
    bench.wait()
    number = bench.report()
    bench.clock.advance(FRESH_NS / SECOND + 0.001)

    bench.hold(singles(1), 1, answers=number)
    settle()

    assert (bench.passed, bench.told[-1].returned) == ([], 1)


def test_a_permit_that_answers_no_report_counts_from_when_it_was_due() -> None:
    bench = Bench()
    bench.clock.advance(1)
    bench.wait()

    bench.hold(singles(1), 1, ttl_ns=None, answers=0, age_ns=30 * MS)
    settle()

    assert bench.passed == [970 * MS]


def test_a_permit_is_not_due_in_the_future_however_long_its_report_is_said_to_have_lain() -> None:
    bench = Bench()
    bench.wait()

    bench.hold(singles(1), 1, kept_ns=SECOND)
    settle()

    assert bench.passed == [0]


def test_reports_of_long_ago_are_not_remembered() -> None:
    bench = Bench()

    for _ in range(1000):
        bench.clock.advance(0.1)
        bench.report()

    assert len(bench.tenant._sent_ns) < 100


def test_closing_tells_those_who_wait() -> None:
    bench = Bench()
    greenlet = gevent.spawn(bench.gate.wait)
    settle()

    bench.tenant.close()
    settle()

    assert isinstance(greenlet.exception, ThrottleStopped)


def test_closing_leaves_no_timer() -> None:
    bench = Bench()
    bench.hold(HALF, 1)

    bench.tenant.close()

    assert [timer for _, _, timer in bench.clock._queue if timer.callback is not None] == []


def test_there_is_one_timer_however_often_a_lease_is_renewed() -> None:
    bench = Bench()

    for sequence in range(1, 50):
        bench.hold(HALF, sequence)
        bench.clock.advance(0.001)

    assert len([timer for _, _, timer in bench.clock._queue if timer.callback is not None]) == 1


def noted(*ways_ns: int) -> Ways:
    ways = Ways()
    for way_ns in ways_ns:
        ways.note(way_ns)
    return ways


@pytest.mark.parametrize("count", [0, 1, 9])
def test_before_there_are_enough_to_tell_the_quickest_way_took_no_time(count: int) -> None:
    assert noted(*[70] * count).quickest_ns == 0


def test_the_quickest_of_ten_ways_is_known() -> None:
    assert noted(*range(79, 69, -1)).quickest_ns == 70


def test_a_way_counts_among_the_last_hundred() -> None:
    assert noted(5, *[70] * 99).quickest_ns == 5


def test_a_way_before_the_last_hundred_is_forgotten() -> None:
    assert noted(5, *[70] * 100).quickest_ns == 70


def test_who_queued_while_a_lease_had_ended_goes_on_with_the_next_of_the_same_terms() -> None:
    clock = StallingClock()
    bench = Bench(clock)
    bench.hold(Terms.everything(Rate.UNLIMITED), 1)
    bench.report()
    # The loop stands still: no timer has seen the lease end.
    clock.stall(TTL_NS + 1)
    bench.wait(1)

    bench.hold(Terms.everything(Rate.UNLIMITED), 2, answers=bench.report())
    settle()

    assert len(bench.passed) == 1
