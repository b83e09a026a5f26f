"""The watchdog tells what blocks the loop, once a stall, and keeps the stalls on record."""

import json
import re
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent._hub_local import get_hub_if_exists

import crowsg
from crowsg.clock import SECOND
from crowsg.health.watchdog import (
    LOOK_S,
    MAX_STALLS,
    NOBODY,
    Stall,
    Watchdog,
    place_of,
    tell_stderr,
)
from tests.health.blocked import BlockableClock
from tests.health.threads import native_threads, until

SCENARIO = "/srv/load/chat.py"
STDLIB = sysconfig.get_path("stdlib")
PACKAGE = str(Path(crowsg.__file__).parent)


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


def test_a_line_on_stderr_is_marked(capfd: pytest.CaptureFixture[str]) -> None:
    tell_stderr("caf\u00e9")

    assert capfd.readouterr().err == "WARNING: caf\u00e9\n"


def test_nothing_is_written_to_what_is_not_stderr(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "__stderr__", None)

    tell_stderr("blocked")

    assert capfd.readouterr().err == ""


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


def place_in(text: str, file: str = SCENARIO, **names: Any) -> str:
    """Return where the thread stands that calls ``look`` in ``run`` of a file of this text."""
    places: list[str] = []

    def look(*_: object) -> str:
        places.append(place_of(sys._getframe(1)))
        return ""

    scope = {"look": look, "json": json, "re": re, **names}
    exec(compile(text, file, "exec"), scope)
    # On a greenlet, so that nothing but the text calls.
    gevent.spawn(scope["run"]).get()
    return places[0]


def load(text: str, file: str) -> Callable[..., Any]:
    """Return the function ``helper`` of a file of this text."""
    scope: dict[str, Any] = {}
    exec(compile(text, file, "exec"), scope)
    helper: Callable[..., Any] = scope["helper"]
    return helper


HELPER = "def helper(look):\n    look()\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("def run():\n\n    look()", r"run \(chat\.py:3\)", id="its own line"),
        pytest.param(
            "class Bob:\n def talk(self):\n  look()\ndef run():\n Bob().talk()",
            r"Bob\.talk \(chat\.py:3\)",
            id="a method",
        ),
        pytest.param(
            "def step():\n look()\ndef run():\n step()", r"step \(chat\.py:2\)", id="the innermost"
        ),
        pytest.param(
            "def run():\n json.dumps(object(), default=look)",
            r"run \(chat\.py:2\) calling JSONEncoder\.iterencode \(encoder\.py:\d+\)",
            id="json",
        ),
        pytest.param(
            "def run():\n re.sub('a', look, 'aaa')",
            r"run \(chat\.py:2\) calling sub \(__init__\.py:\d+\)",
            id="re",
        ),
        pytest.param(
            "def default(_):\n return look()\ndef run():\n json.dumps(object(), default=default)",
            r"default \(chat\.py:2\)",
            id="called back",
        ),
    ],
)
def test_the_place_is_the_innermost_code_of_the_scenario(text: str, place: str) -> None:
    assert re.fullmatch(place, place_in(text))


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(f"{STDLIB}/helper.py", id="standard library"),
        pytest.param(f"{sysconfig.get_path('purelib')}/pack/helper.py", id="installed"),
        pytest.param(f"{sysconfig.get_path('scripts')}/helper.py", id="script"),
        pytest.param(f"{PACKAGE}/users/helper.py", id="crowsg"),
        pytest.param("<frozen helper.py", id="frozen"),
    ],
)
def test_what_a_scenario_calls_is_named_behind_it(file: str) -> None:
    helper = load(HELPER, file)

    place = place_in("def run():\n helper(look)", helper=helper)

    assert place == f"run (chat.py:2) calling helper ({file.rpartition('/')[2]}:2)"


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(f"{STDLIB}-of-mine/helper.py", id="beside the standard library"),
        pytest.param(f"{PACKAGE}_scenarios/helper.py", id="beside crowsg"),
        pytest.param("helper.py", id="relative"),
    ],
)
def test_a_folder_with_a_similar_name_is_no_library(file: str) -> None:
    helper = load(HELPER, file)

    assert place_in("def run():\n helper(look)", helper=helper) == "helper (helper.py:2)"


def test_where_only_libraries_run_the_innermost_is_named() -> None:
    text = "def step():\n look()\ndef run():\n step()"

    assert place_in(text, f"{STDLIB}/queue.py") == "step (queue.py:2)"


@pytest.mark.parametrize("name", ["chat\x1b[2J.py", "chat\n.py", "\udcff.py", "c" * 5000])
def test_a_place_is_a_short_printable_line(name: str) -> None:
    place = place_in("def run():\n look()", f"/srv/{name}")

    assert place.isprintable()
    assert len(place) < 600
