"""Thousands of users of two nodes talk to one another."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from tests.support.cluster_processes import programs

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock, pytest.mark.long]

USERS = 5000


def test_five_thousand_users_of_two_nodes_finish_and_lose_no_message_unsaid(tmp_path: Path) -> None:
    fed = "--users", str(USERS), "--user-rate", "500/s", "--nodes", "2"
    with programs() as started:
        program = started.start(
            "run", "scenarios/messaging.py", *fed, "--json", "--out", str(tmp_path / "out")
        )
        code, said = program.code(180), program.summary()

    counters = said["counters"]
    sent = counters["messages_sent"] + counters["answers_sent"]
    with (tmp_path / "out" / "users.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (code, said["errors"]) == (0, [])
    assert sent == counters["server_routed"] + counters["server_dropped"] >= USERS * 21
    assert said["users"]["finished"] == sum(node["users"]["finished"] for node in said["nodes"])
    assert Counter(row["outcome"] for row in rows) == {"finished": USERS}
    assert sorted(Counter(row["node"] for row in rows).values()) == [USERS // 2, USERS // 2]
