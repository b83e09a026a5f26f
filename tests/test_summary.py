"""The summary as plain values."""

import json
from dataclasses import replace
from typing import Any

import pytest

from crowsg.rate import Rate
from crowsg.summary import Summary, plain
from crowsg.throttle.info import ThrottleInfo
from tests.results.example import SUMMARY


class Unspeakable:
    """An object that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def said(summary: Summary = SUMMARY) -> dict[str, Any]:
    """Return the summary as a reader of the file finds it."""
    values: dict[str, Any] = json.loads(json.dumps(summary.as_dict(), allow_nan=False))
    return values


def test_every_value_can_be_written_as_json() -> None:
    assert said()["settings"] == {
        "rate": "5/s",
        "limit": "inf",
        "sizes": [1, [2]],
        "by_id": {"1": None},
        "odd": "<class 'object'>",
    }


def test_numbers_that_json_lacks_are_text() -> None:
    assert said()["counters"] == {"sent": 2, "ratio": "nan"}
    assert said()["gauges"] == {"limit": "-inf"}


def test_moments_are_wall_clock_and_durations_seconds() -> None:
    assert said()["started_at"] == "1970-01-01T00:00:00.000+00:00"
    assert said()["ended_at"] == "1970-01-01T00:00:01.500+00:00"
    assert said()["duration_s"] == 1.5


def test_a_run_that_goes_on_has_not_ended() -> None:
    going_on = said(replace(SUMMARY, exit_code=None))

    assert (going_on["exit_code"], going_on["ended_at"]) == (None, None)


def test_users_checks_and_errors_stand_by_name() -> None:
    assert (said()["users"]["asked"], said()["users"]["failed"]) == (3, 3)
    assert said()["checks"] == {"sound": {"passed": 2, "failed": 1}}
    assert said()["errors"][0]["template"] == "user *"


def test_an_operation_says_how_it_went() -> None:
    login = said()["operations"]["login"]

    assert (login["count"], login["ok"], login["failures"]) == (3, 2, {"refused": 1})
    assert (login["rate_per_s"], login["service"]["max"]) == (2.0, 0.01)


def test_response_times_stand_only_where_there_were_intended_moments() -> None:
    operations = said()["operations"]

    assert (operations["call"]["response"]["max"], operations["call"]["late_s"]) == (0.03, 0.02)
    assert not {"response", "late_s"} & set(operations["login"])


@pytest.mark.parametrize(
    ("rate", "permits", "interval_s"),
    [
        pytest.param(Rate(5, per=2), 5, 2.0, id="in-time"),
        pytest.param(Rate.PAUSED, 0, 60.0, id="paused"),
        pytest.param(Rate.parallel(3), 3, 0.0, id="parallel"),
        pytest.param(Rate.UNLIMITED, "infinity", None, id="unlimited"),
    ],
)
def test_a_throttle_says_its_rate(rate: Rate, permits: Any, interval_s: float | None) -> None:
    info = ThrottleInfo(rate, False, 1, 4, 3, 3, 0, 0.25, None)

    throttle = said(replace(SUMMARY, throttles={"calls": info}))["throttles"]["calls"]

    assert throttle == {
        "rate": permits,
        "interval_s": interval_s,
        "requested": 4,
        "granted": 3,
        "executed": 3,
        "lost_s": 0.25,
    }


def test_a_node_says_its_part() -> None:
    (node,) = said()["nodes"]

    assert (node["name"], node["state"], node["gaps"]) == ("a@host", "finished", [[0.1, 0.2]])
    assert (node["users"], node["health"]) == (said()["users"], said()["health"])


def test_health_says_when_the_generator_was_the_limit() -> None:
    health = said()["health"]

    assert (health["saturated_s"], health["saturated"]) == (1.0, [[0.5, 1.5]])
    assert health["stalls"] == [{"at_s": 0.5, "seconds": 1.0, "place": "start (chat.py:7)"}]


def test_a_change_stands_with_its_details() -> None:
    assert said()["events"] == [
        {"at_s": 0.5, "node": "a@host", "event": "controller.users", "count": 3, "type": "add"}
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(Unspeakable(), "<Unspeakable>", id="value"),
        pytest.param({Unspeakable(): 1}, {"<unprintable>": 1}, id="key"),
        pytest.param([{"a": Unspeakable()}], [{"a": "<Unspeakable>"}], id="within"),
    ],
)
def test_what_cannot_be_shown_ends_no_summary(value: object, shown: object) -> None:
    assert plain(value) == shown
