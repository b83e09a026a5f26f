"""A run in which each arrival is a user of its own."""

import pytest

from crowsg import metrics, users
from tests.record.runs import Execution
from tests.support.nodes import Bench, make_scenario, sleep_for_ever

NO_CAP = 10**6


def arriving(bench: Bench, start: object, rate: str, cap: int, duration_s: float) -> Execution:
    """Run for some seconds with users that arrive at a rate."""
    return Execution(
        bench,
        make_scenario(start),  # type: ignore[arg-type]
        users=cap,
        settings={"user_rate": rate},
        arrivals=True,
        duration_s=duration_s,
    )


def test_users_arrive_on_schedule_whatever_those_before_do(bench: Bench) -> None:
    execution = arriving(bench, sleep_for_ever, "2/s", NO_CAP, 10)

    bench.clock.advance(9.9)

    assert bench.count("running") == 20
    bench.clock.advance(10)
    assert execution.summary().users.removed == execution.summary().users.asked


def test_the_run_goes_on_while_nobody_is_there(bench: Bench) -> None:
    execution = arriving(bench, lambda user_id: None, "1/s", NO_CAP, 10)

    bench.clock.advance(9.5)
    finished = bench.count("finished")
    bench.clock.advance(1)

    assert finished == 10
    assert execution.summary().exit_reason == "the duration is over"


def test_who_finds_too_many_there_never_starts_and_is_counted(bench: Bench) -> None:
    execution = arriving(bench, lambda user_id: users.sleep(4), "1/s", 2, 8.5)

    bench.clock.advance(20)

    counts = execution.summary().users
    assert (counts.asked, counts.cancelled) == (9, 4)
    assert counts.asked == counts.finished + counts.removed + counts.cancelled


def test_ids_go_on_and_none_is_given_twice(bench: Bench) -> None:
    ids: list[int] = []
    arriving(bench, ids.append, "5/s", NO_CAP, 3)

    bench.clock.advance(5)

    assert ids == list(range(1, len(ids) + 1))


def test_an_arrival_is_timed_from_when_it_was_due(bench: Bench) -> None:
    def visit(user_id: int) -> None:
        users.sleep(0.25)
        with metrics.time("visit", since=users.current()):
            users.sleep(0.5)

    execution = arriving(bench, visit, "1/s", NO_CAP, 3.9)

    bench.clock.advance(10)

    response = execution.summary().operations["visit"].response
    assert response is not None
    assert response.max == pytest.approx(0.75, abs=0.01)


def test_an_interrupt_ends_the_arrivals(bench: Bench) -> None:
    execution = arriving(bench, sleep_for_ever, "10/s", NO_CAP, 1000)
    bench.clock.advance(1)

    execution.run.interrupt()
    bench.clock.advance(5)

    summary = execution.summary()
    assert (summary.exit_code, summary.users.running, summary.errors) == (97, 0, ())


def test_the_rate_of_arrivals_can_be_changed(bench: Bench) -> None:
    arriving(bench, sleep_for_ever, "1/s", NO_CAP, 1000)
    bench.clock.advance(2.5)

    bench.node.local.update_settings({"user_rate": "100/s"})
    bench.clock.advance(1)

    assert 90 <= bench.count("running") <= 110
