"""Pieces of text in the cells of a terminal."""

import pytest
from rich.cells import cell_len

from crowsg.report.line import Line, cut, fit, squeezed

TEXTS = [
    pytest.param("", id="nothing"),
    pytest.param("delivery", id="letters"),
    pytest.param("łódź żółw", id="accents"),
    pytest.param("e\u0301te\u0301", id="combining accents"),
    pytest.param("送信時間送信時間", id="wide"),
    pytest.param("a送b信c時", id="wide between narrow"),
    pytest.param("🚀🚀 launch", id="emoji"),
    pytest.param("[red]x[/red]", id="markup"),
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("cells", range(12))
def test_a_fitted_text_has_exactly_its_cells(text: str, cells: int) -> None:
    assert cell_len(fit(text, cells)) == cells


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("cells", range(12))
def test_a_text_that_is_cut_shows_it(text: str, cells: int) -> None:
    kept = cut(text, cells)

    assert kept == text if cell_len(text) <= cells else kept.endswith("…") or not cells


@pytest.mark.parametrize(
    ("text", "cells", "kept"),
    [
        pytest.param("delivery", 8, "delivery", id="fits"),
        pytest.param("delivery of answers", 9, "deli…wers", id="odd"),
        pytest.param("delivery of answers", 10, "deliv…wers", id="even"),
        pytest.param("delivery of answers", 5, "de…rs", id="few"),
        pytest.param("delivery of answers", 4, "del…", id="too few"),
        pytest.param("送信時間 1", 8, "送信時 …", id="wide"),
        pytest.param("送信", 0, "", id="none"),
    ],
)
def test_a_squeezed_text_keeps_its_end_where_it_can(text: str, cells: int, kept: str) -> None:
    assert squeezed(text, cells) == kept


@pytest.mark.parametrize("cells", range(30))
def test_a_line_of_pieces_is_cut_to_its_cells(cells: int) -> None:
    line = Line("送信", "bold").add("time", "red").add(" 時間 ").add("[red]x[/red]")

    kept = line.cut_to(cells).plain
    assert cell_len(kept) == min(cells, 26)
    assert kept.endswith("…" if 0 < cells < 26 else "")


def test_a_line_that_fits_stays_as_it_is() -> None:
    assert Line("送信").add(" time").cut_to(9).plain == "送信 time"


@pytest.mark.parametrize(
    ("style", "painted"),
    [
        pytest.param("", "x", id="none"),
        pytest.param("red", "\x1b[31mx\x1b[0m", id="colour"),
        pytest.param("bold red", "\x1b[1;31mx\x1b[0m", id="both"),
    ],
)
def test_a_style_ends_with_its_piece(style: str, painted: str) -> None:
    assert Line("x", style).add("y").painted() == painted + "y"


@pytest.mark.parametrize(
    ("style", "painted"),
    [
        pytest.param("red", "x", id="colour"),
        pytest.param("bold", "\x1b[1mx\x1b[0m", id="weight"),
        pytest.param("bold red", "\x1b[1mx\x1b[0m", id="both"),
    ],
)
def test_without_colours_only_weight_is_left(style: str, painted: str) -> None:
    assert Line("x", style).painted(has_colours=False) == painted


def test_what_follows_characters_of_doubtful_width_is_put_in_its_place() -> None:
    assert Line("送信 ").add("1").painted() == "送信 \x1b[6G1"
