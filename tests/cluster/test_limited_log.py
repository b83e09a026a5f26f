"""A log that others cannot fill."""

import logging

import pytest

from crowsg.cluster.limited_log import LimitedLog
from crowsg.testing import ManualClock

LOGGER = logging.getLogger("crowsg")


def write(log: LimitedLog, count: int) -> None:
    for number in range(count):
        log.write(logging.WARNING, "line %d", number)


def test_so_many_lines_are_written_in_a_second(caplog: pytest.LogCaptureFixture) -> None:
    write(LimitedLog(LOGGER, ManualClock(), 3), 100)

    assert caplog.messages == ["line 0", "line 1", "line 2"]


def test_the_next_second_says_how_many_were_kept_back(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    log = LimitedLog(LOGGER, clock, 1)
    write(log, 5)
    caplog.clear()

    clock.advance(1)
    write(log, 1)

    assert caplog.messages == ["4 more lines of the cluster were kept back", "line 0"]


def test_a_trace_is_that_of_what_is_being_handled(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("this")
    except ValueError:
        LimitedLog(LOGGER, ManualClock()).write(logging.ERROR, "failed", trace=True)

    assert "ValueError: this" in caplog.text
