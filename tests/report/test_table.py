"""The summary, for people and for programs."""

from dataclasses import replace

import pytest

from crowsg.metrics.failures import FailureGroup
from crowsg.report.table import print_summary
from crowsg.summary import Summary
from crowsg.users.counts import UserCounts


def failure(sample: str, count: int = 1) -> FailureGroup:
    return FailureGroup("ValueError", "x", count, 0.0, 0.0, sample)


SUMMARY = Summary(
    run_id="run-1",
    scenario="made [bold]up[/bold]",
    settings={"size": 1},
    started_at=0.0,
    duration_s=12.34,
    exit_code=0,
    exit_reason="all users are done",
    users=UserCounts(asked=3, finished=2, failed=1),
    counters={"sent": 5, "mean": 0.5},
    errors=(failure("ValueError: [red]x[/red]"),),
)


def printed(summary: Summary, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_summary(summary)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_people_see_users_counters_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(SUMMARY, capsys)

    assert "made [bold]up[/bold] all users are done after 12.3 s" in lines
    assert {"asked 3", "finished 2", "failed 1", "sent 5", "mean 0.5"} <= set(lines)
    assert "ValueError: [red]x[/red] 1" in lines


def test_outcomes_nobody_had_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert not [line for line in printed(SUMMARY, capsys) if line.startswith(("killed", "lost"))]


def test_a_long_error_keeps_the_place_it_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    sample = "ValueError: " + "x" * 500 + " (scenario.py:7 in start)"
    long = replace(SUMMARY, errors=(failure(sample),))

    text = "".join(printed(long, capsys))

    assert "(scenario.py:7 in start)" in text
    assert text.count("x") < 200


def test_errors_beyond_the_tenth_are_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    errors = tuple(failure(f"Error{number}", 2) for number in range(13))

    assert "... and 3 more kinds 6" in printed(replace(SUMMARY, errors=errors), capsys)
