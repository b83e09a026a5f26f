"""The tour of throttles, for a virtual minute."""

import pytest

from tests.support.nodes import Bench

SCENARIO = "scenarios/throttle_tour.py"


@pytest.fixture
def toured(bench: Bench) -> Bench:
    bench.node.local.do(SCENARIO, 20, {"user_rate": "infinity"})
    bench.clock.advance(60)
    return bench


def test_every_user_comes_to_its_end(toured: Bench) -> None:
    assert toured.count("finished") == 20
    assert toured.node.recorder.failures.groups() == ()


def test_everything_is_done_as_often_as_it_should_be(toured: Bench) -> None:
    operations = {
        str(name): each.ok.total for name, each in toured.node.recorder.operations.items()
    }

    assert (operations["greeting"], operations["print"]) == (18 * 5, 18)
    assert toured.node.recorder.counters["letters"].value == 10


def test_calls_arrive_on_schedule_and_none_is_dropped(toured: Bench) -> None:
    calls = toured.node.recorder.operations["calls"]

    assert calls.ok.total + calls.interrupted.total == pytest.approx(101, abs=1)
    assert calls.dropped == 0


def test_every_slot_of_the_printer_came_back(toured: Bench) -> None:
    info = toured.node.throttles.info("printer")

    assert (info.granted, info.held) == (18, 0)
