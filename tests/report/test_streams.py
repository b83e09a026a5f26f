"""Stand-ins for stdout and stderr."""

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click
import pytest

from crowsg.report.streams import MAX_BEGUN, StandIn, redirected

Files = tuple[TextIO, TextIO]


@contextmanager
def streams(folder: Path, *, one_file: bool = False) -> Iterator[Files]:
    """Two files that stdout and stderr write to meanwhile; ``one_file``: to the second."""
    before = sys.stdout, sys.stderr
    with (folder / "out").open("w+") as out, (folder / "err").open("w+") as err:
        sys.stdout, sys.stderr = err if one_file else out, err
        try:
            yield out, err
        finally:
            sys.stdout, sys.stderr = before


def content(file: TextIO) -> str:
    file.flush()
    file.seek(0)
    return file.read()


@pytest.mark.parametrize(
    ("texts", "taken"),
    [
        pytest.param(["a\n"], ["a\n"], id="a line"),
        pytest.param(["a", "b", "\n"], ["ab\n"], id="a line in pieces"),
        pytest.param(["a\nb\nc"], ["a\nb\n"], id="lines, and one begun"),
        pytest.param(["", "a"], [], id="nothing whole"),
        pytest.param(["\n"], ["\n"], id="an empty line"),
        pytest.param(["x" * MAX_BEGUN], [], id="a long line begun"),
        pytest.param(["x" * MAX_BEGUN, "y"], ["x" * MAX_BEGUN + "y"], id="too long to wait"),
    ],
)
def test_whole_lines_are_taken(texts: list[str], taken: list[str]) -> None:
    took: list[str] = []
    stand_in = StandIn(io.StringIO(), took.append)

    for text in texts:
        stand_in.write(text)

    assert took == taken


def test_a_line_that_is_begun_is_taken_at_the_end() -> None:
    took: list[str] = []
    stand_in = StandIn(io.StringIO(), took.append)

    stand_in.write("a")
    stand_in.end()

    assert took == ["a"]


def test_who_kept_a_stand_in_writes_to_the_stream_after_the_end() -> None:
    took: list[str] = []
    stream = io.StringIO()
    stand_in = StandIn(stream, took.append)

    stand_in.end()
    stand_in.write("a")

    assert (took, stream.getvalue()) == ([], "a")


@pytest.mark.parametrize("value", [b"a\n", 5, None])
def test_only_text_is_taken(value: object) -> None:
    with pytest.raises(TypeError):
        StandIn(io.StringIO(), print).write(value)  # type: ignore[arg-type]


def test_a_stand_in_is_what_it_stands_in_for(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as file:
        stand_in = StandIn(file, print)

        for name in ("encoding", "errors", "name", "buffer"):
            assert getattr(stand_in, name) is getattr(file, name)
        assert (stand_in.fileno(), stand_in.isatty()) == (file.fileno(), False)
        assert stand_in.writable()


def test_only_streams_of_the_same_file_are_redirected(tmp_path: Path) -> None:
    took: list[str] = []

    with streams(tmp_path) as (out, err), redirected(err.fileno(), took.append) as names:
        print("to stdout")
        print("to stderr", file=sys.stderr)
        told = content(out), content(err)

    assert (names, took, told) == (("stderr",), ["to stderr\n"], ("to stdout\n", ""))


def test_streams_that_share_a_file_are_both_redirected(tmp_path: Path) -> None:
    took: list[str] = []

    with (
        streams(tmp_path, one_file=True) as (_, err),
        redirected(err.fileno(), took.append) as names,
    ):
        print("a")
        print("b", file=sys.stderr)

    assert (names, took) == (("stdout", "stderr"), ["a\n", "b\n"])


def test_what_was_printed_before_comes_first(tmp_path: Path) -> None:
    with streams(tmp_path) as (_, err):
        err.write("before\n")
        with redirected(err.fileno(), lambda text: os.write(err.fileno(), text.encode())):
            print("inside", file=sys.stderr)

        assert content(err) == "before\ninside\n"


def test_streams_are_back_after_a_failure(tmp_path: Path) -> None:
    with streams(tmp_path) as files:
        with pytest.raises(OSError, match="boom"), redirected(files[1].fileno(), print):
            raise OSError("boom")

        assert (sys.stdout, sys.stderr) == files


def test_a_stream_that_somebody_else_placed_stays(tmp_path: Path) -> None:
    other = io.StringIO()

    with streams(tmp_path) as (_, err):
        with redirected(err.fileno(), print):
            sys.stderr = other

        assert sys.stderr is other


def closed() -> TextIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(None, id="none"),
        pytest.param(io.StringIO(), id="no file"),
        pytest.param(closed(), id="closed"),
    ],
)
def test_what_is_no_file_is_left_alone(stream: Any, tmp_path: Path) -> None:
    with streams(tmp_path) as (_, err):
        sys.stderr = stream

        with redirected(err.fileno(), print) as names:
            assert (sys.stderr, names) == (stream, ())


def test_logging_and_click_are_redirected(tmp_path: Path) -> None:
    took: list[str] = []

    with streams(tmp_path) as (_, err), redirected(err.fileno(), took.append):
        record = logging.LogRecord("x", logging.WARNING, "", 1, "logged", None, None)
        logging.StreamHandler().handle(record)
        click.echo("echoed", err=True)

    assert took == ["logged\n", "echoed\n"]
