"""Whoever blocks the loop for too long is broken, nobody else; at last the process ends."""

import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from types import FrameType

import gevent
import pytest
from gevent.monkey import get_original  # noqa: TID251 - what is not patched, for a native thread

from crowsg.clock import SECOND, to_ns
from crowsg.errors import NodeError
from crowsg.health.breaking import Breaker, LoopBlocked, stall_timeout_of, throw

THREAD = 7


class Blocked:
    """A loop that is blocked, and what is done about it."""

    def __init__(self, timeout_s: float | None = 5.0) -> None:
        self.thrown: list[tuple[int, float]] = []
        self.ends: list[str] = []
        self.patience_s = 0.0
        self._breaker = Breaker(timeout_s, self.ends.append, lambda: self.patience_s, self._throw)

    def _throw(self, thread: int, blocked_s: float) -> None:
        self.thrown.append((thread, blocked_s))

    def look(self, *moments_s: float, frame: FrameType | None = None) -> None:
        """Look at these moments, in seconds since the loop went on last."""
        for moment_s in moments_s:
            where = frame or sys._getframe()
            self._breaker.look(THREAD, where, 0, to_ns(moment_s))

    def go_on(self) -> None:
        """Let the loop go on."""
        self._breaker.forget()


def frame_of_another() -> FrameType:
    """Return the frame of another greenlet."""
    frame: FrameType = gevent.spawn(lambda: sys._getframe()).get()
    return frame


def test_whoever_blocks_the_loop_is_broken_when_the_time_is_over() -> None:
    loop = Blocked()

    loop.look(1.0, 4.9)
    before = list(loop.thrown)
    loop.look(5.0)

    assert (before, loop.thrown) == ([], [(THREAD, 5.0)])


def test_what_may_take_longer_is_left_as_long() -> None:
    """``init`` may read a large file: as long as nothing else has to run, that hurts nobody."""
    loop = Blocked()
    loop.patience_s = 30.0

    loop.look(1.0, 5.0, 29.9)
    before = list(loop.thrown)
    loop.look(30.0)

    assert (before, loop.thrown) == ([], [(THREAD, 30.0)])


def test_what_goes_on_is_broken_again_each_second() -> None:
    loop = Blocked()

    loop.look(1.0, *(5.0 + tenth / 10 for tenth in range(20)))

    assert [moment_s for _, moment_s in loop.thrown] == [5.0, 6.0]


def test_a_process_ends_that_is_blocked_two_seconds_later() -> None:
    loop = Blocked()

    loop.look(1.0, 5.0, 6.0, 6.9)
    before = list(loop.ends)
    loop.look(7.0)

    assert before == []
    assert len(loop.ends) == 1
    assert loop.ends[0].startswith("the event loop is blocked for 7.0 s by Blocked.look (test_bre")


def test_a_loop_that_goes_on_is_forgiven() -> None:
    loop = Blocked()
    loop.look(1.0, 5.0)

    loop.go_on()
    loop.look(1.0, 4.9)

    assert (len(loop.thrown), loop.ends) == (1, [])


def test_a_process_does_not_end_for_two_stalls() -> None:
    loop = Blocked()
    for _ in range(2):
        loop.look(1.0, 5.0)
        loop.go_on()

    assert (len(loop.thrown), loop.ends) == (2, [])


def test_whoever_runs_first_after_a_stall_is_not_broken() -> None:
    loop = Blocked()
    loop.look(1.0, 4.0, frame=frame_of_another())

    loop.look(5.0)

    assert loop.thrown == []


def test_whoever_is_seen_first_when_the_time_is_over_is_not_broken() -> None:
    loop = Blocked()

    loop.look(20.0)

    assert loop.thrown == []


def test_the_next_one_that_blocks_the_loop_has_time_of_its_own() -> None:
    loop = Blocked()
    loop.look(1.0, 5.0, frame=frame_of_another())

    loop.look(5.1, 10.0, 10.2)

    assert [round(moment_s, 1) for _, moment_s in loop.thrown] == [5.0, 5.1]
    assert loop.ends == []


def test_libraries_that_nobody_of_the_scenario_called_are_left_alone() -> None:
    loop, scope = Blocked(), {"sys": sys}
    exec(compile("def run(): return sys._getframe()", "<string>", "exec"), scope)
    frame: FrameType = gevent.spawn(scope["run"]).get()

    loop.look(1.0, 5.0, 7.0, 9.0, frame=frame)

    assert (loop.thrown, loop.ends) == ([], [])


def test_a_loop_that_goes_on_in_the_last_moment_is_left_alone() -> None:
    loop = Blocked()
    breaker = Breaker(
        5.0, lambda _: breaker.forget(), throw=lambda *_: loop.thrown.append((THREAD, 0))
    )
    frame = sys._getframe()

    for moment_s in (1.0, 5.0, 7.0):
        breaker.look(THREAD, frame, 0, to_ns(moment_s))

    assert len(loop.thrown) == 1


@pytest.mark.parametrize("timeout_s", [None, 0, 0.0])
def test_without_a_time_nobody_is_broken(timeout_s: float | None) -> None:
    loop = Blocked(timeout_s)

    loop.look(1.0, 5.0, 3600.0)

    assert (loop.thrown, loop.ends) == ([], [])


@pytest.mark.parametrize(
    ("environment", "given_s", "seconds"),
    [
        pytest.param({}, None, 5.0, id="the usual"),
        pytest.param({"CROWSG_STALL_TIMEOUT": " "}, None, 5.0, id="empty"),
        pytest.param({"CROWSG_STALL_TIMEOUT": " 2.5 "}, None, 2.5, id="environment"),
        pytest.param({"CROWSG_STALL_TIMEOUT": "5s"}, None, 5.0, id="with a unit"),
        pytest.param({"CROWSG_STALL_TIMEOUT": "1.5m"}, None, 90.0, id="minutes"),
        pytest.param({"CROWSG_STALL_TIMEOUT": "0"}, None, 0.0, id="never"),
        pytest.param({"CROWSG_STALL_TIMEOUT": "2"}, 3.0, 3.0, id="given"),
        pytest.param({"CROWSG_STALL_TIMEOUT": "2"}, 0.0, 0.0, id="given as never"),
    ],
)
def test_what_is_given_stands_above_the_environment(
    environment: Mapping[str, str], given_s: float | None, seconds: float
) -> None:
    assert stall_timeout_of(environment, given_s) == seconds


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "5 m s"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(NodeError, match="CROWSG_STALL_TIMEOUT is a duration such as 5s, 0 for ne"):
        stall_timeout_of({"CROWSG_STALL_TIMEOUT": text})


def throw_soon(seconds: float = 0.05) -> None:
    """Have this thread broken in a moment by a native one."""
    thread, sleep = get_original("_thread", "get_ident")(), get_original("time", "sleep")

    def wait_and_throw() -> None:
        sleep(seconds)
        throw(thread, 5.04)

    get_original("_thread", "start_new_thread")(wait_and_throw, ())


def spin() -> None:
    """Keep the thread busy for ten seconds."""
    end_ns = time.monotonic_ns() + 10 * SECOND
    while time.monotonic_ns() < end_ns:
        with suppress(Exception):
            sum(range(10))


@pytest.mark.wall_clock
def test_what_is_thrown_breaks_code_that_goes_on_after_every_failure() -> None:
    throw_soon()

    with pytest.raises(LoopBlocked, match=r"^the event loop was blocked for 5\.0 s$"):
        spin()


@pytest.mark.wall_clock
def test_what_is_thrown_is_called_what_it_is() -> None:
    throw_soon()

    with pytest.raises(LoopBlocked) as caught:
        spin()

    assert type(caught.value).__name__ == "LoopBlocked"


@pytest.mark.wall_clock
def test_a_call_into_c_is_broken_when_it_returns() -> None:
    throw_soon()
    began_s = time.monotonic()

    with pytest.raises(LoopBlocked):
        get_original("time", "sleep")(0.5)

    assert time.monotonic() - began_s > 0.49
