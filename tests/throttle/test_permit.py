"""A slot comes back once, however its holder parts with it."""

import gc
from collections.abc import Callable

import gevent
import pytest
from greenlet import getcurrent

from crowsg.rate import Rate
from crowsg.telemetry.bus import Bus
from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle
from crowsg.throttle.permit import Holders, Permit
from crowsg.throttle.service import Throttles


class Returns:
    """Counts what was given back."""

    def __init__(self) -> None:
        self.count = 0

    def take(self) -> None:
        self.count += 1

    def permit(self) -> Permit:
        return Permit(0, 0, self.take)


class Linked(gevent.Greenlet):  # type: ignore[misc]
    """A greenlet that counts who wants to know of its end."""

    links = 0

    def rawlink(self, callback: Callable[..., object]) -> None:
        self.links += 1
        super().rawlink(callback)


@pytest.fixture
def throttles() -> Throttles:
    clock = ManualClock()
    throttles = Throttles(clock, Bus(clock), gevent.spawn)
    throttles.start("a", Rate.parallel(2))
    return throttles


def test_a_permit_tells_when_it_was_due_and_how_late_it_came() -> None:
    permit = Permit(1_500_000_000, 1_502_000_000)

    assert (permit.due, permit.late) == (1.5, 0.002)


def test_a_permit_is_never_early() -> None:
    assert Permit(2, 1).late == 0


def test_releasing_gives_back() -> None:
    returns = Returns()

    returns.permit().release()

    assert returns.count == 1


def test_only_the_first_release_counts() -> None:
    returns = Returns()
    permit = returns.permit()

    with permit:
        permit.release()
    permit.release()

    assert returns.count == 1


def test_releasing_what_need_not_come_back_is_harmless() -> None:
    permit = Permit(0, 0)

    permit.release()

    assert permit.due == 0


def test_the_end_of_a_block_gives_back() -> None:
    returns = Returns()

    with returns.permit():
        inside = returns.count

    assert (inside, returns.count) == (0, 1)


def test_a_block_that_fails_gives_back() -> None:
    returns = Returns()

    with pytest.raises(KeyError), returns.permit():
        raise KeyError

    assert returns.count == 1


def test_a_block_is_entered_with_its_permit() -> None:
    permit = Permit(0, 0)

    with permit as entered:
        assert entered is permit


def test_the_next_wait_of_the_same_greenlet_gives_back(throttles: Throttles) -> None:
    for _ in range(5):
        throttles.wait("a")

    assert throttles.info("a").held == 1


def test_the_wait_of_another_greenlet_gives_nothing_back(throttles: Throttles) -> None:
    throttles.wait("a")

    other = gevent.spawn(lambda: (throttles.wait("a"), throttles.info("a").held)[1])
    other.join()

    assert other.value == 2


def test_a_wait_elsewhere_gives_nothing_back(throttles: Throttles) -> None:
    throttles.start("b", Rate.parallel(1))
    throttles.wait("a")

    throttles.wait("b")

    assert (throttles.info("a").held, throttles.info("b").held) == (1, 1)


def test_a_slot_released_before_the_next_wait_comes_back_once(throttles: Throttles) -> None:
    throttles.wait("a").release()

    throttles.wait("a")

    assert throttles.info("a").held == 1


def test_an_old_permit_released_after_the_next_wait_takes_nothing(throttles: Throttles) -> None:
    old = throttles.wait("a")
    throttles.wait("a")

    old.release()

    assert throttles.info("a").held == 1


def finish() -> None:
    """End as intended."""


def fail() -> None:
    """End with an error that nobody reports on."""
    raise gevent.GreenletExit


def kill_oneself() -> None:
    """End by a kill from elsewhere."""
    me = getcurrent()
    gevent.get_hub().loop.run_callback(me.throw, gevent.GreenletExit)
    gevent.get_hub().switch()


ENDS = [
    pytest.param(finish, id="finished"),
    pytest.param(fail, id="failed"),
    pytest.param(kill_oneself, id="killed"),
]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("spawn", [gevent.spawn, gevent.spawn_raw], ids=["spawn", "spawn_raw"])
def test_the_end_of_its_greenlet_gives_a_slot_back(
    throttles: Throttles, spawn: Callable[..., object], end: Callable[[], None]
) -> None:
    held = []

    def hold() -> None:
        throttles.wait("a")
        held.append(throttles.info("a").held)
        end()

    spawn(hold)
    settle()

    assert (held, throttles.info("a").held) == ([1], 0)


@pytest.mark.parametrize("spawn", [gevent.spawn, gevent.spawn_raw], ids=["spawn", "spawn_raw"])
def test_a_slot_that_comes_back_by_the_end_of_its_greenlet_goes_to_the_next(
    throttles: Throttles, spawn: Callable[..., object]
) -> None:
    passed: list[int] = []

    def hold(number: int) -> None:
        throttles.wait("a")
        passed.append(number)
        gevent.sleep(0)

    for number in range(50):
        spawn(hold, number)
    settle()

    assert (passed, throttles.info("a").held) == (list(range(50)), 0)


def test_a_slot_released_before_its_greenlet_ends_comes_back_once(throttles: Throttles) -> None:
    other = throttles.wait("a")

    gevent.spawn(lambda: throttles.wait("a").release()).join()
    settle()

    assert throttles.info("a").held == 1
    other.release()


def test_a_thousand_waits_of_one_greenlet_link_to_it_once(throttles: Throttles) -> None:
    def loop() -> None:
        for _ in range(1000):
            throttles.wait("a")

    greenlet = Linked.spawn(loop)
    settle()

    assert (greenlet.links, throttles.info("a").granted) == (1, 1000)


@pytest.mark.parametrize("spawn", [gevent.spawn, gevent.spawn_raw], ids=["spawn", "spawn_raw"])
def test_nothing_is_kept_of_greenlets_that_ended(spawn: Callable[..., object]) -> None:
    holders, returns = Holders(), Returns()

    for _ in range(100):
        spawn(lambda: holders.hold(returns.permit()))
        settle()
    gc.collect()

    assert (returns.count, holders._held, holders._watched) == (100, {}, {})


def test_whoever_holds_nothing_gives_nothing_back() -> None:
    holders, returns = Holders(), Returns()
    gevent.spawn(lambda: holders.hold(returns.permit()))

    holders.give_back()

    assert returns.count == 0
    settle()
    assert returns.count == 1
