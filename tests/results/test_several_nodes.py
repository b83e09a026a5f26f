"""The files of a run over several nodes: rows of all of them, each with the name of its node."""

from pathlib import Path

import pytest

from crowsg.background import Background
from crowsg.clock import SECOND
from crowsg.results.writer import Results
from crowsg.users.counts import UserCounts
from tests.record.several_nodes import SeveralNodes
from tests.results.files import rows_of, summary_in
from tests.results.schema import problems

A, B = "a@host", "=b@host"


@pytest.fixture
def nodes() -> SeveralNodes:
    return SeveralNodes(A, B)


@pytest.fixture
def results(nodes: SeveralNodes, tmp_path: Path) -> Results:
    results = Results(tmp_path, nodes.clock, nodes.record, background=Background())
    results.prepare()
    nodes.start()
    return results


def run(nodes: SeveralNodes, results: Results) -> None:
    """Let users end on both workers, one in each of two seconds, and write it all."""
    for second in range(2):
        nodes.clock.advance(1)
        now_ns = nodes.clock.now_ns()
        for number, worker in enumerate(nodes.workers_by_name.values()):
            user_id = 10 * number + second
            worker.users = UserCounts(asked=second + 1, finished=second + 1)
            worker.recorder.lives.end(user_id, now_ns - SECOND // 2, now_ns, "finished")
            worker.recorder.operations["login"].record(5, "", None)
        results.see(nodes.record.sample())
    results.end(nodes.record.summary(0, "all users are done"))


def test_each_user_has_a_row_with_its_node(
    nodes: SeveralNodes, results: Results, tmp_path: Path
) -> None:
    run(nodes, results)

    rows = [(row["id"], row["node"], row["started_s"]) for row in rows_of(tmp_path, "users.csv")]
    assert rows == [
        ("0", A, "0.5"),
        ("10", f"'{B}", "0.5"),
        ("1", A, "1.5"),
        ("11", f"'{B}", "1.5"),
    ]


def test_the_seconds_are_those_of_all_nodes(
    nodes: SeveralNodes, results: Results, tmp_path: Path
) -> None:
    run(nodes, results)

    rows = [row for row in rows_of(tmp_path, "timeseries.csv") if not row["operation"]]
    assert [(row["ok"], row["users_ended"]) for row in rows] == [("2", "2"), ("2", "4")]


def test_the_summary_on_disk_has_a_section_for_each_node(
    nodes: SeveralNodes, results: Results, tmp_path: Path
) -> None:
    run(nodes, results)

    said = summary_in(tmp_path)
    assert problems(said) == []
    assert sum(each["users"]["asked"] for each in said["nodes"]) == said["users"]["asked"] == 4


def test_users_of_nodes_are_chosen_together(nodes: SeveralNodes, tmp_path: Path) -> None:
    results = Results(tmp_path, nodes.clock, nodes.record, max_users=3)
    results.prepare()
    nodes.start()
    for number, worker in enumerate(nodes.workers_by_name.values()):
        worker.recorder.lives.cancel([range(1000 * number, 1000 * number + 150)])

    results.see(nodes.record.sample())
    results.end(None)

    ids = [int(row["id"]) for row in rows_of(tmp_path, "users.csv")]
    assert ids == [0, 1, 2, 3, 103, 1053]


def test_files_that_are_given_up_want_no_users_any_more(
    nodes: SeveralNodes, results: Results
) -> None:
    results.end(None)

    assert not nodes.totals.keeps_lives
