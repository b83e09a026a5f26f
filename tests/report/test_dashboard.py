"""What a run looks like right now, on terminals of all sizes."""

import random
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from crowsg.health.monitor import Reading
from crowsg.metrics.figures import Interval
from crowsg.record.sample import Sample
from crowsg.report.dashboard import Dashboard
from crowsg.users.counts import UserCounts
from tests.report.samples import failure, interval, sample, throttle

NAMES = (
    "connect",
    "[red]x[/red]",
    "送信時間" * 12,
    "a name that is longer than any terminal was ever meant to be wide" * 3,
    "🚀 launch",
    "e\u0301te\u0301",
    'delivery{kind="answer"}',
)
CROWD = UserCounts(99_999, 1, 88_888, 7777, 666, 55, 44, 33, 22, 11)


def named(count: int) -> dict[str, Interval]:
    return {f"{NAMES[i % len(NAMES)]}{i // len(NAMES) or ''}": interval(i, i) for i in range(count)}


def full_sample(operations: int, *, throttles: int = 8, errors: int = 10) -> Sample:
    """A second in which everything there is to see occurred."""
    return sample(
        3599,
        users=CROWD,
        operations=named(operations),
        throttles={f"{NAMES[i % len(NAMES)]}{i}": throttle(i) for i in range(throttles)},
        errors=[
            failure(f"ValueError: {NAMES[i % len(NAMES)]} (a.py:{i})", i) for i in range(errors)
        ],
        health=Reading(0.97, 0.12, 48_000_000, 308, saturated=True),
    )


def shown(*samples: Sample, width: int = 100, height: int = 40) -> list[str]:
    dashboard = Dashboard("scenarios/chat.py")
    for each in samples:
        dashboard.see(each)
    return [line.plain for line in dashboard.lines(width, height)]


def line_with(word: str, lines: list[str]) -> str:
    (line,) = [line for line in lines if word in line]
    return line


@pytest.mark.parametrize("operations", [0, 1, 7, 50])
@pytest.mark.parametrize("width", [*range(20, 90, 3), *range(90, 201, 11)])
def test_nothing_is_larger_than_the_terminal(width: int, operations: int) -> None:
    dashboard = Dashboard("scenarios/送信.py")
    dashboard.see(full_sample(operations))

    for height in range(3, 61):
        lines = dashboard.lines(width, height)

        assert len(lines) <= height
        assert max(cell_len(line.plain) for line in lines) <= width


@pytest.mark.parametrize("width", [-1, 0, 1, 5, 12])
@pytest.mark.parametrize("height", [-2, 0, 1, 2, 30])
def test_a_terminal_too_small_to_show_anything_harms_nobody(width: int, height: int) -> None:
    lines = shown(full_sample(3), width=width, height=height)

    assert len(lines) <= max(0, height)
    assert all(cell_len(line) <= width for line in lines)


@pytest.mark.parametrize("seed", range(200))
def test_what_is_cut_is_said(seed: int) -> None:
    dice = random.Random(seed)
    wanted = [dice.randint(0, 50), dice.randint(0, 8), dice.randint(0, 10)]
    lines = shown(
        full_sample(wanted[0], throttles=wanted[1], errors=wanted[2]),
        width=dice.randint(60, 200),
        height=dice.randint(8, 60),
    )

    text = "\n".join(lines)
    rows = [
        len(re.findall(r" \d+\.\d ", text)),
        len(re.findall(r"^throttle ", text, re.MULTILINE)),
        len(re.findall(r"^ +\d+  ValueError", text, re.MULTILINE)),
    ]
    for pattern, count, all_of_them in zip(
        (r"and (\d+) more(?:,|$)", r"and (\d+) more throttles", r"and (\d+) more kinds"),
        rows,
        wanted,
        strict=True,
    ):
        hidden = sum(map(int, re.findall(pattern, text, re.MULTILINE)))
        assert count + hidden == all_of_them


def test_before_the_first_sample_there_is_nothing() -> None:
    assert shown() == []


def test_the_first_line_says_what_runs_and_since_when() -> None:
    first = shown(sample(75, state="terminating"), width=60)[0]

    assert first.split() == ["scenarios/chat.py", "terminating", "1:15"]
    assert len(first) == 60


def test_the_first_line_says_how_many_workers_there_are() -> None:
    head = shown(replace(sample(62), workers=1))[0]

    assert re.fullmatch(r"scenarios/chat\.py +1 worker  running  1:02", head)


def test_a_title_moves_no_cursor() -> None:
    dashboard = Dashboard("chat\x1b[2J\n.py")
    dashboard.see(sample())

    assert dashboard.lines(80, 24)[0].plain.isprintable()


def test_outcomes_nobody_had_are_left_out() -> None:
    lines = shown(sample(users=UserCounts(asked=3, running=2, removed=1)))

    assert lines[1] == "users      3 asked, 0 waiting, 2 running, 0 finished, 0 failed, 1 removed"


def test_outcomes_that_do_not_fit_go_to_another_line() -> None:
    lines = shown(full_sample(0), width=80)

    assert " ".join(f"{lines[1]}{lines[2]}".split()) == (
        "users 99999 asked, 1 waiting, 88888 running, 7777 finished, 666 failed, 11 stuck, "
        "44 killed, 55 removed, 33 cancelled, 22 lost"
    )


def test_an_operation_is_shown_with_rate_failures_and_latencies() -> None:
    lines = shown(sample(operations={"greet": interval(9, 1, p95=0.02)}))

    assert line_with("greet", lines).split() == [
        *("greet", "10.0", "1"),
        *("10", "ms", "20", "ms", "20", "ms", "█"),
    ]


def test_the_rate_is_that_of_a_second() -> None:
    lines = shown(sample(operations={"greet": interval(9)}, seconds=0.5))

    assert "18.0" in line_with("greet", lines)


def test_a_sample_of_no_time_has_no_rate() -> None:
    lines = shown(sample(operations={"greet": interval(9)}, seconds=0.0))

    assert " 0.0 " in line_with("greet", lines)


def test_failures_add_up() -> None:
    seconds = [sample(at, operations={"greet": interval(1, failed=at)}) for at in (1, 2, 3)]

    assert line_with("greet", shown(*seconds)).split()[1:3] == ["4.0", "6"]


def test_a_second_without_samples_is_a_gap_in_the_trend() -> None:
    seconds = [
        sample(1, operations={"greet": interval(p95=0.01)}),
        sample(2),
        sample(3, operations={"greet": interval(p95=0.1)}),
    ]

    assert line_with("greet", shown(*seconds)).endswith("▁ █")


def test_in_a_second_without_samples_the_rate_is_0() -> None:
    lines = shown(sample(1, operations={"greet": interval(9)}), sample(2))

    assert line_with("greet", lines).split()[1] == "0.0"


def test_samples_that_were_all_cut_are_no_rate_and_a_gap() -> None:
    cut = Interval(0, 0, 5, None, None)

    line = line_with("greet", shown(sample(operations={"greet": cut})))

    assert line.split() == ["greet", "0.0", "0"]


@pytest.mark.parametrize(
    ("seconds", "is_dim"),
    [
        pytest.param([interval()], False, id="this second's"),
        pytest.param([interval(), None], True, id="an earlier second's"),
    ],
)
def test_latencies_of_an_earlier_second_are_dim(
    seconds: list[Interval | None], *, is_dim: bool
) -> None:
    dashboard = Dashboard("chat")
    for at, each in enumerate(seconds):
        dashboard.see(sample(at, operations={"greet": each} if each else {}))

    (row,) = [line.painted() for line in dashboard.lines(80, 24) if "greet" in line.plain]
    assert ("\x1b[2m    10 ms" in row) == is_dim


def test_the_trend_holds_as_many_seconds_as_are_wide() -> None:
    seconds = [sample(at, operations={"greet": interval()}) for at in range(300)]

    lines = shown(*seconds, width=80)

    wide = line_with("greet", lines).count("█")
    assert line_with("per s", lines).endswith(f"p95, last {wide} s")


def test_a_terminal_without_bars_has_no_trend() -> None:
    dashboard = Dashboard("chat", has_trends=False)
    dashboard.see(sample(operations={"greet": interval()}))

    assert all(line.plain.isascii() for line in dashboard.lines(80, 24))


@pytest.mark.parametrize("width", [79, 120, 199])
def test_names_of_any_script_keep_the_columns_aligned(width: int) -> None:
    lines = shown(sample(operations=dict.fromkeys(NAMES, interval(5))), width=width)

    rows = [line for line in lines if " 5.0 " in line]
    assert len(rows) == len(NAMES)
    assert len({cell_len(row[: row.index(" 5.0 ")]) for row in rows}) == 1


def test_names_of_any_script_are_whole_where_there_is_room() -> None:
    name = "送信時間" * 4

    lines = shown(sample(operations={name: interval()}, throttles={name: throttle()}))

    assert line_with(" 1.0 ", lines).startswith(f"{name}  ")
    assert line_with("granted", lines).startswith(f"throttle   {name[:11]}")


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        pytest.param(20, ["per", "s"], id="20"),
        pytest.param(30, ["per", "s", "p95"], id="30"),
        pytest.param(40, ["per", "s", "failed", "p95"], id="40"),
        pytest.param(60, ["per", "s", "failed", "p50", "p95", "p99"], id="60"),
    ],
)
def test_a_narrow_terminal_goes_without_whole_columns(width: int, columns: list[str]) -> None:
    lines = shown(sample(operations={"greet": interval()}), width=width)

    assert line_with("operation", lines).split() == ["operation", *columns]


def test_numbers_of_a_long_run_stay_apart() -> None:
    crowded = interval(10**7, 12**8)

    line = line_with("greet", shown(sample(operations={"greet": crowded}, seconds=1e3)))

    assert line.split()[1:4] == ["439981.7", "429", "M"]


def test_failures_of_operations_that_are_not_shown_are_said() -> None:
    operations = {f"greet {at}": interval(1, failed=2) for at in range(20)}

    lines = shown(sample(operations=operations), height=10)

    assert "... and 16 more, 32 failed" in lines


def test_the_share_of_errors_that_are_not_shown_is_said() -> None:
    lines = shown(sample(errors=[failure("boom", 5)] * 10), height=8)

    assert "... and 7 more kinds of failure, 35 times" in lines


def test_a_long_error_keeps_its_place() -> None:
    lines = shown(sample(errors=[failure(f"ValueError: {'x' * 200} (a.py:7 in start)", 12)]))

    assert re.fullmatch(r" {7}12  ValueError: x+\.\.\. \(a\.py:7 in start\)", lines[3])


def test_a_throttle_that_lost_time_says_so() -> None:
    lines = shown(sample(throttles={"chat": throttle(), "login": throttle(lost_s=1.5)}))

    assert [line for line in lines if line.startswith("throttle")] == [
        "throttle   chat   100/s, 92 granted, 3 waiting",
        "throttle   login  100/s, 92 granted, 3 waiting, 1.5 s lost",
    ]


def test_a_throttle_that_is_paused_says_so_instead_of_its_rate() -> None:
    lines = shown(sample(throttles={"chat": throttle(is_paused=True)}))

    assert line_with("throttle", lines) == "throttle   chat  paused, 92 granted, 3 waiting"


def test_names_that_are_too_long_differ_by_their_ends() -> None:
    operations = {f"a name that only ends differently {at}": interval() for at in range(3)}

    lines = shown(sample(operations=operations), width=79)

    ends = [line.partition("…")[2].split()[1] for line in lines if "…" in line]
    assert ends == ["0", "1", "2"]


def test_the_last_line_is_about_the_generator() -> None:
    lines = shown(sample(health=Reading(0.25, 0.001, 48_000_000, 308)))

    assert lines[-1] == "generator  cpu 25%, lag 1 ms, 48 MB, 308 files"


@pytest.mark.parametrize(
    ("saturated", "words"),
    [
        pytest.param([False, False], "cpu", id="never"),
        pytest.param([True, True], "it is the limit, 2 s so far, cpu", id="now"),
        pytest.param([True, False], "it was the limit for 1 s, cpu", id="before"),
    ],
)
def test_a_generator_that_is_the_limit_is_marked(saturated: list[bool], words: str) -> None:
    seconds = [
        sample(at, health=Reading(saturated=is_limit)) for at, is_limit in enumerate(saturated)
    ]

    assert shown(*seconds)[-1].startswith(f"generator  {words}")


@pytest.mark.parametrize("width", [50, 60, 80])
def test_the_mark_is_not_cut_off(width: int) -> None:
    lines = shown(full_sample(50), width=width, height=12)

    assert "it is the limit, 1 s so far" in line_with("generator", lines)
