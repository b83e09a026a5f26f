"""What a terminal shows of a frame, and of what is printed above it."""

import os
import pty
import termios
from collections.abc import Iterator

import pyte
import pytest

from crowsg.report.screen import Screen, can_show, size_of

WIDTH, HEIGHT = 20, 8
FRAME = ["title", "users", "generator"]


class Terminal:
    """A terminal, as far as ``pyte`` is one."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        # What the tty does for programs.
        self.screen.set_mode(pyte.modes.LNM)
        self._stream = pyte.ByteStream(self.screen)

    def feed(self, data: bytes) -> None:
        """Take what a program writes."""
        self._stream.feed(data)

    @property
    def lines(self) -> list[str]:
        """The lines down to the last that is not blank."""
        lines = [line.rstrip() for line in self.screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def screen() -> Screen:
    return Screen("utf-8")


@pytest.fixture
def descriptor() -> Iterator[int]:
    """A terminal that does not know its size."""
    reader, terminal = pty.openpty()
    yield terminal
    os.close(reader)
    os.close(terminal)


def test_a_frame_stands_below_a_blank_line(screen: Screen, terminal: Terminal) -> None:
    terminal.feed(b"$ command\n")

    screen.show(FRAME)
    terminal.feed(screen.drawn(""))

    assert terminal.lines == ["$ command", "", *FRAME]


def test_the_next_frame_takes_the_place_of_the_last(screen: Screen, terminal: Terminal) -> None:
    for frame in (FRAME, ["other", "lines"], [*FRAME, "more"]):
        screen.show(frame)
        terminal.feed(screen.drawn(""))

    assert terminal.lines == ["", *FRAME, "more"]


def test_what_is_printed_stands_above_the_frame(screen: Screen, terminal: Terminal) -> None:
    screen.show(FRAME)
    for text in ("", "hello\nyou\n", "", "again"):
        terminal.feed(screen.drawn(text))

    assert terminal.lines == ["hello", "you", "again", "", *FRAME]


def test_what_is_printed_at_the_bottom_of_the_terminal_scrolls(
    screen: Screen, terminal: Terminal
) -> None:
    screen.show(FRAME)
    for number in range(20):
        terminal.feed(screen.drawn(f"line {number}\n"))

    above = [f"line {number}" for number in range(16, 20)]
    assert terminal.lines == [*above, "", *FRAME]


def test_a_long_line_that_is_printed_is_wrapped_by_the_terminal(
    screen: Screen, terminal: Terminal
) -> None:
    screen.show(FRAME)
    terminal.feed(screen.drawn(""))

    terminal.feed(screen.drawn("x" * (WIDTH + 5) + "\n"))

    assert terminal.lines == ["x" * WIDTH, "x" * 5, "", *FRAME]


def test_a_line_written_past_the_screen_stays_whole(screen: Screen, terminal: Terminal) -> None:
    screen.show(FRAME)
    terminal.feed(screen.drawn(""))
    terminal.feed(b"WARNING: blocked\n")

    terminal.feed(screen.drawn(""))

    assert terminal.lines == ["WARNING: blocked", "", *FRAME]


@pytest.mark.parametrize(("width", "height"), [(10, 8), (20, 6), (40, 20)])
def test_a_frame_survives_another_size_of_the_terminal(
    screen: Screen, terminal: Terminal, width: int, height: int
) -> None:
    screen.show(["a long line that is cut", *FRAME])
    terminal.feed(screen.drawn(""))
    terminal.screen.resize(height, width)

    screen.show(FRAME)
    terminal.feed(screen.drawn(""))

    assert [line for line in terminal.lines if line] == FRAME


def test_a_line_that_is_too_wide_stays_one_line(screen: Screen, terminal: Terminal) -> None:
    screen.show(["x" * (WIDTH + 10), "y"])
    terminal.feed(screen.drawn(""))

    assert terminal.lines == ["", "x" * WIDTH, "y"]


def test_what_is_printed_wraps_again_after_a_frame(screen: Screen, terminal: Terminal) -> None:
    screen.show(FRAME)
    terminal.feed(screen.drawn(""))

    assert pyte.modes.DECAWM in terminal.screen.mode


def test_colours_left_on_do_not_reach_the_frame(screen: Screen, terminal: Terminal) -> None:
    screen.show(FRAME)

    terminal.feed(screen.drawn("\x1b[31mred\n"))

    assert terminal.screen.buffer[2][0].fg == "default"


def test_a_frame_hides_the_cursor(screen: Screen, terminal: Terminal) -> None:
    screen.show(FRAME)

    terminal.feed(screen.drawn(""))

    assert terminal.screen.cursor.hidden


def test_a_frame_that_is_gone_leaves_what_was_printed(screen: Screen, terminal: Terminal) -> None:
    screen.show(FRAME)
    terminal.feed(screen.drawn("hello\n"))

    screen.show(())
    terminal.feed(screen.drawn("bye\n"))

    assert terminal.lines == ["hello", "bye"]


def test_a_frame_that_is_gone_shows_the_cursor_below(screen: Screen, terminal: Terminal) -> None:
    screen.show(FRAME)
    terminal.feed(screen.drawn("hello\n"))

    screen.show(())
    terminal.feed(screen.drawn(""))

    cursor = terminal.screen.cursor
    assert (cursor.hidden, cursor.y, cursor.x) == (False, 1, 0)


@pytest.mark.parametrize("is_over", [False, True], ids=["never shown", "gone"])
def test_without_a_frame_text_is_text(screen: Screen, *, is_over: bool) -> None:
    if is_over:
        screen.show(FRAME)
        screen.drawn("")
        screen.show(())
        screen.drawn("")

    assert screen.drawn("hello\n") == b"hello\n"


def test_what_the_encoding_lacks_is_escaped_above_the_frame(terminal: Terminal) -> None:
    screen = Screen("latin-1")
    screen.show(FRAME)

    terminal.feed(screen.drawn("a → b\n"))

    assert terminal.lines[0] == "a \\u2192 b"


def test_what_the_encoding_lacks_keeps_its_cell_in_the_frame(terminal: Terminal) -> None:
    screen = Screen("latin-1")
    screen.show(["a → b"])

    terminal.feed(screen.drawn(""))

    assert terminal.lines == ["", "a ? b"]


@pytest.mark.parametrize(
    ("text", "encoding", "can"),
    [
        pytest.param("▁█", "utf-8", True, id="utf-8"),
        pytest.param("▁█", "ascii", False, id="ascii"),
        pytest.param("é", "latin-1", True, id="latin-1"),
    ],
)
def test_an_encoding_has_characters_or_not(text: str, encoding: str, *, can: bool) -> None:
    assert can_show(text, encoding) == can


def test_a_terminal_without_a_size_is_of_the_usual_one(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "30")

    assert size_of(descriptor) == (100, 30)


def test_a_terminal_tells_its_size(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    termios.tcsetwinsize(descriptor, (24, 80))

    assert size_of(descriptor) == (80, 24)
