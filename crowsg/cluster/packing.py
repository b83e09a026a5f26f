"""Payloads as bytes and back: only plain values, within limits, on both ways.

Packed text of strangers can be anything, so what was unpacked is checked like what is to be packed.
"""

import math
from collections.abc import Callable
from typing import Any

import msgpack

from crowsg.cluster.link import MAX_ITEMS, MAX_MESSAGE_BYTES, Payload
from crowsg.errors import NotPackable
from crowsg.text import shown

MAX_DEPTH = 64
"""Lists and dictionaries inside one another."""

MAX_CONTENT = MAX_ITEMS + MAX_ITEMS // 2
"""Items of all lists and dictionaries of a message: of few bytes each, they take much memory."""

_LEAST_INT, _GREATEST_INT = -(1 << 63), (1 << 64) - 1


def pack(value: Payload) -> bytes:
    """Return ``value`` as bytes.

    Raises:
        NotPackable: It is not made of plain values, or larger than a message may be.
    """
    check(value)
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    if len(packed) > MAX_MESSAGE_BYTES:
        raise NotPackable(f"{len(packed)} bytes are more than the {MAX_MESSAGE_BYTES} of a message")
    return packed


def unpack(packed: bytes | memoryview, wrapped: int = 0) -> Payload:
    """Return what ``pack`` was given; tuples have become lists.

    Args:
        packed: The bytes.
        wrapped: Lists that a link has put around the payload.

    Raises:
        NotPackable: These bytes are not what ``pack`` returns.
    """
    content = _Content()
    try:
        value = msgpack.unpackb(
            packed,
            list_hook=content.count,
            object_hook=content.count,
            raw=False,
            strict_map_key=True,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
            max_ext_len=0,
            ext_hook=_refuse_extension,
        )
    except (ValueError, RecursionError, msgpack.UnpackException) as error:
        raise NotPackable(f"no message: {type(error).__name__}: {error}") from None
    _check(value, (), MAX_DEPTH + wrapped)
    return value


class _Content:
    """Counts what a message is made of, while it is read."""

    def __init__(self) -> None:
        self._items = 0

    def count(self, value: Any) -> Any:
        self._items += 1 + len(value)
        if self._items > MAX_CONTENT:
            raise ValueError(f"more than {MAX_CONTENT} items")
        return value


def check(value: Payload) -> None:
    """Refuse what is no plain value.

    Raises:
        NotPackable: Something in it is of another kind, not finite, too long or too deep; the text
            says where.
    """
    _check(value, (), MAX_DEPTH)


Path = tuple[object, ...]


def _check(value: object, path: Path, depth: int) -> None:
    judge = _JUDGES.get(type(value))
    if judge is None:
        raise _refusal(path, f"{shown(value, 60)} is a {type(value).__name__}, no plain value")
    judge(value, path, depth)


def _fits(value: Any, path: Path, depth: int) -> None:
    """Take None, truth values and bytes as they are."""


def _check_int(value: int, path: Path, depth: int) -> None:
    if not _LEAST_INT <= value <= _GREATEST_INT:
        raise _refusal(path, "a whole number of more than 64 bits")


def _check_float(value: float, path: Path, depth: int) -> None:
    if not math.isfinite(value):
        raise _refusal(path, f"{value} is not finite")


def _check_text(value: str, path: Path, depth: int) -> None:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _refusal(path, f"{shown(value, 60)} is no proper text") from None


def _check_list(value: "list[Any] | tuple[Any, ...]", path: Path, depth: int) -> None:
    _check_size(value, path, depth)
    for index, item in enumerate(value):
        judge = _JUDGES.get(type(item))
        if judge is not _fits:
            _check(item, (*path, index), depth - 1)


def _check_dictionary(value: dict[Any, Any], path: Path, depth: int) -> None:
    _check_size(value, path, depth)
    for key, item in value.items():
        if type(key) is not str:
            raise _refusal(path, f"the key {shown(key, 60)} is no text")
        inside = (*path, key)
        _check_text(key, inside, depth)
        _check(item, inside, depth - 1)


def _check_size(
    value: "list[Any] | tuple[Any, ...] | dict[Any, Any]", path: Path, depth: int
) -> None:
    if depth <= 0:
        raise _refusal(path[:3], f"more than {MAX_DEPTH} lists inside one another")
    if len(value) > MAX_ITEMS:
        raise _refusal(path, f"{len(value)} items are more than {MAX_ITEMS}")


_JUDGES: dict[type, Callable[[Any, Path, int], None]] = {
    type(None): _fits,
    bool: _fits,
    bytes: _fits,
    int: _check_int,
    float: _check_float,
    str: _check_text,
    list: _check_list,
    tuple: _check_list,
    dict: _check_dictionary,
}


def _refusal(path: Path, why: str) -> NotPackable:
    where = "".join(f"[{shown(step, 40)}]" for step in path)
    return NotPackable(f"payload{where}: {why}")


def _refuse_extension(code: int, data: bytes) -> object:
    raise ValueError(f"an extension of type {code}")
