"""Runs that write their files, and what stands in these."""

import csv
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from crowsg.background import Background
from crowsg.results.writer import MAX_USERS, Results
from crowsg.summary import Summary
from tests.record.runs import Execution
from tests.support.nodes import Bench

PATIENCE_S = 30


def results_of(
    bench: Bench,
    folder: Path,
    max_users: int = MAX_USERS,
    background: Background | None = None,
) -> Results:
    """Return an observer of the next run that writes its files."""
    node = bench.node
    results = Results(folder, node.clock, node.record, max_users, background)
    results.prepare()
    return results


def finished(execution: Execution) -> Summary:
    """Return what a run came to, once its files are on disk."""
    execution.greenlet.join(PATIENCE_S)
    return execution.summary()


def written(
    bench: Bench,
    folder: Path,
    scenario: Any,
    seconds: float,
    max_users: int = MAX_USERS,
    **options: Any,
) -> Summary:
    """Run a scenario that is over within ``seconds``, its files written."""
    results = results_of(bench, folder, max_users)
    execution = Execution(bench, scenario, observers=[results], **options)
    bench.clock.advance(seconds)
    return finished(execution)


def rows_of(folder: Path, name: str) -> list[dict[str, str]]:
    """Return the rows of one of the files."""
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def summary_in(folder: Path) -> dict[str, Any]:
    """Return what stands in summary.json."""
    said: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return said


def content(folder: Path) -> dict[str, bytes]:
    """Return all that is in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def errors_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the errors that were logged."""
    return [each.message for each in caplog.records if each.levelno >= logging.ERROR]


def be_brief(user_id: int) -> None:
    """Be a user that ends at once."""
