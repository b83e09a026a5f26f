"""Anybody's values as short, printable text."""

import pytest

from crowsg.text import MAX_LINE, line_of, shown


class Unprintable(Exception):
    """An exception that fails when it is looked at."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


class Deadly(Exception):
    """An exception that leaves the program when it is looked at."""

    def __str__(self) -> str:
        raise SystemExit

    __repr__ = __str__


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(Unprintable(), "<unprintable>", id="unprintable"),
        pytest.param(Deadly(), "<unprintable>", id="deadly"),
        pytest.param(ValueError("two\nlines\0"), "two lines ", id="control characters"),
        pytest.param(ValueError("caf\udce9"), "caf?", id="lone surrogate"),
        pytest.param(ValueError("größe 🐦"), "größe 🐦", id="beyond ASCII"),
        pytest.param(ValueError("x" * 1000), "x" * MAX_LINE, id="too long"),
        pytest.param(ValueError(), "", id="none"),
    ],
)
def test_the_text_of_an_exception_is_one_line_of_it(error: BaseException, text: str) -> None:
    assert line_of(error) == text


@pytest.mark.parametrize("value", [Unprintable(), Deadly()])
def test_a_value_that_fails_when_looked_at_is_shown_by_its_class(value: object) -> None:
    assert shown(value) == f"<{type(value).__name__}>"


def test_a_long_value_is_cut() -> None:
    assert shown("x" * 1000, 10) == "'xxxxxxxxx..."
