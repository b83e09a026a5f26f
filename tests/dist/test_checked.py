"""Plain values are believed only where they are what they should be."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from crowsg.dist.checked import (
    MAX_WHOLE,
    big,
    big_as_plain,
    duration,
    items,
    line,
    moment,
    named,
    number,
    number_as_plain,
    second,
    truth,
    whole,
)
from crowsg.errors import NotPackable

GOOD: list[tuple[Callable[..., Any], Any]] = [
    (whole, 0),
    (whole, MAX_WHOLE),
    (moment, -MAX_WHOLE),
    (duration, 0),
    (duration, 1e18),
    (second, -2.5),
    (truth, False),
    (line, "größe"),
    (line, "x" * 512),
    (items, []),
    (named, {}),
    (number, -2.5),
]

BAD: list[tuple[Callable[..., Any], Any]] = [
    (whole, -1),
    (whole, True),
    (whole, 1.0),
    (whole, MAX_WHOLE + 1),
    (moment, -MAX_WHOLE - 1),
    (duration, -0.1),
    (duration, math.inf),
    (duration, math.nan),
    (duration, 10**400),
    (duration, "1"),
    (second, math.nan),
    (second, -(10**400)),
    (truth, 1),
    (line, "a\nb"),
    (line, b"a"),
    (line, "x" * 513),
    (line, "\ud800"),
    (items, ()),
    (items, [0] * 100_001),
    (named, []),
    (number, 2**64),
    (number, math.inf),
    (number, "five"),
    (number, "0x" + "f" * 300),
    (number, True),
    (big, 5),
    (big, bytes(137)),
]


def spelled(value: Any) -> str:
    """Spell a case as its id."""
    return value.__name__ if callable(value) else repr(value)[:20]


@pytest.mark.parametrize(("check", "value"), GOOD, ids=spelled)
def test_what_is_right_is_returned(check: Callable[..., Any], value: Any) -> None:
    assert check(value, "it") == value


@pytest.mark.parametrize(("check", "value"), BAD, ids=spelled)
def test_what_is_wrong_is_refused_and_named(check: Callable[..., Any], value: Any) -> None:
    with pytest.raises(NotPackable, match="it is garbled"):
        check(value, "it")


@pytest.mark.parametrize("value", [0, 1, 255, 256, 2**64, 2**1024])
def test_a_whole_number_of_any_size_travels_as_bytes(value: int) -> None:
    assert big(big_as_plain(value), "it") == value


@pytest.mark.parametrize("value", [0, -1, 2.5, 2**200, -(2**200), math.inf, -math.inf])
def test_a_number_of_any_size_travels(value: float) -> None:
    assert number(number_as_plain(value), "it") == value
