"""nginx stands still 0.3 s in every 3 s: crowsg's open model tells what its visitors waited."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contrib.benchmarks.nginx import nginx
from contrib.benchmarks.truth import IN_FLIGHT, RATE_PER_S, Told, watch_crowsg

pytestmark = [pytest.mark.servers, pytest.mark.integration, pytest.mark.wall_clock]

STOP_S, PERIOD_S, COUNT = 0.3, 3.0, 4


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("truth") / "out"
    with nginx() as server:
        yield watch_crowsg(server, folder, STOP_S, PERIOD_S, COUNT)


@pytest.mark.parametrize("percent", [95, 99])
def test_a_percentile_of_the_response_times_is_the_expected(told: Told, percent: int) -> None:
    assert told.off_percent(percent) == pytest.approx(0, abs=10)


def test_who_came_while_the_server_ran_was_answered_at_once(told: Told) -> None:
    assert told.page["response"]["p50"] < 0.02


def test_every_visit_was_counted_and_none_dropped(told: Told) -> None:
    page, visits = told.page, told.visits

    assert page["ok"] == page["count"] == visits["count"] == told.seen
    assert visits["dropped"] == 0


def test_visits_came_at_their_rate(told: Told) -> None:
    due = RATE_PER_S * (PERIOD_S * COUNT - told.lost_s)

    assert told.visits["count"] == pytest.approx(due, rel=0.02)


def test_no_visit_waited_for_a_connection(told: Told) -> None:
    longest_s = told.page["response"]["max"]

    assert longest_s < STOP_S + 0.2
    assert told.page["late_s"] / told.page["count"] < 0.02
    assert RATE_PER_S * longest_s < IN_FLIGHT


def test_the_service_time_stands_beside_it(told: Told) -> None:
    service, response = told.page["service"], told.page["response"]

    assert 0 < service["p99"] <= response["p99"]


def test_visits_that_find_no_room_in_a_stop_are_dropped_and_told(tmp_path: Path) -> None:
    room = 20
    with nginx() as server:
        told = watch_crowsg(server, tmp_path / "out", STOP_S, PERIOD_S, 1, in_flight=room)

    assert told.page["ok"] == told.visits["count"] == told.seen
    assert told.visits["dropped"] == pytest.approx(RATE_PER_S * STOP_S - room, rel=0.1)
