"""What stands in the files of a run, while it goes on and when it is over."""

import logging
import math
from collections import Counter
from pathlib import Path

import gevent
import pytest

from crowsg import metrics, users
from crowsg.background import Background
from crowsg.node import Node
from crowsg.results.rows import TIMESERIES, USERS
from tests.record.runs import Execution, counts_of
from tests.results.files import PATIENCE_S, be_brief, results_of, rows_of, summary_in, written
from tests.results.schema import problems, read
from tests.support.nodes import Bench, ignore_the_stop, make_scenario, sleep_for_ever


def do_things(user_id: int) -> None:
    """Be a user that records something of every kind and ends in one of three ways."""
    for step in range(user_id % 5):
        metrics.observe("login", 0.1 * user_id, failure="refused" if step == 2 else "")
        with metrics.time("wait", since=0.0):
            users.sleep(0.3)
        if user_id % 7 == 0:
            raise ValueError(f"user {user_id}")
    if user_id % 2:
        with metrics.time("idle"):
            sleep_for_ever(user_id)


def test_the_summary_is_that_of_the_run(bench: Bench, tmp_path: Path) -> None:
    summary = written(bench, tmp_path, make_scenario(do_things), 20, users=30, duration_s=3.3)

    assert summary_in(tmp_path) == read(summary)
    assert problems(summary_in(tmp_path)) == []


def test_the_seconds_of_an_operation_add_up_to_the_summary(bench: Bench, tmp_path: Path) -> None:
    summary = written(bench, tmp_path, make_scenario(do_things), 20, users=30, duration_s=3.3)

    sums: dict[str, tuple[int, ...]] = {}
    for row in rows_of(tmp_path, "timeseries.csv"):
        numbers = (int(row[name]) for name in ("ok", "failed", "interrupted"))
        before = sums.get(row["operation"], (0, 0, 0))
        sums[row["operation"]] = tuple(map(sum, zip(before, numbers, strict=True)))
    everything = sums.pop("")
    assert sums == counts_of(summary)
    assert everything == tuple(map(sum, zip(*sums.values(), strict=True)))
    assert min(everything) > 0


def test_the_seconds_follow_one_another_to_the_end(bench: Bench, tmp_path: Path) -> None:
    summary = written(bench, tmp_path, make_scenario(do_things), 20, users=30, duration_s=3.3)

    seconds = [row for row in rows_of(tmp_path, "timeseries.csv") if not row["operation"]]
    assert math.fsum(float(row["seconds"]) for row in seconds) == pytest.approx(summary.duration_s)
    assert [float(row["at_s"]) for row in seconds][:3] == [1.0, 2.0, 3.0]
    assert float(seconds[-1]["at_s"]) == summary.duration_s
    assert (seconds[-1]["users_running"], seconds[-1]["users_ended"]) == ("0", "30")


def test_every_user_that_ended_has_a_row_with_its_outcome(bench: Bench, tmp_path: Path) -> None:
    def start(user_id: int) -> None:
        (ignore_the_stop if user_id == 3 else do_things)(user_id)

    settings = {"user_rate": "10/s"}
    summary = written(
        bench, tmp_path, make_scenario(start), 20, users=50, duration_s=3, settings=settings
    )

    rows = rows_of(tmp_path, "users.csv")
    outcomes = Counter(row["outcome"] for row in rows)
    assert sorted(int(row["id"]) for row in rows) == list(range(1, 51))
    assert outcomes == {name: n for name, n in summary.users.as_dict().items() if name in outcomes}
    assert set(outcomes) == {"finished", "failed", "removed", "killed", "cancelled"}


def test_a_user_is_told_with_node_and_times(bench: Bench, tmp_path: Path) -> None:
    scenario = make_scenario(lambda user_id: users.sleep(1.5), init=lambda: users.sleep(2))

    written(bench, tmp_path, scenario, 5)

    assert rows_of(tmp_path, "users.csv") == [
        {
            "id": "1",
            "node": "test@localhost",
            "started_s": "2.0",
            "duration_s": "1.5",
            "outcome": "finished",
        }
    ]


def test_the_name_of_a_node_is_no_formula(tmp_path: Path) -> None:
    bench = Bench()
    bench.node = Node("=1+1@localhost", clock=bench.clock, environment={})
    with bench.node:
        written(bench, tmp_path, make_scenario(be_brief), 1)

    assert rows_of(tmp_path, "users.csv")[0]["node"] == "'=1+1@localhost"


def test_an_operation_is_one_line_whatever_its_labels_hold(bench: Bench, tmp_path: Path) -> None:
    def start(user_id: int) -> None:
        metrics.observe("get", 0.1, path='=a\n,"b"\r')

    written(bench, tmp_path, make_scenario(start), 1)

    rows = rows_of(tmp_path, "timeseries.csv")
    assert [row["operation"] for row in rows] == ["", 'get{path="=a ,"b" "}']
    assert len((tmp_path / "timeseries.csv").read_bytes().splitlines()) == 3


def test_a_crowd_of_a_second_is_written_to_the_last(bench: Bench, tmp_path: Path) -> None:
    written(bench, tmp_path, make_scenario(be_brief), 1, users=2345)

    ids = [int(row["id"]) for row in rows_of(tmp_path, "users.csv")]
    assert ids == list(range(1, 2346))


def test_of_very_many_users_some_are_written(bench: Bench, tmp_path: Path) -> None:
    scenario = make_scenario(be_brief)

    written(bench, tmp_path, scenario, 1, max_users=10, users=300)

    ids = [int(row["id"]) for row in rows_of(tmp_path, "users.csv")]
    assert ids == [*range(1, 11), 11, 111, 211]


def test_that_only_some_are_written_is_said(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scenario = make_scenario(be_brief)

    written(bench, tmp_path, scenario, 1, max_users=10, users=300)

    (change,) = [
        each for each in summary_in(tmp_path)["events"] if each["event"] == "results.users"
    ]
    assert (change["rows"], change["one_in"]) == (10, 100)
    assert [each.message for each in caplog.records if each.levelno == logging.WARNING] == [
        "users.csv has 10 rows: one user in 100 from here on"
    ]


def test_where_all_are_written_nothing_is_said(bench: Bench, tmp_path: Path) -> None:
    written(bench, tmp_path, make_scenario(be_brief), 1, max_users=10, users=10)

    events = [each["event"] for each in summary_in(tmp_path)["events"]]
    assert "results.users" not in events
    assert len(rows_of(tmp_path, "users.csv")) == 10


def test_more_users_than_anybody_can_count_can_be_cancelled(bench: Bench, tmp_path: Path) -> None:
    settings = {"user_rate": "1/s"}
    summary = written(
        bench,
        tmp_path,
        make_scenario(),
        20,
        max_users=10,
        users=2**53,
        duration_s=2,
        settings=settings,
    )

    assert summary.users.cancelled > 2**52
    assert 10 < len(rows_of(tmp_path, "users.csv")) < 100


def test_a_run_that_goes_on_has_a_summary_so_far(bench: Bench, tmp_path: Path) -> None:
    background = Background()
    results = results_of(bench, tmp_path, background=background)
    Execution(bench, make_scenario(do_things), users=30, observers=[results])

    bench.clock.advance(1)
    background.close(PATIENCE_S)

    said = summary_in(tmp_path)
    assert problems(said) == []
    assert (said["exit_code"], said["ended_at"], said["users"]["asked"]) == (None, None, 30)


@pytest.mark.parametrize(("seconds", "asked"), [(5, 1), (6, 4)])
def test_the_summary_so_far_is_replaced_every_five_seconds(
    bench: Bench, tmp_path: Path, seconds: float, asked: int
) -> None:
    background = Background()
    results = results_of(bench, tmp_path, background=background)
    Execution(bench, make_scenario(), observers=[results])
    bench.clock.advance(1)

    bench.node.local.add(3)
    bench.clock.advance(seconds - 1)
    background.close(PATIENCE_S)

    assert summary_in(tmp_path)["users"]["asked"] == asked


def test_rows_are_on_disk_a_second_later(bench: Bench, tmp_path: Path) -> None:
    background = Background()
    results = results_of(bench, tmp_path, background=background)
    scenario = make_scenario(lambda user_id: users.sleep(user_id - 0.5))
    Execution(bench, scenario, users=30, observers=[results])

    bench.clock.advance(3)
    background.close(PATIENCE_S)

    assert len(rows_of(tmp_path, "users.csv")) == 3
    assert [row["at_s"] for row in rows_of(tmp_path, "timeseries.csv")] == ["1.0", "2.0", "3.0"]


def test_a_run_that_is_broken_off_keeps_what_it_has(bench: Bench, tmp_path: Path) -> None:
    execution = Execution(bench, make_scenario(), users=3, observers=[results_of(bench, tmp_path)])
    bench.clock.advance(1.5)

    gevent.spawn(execution.greenlet.throw, gevent.Timeout())
    bench.clock.advance(5)
    execution.greenlet.join(PATIENCE_S)

    assert [row["outcome"] for row in rows_of(tmp_path, "users.csv")] == ["removed"] * 3
    assert [row["at_s"] for row in rows_of(tmp_path, "timeseries.csv")] == ["1.0", "1.5"]
    assert summary_in(tmp_path)["exit_code"] is None


def test_the_files_begin_with_their_columns(bench: Bench, tmp_path: Path) -> None:
    written(bench, tmp_path, make_scenario(be_brief), 1)

    for name, columns in (("timeseries.csv", TIMESERIES), ("users.csv", USERS)):
        assert (tmp_path / name).read_text().splitlines()[0] == ",".join(columns)
