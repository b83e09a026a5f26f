"""The master answers the reports of each node with leases, and of what has ended with that."""

from typing import Any

import gevent
import pytest

from crowsg.errors import InvalidThrottle
from crowsg.rate import Rate
from crowsg.telemetry.bus import Bus
from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle
from crowsg.throttle.beats import plain_report_on, read_grants
from crowsg.throttle.dealer import Dealer
from crowsg.throttle.lease import Report
from crowsg.throttle.processes import Processes


class Bench:
    """A dealer, and what it sends."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.processes = Processes(self.clock, Bus(self.clock), gevent.spawn)
        self.told: list[tuple[str, Any]] = []
        self.stopped: list[tuple[str, str, int]] = []
        self.dealer = Dealer(
            self.processes,
            lambda node, plain: self.told.append((node, read_grants(plain))),
            lambda *stop: self.stopped.append(stop),
        )
        self.number = 0

    def start(self, name: str) -> int:
        return self.processes.start(name, Rate(10))[1].life

    def report(self, node: str, *lives: tuple[str, int]) -> None:
        """Let a node report on lives of throttles, and everybody have a turn."""
        self.number += 1
        report = Report(self.number, waiting=1)
        self.dealer.take_reports(node, [plain_report_on(*each, report) for each in lives])
        settle()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_report_is_answered_by_a_lease_and_how_the_throttle_stands(bench: Bench) -> None:
    bench.dealer.enrol("w")
    life = bench.start("a")
    bench.processes.change_rate("a", Rate(20))
    bench.report("w", ("a", life))

    ((node, [(name, answered, grant)]),) = bench.told

    assert (node, name, answered) == ("w", "a", life)
    assert (grant.rate, grant.is_paused, grant.progress) == (Rate(20), False, None)


def test_leases_that_go_together_go_in_one_message(bench: Bench) -> None:
    bench.dealer.enrol("w")

    bench.report("w", ("a", bench.start("a")), ("b", bench.start("b")))

    assert [[name for name, _, _ in grants] for _, grants in bench.told] == [["a", "b"]]


def test_each_node_gets_what_is_its_own(bench: Bench) -> None:
    bench.dealer.enrol("v")
    bench.dealer.enrol("w")
    life = bench.start("a")

    bench.report("v", ("a", life))

    assert [node for node, _ in bench.told] == ["v"]


def test_a_lease_is_renewed_while_its_node_reports(bench: Bench) -> None:
    bench.dealer.enrol("w")
    life = bench.start("a")

    for _ in range(5):
        bench.report("w", ("a", life))
        bench.clock.advance(0.1)

    assert len(bench.told) == 5


@pytest.mark.parametrize(
    "ended",
    [
        pytest.param(lambda life: ("a", life - 1), id="a former life"),
        pytest.param(lambda life: ("b", life), id="a throttle that does not run"),
    ],
)
def test_a_report_about_what_has_ended_is_answered_by_that(bench: Bench, ended: Any) -> None:
    bench.dealer.enrol("w")
    bench.clock.advance(1)
    name, life = ended(bench.start("a"))

    bench.report("w", (name, life))

    assert bench.told == [("w", [(name, life, None)])]


def test_a_stop_is_announced_to_every_node(bench: Bench) -> None:
    bench.dealer.enrol("v")
    bench.dealer.enrol("w")
    life = bench.start("a")

    bench.processes.stop("a")

    assert bench.stopped == [("v", "a", life), ("w", "a", life)]


def test_enrolling_twice_is_enrolling_once(bench: Bench) -> None:
    bench.dealer.enrol("w")
    bench.dealer.enrol("w")
    life = bench.start("a")

    bench.report("w", ("a", life))

    assert len(bench.told) == 1


# The sad group.


@pytest.mark.parametrize("is_dismissed", [True, False], ids=["dismissed", "never enrolled"])
def test_a_node_that_takes_no_part_gets_no_answer(bench: Bench, is_dismissed: bool) -> None:
    if is_dismissed:
        bench.dealer.enrol("w")
        bench.dealer.dismiss("w")
    life = bench.start("a")

    bench.report("w", ("a", life), ("b", 1))

    assert bench.told == []


def test_a_message_that_is_spoilt_in_part_changes_nothing(bench: Bench) -> None:
    bench.dealer.enrol("w")
    life = bench.start("a")
    good = plain_report_on("a", life, Report(1, waiting=1))

    with pytest.raises(InvalidThrottle):
        bench.dealer.take_reports("w", [good, ["a", life, None]])
    settle()

    assert bench.told == []
