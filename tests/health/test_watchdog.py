"""The watchdog tells what blocks the loop, once a stall, and keeps the stalls on record."""

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import gevent
import pytest
from gevent._hub_local import get_hub_if_exists
from gevent.monkey import get_original  # noqa: TID251 - to tell native threads apart

from crowsg.clock import SECOND
from crowsg.health.breaking import LoopBlocked
from crowsg.health.watchdog import LOOK_S, MAX_STALLS, NOBODY, Stall, Watchdog
from tests.health.blocked import BlockableClock
from tests.health.threads import native_threads, until


class Watched:
    """A loop that is watched, and what was told of it."""

    def __init__(self) -> None:
        self.clock = BlockableClock(start_ns=100 * SECOND)
        self.told: list[str] = []
        self.watchdog = Watchdog(self.clock.now_ns, self.told.append)

    def beat(self) -> None:
        """Let the loop show that it goes on."""
        self.watchdog.beat(self.clock.now_ns())

    def stall(self, seconds: float = 2.0, *, is_seen: bool = True) -> None:
        """Let the loop stand still for so long, and go on."""
        self.clock.block(seconds)
        if is_seen:
            self.watchdog.look()
        self.beat()


@pytest.fixture
def loop() -> Watched:
    """Returns a loop at which nobody looks but the test: the thread finds that it is stopped."""
    watched = Watched()
    watched.watchdog.start()
    watched.watchdog.stop()
    return watched


@pytest.mark.parametrize(
    ("seconds", "lines"),
    [
        pytest.param(0.0, 0, id="0"),
        pytest.param(0.999, 0, id="just below"),
        pytest.param(1.0, 1, id="a second"),
        pytest.param(3600, 1, id="an hour"),
    ],
)
def test_a_loop_is_blocked_after_a_second(loop: Watched, seconds: float, lines: int) -> None:
    loop.clock.block(seconds)

    loop.watchdog.look()

    assert len(loop.told) == lines


def test_what_is_told_names_the_time_and_the_function(loop: Watched) -> None:
    loop.clock.block(2.25)

    loop.watchdog.look()

    (line,) = loop.told
    assert line.startswith("the event loop is blocked for 2.2 s by test_what_is_told_names_the_")
    assert "(test_watchdog.py:" in line


def test_a_stall_is_told_once(loop: Watched) -> None:
    for _ in range(5):
        loop.clock.block(1)
        loop.watchdog.look()

    assert len(loop.told) == 1


def test_the_next_stall_is_told_again(loop: Watched) -> None:
    loop.stall()
    loop.stall()

    assert len(loop.told) == 2


def test_a_loop_that_goes_on_is_not_blocked(loop: Watched) -> None:
    for _ in range(100):
        loop.stall(0.05)

    assert (loop.told, loop.watchdog.stalls) == ([], [])


def test_a_loop_that_waits_for_events_is_blocked_by_nobody(loop: Watched) -> None:
    loop.clock.block(5)

    # Looks from a native thread, and this one waits in its loop.
    gevent.get_hub().threadpool.apply(loop.watchdog.look)

    assert loop.told == []


def test_a_thread_that_was_never_watched_is_blocked_by_nobody() -> None:
    watched = Watched()
    watched.clock.block(5)

    watched.watchdog.look()

    assert watched.told == []


def test_who_asks_hears_what_blocks_the_loop_while_it_does(loop: Watched) -> None:
    loop.clock.block(1.5)
    loop.watchdog.look()

    blocked_by = loop.watchdog.blocked_by()
    loop.beat()

    assert blocked_by
    assert blocked_by in loop.told[0]
    assert loop.watchdog.blocked_by() == ""


def test_a_loop_that_goes_on_is_blocked_by_nothing(loop: Watched) -> None:
    loop.clock.block(0.9)
    loop.watchdog.look()

    assert loop.watchdog.blocked_by() == ""


def test_a_loop_that_has_just_gone_on_is_blocked_by_nothing(loop: Watched) -> None:
    loop.clock.block(5)
    # As where the thread finds the place of a stall that is over when it notes it.
    loop.watchdog.look()
    loop.watchdog._beat_ns = loop.clock.now_ns()

    assert loop.watchdog.blocked_by() == ""


def test_nothing_blocks_a_loop_that_was_never_watched() -> None:
    assert Watched().watchdog.blocked_by() == ""


def test_nothing_blocks_a_loop_that_is_watched_no_more(loop: Watched) -> None:
    loop.clock.block(5)
    loop.watchdog.look()

    loop.watchdog.stop()
    loop.clock.block(5)

    assert loop.watchdog.blocked_by() == ""


class Breaking(Watched):
    """A loop that is watched by one that breaks what blocks it for two seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[str] = []
        self._looked: set[int] = set()
        self.watchdog = Watchdog(self._now_ns, self.told.append, 2.0, self.ends.append)
        self.watchdog.start()
        # Until a thread runs, Python takes it for the one that has started it.
        until(lambda: len(self._looked) == 2)
        self.watchdog.stop()

    def _now_ns(self) -> int:
        self._looked.add(get_original("_thread", "get_ident")())
        return self.clock.now_ns()

    def block_for_a_second(self) -> None:
        """Go on to block the loop."""
        self.clock.block(1)
        self.watchdog.look()


@pytest.mark.wall_clock
def test_what_blocks_the_loop_for_too_long_is_broken() -> None:
    loop = Breaking()
    loop.block_for_a_second()

    with pytest.raises(LoopBlocked, match=r"^the event loop was blocked for 2\.0 s$"):
        loop.block_for_a_second()


@pytest.mark.wall_clock
def test_a_process_ends_whose_loop_is_blocked_all_the_same() -> None:
    loop = Breaking()

    for _ in range(4):
        with suppress(LoopBlocked):
            loop.block_for_a_second()

    assert len(loop.ends) == 1
    assert loop.ends[0].startswith("the event loop is blocked for 4.0 s by ")


@pytest.mark.wall_clock
def test_between_two_beats_nothing_is_broken() -> None:
    loop = Breaking()

    for _ in range(10):
        loop.block_for_a_second()
        loop.beat()

    assert loop.ends == []


def test_a_stall_is_on_record_with_its_begin_and_length(loop: Watched) -> None:
    loop.clock.block(0.5)
    loop.beat()

    loop.stall(2.5)

    (stall,) = loop.watchdog.stalls
    assert (stall.began_ns, stall.seconds) == (100.5 * SECOND, 2.5)


def test_a_stall_is_on_record_with_the_place_that_was_told(loop: Watched) -> None:
    loop.stall()

    (stall,) = loop.watchdog.stalls
    assert stall.place in loop.told[0]
    assert stall.place.startswith("Watched.stall (test_watchdog.py:")


def test_a_stall_nobody_saw_is_on_record_as_unknown(loop: Watched) -> None:
    loop.stall(2, is_seen=False)

    assert loop.watchdog.stalls == [Stall(100 * SECOND, 2.0, NOBODY)]


def test_the_place_of_one_stall_is_not_that_of_the_next(loop: Watched) -> None:
    loop.stall()
    loop.stall(is_seen=False)

    assert [stall.place == NOBODY for stall in loop.watchdog.stalls] == [False, True]


@pytest.mark.parametrize(("seconds", "stalls"), [(0.999, 0), (1.0, 1)])
def test_what_is_told_and_what_is_on_record_begin_at_the_same_length(
    loop: Watched, seconds: float, stalls: int
) -> None:
    loop.stall(seconds)

    assert (len(loop.told), len(loop.watchdog.stalls)) == (stalls, stalls)


def test_a_hundred_stalls_are_on_record_and_no_more(loop: Watched) -> None:
    for _ in range(MAX_STALLS + 20):
        loop.stall()

    assert len(loop.watchdog.stalls) == MAX_STALLS == 100


def test_stalls_that_are_not_on_record_are_told_all_the_same(loop: Watched) -> None:
    for _ in range(MAX_STALLS + 20):
        loop.stall()

    assert len(loop.told) == MAX_STALLS + 20


def fail(_: str) -> None:
    raise OSError


def test_a_stall_that_cannot_be_told_is_on_record(loop: Watched) -> None:
    watchdog = Watchdog(loop.clock.now_ns, fail)
    watchdog.start()
    watchdog.stop()
    loop.clock.block(2)

    watchdog.look()
    watchdog.beat(loop.clock.now_ns())

    (stall,) = watchdog.stalls
    assert "test_a_stall_that_cannot_be_told" in stall.place


def test_a_stall_is_judged_before_it_is_told(loop: Watched) -> None:
    """To tell it may take its time, and what blocks the loop is to be broken in its own."""
    done: list[str] = []

    def judged() -> float:
        done.append("judged")
        return 0.0

    watchdog = Watchdog(loop.clock.now_ns, lambda _: done.append("told"), 5.0, patience_s=judged)
    watchdog.start()
    watchdog.stop()
    loop.clock.block(2)

    watchdog.look()

    assert done == ["judged", "told"]


@pytest.fixture
def running() -> Iterator[Watched]:
    """Returns a loop at which the thread looks, by a clock that does not move."""
    watched = Watched()
    watched.watchdog.start()
    yield watched
    watched.watchdog.stop()


@pytest.mark.wall_clock
def test_a_native_thread_looks_while_the_loop_is_blocked(running: Watched) -> None:
    running.clock.block(5)

    until(lambda: bool(running.told))

    assert re.search(r"by .* \((threads|test_watchdog)\.py:\d+\)", running.told[0])


@pytest.mark.wall_clock
def test_the_native_thread_needs_no_loop_of_its_own() -> None:
    clock, loops = BlockableClock(), list[Any]()
    watchdog = Watchdog(clock.now_ns, lambda _: loops.append(get_hub_if_exists()))
    watchdog.start()
    clock.block(5)

    until(lambda: bool(loops))

    watchdog.stop()
    assert loops == [None]


@pytest.mark.wall_clock
def test_a_line_that_cannot_be_told_does_not_end_the_watch() -> None:
    clock, tried = BlockableClock(), list[str]()

    def refuse(text: str) -> None:
        tried.append(text)
        raise OSError

    watchdog = Watchdog(clock.now_ns, refuse)
    watchdog.start()
    clock.block(5)
    until(lambda: len(tried) == 1)

    watchdog.beat(clock.now_ns())
    clock.block(5)

    until(lambda: len(tried) == 2)
    watchdog.stop()


@pytest.mark.wall_clock
def test_a_stopped_watchdog_looks_no_more_and_leaves_no_thread() -> None:
    before = native_threads()
    watched = [Watched() for _ in range(50)]
    for each in watched:
        each.watchdog.start()
    # Time to begin with, not enough for a look.
    begun_s = time.monotonic() + LOOK_S / 4
    until(lambda: time.monotonic() > begun_s)

    for each in watched:
        each.watchdog.stop()
        each.clock.block(5)

    until(lambda: native_threads() <= before)
    assert [each.told for each in watched] == [[]] * 50


@pytest.mark.wall_clock
def test_a_second_start_leaves_one_thread(running: Watched) -> None:
    before = native_threads()

    for _ in range(20):
        running.watchdog.start()

    until(lambda: native_threads() <= before)


def test_the_time_between_stop_and_another_start_is_no_stall(loop: Watched) -> None:
    loop.clock.block(100)

    loop.watchdog.start()
    loop.watchdog.stop()
    loop.watchdog.look()
    loop.beat()

    assert (loop.told, loop.watchdog.stalls) == ([], [])
