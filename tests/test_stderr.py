"""A line on stderr is written past all that may block, and waits for nobody for long."""

import sys
import time

import pytest

from crowsg.stderr import PATIENCE_S, warn, write_line
from tests.support.full_pipe import full_stderr


def test_a_line_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    write_line("caf\u00e9")

    assert capfd.readouterr().err == "caf\u00e9\n"


def test_a_warning_is_marked(capfd: pytest.CaptureFixture[str]) -> None:
    warn("the loop is blocked")

    assert capfd.readouterr().err == "WARNING: the loop is blocked\n"


def test_a_line_is_no_longer_than_a_pipe_takes_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    write_line("x" * 100_000)

    assert capfd.readouterr().err == "x" * 4095 + "\n"


def test_text_that_is_no_unicode_is_written_all_the_same(
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_line("a\udcffb")

    assert capfd.readouterr().err == "a?b\n"


def test_nothing_is_written_to_what_is_not_stderr(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "__stderr__", None)

    write_line("blocked")

    assert capfd.readouterr().err == ""


@pytest.mark.wall_clock
def test_a_stderr_that_nobody_reads_is_waited_for_half_a_second() -> None:
    with full_stderr():
        began = time.monotonic()
        write_line("blocked")
        took_s = time.monotonic() - began

    assert PATIENCE_S - 0.05 < took_s < 2 * PATIENCE_S


def test_a_stderr_that_is_closed_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crowsg.stderr._STDERR", 1000)

    write_line("blocked")
