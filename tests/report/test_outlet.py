"""What is printed reaches whoever reads, and nobody waits for them."""

import os
import threading
from collections.abc import Callable

import pytest

from crowsg.report.outlet import MAX_TEXTS, PAUSE_S, Outlet
from crowsg.testing import ManualClock


class Reader:
    """Takes what is written; ``meanwhile`` is called during each write."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def take(self, text: str) -> None:
        self.texts.append(text)
        self.meanwhile()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def outlet(reader: Reader, clock: ManualClock) -> Outlet:
    return Outlet(reader.take, clock)


def test_texts_of_a_twentieth_of_a_second_are_written_together(
    outlet: Outlet, reader: Reader, clock: ManualClock
) -> None:
    outlet.print("a\n")
    clock.advance(PAUSE_S / 2)
    outlet.print("b\n")
    clock.advance(PAUSE_S)
    outlet.close(1)

    # Closing writes once more.
    assert reader.texts == ["a\nb\n", ""]


def test_nothing_is_written_before_that(outlet: Outlet, reader: Reader, clock: ManualClock) -> None:
    outlet.print("a\n")

    clock.advance(PAUSE_S * 0.9)

    assert reader.texts == []


def test_waking_has_something_else_written(
    outlet: Outlet, reader: Reader, clock: ManualClock
) -> None:
    outlet.wake()
    clock.advance(PAUSE_S)
    outlet.close(1)

    assert reader.texts == ["", ""]


def test_closing_waits_for_nothing_but_the_writing(outlet: Outlet, reader: Reader) -> None:
    outlet.print("a\n")

    assert outlet.close(1)

    assert reader.texts == ["a\n"]


def test_closing_leaves_nothing_to_come(outlet: Outlet, reader: Reader, clock: ManualClock) -> None:
    outlet.print("a\n")

    outlet.close(1)
    clock.advance(PAUSE_S)
    outlet.close(1)

    # Only what closing writes itself.
    assert reader.texts == ["a\n", ""]


def test_what_is_printed_after_closing_is_written_too(
    outlet: Outlet, reader: Reader, clock: ManualClock
) -> None:
    for text in ("a\n", "b\n"):
        outlet.print(text)
        clock.advance(PAUSE_S)
        outlet.close(1)

    assert reader.texts == ["a\n", "", "b\n", ""]


def test_what_is_printed_while_a_text_is_written_follows_it(outlet: Outlet, reader: Reader) -> None:
    def print_more() -> None:
        reader.meanwhile = lambda: None
        outlet.print("b\n")

    reader.meanwhile = print_more
    outlet.print("a\n")

    outlet.close(1)
    outlet.close(1)

    assert reader.texts == ["a\n", "b\n"]


def test_the_writing_is_done_by_another_thread(outlet: Outlet, reader: Reader) -> None:
    writers: list[int] = []
    reader.meanwhile = lambda: writers.append(threading.get_native_id())

    outlet.print("a\n")
    outlet.close(1)

    assert writers != [threading.get_native_id()]


def test_what_nobody_reads_is_left_out_beyond_a_limit_and_that_is_said(
    outlet: Outlet, reader: Reader
) -> None:
    for number in range(MAX_TEXTS + 3):
        outlet.print(f"{number}\n")
    outlet.close(1)

    (text,) = reader.texts
    assert text.endswith(f"\n{MAX_TEXTS - 1}\n... and 3 more that nobody read in time\n")


def test_after_what_was_left_out_all_is_said_again(outlet: Outlet, reader: Reader) -> None:
    for _ in range(MAX_TEXTS + 3):
        outlet.print("a\n")
    outlet.close(1)
    outlet.print("b\n")
    outlet.close(1)

    assert reader.texts[1] == "b\n"


def test_a_reader_that_is_gone_is_told_nothing_more(outlet: Outlet, reader: Reader) -> None:
    def fail() -> None:
        raise BrokenPipeError

    reader.meanwhile = fail
    outlet.print("a\n")
    outlet.close(1)
    outlet.print("b\n")

    assert (outlet.close(1), reader.texts, outlet.take()) == (True, ["a\n"], "")


def test_closing_gives_up_on_a_reader_that_is_too_slow(outlet: Outlet, reader: Reader) -> None:
    until, go_on = os.pipe()
    reader.meanwhile = lambda: os.read(until, 1)
    outlet.print("a\n")

    is_done = outlet.close(0.01)

    # Twice: closing writes what has come since.
    os.write(go_on, b"xx")
    assert (is_done, outlet.close(1)) == (False, True)
    os.close(go_on)
    os.close(until)


def test_what_was_taken_is_not_written(outlet: Outlet, reader: Reader) -> None:
    outlet.print("a\n")

    assert outlet.take() == "a\n"

    outlet.close(1)
    assert reader.texts == [""]
