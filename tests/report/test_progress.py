"""The line a second."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from crowsg.health.monitor import Reading
from crowsg.metrics.figures import Interval
from crowsg.report.outlet import PAUSE_S
from crowsg.report.progress import Progress, line
from crowsg.testing import ManualClock
from crowsg.users.counts import UserCounts
from tests.report.samples import NOTHING, interval, sample

USERS = "0 running, 0 finished, 0 failed"


class Pipe:
    """Takes what is written; ``meanwhile`` is called during each write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()


@pytest.mark.parametrize(
    ("seconds", "counts", "text"),
    [
        pytest.param(0, UserCounts(), f"  0:00  {USERS}", id="nothing yet"),
        pytest.param(
            62,
            UserCounts(asked=9, waiting=1, running=2, finished=3, killed=3, stuck=1),
            "  1:02  1 waiting, 2 running, 3 finished, 0 failed, 3 killed, 1 stuck",
            id="outcomes that occurred",
        ),
        pytest.param(86_400, UserCounts(), f"1440:00  {USERS}", id="a day"),
    ],
)
def test_a_line_says_where_the_users_stand(seconds: int, counts: UserCounts, text: str) -> None:
    assert line(sample(seconds, users=counts)) == text


def test_a_line_says_how_many_workers_there_are() -> None:
    said = line(replace(sample(7), workers=3))

    assert said == f"  0:07  {USERS}; 3 workers"


@pytest.mark.parametrize(
    ("everything", "seconds", "text"),
    [
        pytest.param(interval(120), 1.0, "120 operations/s, p95 10 ms", id="all ok"),
        pytest.param(
            interval(90, 30), 1.0, "120 operations/s, 30 failed, p95 10 ms", id="some failed"
        ),
        pytest.param(interval(120), 0.5, "240 operations/s, p95 10 ms", id="half a second"),
        pytest.param(interval(120), 0.0, "0 operations/s, p95 10 ms", id="no time at all"),
    ],
)
def test_a_line_says_how_operations_went(everything: Interval, seconds: float, text: str) -> None:
    said = line(sample(7, seconds=seconds, everything=everything))

    assert said == f"  0:07  {USERS}; {text}"


@pytest.mark.parametrize(
    "everything",
    [
        pytest.param(NOTHING, id="none began"),
        pytest.param(Interval(0, 0, 5, None, None), id="all were cut"),
    ],
)
def test_a_line_without_operations_says_nothing_of_them(everything: Interval) -> None:
    assert line(sample(7, everything=everything)) == f"  0:07  {USERS}"


def test_a_line_says_that_the_generator_is_the_limit() -> None:
    said = line(sample(7, health=Reading(0.97, 0.12, 0, 0, saturated=True)))

    assert said == f"  0:07  {USERS}; the generator is the limit: cpu 97%, lag 120 ms"


def test_a_line_is_written_when_there_was_time_to_gather_more() -> None:
    clock, pipe = ManualClock(), Pipe()
    progress = Progress(pipe.write, clock=clock)

    progress.see(sample(1))
    clock.advance(PAUSE_S)
    progress.end(None)

    assert pipe.writes == [f"  0:01  {USERS}\n".encode()]


def test_the_last_line_is_written_before_the_end() -> None:
    pipe = Pipe()
    progress = Progress(pipe.write, clock=ManualClock())

    progress.see(sample(1))
    progress.end(None)

    assert pipe.writes == [f"  0:01  {USERS}\n".encode()]


def test_lines_are_left_out_while_one_is_being_written() -> None:
    pipe = Pipe()
    progress = Progress(pipe.write, clock=ManualClock())

    def go_on() -> None:
        for second in (2, 3, 4):
            progress.see(sample(second))

    pipe.meanwhile = go_on
    progress.see(sample(1))
    progress.end(None)
    progress.end(None)

    assert [data.split()[0] for data in pipe.writes] == [b"0:01", b"0:04"]


def test_what_is_printed_stands_before_the_next_line() -> None:
    pipe = Pipe()
    progress = Progress(pipe.write, clock=ManualClock())

    progress.outlet.print("hello\n")
    progress.see(sample(1))
    progress.end(None)

    assert pipe.writes == [f"hello\n  0:01  {USERS}\n".encode()]


def test_what_the_encoding_lacks_is_escaped() -> None:
    pipe = Pipe()
    progress = Progress(pipe.write, "ascii", clock=ManualClock())

    progress.outlet.print("żółw\n")
    progress.end(None)

    assert pipe.writes == [b"\\u017c\\xf3\\u0142w\n"]


def test_without_anything_to_say_nothing_is_written() -> None:
    pipe = Pipe()

    Progress(pipe.write, clock=ManualClock()).end(None)

    assert pipe.writes == []


def test_a_pipe_that_breaks_ends_the_lines_and_not_the_run() -> None:
    pipe = Pipe()
    progress = Progress(pipe.write, clock=ManualClock())

    def fail() -> None:
        raise BrokenPipeError

    pipe.meanwhile = fail
    for second in (1, 2):
        progress.see(sample(second))
        progress.end(None)

    assert len(pipe.writes) == 1


def test_last_words_are_what_waits_to_be_printed() -> None:
    progress = Progress(Pipe().write, clock=ManualClock())

    progress.outlet.print("hello\n")

    assert progress.last_words() == b"hello\n"
