"""The view, on a terminal that a test reads."""

import os
import pty
import termios
from collections.abc import Iterator

import pytest

from crowsg.report.live import LiveView
from crowsg.testing import ManualClock
from tests.report.samples import interval, sample

GREET = {"greet": interval()}


class Terminal:
    """A terminal of 80 x 24, and what was written to it."""

    def __init__(self) -> None:
        self._reader, self.descriptor = pty.openpty()
        termios.tcsetwinsize(self.descriptor, (24, 80))

    def written(self) -> str:
        """Return what was written since the last call, at least something."""
        return os.read(self._reader, 100_000).decode()

    def close(self) -> None:
        """Close both ends."""
        os.close(self._reader)
        os.close(self.descriptor)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture
def view(terminal: Terminal) -> LiveView:
    return LiveView("chat.py", terminal.descriptor, clock=ManualClock())


def test_a_sample_is_shown(view: LiveView, terminal: Terminal) -> None:
    view.see(sample(75))
    view.outlet.close(1)

    written = terminal.written()
    assert "chat.py" in written
    assert "1:15" in written


def test_the_end_clears_the_view(view: LiveView, terminal: Terminal) -> None:
    view.see(sample())
    view.outlet.close(1)
    terminal.written()

    view.end(None)

    assert terminal.written() == "\r\x1b[0m\x1b[J\x1b[?25h"


def test_what_is_printed_is_written_without_a_view(view: LiveView, terminal: Terminal) -> None:
    view.outlet.print("hello\n")
    view.end(None)

    assert terminal.written() == "hello\r\n"


def test_last_words_clear_the_view_and_show_what_was_printed(
    view: LiveView, terminal: Terminal
) -> None:
    view.see(sample())
    view.outlet.close(1)
    view.outlet.print("hello\n")

    assert view.last_words() == b"\r\x1b[Jhello\n\x1b[0m\x1b[J\x1b[?25h"


def test_without_a_view_there_are_no_last_words(view: LiveView) -> None:
    assert view.last_words() == b""


@pytest.mark.parametrize(("encoding", "has_trend"), [("utf-8", True), ("latin-1", False)])
def test_there_are_trends_where_there_are_bars(
    terminal: Terminal, encoding: str, *, has_trend: bool
) -> None:
    view = LiveView("chat.py", terminal.descriptor, encoding, clock=ManualClock())

    view.see(sample(operations=GREET))
    view.outlet.close(1)

    assert ("p95, last" in terminal.written()) == has_trend


@pytest.mark.parametrize("has_colours", [True, False])
def test_a_view_can_go_without_colours(terminal: Terminal, *, has_colours: bool) -> None:
    view = LiveView("x", terminal.descriptor, has_colours=has_colours, clock=ManualClock())

    view.see(sample(operations=GREET))
    view.outlet.close(1)

    assert ("\x1b[36m" in terminal.written()) == has_colours


def test_a_terminal_that_is_gone_ends_the_view_and_not_the_run() -> None:
    view = LiveView("chat.py", -1, clock=ManualClock())

    view.see(sample())
    view.end(None)

    assert view.outlet.close(1)
