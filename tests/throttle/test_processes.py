"""Who owns throttles divides each of them among the nodes that take part."""

from collections.abc import Callable

import gevent
import pytest

from crowsg.errors import NoSuchThrottle, WrongReconfiguration
from crowsg.rate import Ramp, Rate
from crowsg.telemetry.bus import Bus
from crowsg.testing import ManualClock, capture_events
from crowsg.testing.manual_clock import settle
from crowsg.throttle.lease import Lease, Report
from crowsg.throttle.owner import ThrottleState
from crowsg.throttle.processes import Processes

UP = Ramp("10/s", "50/s", steps=4, step_interval=2)
EVENTS = [("crowsg", "throttle", "init"), ("crowsg", "throttle", "rate")]


class Bench:
    """Processes, and what the nodes that were enrolled are told."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.bus = Bus(self.clock)
        self.processes = Processes(self.clock, self.bus, gevent.spawn)
        self.leases: list[tuple[str, str, int, Lease]] = []
        self.stopped: list[tuple[str, str, int]] = []

    def enrol(self, node: str) -> None:
        self.processes.enrol(
            node,
            lambda name, life, lease: self.leases.append((node, name, life, lease)),
            lambda name, life: self.stopped.append((node, name, life)),
        )

    def start(self, name: str = "a", declared: Rate | Ramp = UP.end) -> int:
        """Start a throttle, and return its life."""
        return self.processes.start(name, declared)[1].life


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_throttle_is_told_as_it_stands(bench: Bench) -> None:
    life = bench.start(declared=UP)
    bench.clock.advance(2)
    bench.processes.pause("a")

    state = bench.processes.state("a")

    assert (state.rate, state.is_paused, state.declared, state.life) == (
        Rate(20, per=1),
        True,
        UP,
        life,
    )
    assert state.progress is not None
    assert state.progress.step == 1


def test_all_are_told_by_name(bench: Bench) -> None:
    bench.start("a", UP)
    bench.start("b", Rate(1))

    assert list(bench.processes.states()) == ["a", "b"] == list(bench.processes.names())
    assert bench.processes.states()["b"] == bench.processes.state("b")


def test_each_start_is_a_later_life(bench: Bench) -> None:
    lives = [bench.start("a"), bench.start("b")]
    bench.processes.stop("a")

    assert lives[0] < lives[1] < bench.start("a")


def test_lives_of_another_owner_later_on_are_later_ones(bench: Bench) -> None:
    first = bench.start()
    bench.clock.advance(1)
    other = Processes(bench.clock, bench.bus, gevent.spawn)

    assert other.start("a", Rate(1))[1].life > first


@pytest.mark.parametrize("is_first", [True, False], ids=["enrolled before", "enrolled later"])
def test_a_node_takes_part_in_throttles_present_and_future(bench: Bench, is_first: bool) -> None:
    if is_first:
        bench.enrol("w")
    life = bench.start()
    bench.enrol("w")

    bench.processes.hear("w", "a", life, Report(1, waiting=1))

    assert [(each[:3], each[3].epoch) for each in bench.leases] == [(("w", "a", life), life)]


def test_enrolling_a_node_again_leaves_it_what_it_has(bench: Bench) -> None:
    bench.enrol("w")
    life = bench.start()
    bench.processes.hear("w", "a", life, Report(1, waiting=1))

    bench.enrol("w")
    bench.clock.advance(0.1)
    bench.processes.hear("w", "a", life, Report(2, life, 1, waiting=1))

    assert [each[3].sequence for each in bench.leases] == [1, 2]


def test_a_node_can_take_part_in_one_throttle_only(bench: Bench) -> None:
    told: list[Lease] = []
    lives = [bench.start("a"), bench.start("b")]

    bench.processes.admit("a", "here", told.append)
    for name, life in zip("ab", lives, strict=True):
        bench.processes.hear("here", name, life, Report(1, waiting=1))

    assert [each.epoch for each in told] == lives[:1]


def test_a_node_that_was_dismissed_is_told_nothing(bench: Bench) -> None:
    bench.enrol("w")
    life = bench.start()

    bench.processes.dismiss("w")
    bench.processes.hear("w", "a", life, Report(1, waiting=1))
    bench.start("b")
    bench.processes.stop("a")

    assert (bench.leases, bench.stopped) == ([], [])


@pytest.mark.parametrize(
    ("name", "offset", "goes_on"),
    [
        pytest.param("a", 0, True, id="the life that goes on"),
        pytest.param("a", -1, False, id="a former life"),
        pytest.param("a", 1, False, id="a life that never was"),
        pytest.param("b", 0, False, id="another name"),
    ],
)
def test_a_report_of_another_life_is_of_none(
    bench: Bench, name: str, offset: int, goes_on: bool
) -> None:
    bench.enrol("w")
    life = bench.start()

    heard = bench.processes.hear("w", name, life + offset, Report(1, waiting=1))

    assert (heard, len(bench.leases)) == (goes_on, int(goes_on))


def test_every_node_that_takes_part_is_told_of_a_stop(bench: Bench) -> None:
    bench.enrol("v")
    bench.enrol("w")
    life = bench.start()

    bench.processes.stop("a")

    assert bench.stopped == [("v", "a", life), ("w", "a", life)]


def test_who_listens_here_is_told_of_a_stop_and_how_it_stood(bench: Bench) -> None:
    ended: list[tuple[str, ThrottleState]] = []
    bench.processes.on_stop = lambda name, state: ended.append((name, state))
    bench.start(declared=Rate(7))

    bench.processes.stop("a")

    assert [(name, state.rate) for name, state in ended] == [("a", Rate(7))]


def test_a_stopped_throttle_takes_no_steps(bench: Bench) -> None:
    bench.start(declared=UP)
    bench.processes.stop("a")

    with capture_events(bench.bus, *EVENTS) as events:
        bench.clock.advance(100)

    assert list(events) == []


def test_starting_is_told_once(bench: Bench) -> None:
    with capture_events(bench.bus, *EVENTS) as events:
        bench.start(declared=UP)
        bench.start(declared=UP)

    told = [(each.name[-1], each.metadata["name"], dict(each.measurements)) for each in events]
    assert told == [("init", "a", {"count": 1}), ("rate", "a", {"rate": 10.0, "interval": 1.0})]


def test_who_is_killed_inside_a_handler_has_started_the_throttle(bench: Bench) -> None:
    bench.bus.attach("stuck", EVENTS[0], lambda *_: bench.clock.sleep(1000))
    greenlet = gevent.spawn(bench.start, "a", UP)
    settle()

    greenlet.kill()
    bench.clock.advance(2)

    assert bench.processes.state("a").rate == Rate(20, per=1)


def test_the_node_that_has_everything_has_it_for_ever() -> None:
    clock = ManualClock()
    alone = Processes(clock, Bus(clock), gevent.spawn, ttl_ns=None)
    told: list[Lease] = []
    alone.start("a", Rate(1))

    alone.admit("a", "here", told.append)

    assert (alone.is_alone, [each.ttl_ns for each in told]) == (True, [None])


def test_what_was_declared_is_not_compared_for_a_late_node(bench: Bench) -> None:
    bench.start(declared=Rate(7))

    assert bench.processes.start("a", Rate(8), is_late=True)[0] == "already_started"
    with pytest.raises(WrongReconfiguration):
        bench.processes.start("a", Rate(8))


def test_a_late_node_may_start_what_does_not_run(bench: Bench) -> None:
    assert bench.processes.start("a", Rate(8), is_late=True)[0] == "started"


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda each: each.change_rate("none", Rate(1)), id="change_rate"),
        pytest.param(lambda each: each.ramp("none", UP), id="ramp"),
        pytest.param(lambda each: each.pause("none"), id="pause"),
        pytest.param(lambda each: each.resume("none"), id="resume"),
        pytest.param(lambda each: each.stop("none"), id="stop"),
        pytest.param(lambda each: each.state("none"), id="state"),
        pytest.param(lambda each: each.admit("none", "here", print), id="admit"),
    ],
)
def test_an_unknown_name_is_an_error(bench: Bench, call: Callable[[Processes], object]) -> None:
    with pytest.raises(NoSuchThrottle, match="none"):
        call(bench.processes)


def test_dismissing_a_stranger_changes_nothing(bench: Bench) -> None:
    bench.start()

    bench.processes.dismiss("nobody")

    assert bench.processes.names() == ("a",)
