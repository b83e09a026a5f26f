"""The rows of the CSV files: what stands in each cell, and how it is quoted."""

import csv
from typing import Any

import pytest

from crowsg.clock import SECOND
from crowsg.controller.status import Status
from crowsg.health.monitor import Reading
from crowsg.metrics.figures import Interval, Latency
from crowsg.metrics.lives import Life
from crowsg.record.sample import Sample
from crowsg.results.rows import TIMESERIES, USERS, csv_of, safe, timeseries_of, user_of
from crowsg.users.counts import UserCounts

SERVICE = Latency(mean=0.2, p50=0.1, p90=0.25, p95=0.3, p99=0.4, p99_9=0.45, max=0.5)
RESPONSE = Latency(mean=1.2, p50=1.1, p90=1.25, p95=1.3, p99=1.4, p99_9=1.45, max=1.5)
LOGIN = Interval(ok=5, failed=2, interrupted=1, service=SERVICE, response=RESPONSE)
NOTHING = Interval(0, 0, 0, None, None)
USERS_NOW = UserCounts(
    asked=20, waiting=3, running=6, finished=4, failed=2, removed=1, killed=1, cancelled=3
)


def sample_of(
    operations: dict[str, Interval], to_s: float = 12.0, everything: Interval = LOGIN
) -> Sample:
    """Return two seconds of a run."""
    health = Reading(cpu=0.5, lag_s=0.25, saturated=True)
    status = Status("running", "chat", USERS_NOW, 20, "", {})
    return Sample(10.0, to_s, status, operations, everything, (), health)


def rows_of(sample: Sample) -> list[dict[str, str]]:
    """Return the rows as a reader of the file finds them."""
    text = csv_of([TIMESERIES, *timeseries_of(sample)])
    return list(csv.DictReader(text.splitlines(), strict=True))


def test_a_second_has_a_row_for_the_run_and_one_for_each_operation() -> None:
    rows = rows_of(sample_of({"login": LOGIN, "get": LOGIN}))

    assert [row["operation"] for row in rows] == ["", "login", "get"]


def test_every_row_has_a_cell_for_each_column() -> None:
    rows = list(timeseries_of(sample_of({"login": LOGIN, "declared": NOTHING})))

    assert [len(row) for row in rows] == [len(TIMESERIES)] * 3


def test_the_row_of_an_operation_tells_how_it_went() -> None:
    row = rows_of(sample_of({"login": LOGIN}))[1]

    assert {name: cell for name, cell in row.items() if cell} == {
        "at_s": "12.0",
        "seconds": "2.0",
        "operation": "login",
        "ok": "5",
        "failed": "2",
        "interrupted": "1",
        "rate_per_s": "3.5",
        "mean_s": "0.2",
        "p50_s": "0.1",
        "p95_s": "0.3",
        "p99_s": "0.4",
        "max_s": "0.5",
        "response_p50_s": "1.1",
        "response_p95_s": "1.3",
        "response_p99_s": "1.4",
        "response_max_s": "1.5",
    }


def test_the_row_of_the_run_tells_of_users_and_of_the_generator() -> None:
    row = rows_of(sample_of({}))[0]

    assert {name: row[name] for name in TIMESERIES[16:]} == {
        "users_waiting": "3",
        "users_running": "6",
        "users_ended": "8",
        "loop_lag_s": "0.25",
        "cpu": "0.5",
        "saturated": "1",
    }


def test_the_row_of_the_run_takes_all_operations_together() -> None:
    both = Interval(ok=9, failed=1, interrupted=0, service=SERVICE, response=None)

    row = rows_of(sample_of({"login": LOGIN}, everything=both))[0]

    assert (row["ok"], row["failed"], row["interrupted"], row["max_s"]) == ("9", "1", "0", "0.5")


@pytest.mark.parametrize(
    ("interval", "empty"),
    [
        pytest.param(NOTHING, TIMESERIES[7:16], id="nothing-ended"),
        pytest.param(Interval(1, 0, 0, SERVICE, None), TIMESERIES[12:16], id="no-intended-moment"),
    ],
)
def test_what_is_not_known_is_an_empty_cell(interval: Interval, empty: tuple[str, ...]) -> None:
    row = rows_of(sample_of({"login": interval}))[1]

    assert [name for name in TIMESERIES[:16] if not row[name]] == list(empty)


def test_a_sample_of_no_time_has_no_rate() -> None:
    row = rows_of(sample_of({"login": LOGIN}, to_s=10.0))[1]

    assert (row["seconds"], row["rate_per_s"]) == ("0.0", "0.0")


def test_digits_that_nobody_measured_are_left_out() -> None:
    row = rows_of(sample_of({}, to_s=10.0 + 0.1 + 0.2))[0]

    assert (row["at_s"], row["seconds"]) == ("10.3", "0.3")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a, b", id="comma"),
        pytest.param('get{path="/a b",to="c"}', id="quotes"),
        pytest.param('"', id="lone-quote"),
        pytest.param("a;b\ttab", id="other-separators"),
        pytest.param(" spaces ", id="spaces"),
        pytest.param("größe 你好", id="other-letters"),
        pytest.param("", id="empty"),
    ],
)
def test_a_name_is_read_back_as_it_is(name: str) -> None:
    rows = rows_of(sample_of({name: LOGIN}))

    assert rows[1]["operation"] == name


@pytest.mark.parametrize("first", "=+-@")
def test_a_cell_that_a_spreadsheet_would_compute_gets_an_apostrophe(first: str) -> None:
    row = rows_of(sample_of({f"{first}1+1": LOGIN}))[1]

    assert row["operation"] == f"'{first}1+1"


@pytest.mark.parametrize("text", ["a=b", "1-1", "'=1", "", "login"])
def test_other_cells_get_none(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("life", "row"),
    [
        pytest.param(
            Life(7, 3 * SECOND, 4 * SECOND + 5, "finished"),
            [7, "a@host", 1.0, 1.000000005, "finished"],
            id="ended",
        ),
        pytest.param(
            Life(7, 2 * SECOND, 2 * SECOND, "failed"),
            [7, "a@host", 0.0, 0.0, "failed"],
            id="at-once",
        ),
        pytest.param(7, [7, "a@host", None, None, "cancelled"], id="cancelled"),
    ],
)
def test_the_row_of_a_user_tells_its_life(life: Life | int, row: list[Any]) -> None:
    told = user_of(life, "a@host", 2 * SECOND)

    assert (told, len(told)) == (row, len(USERS))


def test_a_user_that_never_started_has_empty_cells() -> None:
    row = user_of(7, "a@host", 0)

    assert csv_of([row]) == "7,a@host,,,cancelled\n"


def test_no_rows_are_no_text() -> None:
    assert csv_of([]) == ""
