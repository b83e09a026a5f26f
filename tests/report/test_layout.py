"""How sections share a screen."""

import pytest

from crowsg.report.layout import Section, arranged, wrapped
from crowsg.report.line import Line

PARTS = [("10 asked", ""), ("9 running", ""), ("1 failed", "red")]


def section(name: str, count: int, *, head: bool = False, weight: int = 1) -> Section:
    return Section(
        count,
        lambda index: Line(f"{name}{index}"),
        lambda shown: Line(f"{name}: {count - shown} more"),
        Line(f"{name} head") if head else None,
        weight,
    )


def laid_out(sections: list[Section], room: int) -> list[str]:
    return [line.plain for line in arranged(sections, room)]


@pytest.mark.parametrize(
    ("room", "lines"),
    [
        pytest.param(0, [], id="no room"),
        pytest.param(1, ["a: 3 more"], id="one line"),
        pytest.param(2, ["a0", "a: 2 more"], id="two lines"),
        pytest.param(3, ["a head", "a0", "a: 2 more"], id="a head"),
        pytest.param(4, ["", "a head", "a0", "a: 2 more"], id="a blank line"),
        pytest.param(5, ["", "a head", "a0", "a1", "a2"], id="all"),
        pytest.param(9, ["", "a head", "a0", "a1", "a2"], id="more room than needed"),
    ],
)
def test_rows_come_before_looks(room: int, lines: list[str]) -> None:
    assert laid_out([section("a", 3, head=True)], room) == lines


def test_a_single_row_is_shown_in_a_single_line() -> None:
    assert laid_out([section("a", 1, head=True)], 1) == ["a0"]


def test_a_section_without_rows_has_no_head() -> None:
    assert laid_out([section("a", 0, head=True)], 9) == []


def test_every_section_gets_a_line_before_any_gets_two() -> None:
    sections = [section("a", 9, weight=3), section("b", 9), section("c", 9)]

    assert laid_out(sections, 3) == ["a: 9 more", "b: 9 more", "c: 9 more"]


def test_what_one_section_does_not_need_the_others_get() -> None:
    sections = [section("a", 1, weight=3), section("b", 5)]

    assert laid_out(sections, 8) == ["", "a0", "", "b0", "b1", "b2", "b3", "b4"]


def test_a_section_of_more_weight_gets_more_lines() -> None:
    lines = laid_out([section("a", 50, weight=3), section("b", 50)], 20)

    assert [sum(line.startswith(name) for line in lines) for name in "ab"] == [14, 4]


@pytest.mark.parametrize("counts", [(0, 0, 0), (1, 0, 9), (50, 8, 10), (2, 200, 1)])
@pytest.mark.parametrize("room", range(40))
def test_sections_fill_the_room_or_show_all(room: int, counts: tuple[int, ...]) -> None:
    sections = [section(name, count) for name, count in zip("abc", counts, strict=True)]

    lines = arranged(sections, room)

    assert len(lines) == min(room, sum(each.wanted for each in sections))


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        pytest.param(40, ["users      10 asked, 9 running, 1 failed"], id="one line"),
        pytest.param(39, ["users      10 asked, 9 running,", "           1 failed"], id="two"),
        pytest.param(31, ["users      10 asked, 9 running,", "           1 failed"], id="just"),
        pytest.param(22, ["users      10 asked,", "           9 running,…"], id="no room"),
        pytest.param(21, ["users      10 asked,", "           9 running…"], id="too narrow"),
    ],
)
def test_parts_are_wrapped_whole(width: int, lines: list[str]) -> None:
    assert [line.cut_to(width).plain for line in wrapped("users", PARTS, width)] == lines
