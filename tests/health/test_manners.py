"""How a process behaves while a node lives in it."""

import gc
import resource

import pytest

from crowsg.clock import MonotonicClock
from crowsg.health.manners import Manners
from crowsg.telemetry.bus import HANDLER_FAILURE, Bus


@pytest.fixture
def bus() -> Bus:
    return Bus(MonotonicClock())


def manners(bus: Bus) -> Manners:
    return Manners(bus, lambda greenlet: False, lambda error: None)


def test_they_are_taken_over_and_given_back(bus: Bus) -> None:
    before = gc.get_threshold()
    taken = manners(bus)

    taken.start()
    during = gc.get_threshold(), len(bus.event(HANDLER_FAILURE).handlers)
    taken.stop()

    assert during != (before, 0)
    assert during[1] == 1
    assert (gc.get_threshold(), bus.event(HANDLER_FAILURE).handlers) == (before, ())


def test_the_process_may_open_all_the_files_it_is_allowed(bus: Bus) -> None:
    taken = manners(bus)

    limit = taken.start()
    taken.stop()

    assert limit == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
