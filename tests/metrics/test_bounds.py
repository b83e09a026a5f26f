"""Names that carry an id cost a bounded amount of memory, and no sample."""

import logging
import tracemalloc
from dataclasses import dataclass, field

import pytest

from crowsg.metrics.failures import FailureGroup
from crowsg.metrics.names import MAX_NAMES, OTHER
from crowsg.metrics.recorder import Recorder
from crowsg.testing import ManualClock

NAMES = 100_000
MAX_GROWTH = 8 * 2**20

LETTERS = str.maketrans("0123456789", "ghijklmnop")
"""Turns a number into a word: failures whose texts differ by numbers alone are of one group."""


@dataclass
class Flood:
    """A recorder that has seen names without end, and what became of it."""

    warnings: list[str] = field(default_factory=list)
    first_failures: list[FailureGroup] = field(default_factory=list)
    growth: int = 0

    def __post_init__(self) -> None:
        self.recorder = Recorder(
            ManualClock(), lambda group, error: self.first_failures.append(group)
        )

    def run(self) -> None:
        recorder = self.recorder
        for number in range(NAMES):
            name = f"user {number}"
            recorder.operations[name].record(number, "", None)
            recorder.count(name, 1, {})
            recorder.gauge(name, number, {})
            recorder.failures.record(ValueError(str(number).translate(LETTERS)))

    def counted(self) -> dict[str, dict[object, int]]:
        """Return how often each name of each kind was recorded."""
        recorder = self.recorder
        return {
            "operations": {key: each.count for key, each in recorder.operations.items()},
            "counters": {key: int(each.value) for key, each in recorder.counters.items()},
            "failures": {group.kind + group.template: group.count for group in self.groups()},
        }

    def groups(self) -> tuple[FailureGroup, ...]:
        return self.recorder.failures.groups()


class Listener(logging.Handler):
    """Keeps what is logged."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(record.getMessage())


@pytest.fixture(scope="module")
def flood() -> Flood:
    flood = Flood()
    listener, logger = Listener(flood.warnings), logging.getLogger("crowsg")
    logger.addHandler(listener)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        flood.run()
        flood.growth = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
        logger.removeHandler(listener)
    return flood


def test_names_without_end_take_a_bounded_amount_of_memory(flood: Flood) -> None:
    assert 0 < flood.growth < MAX_GROWTH


@pytest.mark.parametrize("what", ["operations", "counters", "failures"])
def test_two_hundred_names_are_kept_and_the_rest_together(flood: Flood, what: str) -> None:
    assert len(flood.counted()[what]) == MAX_NAMES + 1


def test_two_hundred_gauges_are_kept_and_the_rest_shares_one(flood: Flood) -> None:
    assert len(flood.recorder.gauges) == MAX_NAMES + 1
    assert flood.recorder.gauges[OTHER].value == NAMES - 1


@pytest.mark.parametrize("what", ["operations", "counters", "failures"])
def test_no_sample_is_lost_with_its_name(flood: Flood, what: str) -> None:
    counts = flood.counted()[what]

    other = OTHER + OTHER if what == "failures" else OTHER
    assert counts.pop(other) == NAMES - MAX_NAMES
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("what", ["operations", "counters", "gauges"])
def test_each_kind_is_warned_of_once(flood: Flood, what: str) -> None:
    told = [text for text in flood.warnings if f"names of {what};" in text]

    assert len(told) == 1


def test_nothing_else_is_warned_of(flood: Flood) -> None:
    assert len(flood.warnings) == 3


def test_the_rest_of_the_failures_is_told_once(flood: Flood) -> None:
    kinds = [group.kind for group in flood.first_failures]

    assert (len(kinds), kinds.count(OTHER)) == (MAX_NAMES + 1, 1)
