"""One throttle over many nodes: the services of a master and its workers, and messages between."""

from collections.abc import Callable
from typing import Any

import gevent
import pytest

from crowsg.errors import CannotChangeRate, NoSuchThrottle, ThrottleStopped, WrongReconfiguration
from crowsg.rate import Ramp, Rate
from crowsg.testing import capture_events
from crowsg.testing.manual_clock import settle
from crowsg.throttle.process import RampProgress
from crowsg.throttle.service import Throttles
from tests.throttle.cluster import MS, SECOND, most_beyond
from tests.throttle.services import Run

GRANULE_S = 0.01
NETWORKS = [
    pytest.param(MS, 0.0, id="a good network"),
    pytest.param(20 * MS, 0.1, id="slow, and a tenth is lost"),
]


@pytest.mark.parametrize(("slowest_ns", "lost"), NETWORKS)
@pytest.mark.parametrize(
    ("workers", "per_second", "seconds"),
    [
        pytest.param(2, 10_000, 1, id="10000/s over 2"),
        pytest.param(3, 1000, 3, id="1000/s over 3"),
        pytest.param(5, 1000, 3, id="1000/s over 5"),
        pytest.param(3, 100, 5, id="100/s over 3"),
    ],
)
def test_no_window_over_all_nodes_holds_more_than_the_rate(
    workers: int, per_second: int, seconds: float, slowest_ns: int, lost: float
) -> None:
    run = Run(workers, slowest_ns=slowest_ns, lost=lost)
    run.start(Rate(per_second, per=1))
    for worker in run.workers:
        worker.loop(10)

    run.run(seconds)

    assert most_beyond(run.stamps, per_second) <= per_second * GRANULE_S + workers


@pytest.mark.parametrize("workers", [2, 3, 5])
@pytest.mark.parametrize("per_second", [1000, 10_000])
def test_the_rate_is_reached_over_all_nodes(workers: int, per_second: int) -> None:
    run = Run(workers)
    run.start(Rate(per_second, per=1))
    for worker in run.workers:
        worker.loop(10)
    run.run(0.5)

    granted = run.granted(2)

    assert granted >= per_second * 2 * 0.995


@pytest.mark.parametrize(("slowest_ns", "lost"), NETWORKS)
@pytest.mark.parametrize("per_second", [10, 2, 0.5])
def test_a_slow_rate_is_kept_over_all_nodes(
    per_second: float, slowest_ns: int, lost: float
) -> None:
    run = Run(3, slowest_ns=slowest_ns, lost=lost)
    run.start(Rate(per_second, per=1))
    for worker in run.workers:
        worker.loop(2)

    run.run(20, step_ns=5 * MS)

    assert most_beyond(run.stamps, per_second) <= per_second * GRANULE_S + 3
    assert len(run.stamps) >= 0.75 * per_second * 20


@pytest.mark.parametrize(("slowest_ns", "lost"), NETWORKS)
def test_never_more_slots_are_out_than_there_are(slowest_ns: int, lost: float) -> None:
    run = Run(3, slowest_ns=slowest_ns, lost=lost)
    run.start("7 parallel")
    for users, worker in enumerate(run.workers, start=3):
        worker.loop(users, hold_s=0.03)

    run.run(3)

    assert run.in_use.most == 7


def test_slots_that_are_idle_on_one_node_are_used_on_another() -> None:
    run = Run(2)
    run.start("6 parallel")

    run.workers[1].loop(10, hold_s=0.05)
    run.run(1)

    assert run.in_use.most == 6


def test_demand_decides_on_shares() -> None:
    run = Run(2)
    run.start("1000/s")
    run.workers[1].loop(10)
    run.run(0.5)

    granted = run.granted(1)

    assert granted >= 995


def test_a_rate_changed_on_a_worker_is_in_force_everywhere_on_return() -> None:
    run = Run(3)
    run.start("2000/s")
    for worker in run.workers:
        worker.loop(5)
    run.run(0.5)

    run.do(run.workers[1].throttles.change_rate, "a", "500/s", within_s=0.4)
    begin = len(run.stamps)
    run.run(2)

    assert most_beyond(run.stamps[begin:], 500) <= 500 * GRANULE_S + 3
    assert len(run.stamps) - begin >= 0.97 * 1000


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda throttles: throttles.change_rate("a", "100/s"), id="change_rate"),
        pytest.param(lambda throttles: throttles.pause("a"), id="pause"),
    ],
)
def test_a_silent_node_delays_a_change_by_its_lease(change: Callable[[Throttles], None]) -> None:
    run = Run(3)
    run.start("1000/s")
    for worker in run.workers:
        worker.loop(5)
    run.run(0.5)
    run.network.cut_off.add("w2")

    run.do(change, run.workers[0].throttles, within_s=0.4)


def test_a_pause_on_a_worker_holds_everywhere_on_return() -> None:
    run = Run(3)
    run.start("1000/s")
    for worker in run.workers:
        worker.loop(5)
    run.run(0.5)

    run.do(run.workers[2].throttles.pause, "a", within_s=0.4)

    assert run.granted(2) == 0


def test_resuming_on_one_worker_what_was_paused_on_another() -> None:
    run = Run(2)
    run.start("1000/s")
    for worker in run.workers:
        worker.loop(5)
    run.do(run.workers[0].throttles.pause, "a")

    run.do(run.workers[1].throttles.resume, "a")
    run.run(0.2)

    assert run.granted(1) >= 990


def test_unlocking_on_a_worker_lifts_the_limit_everywhere() -> None:
    run = Run(2)
    run.start("1/min")
    waiting = [gevent.spawn(each.throttles.wait, "a") for each in run.workers for _ in range(50)]
    run.run(0.5)

    run.do(run.workers[0].throttles.unlock, "a")
    run.run(0.5)

    assert all(each.successful() for each in waiting)


def test_a_ramp_begun_on_a_worker_is_climbed_everywhere() -> None:
    run = Run(2)
    run.start("100/s")
    for worker in run.workers:
        worker.loop(5)
    ramp = Ramp("100/s", "1000/s", steps=3, step_interval=1)

    run.do(run.workers[0].throttles.ramp, "a", ramp)
    run.run(1.5)
    infos = [each.throttles.info("a") for each in run.workers]
    run.run(2)

    assert {(each.rate, each.progress) for each in infos} == {
        (Rate(400, per=1), RampProgress(ramp, 1))
    }
    assert run.granted(1) >= 990


def test_a_running_ramp_refuses_a_change_from_a_worker() -> None:
    run = Run(2)
    run.start(Ramp("100/s", "1000/s", steps=3, step_interval=60))

    with pytest.raises(CannotChangeRate, match=r"100/s to 1000/s"):
        run.do(run.workers[0].throttles.change_rate, "a", 5)


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(lambda run: run.workers[1].throttles.stop("a"), id="on a worker"),
        pytest.param(lambda run: run.master.stop("a"), id="on the master"),
        pytest.param(lambda run: run.master.stop_all(), id="as the run ends"),
    ],
)
def test_stopping_releases_those_who_wait_on_every_node(stop: Callable[[Run], None]) -> None:
    run = Run(3)
    run.start("1/min")
    for worker in run.workers:
        worker.loop(5)
    run.run(0.5)

    run.do(stop, run)
    run.run(0.1)

    assert [each.stopped for each in run.workers] == [5, 5, 5]
    assert [each.throttles.names() for each in run.workers] == [(), (), ()]


def test_who_stops_a_throttle_has_stopped_it_on_return() -> None:
    run = Run(2)
    run.start("1/min")

    run.do(run.workers[0].throttles.stop, "a")

    assert run.workers[0].throttles.names() == ()
    with pytest.raises(NoSuchThrottle):
        run.do(run.workers[0].throttles.wait, "a")


def test_a_node_that_missed_the_stop_learns_it_by_its_next_report() -> None:
    run = Run(2)
    run.start("1/min")
    run.workers[1].loop(3)
    run.run(0.5)
    run.announces = False

    run.do(run.workers[0].throttles.stop, "a")
    run.run(0.2)

    assert (run.workers[1].stopped, run.workers[1].throttles.names()) == (3, ())


def test_a_throttle_is_waited_for_where_it_was_not_started() -> None:
    run = Run(2)
    run.do(run.workers[0].throttles.start, "a", "100/s")

    permit = run.do(run.workers[1].throttles.wait, "a")

    assert permit.late <= GRANULE_S


def test_many_who_wait_where_it_was_not_started_ask_once() -> None:
    run = Run(2)
    run.do(run.workers[0].throttles.start, "a", "1000/s")
    run.calls.clear()

    run.workers[1].loop(50)
    run.run(0.5)

    assert run.calls == [("w1", "throttle_state")]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda throttles: throttles.wait("none"), id="wait"),
        pytest.param(lambda throttles: throttles.wait_unheld("none"), id="wait_unheld"),
        pytest.param(lambda throttles: throttles.has_schedule("none"), id="has_schedule"),
        pytest.param(lambda throttles: throttles.change_rate("none", Rate(1)), id="change_rate"),
        pytest.param(lambda throttles: throttles.ramp("none", Ramp(1, 2)), id="ramp"),
        pytest.param(lambda throttles: throttles.pause("none"), id="pause"),
        pytest.param(lambda throttles: throttles.resume("none"), id="resume"),
        pytest.param(lambda throttles: throttles.unlock("none"), id="unlock"),
        pytest.param(lambda throttles: throttles.stop("none"), id="stop"),
        pytest.param(lambda throttles: throttles.info("none"), id="info"),
    ],
)
def test_a_name_unknown_in_the_run_is_an_error_on_a_worker(
    call: Callable[[Throttles], object],
) -> None:
    run = Run(1)

    with pytest.raises(NoSuchThrottle, match="none"):
        run.do(call, run.workers[0].throttles)


def test_all_who_asked_for_an_unknown_name_at_once_get_the_error() -> None:
    run = Run(1)

    asking = [gevent.spawn(run.workers[0].throttles.wait, "none") for _ in range(5)]
    run.run(0.1)

    assert [type(each.exception) for each in asking] == [NoSuchThrottle] * 5


def test_only_the_first_of_all_nodes_starts_a_throttle() -> None:
    run = Run(3)

    outcomes = [run.do(each.throttles.start, "a", "10/s") for each in run.workers]

    assert outcomes == ["started", "already_started", "already_started"]


def test_another_declaration_on_another_node_is_an_error() -> None:
    run = Run(2)
    run.do(run.workers[0].throttles.start, "a", "10/s")
    run.do(run.workers[0].throttles.change_rate, "a", "20/s")

    with pytest.raises(WrongReconfiguration, match=r"10/s.*20/s"):
        run.do(run.workers[1].throttles.start, "a", "20/s")


def test_what_a_late_joiner_declares_is_not_compared() -> None:
    run = Run(1)
    run.start("10/s")

    late = run.join(is_late=True)

    assert run.do(late.throttles.start, "a", "20/s") == "already_started"
    assert late.throttles.info("a").rate == Rate(10, per=1)


@pytest.mark.parametrize("per_second", [1000, 10])
def test_a_late_joiner_gets_its_part(per_second: int) -> None:
    run = Run(2)
    run.start(Rate(per_second, per=1))
    for worker in run.workers:
        worker.loop(5)
    run.run(1)

    late = run.join(is_late=True)
    late.loop(5)
    run.run(5, step_ns=MS)

    assert len(late.stamps) >= 0.25 * per_second * 5
    assert most_beyond(run.stamps, per_second) <= per_second * GRANULE_S + 3


@pytest.mark.parametrize("per_second", [1000, 10])
def test_what_a_node_had_that_left_goes_to_the_others(per_second: int) -> None:
    run = Run(3)
    run.start(Rate(per_second, per=1))
    users = [worker.loop(5) for worker in run.workers]
    run.run(1)

    gevent.killall(users[2])
    run.workers[2].throttles.stop_all()
    run.dealer.dismiss("w2")
    run.run(0.5)

    assert run.granted(3) >= 0.95 * per_second * 3
    assert most_beyond(run.stamps, per_second) <= per_second * GRANULE_S + 3


def test_slots_of_a_node_that_is_gone_come_back_when_it_is_dismissed() -> None:
    run = Run(2)
    run.start("4 parallel")
    held = [run.do(run.workers[0].throttles.wait_unheld, "a") for _ in range(4)]
    run.network.cut_off.add("w0")
    run.run(1)
    waiting = [gevent.spawn(run.workers[1].throttles.wait_unheld, "a") for _ in range(4)]
    run.run(1)
    before = sum(each.successful() for each in waiting)

    run.dealer.dismiss("w0")
    run.run(0.2)

    assert (len(held), before, sum(each.successful() for each in waiting)) == (4, 0, 4)


def test_a_node_that_is_cut_off_grants_nothing_when_its_lease_has_run_out() -> None:
    run = Run(2)
    run.start("1000/s")
    for worker in run.workers:
        worker.loop(5)
    run.run(0.5)

    run.network.cut_off.add("w1")
    run.run(0.4)
    before = len(run.workers[1].stamps)
    run.run(2)

    assert len(run.workers[1].stamps) == before
    assert most_beyond(run.stamps, 1000) <= 1000 * GRANULE_S + 2


def test_a_node_that_is_reached_again_goes_on() -> None:
    run = Run(2)
    run.start("1000/s")
    for worker in run.workers:
        worker.loop(5)
    run.network.cut_off.add("w1")
    run.run(1)

    run.network.cut_off.clear()
    run.run(0.5)
    before = len(run.workers[1].stamps)
    run.run(1)

    assert len(run.workers[1].stamps) - before >= 250


def test_the_next_run_takes_the_same_names_otherwise() -> None:
    run = Run(2)
    run.start("1/min")
    for worker in run.workers:
        worker.loop(2)
    run.run(0.2)
    for worker in run.workers:
        worker.throttles.stop_all()
        worker.throttles.forget()
    run.master.stop_all()
    run.master.forget()

    run.start("1000/s")
    for worker in run.workers:
        worker.stamps.clear()
        worker.loop(2)
    run.run(0.5)

    assert run.granted(1) >= 990
    assert run.workers[0].throttles.info("a").rate == Rate(1000, per=1)


@pytest.mark.parametrize("seed", range(3))
def test_a_throttle_stopped_and_started_at_once_is_the_later_one_everywhere(seed: int) -> None:
    run = Run(3, seed=seed, slowest_ns=20 * MS, lost=0.1)
    run.start("1/min")
    for worker in run.workers:
        worker.loop(2)
    run.run(0.2)

    run.do(run.workers[0].throttles.stop, "a")
    run.do(run.workers[0].throttles.start, "a", "100/s")
    run.run(1)
    for worker in run.workers:
        worker.loop(2)
    run.run(1)

    assert [each.throttles.info("a").rate for each in run.workers] == [Rate(100, per=1)] * 3
    assert [each.stopped for each in run.workers] == [2, 2, 2]
    assert all(worker.stamps for worker in run.workers)


def test_counts_are_of_the_node_and_the_rate_is_the_owners() -> None:
    run = Run(2)
    run.start("1000/s")
    run.workers[0].loop(3)
    run.run(1)
    run.do(run.workers[1].throttles.change_rate, "a", "500/s")

    infos = [each.throttles.info("a") for each in run.workers]

    assert [each.rate for each in infos] == [Rate(500, per=1)] * 2
    assert [each.granted for each in infos] == [len(each.stamps) for each in run.workers]


def test_the_master_tells_all_throttles_of_the_run_without_taking_part() -> None:
    run = Run(2)
    run.start("1000/s")
    run.workers[0].loop(3)
    run.run(1)

    info = run.master.infos()["a"]

    assert (info.rate, info.requested, info.granted) == (Rate(1000, per=1), 0, 0)
    assert run.master.names() == ("a",)


def test_what_was_stopped_by_a_worker_is_told_by_the_master_as_it_stood() -> None:
    run = Run(1)
    run.start("1000/s")

    run.do(run.workers[0].throttles.stop, "a")

    assert run.master.infos()["a"].rate == Rate(1000, per=1)


def test_a_pause_is_told_on_every_node() -> None:
    run = Run(2)
    run.start("1000/s")
    run.do(run.workers[0].throttles.pause, "a")
    run.do(run.workers[0].throttles.change_rate, "a", "7/s")
    run.run(0.3)

    infos = [each.throttles.infos()["a"] for each in run.workers]

    assert {(each.rate, each.is_paused) for each in infos} == {(Rate(7, per=1), True)}


@pytest.mark.parametrize("lost_s", [0.0, 1.0])
def test_looking_at_all_throttles_asks_nobody(lost_s: float) -> None:
    run = Run(1)
    run.start("1000/s")
    run.network.cut_off.add("w0")
    run.run(lost_s)
    run.calls.clear()

    infos = run.workers[0].throttles.infos()

    assert (infos["a"].rate, run.calls) == (Rate(1000, per=1), [])


def test_setup_may_wait_on_the_master() -> None:
    run = Run(1)
    run.master.start("a", "100/s")
    run.workers[0].loop(2)
    passed: list[int] = []

    def set_up() -> None:
        for _ in range(100):
            run.master.wait("a")
            passed.append(run.clock.now_ns())

    setup = gevent.spawn(set_up)
    run.run(4)

    assert setup.successful()
    assert most_beyond(sorted([*run.stamps, *passed]), 100) <= 100 * GRANULE_S + 2


def test_the_master_takes_no_part_until_somebody_waits_there() -> None:
    run = Run(1)

    run.master.start("a", "10/s")
    run.master.info("a")
    run.master.change_rate("a", "15/s")
    run.do(run.workers[0].throttles.wait, "a")

    # One node has all of a slow rate as a share; more than one get it permit by permit.
    assert run.workers[0].throttles._outlets["a"].gate.terms.singles is None


def test_what_comes_together_for_a_node_goes_in_one_message() -> None:
    run = Run(1)
    for name in "abc":
        run.do(run.workers[0].throttles.start, name, "1000/s")
    run.run(1)
    run.workers[0].notices.clear()

    run.run(0.1)

    assert [len(each) for each in run.workers[0].notices] == [3]


def test_starting_and_changing_are_told_where_the_owner_is() -> None:
    run = Run(1)
    names = [("crowsg", "throttle", "init"), ("crowsg", "throttle", "rate")]

    with capture_events(run.bus, *names) as events:
        run.do(run.workers[0].throttles.start, "a", "10/s")
        run.do(run.workers[0].throttles.change_rate, "a", "20/s")

    assert [(each.name[-1], each.measurements.get("rate")) for each in events] == [
        ("init", None),
        ("rate", 10.0),
        ("rate", 20.0),
    ]


def killed_in_the_middle(run: Run, function: Callable[..., Any], *args: Any) -> None:
    greenlet = gevent.spawn(function, *args)
    settle()
    greenlet.kill()
    run.run(0.5)


def test_a_start_whose_caller_was_killed_can_be_asked_again() -> None:
    run = Run(1)
    throttles = run.workers[0].throttles

    killed_in_the_middle(run, throttles.start, "a", "100/s")

    assert run.do(throttles.start, "a", "100/s") == "already_started"
    assert run.do(throttles.wait, "a").late <= GRANULE_S


def test_who_waits_goes_on_when_the_one_who_asked_is_killed() -> None:
    run = Run(2)
    run.do(run.workers[0].throttles.start, "a", "100/s")
    first = gevent.spawn(run.workers[1].throttles.wait, "a")
    second = gevent.spawn(run.workers[1].throttles.wait, "a")
    settle()

    first.kill()
    run.run(0.5)

    assert second.successful()


def test_a_change_whose_caller_was_killed_comes_in_force() -> None:
    run = Run(2)
    run.start("100/s")

    killed_in_the_middle(run, run.workers[0].throttles.change_rate, "a", "200/s")

    assert run.workers[1].throttles.info("a").rate == Rate(200, per=1)


def test_a_stop_whose_caller_was_killed_closes_the_throttle_everywhere() -> None:
    run = Run(2)
    run.start("100/s")

    killed_in_the_middle(run, run.workers[0].throttles.stop, "a")

    assert [each.throttles.names() for each in run.workers] == [(), ()]


def test_a_killed_waiter_uses_up_no_permit_on_a_worker() -> None:
    run = Run(2)
    run.start("2/s")
    doomed = [gevent.spawn(run.workers[0].throttles.wait, "a") for _ in range(20)]
    run.run(0.2)
    gevent.killall(doomed)

    run.workers[1].loop(1)
    run.run(0.2)

    assert run.granted(5) >= 9


@pytest.mark.parametrize("rate", ["7 parallel", "infinity"])
def test_what_has_no_schedule_is_known_on_a_worker_without_a_lease(rate: str) -> None:
    run = Run(1)
    run.start(rate)
    run.network.cut_off.add("w0")
    run.run(1)

    assert not run.workers[0].throttles.has_schedule("a")


def test_waiters_of_a_worker_that_ends_its_part_get_the_stop() -> None:
    run = Run(2)
    run.start("1/min")
    waiting = [gevent.spawn(run.workers[0].throttles.wait_unheld, "a") for _ in range(3)]
    run.run(0.2)

    run.workers[0].throttles.stop_all()
    settle()

    stopped = [each for each in waiting if isinstance(each.exception, ThrottleStopped)]
    assert len(stopped) >= 2
    assert run.master.names() == ("a",)


def test_time_lost_on_a_worker_is_told_there() -> None:
    run = Run(1)
    run.start("1000/s")
    run.workers[0].loop(2)
    run.run(0.5)
    run.clock._now_ns += SECOND // 10

    run.run(0.5)

    assert 0.05 <= run.workers[0].throttles.info("a").lost_s <= 0.11
