"""What is done in the background is done in order, and blocks nobody but its own thread."""

import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from gevent.monkey import get_original  # noqa: TID251 - for a native thread

from crowsg.background import Background, write_all
from tests.health.threads import native_threads

ROOT = Path(__file__).parents[1]
PATIENCE_S = 10.0

# gevent's puts the closing of a pipe off.
close = get_original("os", "close")


class Pipe:
    """A pipe on which a native thread waits until it is let go."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def wait(self) -> None:
        """Block the thread, whatever gevent does."""
        os.read(self.reader, 1)

    def let_go(self) -> None:
        """Let one that waits go on."""
        os.write(self.writer, b"x")

    def close(self) -> None:
        """Be gone."""
        close(self.reader)
        close(self.writer)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


@pytest.fixture
def background() -> Iterator[Background]:
    background = Background()
    yield background
    background.close(PATIENCE_S)


def let_others_run() -> None:
    for _ in range(100):
        gevent.sleep(0)


def fail(error: BaseException) -> None:
    raise error


def test_what_is_submitted_is_called_with_its_arguments(background: Background) -> None:
    called: list[tuple[int, ...]] = []

    background.submit(lambda *args: called.append(args), 1, 2)
    background.submit(lambda *args: called.append(args))

    background.close(PATIENCE_S)
    assert called == [(1, 2), ()]


def test_calls_are_made_in_the_order_in_which_they_were_submitted(background: Background) -> None:
    called: list[int] = []

    for number in range(1000):
        background.submit(called.append, number)
        if number % 100 == 0:
            gevent.sleep(0)

    background.close(PATIENCE_S)
    assert called == list(range(1000))


def test_calls_are_made_on_another_thread(background: Background) -> None:
    get_ident = get_original("_thread", "get_ident")
    called: list[int] = []

    background.submit(lambda: called.append(get_ident()))

    background.close(PATIENCE_S)
    assert called != [get_ident()]


def test_nothing_is_called_before_submit_returns(background: Background) -> None:
    called: list[int] = []

    background.submit(called.append, 1)

    assert called == []


def test_while_a_call_blocks_everybody_else_goes_on(background: Background, pipe: Pipe) -> None:
    other = gevent.spawn(lambda: [gevent.sleep(0) for _ in range(50)])

    background.submit(pipe.wait)
    let_others_run()

    assert (other.successful(), background.is_busy) == (True, True)
    pipe.let_go()


def test_submit_does_not_wait_for_a_call_that_blocks(background: Background, pipe: Pipe) -> None:
    called: list[int] = []
    background.submit(pipe.wait)
    let_others_run()

    for number in range(100):
        background.submit(called.append, number)

    assert called == []
    pipe.let_go()


def test_what_was_queued_behind_a_call_that_blocked_is_called(
    background: Background, pipe: Pipe
) -> None:
    called: list[int] = []
    background.submit(pipe.wait)
    background.submit(called.append, 1)
    let_others_run()

    pipe.let_go()

    assert background.close(PATIENCE_S)
    assert called == [1]


def test_before_the_first_call_it_is_not_busy(background: Background) -> None:
    assert not background.is_busy


def test_it_is_busy_from_when_a_call_is_submitted(background: Background) -> None:
    background.submit(len, "")

    assert background.is_busy


def test_it_is_not_busy_any_more_when_all_is_done(background: Background) -> None:
    background.submit(len, "")

    background.close(PATIENCE_S)

    assert not background.is_busy


def test_it_is_not_busy_any_more_after_an_error(background: Background) -> None:
    background.submit(fail, OSError())

    background.close(PATIENCE_S)

    assert not background.is_busy


@pytest.mark.parametrize("calls", [0, 1, 10])
def test_close_tells_that_everything_was_done(background: Background, calls: int) -> None:
    called: list[int] = []
    for number in range(calls):
        background.submit(called.append, number)

    is_done = background.close(PATIENCE_S)

    assert (is_done, len(called)) == (True, calls)


@pytest.mark.parametrize("timeout", [0, 0.001])
def test_close_tells_that_not_everything_was_done_in_time(
    background: Background, pipe: Pipe, timeout: float
) -> None:
    background.submit(pipe.wait)

    is_done = background.close(timeout)

    assert (is_done, background.is_busy) == (False, True)
    pipe.let_go()


def test_close_can_be_asked_again(background: Background, pipe: Pipe) -> None:
    background.submit(pipe.wait)
    background.close(0)

    pipe.let_go()

    assert background.close(PATIENCE_S)


def test_calls_are_made_after_close_too(background: Background) -> None:
    called: list[int] = []
    background.submit(called.append, 1)
    background.close(PATIENCE_S)

    background.submit(called.append, 2)

    background.close(PATIENCE_S)
    assert called == [1, 2]


ERRORS = [OSError(28, "No space left"), ValueError(), SystemExit(3), KeyboardInterrupt()]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_what_a_call_raises_is_kept(background: Background, error: BaseException) -> None:
    background.submit(fail, error)

    is_done = background.close(PATIENCE_S)

    assert (is_done, background.error) == (False, error)


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_what_a_call_raises_is_not_printed(
    background: Background, capfd: pytest.CaptureFixture[str], error: BaseException
) -> None:
    background.submit(fail, error)

    background.close(PATIENCE_S)

    assert capfd.readouterr().err == ""


def test_what_is_queued_behind_an_error_is_dropped(background: Background) -> None:
    called: list[int] = []
    background.submit(fail, OSError())
    background.submit(called.append, 1)

    background.close(PATIENCE_S)

    assert called == []


def test_what_follows_an_error_is_dropped(background: Background) -> None:
    called: list[int] = []
    background.submit(fail, OSError("first"))
    background.close(PATIENCE_S)

    background.submit(called.append, 1)
    background.submit(fail, OSError("second"))
    background.close(PATIENCE_S)

    assert (called, str(background.error)) == ([], "first")


def test_after_an_error_it_is_never_busy_again(background: Background) -> None:
    background.submit(fail, OSError())
    background.close(PATIENCE_S)

    background.submit(len, "")

    assert not background.is_busy


class Parcel:
    """Something that takes memory."""


def test_what_is_dropped_is_not_kept(background: Background) -> None:
    parcel = Parcel()
    kept = weakref.ref(parcel)
    background.submit(fail, OSError())
    background.submit(id, parcel)

    background.close(PATIENCE_S)

    del parcel
    assert kept() is None


def test_two_of_them_do_not_wait_for_each_other(background: Background, pipe: Pipe) -> None:
    other = Background()
    background.submit(pipe.wait)
    let_others_run()

    other.submit(len, "")

    assert other.close(PATIENCE_S)
    pipe.let_go()


def test_no_thread_is_left_behind(background: Background) -> None:
    before = native_threads()

    for _ in range(20):
        other = Background()
        other.submit(len, "")
        other.close(PATIENCE_S)

    assert native_threads() <= before


def test_more_than_a_pipe_holds_is_written_in_full(background: Background) -> None:
    reader, writer = os.pipe()
    data = os.urandom(500_000)

    background.submit(write_all, writer, data)
    background.submit(close, writer)

    with open(reader, "rb") as file:
        # On another native thread: this one has to tell the first what to do next.
        assert gevent.get_hub().threadpool.apply(file.read) == data


@pytest.mark.integration
def test_a_write_that_ends_half_way_is_gone_on_with(tmp_path: Path) -> None:
    # In a process of its own: the limit would hold for the output of the tests as well.
    program = (
        "import resource, sys\n"
        "from crowsg.background import write_all\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "with open(sys.argv[1], 'wb') as file:\n"
        "    write_all(file.fileno(), b'x' * 1500)\n"
    )
    path = tmp_path / "file"

    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert "File too large" in done.stderr
    assert path.stat().st_size == 1000


def test_nothing_to_write_is_no_call_at_all() -> None:
    write_all(-1, b"")


def test_a_reader_that_is_gone_is_an_error(background: Background) -> None:
    reader, writer = os.pipe()
    close(reader)

    background.submit(write_all, writer, b"x")
    background.close(PATIENCE_S)

    close(writer)
    assert isinstance(background.error, BrokenPipeError)


@pytest.mark.integration
@pytest.mark.wall_clock
def test_a_process_ends_though_nobody_reads_what_it_writes() -> None:
    program = (
        "from gevent import monkey; monkey.patch_all()\n"
        "import os\n"
        "from crowsg.background import Background, write_all\n"
        "background = Background()\n"
        "background.submit(write_all, os.pipe()[1], b'x' * 1_000_000)\n"
        "print(background.close(0.2), background.is_busy)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "False True\n", "")
