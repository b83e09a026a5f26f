"""The summary, for people and for programs."""

from dataclasses import replace

import pytest

from crowsg.health.record import HealthSummary, StallSummary
from crowsg.metrics.figures import Latency, OperationSummary
from crowsg.report.table import print_summary
from crowsg.summary import NodeSummary, Summary
from crowsg.users.counts import UserCounts
from tests.report.samples import failure

HEALTH = HealthSummary(
    saturated_s=0.0,
    saturated=(),
    cpu_mean=0.25,
    cpu_max=0.5,
    loop_lag=None,
    gc_pause=None,
    gc_pause_s=0.0,
    resident_bytes=48_000_000,
    open_files=12,
    stalls=(),
)

SUMMARY = Summary(
    run_id="run-1",
    scenario="made [bold]up[/bold]",
    settings={"size": 1},
    started_at=0.0,
    duration_s=12.34,
    exit_code=0,
    exit_reason="all users are done",
    users=UserCounts(asked=3, finished=2, failed=1),
    operations={},
    gauges={},
    checks={},
    counters={"sent": 5, "mean": 0.5},
    throttles={},
    errors=(failure("ValueError: [red]x[/red]"),),
    nodes=(),
    health=HEALTH,
    events=(),
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


def test_operations_are_shown_with_their_latencies(capsys: pytest.CaptureFixture[str]) -> None:
    latency = Latency(0.5, 0.000_25, 0.5, 1.234, 99.9, 1000.0, 4000.4)
    each = OperationSummary(9, 5, 3, 1, {"refused": 3}, 12.345, latency, latency, 0.5)

    lines = printed(replace(SUMMARY, operations={"greet": each}), capsys)

    times = "250 us 1.23 s 99.9 s 4000 s"
    assert f"greet 5 3 1 12.3 {times}" in lines
    assert f"response {times}" in lines


def test_an_operation_that_was_only_cut_has_no_latency(capsys: pytest.CaptureFixture[str]) -> None:
    each = OperationSummary(1, 0, 0, 1, {}, 0.0, None, None, 0.0)

    assert "greet 0 0 1 0.0" in printed(replace(SUMMARY, operations={"greet": each}), capsys)


def test_gauges_and_checks_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(replace(SUMMARY, gauges={"queue": 3}, checks={"sound": (7, 2)}), capsys)

    assert {"queue 3", "sound 7 2"} <= set(lines)


NODES = (
    NodeSummary("a@host", "disabled", UserCounts(), HEALTH),
    NodeSummary(
        "[b]@host",
        "dead",
        UserCounts(asked=20, waiting=1, running=3, finished=6, cancelled=2, lost=8),
        replace(HEALTH, saturated_s=3.2, loop_lag=Latency(0.1, 0.1, 0.1, 0.1, 0.002, 0.1, 0.1)),
    ),
)


def test_each_of_several_nodes_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(replace(SUMMARY, nodes=NODES), capsys)

    assert {"a@host disabled 0 0 0 25%", "[b]@host dead 17 3 14 25% 2 ms 3 s"} <= set(lines)


def test_what_is_not_known_of_a_node_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    lost = replace(NODES[1], gaps=((12.34, 22.4),))

    lines = printed(replace(SUMMARY, nodes=(NODES[0], lost)), capsys)

    assert "[b]@host: counts up to 12.3 s, given up at 22.4 s" in lines


def test_a_lone_node_has_no_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(replace(SUMMARY, nodes=NODES[:1]), capsys)

    assert not [line for line in lines if line.startswith(("node", "a@host"))]


def test_the_last_line_is_about_the_generator(capsys: pytest.CaptureFixture[str]) -> None:
    lags = Latency(0.001, 0.001, 0.001, 0.001, 0.002, 0.003, 0.004)

    lines = printed(replace(SUMMARY, health=replace(HEALTH, loop_lag=lags)), capsys)

    assert lines[-1] == "generator: cpu 25%, at most 50%, lag p99 2 ms, 48 MB, 12 files"


def test_a_loop_nobody_watched_has_no_lag(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(SUMMARY, capsys)[-1] == "generator: cpu 25%, at most 50%, 48 MB, 12 files"


def test_a_generator_that_was_the_limit_is_marked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")

    lines = printed(replace(SUMMARY, health=replace(HEALTH, saturated_s=3.2)), capsys)

    assert lines[-1] == (
        "it was the limit for 3 s: what users measured then is in part its own delay"
    )


def test_what_blocked_the_loop_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    stalls = (StallSummary(1.0, 2.5, "start (chat.py:[7])"),)

    lines = printed(replace(SUMMARY, health=replace(HEALTH, stalls=stalls)), capsys)

    assert lines[-1] == "the event loop was blocked for 2.5 s by start (chat.py:[7])"


def test_everything_fits_eighty_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    latency = Latency(0.5, 0.123, 0.5, 0.456, 0.789, 1.0, 12.3)
    each = OperationSummary(9, 123_456, 1234, 12, {}, 12_345.6, latency, latency, 0.5)
    print_summary(replace(SUMMARY, operations={"greet": each}, nodes=NODES))

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if line.startswith(("greet", "  resp"))] == [
        "greet",
        "response",
    ]
