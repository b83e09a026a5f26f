"""The command on terminals, and on terminals and pipes that nobody reads."""

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyte
import pytest

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60
NAME = "scenario_of_the_test.py"
SIZES = [pytest.param((80, 24), id="80x24"), pytest.param((200, 60), id="200x60")]

BUSY = """
from crowsg import metrics, users

def init():
    pass

def start(user_id):
    for number in range(40):
        metrics.observe(f"an operation with a long name, number {number % 30} of many", 0.01)
        metrics.observe("送信時間", 0.02)
        if number % 10 == 5:
            users.spawn(fail, user_id)
        users.sleep(0.1)

def fail(user_id):
    with metrics.time("fail"):
        raise ValueError("x" * user_id * 20)
"""
IDLE = "from crowsg import users\ndef init(): pass\ndef start(i): users.sleep(1000)\n"
SPINNING = """
from crowsg import users

def init():
    pass

def start(user_id):
    users.sleep(1.3)
    print("spinning", flush=True)
    users.sleep(0.2)
    while True:
        pass
"""
TALKING = """
import logging, sys
from crowsg import users

LONG = "long " + "-" * 200 + " end"

def init():
    pass

def start(user_id):
    users.sleep(1.5)
    print("to stdout")
    print("to stderr", file=sys.stderr)
    print("in ", end="")
    users.sleep(0.3)
    print("pieces")
    print(LONG)
    print("\\x1b[31mred\\x1b[0m [bold]plain[/bold]")
    logging.getLogger("chat").warning("logged")
    users.sleep(2)
"""
LATE = """
import logging, sys, time
from crowsg import metrics, users

def init():
    pass

def start(user_id):
    until, late = time.monotonic() + 3, 0.0
    while time.monotonic() < until:
        began = time.monotonic()
        users.sleep(0.02)
        late = max(late, time.monotonic() - began - 0.02)
        logging.getLogger("chat").warning("logged")
        print("printed " * 20, file=sys.stderr)
    metrics.gauge("late_s", late)
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / NAME
        path.write_text(text)
        return str(path)

    return write


def _sit_down() -> None:
    """Make the terminal on stdin the one whose Ctrl-C this process gets."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A terminal in which the command runs; ``pyte`` draws what it shows."""

    def __init__(self, arguments: list[str], size: tuple[int, int], **environment: str) -> None:
        self.screen = pyte.HistoryScreen(*size, history=1000, ratio=0.5)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""
        self._reader, terminal = pty.openpty()
        termios.tcsetwinsize(terminal, size[::-1])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "crowsg", "run", *arguments],
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color", **environment},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            preexec_fn=_sit_down,
        )
        os.close(terminal)

    @property
    def lines(self) -> list[str]:
        """Everything shown so far, what has scrolled away too, down to the last line in use."""
        width = self.screen.columns
        above = [
            "".join(row[column].data for column in range(width)) for row in self.screen.history.top
        ]
        lines = [line.rstrip() for line in (*above, *self.screen.display)]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def read_on(self) -> bool:
        """Read and show a piece; False after the end."""
        assert select.select([self._reader], [], [], PATIENCE_S)[0]
        try:
            data = os.read(self._reader, 65536)
        except OSError:  # what Linux says at the end
            return False
        self.written += data
        self._stream.feed(data)
        return True

    def read_until(self, words: str) -> None:
        """Read until the screen shows these words."""
        while not any(words in line for line in self.screen.display):
            assert self.read_on()

    def read_for(self, seconds: float) -> None:
        """Read on for some time."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            if select.select([self._reader], [], [], left_s)[0]:
                self.read_on()

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self._reader, text.encode())

    def resize(self, width: int, height: int) -> None:
        """Make the terminal larger or smaller."""
        termios.tcsetwinsize(self._reader, (height, width))
        self.screen.resize(height, width)

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self.read_on():
            pass
        return self._process.wait(PATIENCE_S)

    def close(self) -> None:
        """End the process, if it goes on, and close the terminal."""
        self._process.kill()
        self._process.wait(PATIENCE_S)
        os.close(self._reader)


Open = Callable[..., Terminal]


@pytest.fixture
def open_terminal() -> Iterator[Open]:
    terminals: list[Terminal] = []

    def open_terminal(
        *arguments: str, size: tuple[int, int] = (80, 24), **environment: str
    ) -> Terminal:
        terminals.append(Terminal(list(arguments), size, **environment))
        return terminals[-1]

    yield open_terminal
    for each in terminals:
        each.close()


def rows_of(words: str, terminal: Terminal) -> list[int]:
    """Return the rows of the screen that hold these words."""
    return [row for row, line in enumerate(terminal.screen.display) if words in line]


@pytest.mark.parametrize("size", SIZES)
def test_the_view_stays_in_place(
    write: Callable[[str], str], open_terminal: Open, size: tuple[int, int]
) -> None:
    terminal = open_terminal(write(IDLE), "--duration", "3.5", size=size)
    tops: list[int] = []
    bottoms: list[int] = []

    while terminal.read_on():
        tops += rows_of("  running  ", terminal)
        bottoms += rows_of("generator  ", terminal)

    assert len(tops) >= 2
    assert (len(set(tops)), len(set(bottoms))) == (1, 1)


@pytest.mark.parametrize("size", SIZES)
def test_a_full_view_fills_the_terminal_and_nothing_wraps(
    write: Callable[[str], str], open_terminal: Open, size: tuple[int, int]
) -> None:
    terminal = open_terminal(write(BUSY), "--users", "20", "--user-rate", "inf", size=size)

    terminal.read_until(" 0:02")
    terminal.read_for(0.5)

    (top,) = rows_of("  running  ", terminal)
    shown = [line.rstrip() for line in terminal.screen.display[top:]]
    labels = [line.split()[0] for line in shown if line]
    assert [labels.count(each) for each in ("users", "operation", "generator")] == [1, 1, 1]
    assert labels[-1] == "generator"
    assert all(len(line) < size[0] for line in shown)


@pytest.mark.parametrize("size", SIZES)
def test_the_summary_takes_the_place_of_the_view(
    write: Callable[[str], str], open_terminal: Open, size: tuple[int, int]
) -> None:
    terminal = open_terminal(write(IDLE), "--duration", "2.2", size=size)

    assert terminal.end() == 0

    first, blank, title, users = terminal.lines[:4]
    assert first.startswith("metrics: http://127.0.0.1:")
    assert title.startswith(f"{NAME.removesuffix('.py')}  the duration is over after ")
    assert (blank, users) == ("", "users")
    assert not any("users      1 asked" in line for line in terminal.lines)


@pytest.mark.parametrize(
    ("duration", "presses", "code"),
    [
        pytest.param("2.5", 0, 0, id="the end of the run"),
        pytest.param("60", 1, 97, id="Ctrl-C"),
    ],
)
def test_the_cursor_is_back(
    write: Callable[[str], str], open_terminal: Open, duration: str, presses: int, code: int
) -> None:
    terminal = open_terminal(write(IDLE), "--duration", duration)
    terminal.read_until(" 0:01")
    was_hidden = terminal.screen.cursor.hidden

    terminal.type("\x03" * presses)

    assert terminal.end() == code
    assert (was_hidden, terminal.screen.cursor.hidden) == (True, False)


def test_a_third_ctrl_c_leaves_a_clean_terminal(
    write: Callable[[str], str], open_terminal: Open
) -> None:
    terminal = open_terminal(write(SPINNING))
    terminal.read_until("event loop is blocked")

    for _ in range(3):
        terminal.type("\x03")
        # Pressed at once they are one signal.
        terminal.read_for(0.3)

    assert terminal.end() == 97
    assert not terminal.screen.cursor.hidden
    assert not rows_of("generator", terminal)


def test_a_warning_of_the_watchdog_stays_whole(
    write: Callable[[str], str], open_terminal: Open
) -> None:
    text = SPINNING.replace("while True", "while time.monotonic() < 1.5 + began")
    text = text.replace("    users.sleep(0.2)\n", "    began = time.monotonic()\n")
    terminal = open_terminal(write(f"import time\n{text}"), size=(120, 30))

    terminal.end()

    (line,) = [line for line in terminal.lines if line.startswith("WARNING")]
    assert line.startswith("WARNING: the event loop is blocked for 1.")
    assert line.endswith(")")


def test_what_is_printed_stands_above_the_view_unharmed(
    write: Callable[[str], str], open_terminal: Open
) -> None:
    terminal = open_terminal(write(TALKING), "--user-rate", "inf", size=(80, 30))

    terminal.read_until("logged")
    terminal.read_for(0.3)

    lines = terminal.lines
    above = lines[1 : lines.index("", 1)]
    assert above[:3] == ["to stdout", "to stderr", "in pieces"]
    assert "".join(above[3:6]) == "long " + "-" * 200 + " end"
    assert above[6:] == ["red [bold]plain[/bold]", "WARNING: logged"]


def test_what_was_printed_stays_above_the_summary(
    write: Callable[[str], str], open_terminal: Open
) -> None:
    terminal = open_terminal(write(TALKING), "--user-rate", "inf", size=(80, 30))

    terminal.end()

    assert terminal.lines[1:4] == ["to stdout", "to stderr", "in pieces"]
    assert terminal.lines[7:9] == ["red [bold]plain[/bold]", "WARNING: logged"]
    assert terminal.lines[9] == ""
    assert "all users are done after" in terminal.lines[10]


def test_a_terminal_that_is_read_late_shows_everything(
    write: Callable[[str], str], open_terminal: Open
) -> None:
    terminal = open_terminal(write(TALKING), "--user-rate", "inf", size=(80, 30))
    terminal.read_until(" 0:01")

    terminal.type("\x13")
    time.sleep(5)  # noqa: TID251 - real time on purpose
    terminal.type("\x11")

    assert terminal.end() == 0
    assert terminal.lines[1:4] == ["to stdout", "to stderr", "in pieces"]
    assert terminal.lines[-1].startswith("generator: ")
    assert not terminal.screen.cursor.hidden


def test_another_size_of_the_terminal_is_taken_up(
    write: Callable[[str], str], open_terminal: Open
) -> None:
    terminal = open_terminal(write(IDLE), "--duration", "9", size=(80, 24))
    terminal.read_until(" 0:01")

    terminal.resize(50, 12)
    terminal.read_until(" 0:03")

    (row,) = rows_of("  running  ", terminal)
    assert len(terminal.screen.display[row].rstrip()) == 49
    assert len(rows_of("generator", terminal)) == 1


@pytest.mark.parametrize("term", ["dumb", "unknown", ""])
def test_a_terminal_that_can_do_nothing_gets_plain_lines(
    write: Callable[[str], str], open_terminal: Open, term: str
) -> None:
    terminal = open_terminal(write(IDLE), "--duration", "1.5", TERM=term)

    terminal.end()

    assert "  0:01  1 running, 0 finished, 0 failed" in terminal.lines
    # The table below the blank line has a bold title, as ever.
    assert b"\x1b" not in terminal.written.partition(b"\r\n\r\n")[0]


def test_without_colours_there_are_none(write: Callable[[str], str], open_terminal: Open) -> None:
    terminal = open_terminal(write(BUSY), "--duration", "2.5", NO_COLOR="1")

    terminal.read_until(" 0:02")

    assert b"\x1b[3" not in terminal.written


def test_a_pipe_gets_plain_lines(write: Callable[[str], str]) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "crowsg", "run", write(IDLE), "--duration", "2.5"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=PATIENCE_S,
    )

    lines = process.stderr.decode().splitlines()
    assert lines[0].startswith("metrics: http://")
    assert lines[1:3] == [
        "  0:01  1 running, 0 finished, 0 failed",
        "  0:02  1 running, 0 finished, 0 failed",
    ]
    assert b"\x1b" not in process.stderr + process.stdout


@pytest.fixture(params=["terminal", "pipe"])
def full(request: pytest.FixtureRequest) -> Iterator[int]:
    """Something to write to that is full, and that nobody reads."""
    reader, writer = pty.openpty() if request.param == "terminal" else os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"." * 10)
    os.set_blocking(writer, True)
    yield writer
    os.close(reader)
    os.close(writer)


def run_into(full: int, *arguments: str) -> tuple[dict[str, Any], float]:
    """Run with a stderr that nobody reads; returns the summary and how long it took."""
    began = time.monotonic()
    process = subprocess.run(
        [sys.executable, "-m", "crowsg", "run", *arguments, "--json"],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color"},
        stdout=subprocess.PIPE,
        stderr=full,
        check=True,
        timeout=PATIENCE_S,
    )
    return json.loads(process.stdout), time.monotonic() - began


def test_users_do_not_wait_for_who_reads_nothing(full: int, write: Callable[[str], str]) -> None:
    summary, _ = run_into(full, write(LATE), "--users", "5", "--user-rate", "inf")

    assert summary["users"]["finished"] == 5
    assert summary["gauges"]["late_s"] < 0.5


def test_the_end_does_not_wait_for_who_reads_nothing(
    full: int, write: Callable[[str], str]
) -> None:
    summary, seconds = run_into(full, write(IDLE), "--duration", "2")

    assert summary["exit_reason"] == "the duration is over"
    assert seconds < 10


def test_a_third_signal_ends_a_run_whose_terminal_nobody_reads(
    full: int, write: Callable[[str], str]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "crowsg", "run", write(SPINNING)],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color"},
        stdout=subprocess.PIPE,
        stderr=full,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"spinning\n"

    for _ in range(3):
        # Sent at once they are one signal; the first must find the loop blocked.
        time.sleep(0.4)  # noqa: TID251 - real time on purpose
        process.send_signal(signal.SIGINT)

    try:
        assert process.wait(10) == 97
    finally:
        process.kill()
        process.communicate()


def test_a_run_without_stderr_runs(write: Callable[[str], str]) -> None:
    command = f"exec '{sys.executable}' -m crowsg run '{write(IDLE)}' --duration 2 --json 2>&-"

    out = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=PATIENCE_S
    ).stdout

    assert json.loads(out)["exit_code"] == 0


def test_a_run_without_stdout_runs(write: Callable[[str], str]) -> None:
    command = f"exec '{sys.executable}' -m crowsg run '{write(IDLE)}' --duration 1 >&-"

    process = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, stderr=subprocess.PIPE, check=True, timeout=PATIENCE_S
    )

    assert b"Traceback" not in process.stderr
