"""Plain values that another node sent: each is checked before it is believed. Pure.

Every function returns the value as what it is to be, or raises ``NotPackable``.
"""

import math
from typing import Any

from crowsg.cluster.link import MAX_ITEMS
from crowsg.errors import NotPackable
from crowsg.text import MAX_LINE, shown

MAX_WHOLE = 2**63 - 1

_MAX_BIG_BYTES = 136
"""What 2^63 times the longest duration that a float can tell needs, in nanoseconds."""

_LONGEST = 1e18
_MAX_HEX = 250


def garbled(what: str, value: object) -> NotPackable:
    """Return the exception for a value that cannot be what it should be."""
    return NotPackable(f"{what} is garbled: {shown(value, 60)}")


def whole(value: Any, what: str, least: int = 0) -> int:
    """Return an int of at least ``least`` that fits into 64 bits."""
    if type(value) is not int or not least <= value <= MAX_WHOLE:
        raise garbled(what, value)
    return value


def moment(value: Any, what: str) -> int:
    """Return nanoseconds of some clock, before or after its zero."""
    return whole(value, what, -MAX_WHOLE)


def duration(value: Any, what: str) -> float:
    """Return a number >= 0, of seconds mostly."""
    if type(value) not in (int, float) or not 0 <= value <= _LONGEST:
        raise garbled(what, value)
    return float(value)


def second(value: Any, what: str) -> float:
    """Return seconds since some moment, or before it."""
    if type(value) not in (int, float) or not -_LONGEST <= value <= _LONGEST:
        raise garbled(what, value)
    return float(value)


def truth(value: Any, what: str) -> bool:
    """Return True or False."""
    if type(value) is not bool:
        raise garbled(what, value)
    return value


def line(value: Any, what: str, most: int = MAX_LINE) -> str:
    """Return text that moves no terminal's cursor, of at most so many characters."""
    if type(value) is not str or len(value) > most or not value.isprintable():
        raise garbled(what, value)
    return value


def items(value: Any, what: str, least: int = 0, most: int = MAX_ITEMS) -> list[Any]:
    """Return a list of ``least`` to ``most`` items."""
    if type(value) is not list or not least <= len(value) <= most:
        raise garbled(what, value)
    return value


def named(value: Any, what: str) -> dict[Any, Any]:
    """Return a dictionary; its keys are not checked."""
    if type(value) is not dict:
        raise garbled(what, value)
    return value


def big_as_plain(value: int) -> bytes:
    """Return an int >= 0 of any size as bytes."""
    return value.to_bytes((value.bit_length() + 7) // 8, "little")


def big(value: Any, what: str) -> int:
    """Read what ``big_as_plain`` made."""
    if type(value) is not bytes or len(value) > _MAX_BIG_BYTES:
        raise garbled(what, value)
    return int.from_bytes(value, "little")


def number_as_plain(value: Any) -> int | float | str:
    """Return any number; as text where a message cannot hold it as it is."""
    if type(value) is not int:
        try:
            value = float(value)
        except OverflowError:
            value = math.inf
        return value if math.isfinite(value) else str(value)
    if -MAX_WHOLE <= value <= MAX_WHOLE:
        return value
    digits = hex(value)
    if len(digits) <= _MAX_HEX:
        return digits
    return "inf" if value > 0 else "-inf"


def number(value: Any, what: str) -> float:
    """Read what ``number_as_plain`` made."""
    if type(value) is int and -MAX_WHOLE <= value <= MAX_WHOLE:
        return value
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is not str or len(value) > _MAX_HEX:
        raise garbled(what, value)
    try:
        return float(value) if value in ("inf", "-inf", "nan") else int(value, 16)
    except ValueError:
        raise garbled(what, value) from None
