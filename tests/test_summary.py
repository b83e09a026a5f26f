"""The summary as plain values."""

import json

from crowsg.metrics.failures import FailureGroup
from crowsg.rate import Rate
from crowsg.summary import Summary
from crowsg.users.counts import UserCounts

SETTINGS = {
    "rate": Rate(5, per=1),
    "limit": float("inf"),
    "sizes": (1, {2}),
    "by_id": {1: None},
    "odd": object,
}


def summary() -> Summary:
    group = FailureGroup("ValueError", "user *", 3, 0.5, 2.5, "ValueError: user 7")
    return Summary(
        run_id="run-1",
        scenario="chat",
        settings=SETTINGS,
        started_at=0.0,
        duration_s=1.5,
        exit_code=0,
        exit_reason="all users are done",
        users=UserCounts(asked=3, failed=3),
        operations={},
        gauges={},
        checks={"sound": (2, 1)},
        counters={"sent": 2, "ratio": float("nan")},
        errors=(group,),
    )


def test_every_value_can_be_written_as_json() -> None:
    said = json.loads(json.dumps(summary().as_dict(), allow_nan=False))

    assert said["settings"] == {
        "rate": "5/s",
        "limit": "inf",
        "sizes": [1, [2]],
        "by_id": {"1": None},
        "odd": "<class 'object'>",
    }
    assert said["counters"] == {"sent": 2, "ratio": "nan"}
    assert said["checks"] == {"sound": {"passed": 2, "failed": 1}}


def test_moments_are_wall_clock_and_durations_seconds() -> None:
    said = summary().as_dict()

    assert said["started_at"] == "1970-01-01T00:00:00.000+00:00"
    assert said["ended_at"] == "1970-01-01T00:00:01.500+00:00"
    assert said["duration_s"] == 1.5


def test_users_and_errors_stand_by_name() -> None:
    said = summary().as_dict()

    assert (said["users"]["asked"], said["users"]["failed"]) == (3, 3)
    assert said["errors"][0]["template"] == "user *"
