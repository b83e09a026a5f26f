"""With the owner on this node or on another one, an outlet gets its leases."""

from typing import Any

import gevent
import pytest

from crowsg.errors import NoSuchThrottle, Unreachable
from crowsg.rate import Rate
from crowsg.telemetry.bus import Bus
from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle
from crowsg.throttle.beats import read_reports
from crowsg.throttle.lease import NOTHING, Report
from crowsg.throttle.outlet import Outlet
from crowsg.throttle.owner import ThrottleState
from crowsg.throttle.processes import Processes
from crowsg.throttle.sides import AwaySide, OwnSide

STATE = ThrottleState(Rate(10), False, None, 0, Rate(10), 4)


class Asked:
    """An owner that answers when it is let."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.may_answer = gevent.event.Event()
        self.error: Exception | None = None

    def state(self, name: str) -> ThrottleState:
        self.names.append(name)
        self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return STATE


class Away:
    """The side away from an owner, and what it sends."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.owner = Asked()
        owner: Any = self.owner
        self.told: list[list[tuple[str, int, Report]]] = []
        self.side = AwaySide(
            owner, lambda plain: self.told.append(read_reports(plain)), gevent.spawn, False
        )

    def outlet(self, name: str = "a", state: ThrottleState = STATE) -> Outlet:
        return Outlet(
            self.clock, name, state, lambda report: self.side.tell(name, state.life, report)
        )


class Owned:
    """An outlet that has joined a throttle which its node owns, and what it reports."""

    def __init__(self, ttl_ns: int | None) -> None:
        self.clock = ManualClock()
        self.reports: list[Report] = []
        processes = Processes(self.clock, Bus(self.clock), gevent.spawn, ttl_ns)
        self.side = OwnSide(self.clock, processes)
        _, state = processes.start("a", Rate(10, per=1))
        self.life = state.life
        self.outlet = Outlet(self.clock, "a", state, self._tell)
        self.side.join("a", self.outlet)

    def _tell(self, report: Report) -> None:
        self.reports.append(report)
        self.side.tell("a", self.life, report)


@pytest.mark.parametrize("ttl_ns", [None, 300_000_000], ids=["alone", "with workers"])
def test_an_outlet_at_the_owner_keeps_its_lease(ttl_ns: int | None) -> None:
    owned = Owned(ttl_ns)

    owned.clock.advance(10)

    assert owned.outlet.gate.terms.rate == Rate(10, per=1)


def test_an_outlet_that_is_closed_reports_no_more() -> None:
    owned = Owned(300_000_000)
    owned.clock.advance(1)

    owned.outlet.tenant.close()
    before = len(owned.reports)
    owned.clock.advance(10)

    assert len(owned.reports) == before >= 10


def test_only_who_is_alone_takes_part_before_anybody_waits() -> None:
    clock = ManualClock()
    sides = [OwnSide(clock, Processes(clock, Bus(clock), gevent.spawn, ttl)) for ttl in (None, 300)]

    assert [each.joins_at_start for each in sides] == [True, False]


def test_an_outlet_afar_reports_at_once() -> None:
    away = Away()

    away.side.join("a", away.outlet())
    settle()

    assert [[(name, life) for name, life, _ in each] for each in away.told] == [[("a", 4)]]


def test_one_beat_reports_on_every_throttle() -> None:
    away = Away()
    outlets = {name: away.outlet(name) for name in "ab"}

    plain = away.side.reports(outlets)
    settle()

    assert [(name, life) for name, life, _ in read_reports(plain)] == [("a", 4), ("b", 4)]
    assert away.told == []


def test_a_life_is_joined_once() -> None:
    away = Away()
    away.side.join("a", away.outlet())

    with pytest.raises(NoSuchThrottle):
        away.side.join("a", away.outlet())


def test_the_next_life_is_joined() -> None:
    away = Away()
    away.side.join("a", away.outlet())
    later = away.outlet(state=ThrottleState(Rate(10), False, None, 0, Rate(10), 5))

    away.side.join("a", later)

    assert later.gate.terms == NOTHING


def test_what_was_told_is_known_without_asking() -> None:
    away = Away()

    states = away.side.states({"a": away.outlet()})

    assert (states, away.owner.names) == ({"a": STATE}, [])


def test_who_asks_at_the_same_time_is_answered_by_one_call() -> None:
    away = Away()
    asking = [gevent.spawn(away.side.state, "a", None) for _ in range(3)]
    settle()

    away.owner.may_answer.set()
    settle()

    assert ([each.value for each in asking], away.owner.names) == ([STATE] * 3, ["a"])


def test_who_asks_later_is_answered_anew() -> None:
    away = Away()
    away.owner.may_answer.set()

    states = [away.side.state("a", None) for _ in range(2)]

    assert (states, away.owner.names) == ([STATE] * 2, ["a", "a"])


def test_the_others_are_answered_when_the_first_is_killed() -> None:
    away = Away()
    first, second = (gevent.spawn(away.side.state, "a", None) for _ in range(2))
    settle()

    first.kill()
    away.owner.may_answer.set()
    settle()

    assert second.value == STATE


# The sad group.


@pytest.mark.parametrize(
    "error", [NoSuchThrottle("a"), Unreachable("m", "throttle_state", 5)], ids=["none", "silent"]
)
def test_all_who_ask_get_what_the_owner_raises(error: Exception) -> None:
    away = Away()
    away.owner.error = error
    asking = [gevent.spawn(away.side.state, "a", None) for _ in range(3)]
    settle()

    away.owner.may_answer.set()
    settle()

    assert [each.exception for each in asking] == [error] * 3


def test_an_owner_that_did_not_answer_is_asked_again() -> None:
    away = Away()
    away.owner.may_answer.set()
    away.owner.error = Unreachable("m", "throttle_state", 5)
    with pytest.raises(Unreachable):
        away.side.state("a", None)
    away.owner.error = None

    assert away.side.state("a", None) == STATE
