"""Payloads: what may travel, what may not, and that it is told where the trouble is."""

import enum
import random
from collections.abc import Callable
from typing import Any

import msgpack
import pytest

from crowsg.cluster.link import MAX_ITEMS, MAX_MESSAGE_BYTES
from crowsg.cluster.packing import MAX_CONTENT, MAX_DEPTH, check, pack, unpack
from crowsg.errors import NotPackable

Weekday = enum.IntEnum("Weekday", "MONDAY")


class Text(str):
    """A text of its own kind."""


def nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    return value


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def some_value(source: random.Random, depth: int = 3) -> Any:
    kinds: list[Callable[[], Any]] = [
        lambda: None,
        lambda: source.random() < 0.5,
        lambda: source.randrange(-(1 << 63), 1 << 64),
        lambda: source.uniform(-1e300, 1e300),
        lambda: "".join(chr(source.choice([65, 228, 8364, 128038])) for _ in range(5)),
        lambda: source.randbytes(source.randrange(300)),
        lambda: [some_value(source, depth - 1) for _ in range(source.randrange(4))],
        lambda: {str(n): some_value(source, depth - 1) for n in range(source.randrange(4))},
    ]
    return source.choice(kinds if depth else kinds[:6])()


@pytest.mark.parametrize("seed", range(100))
def test_what_is_unpacked_is_what_was_packed(seed: int) -> None:
    value = some_value(random.Random(seed))

    assert unpack(pack(value)) == value


def test_tuples_become_lists() -> None:
    assert unpack(pack(((1, 2), {"a": ()}))) == [[1, 2], {"a": []}]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(nested(MAX_DEPTH), id="depth"),
        pytest.param([None] * MAX_ITEMS, id="items"),
        pytest.param(bytes(MAX_MESSAGE_BYTES - 5), id="bytes"),
        pytest.param({"\x00": "\U0010ffff"}, id="text"),
    ],
)
def test_the_most_that_is_allowed_travels(value: Any) -> None:
    assert unpack(pack(value)) == value


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (object(), r"^payload: <object.* is a object"),
        ({"a": [0, {1}]}, r"^payload\['a'\]\[1\]: \{1\} is a set"),
        ([{"b": {2: 1}}], r"^payload\[0\]\['b'\]: the key 2 is no text"),
        ({b"k": 1}, r"the key b'k' is no text"),
        ({"n": float("nan")}, r"^payload\['n'\]: nan is not finite"),
        ([float("-inf")], r"^payload\[0\]: -inf is not finite"),
        (1 << 64, r"^payload: a whole number of more than 64 bits"),
        (-(1 << 63) - 1, r"^payload: a whole number of more than 64 bits"),
        (["\udfff"], r"^payload\[0\]: .* is no proper text"),
        ({"\ud800": 1}, r"no proper text"),
        (1j, "is a complex"),
        (bytearray(b"x"), "is a bytearray"),
        (memoryview(b"x"), "is a memoryview"),
        (frozenset(), "is a frozenset"),
        (Weekday.MONDAY, "is a Weekday"),
        (Text("x"), "is a Text"),
        (ValueError("x"), "is a ValueError"),
        (msgpack.ExtType(1, b""), "is a ExtType"),
        ([0] * (MAX_ITEMS + 1), "^payload: 100001 items are more than 100000"),
        (dict.fromkeys(map(str, range(MAX_ITEMS + 1))), "^payload: 100001 items"),
        (nested(MAX_DEPTH + 1), "more than 64 lists inside one another"),
        (endless(), "more than 64 lists inside one another"),
        (bytes(MAX_MESSAGE_BYTES), r"^8388613 bytes are more than the 8388608"),
        ([bytes(MAX_MESSAGE_BYTES // 2)] * 2, "bytes are more than"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_may_not_travel_is_told_with_its_place(value: Any, told: str) -> None:
    with pytest.raises(NotPackable, match=told) as caught:
        pack(value)

    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xc1", id="reserved"),
        pytest.param(b"\x01\x02", id="two values"),
        pytest.param(pack([1, 2])[:-1], id="cut"),
        pytest.param(b"\x91" * 2_000_000, id="nested"),
        pytest.param(b"\xdd\x00\x01\x86\xa1" + b"\xc0" * 100_001, id="items"),
        pytest.param(b"\xdf\xff\xff\xff\xff", id="endless dictionary"),
        pytest.param(b"\xa1\xff", id="no text"),
        pytest.param(b"\x81\x01\x02", id="key that is no text"),
        pytest.param(b"\x81\xc4\x01k\x02", id="key of bytes"),
        pytest.param(msgpack.packb(float("nan")), id="nan"),
        pytest.param(msgpack.packb(msgpack.ExtType(5, b"")), id="empty extension"),
        pytest.param(msgpack.packb(msgpack.ExtType(5, b"x")), id="extension"),
        pytest.param(msgpack.packb(msgpack.Timestamp(1)), id="time stamp"),
    ],
)
def test_bytes_of_a_stranger_are_refused(packed: bytes) -> None:
    with pytest.raises(NotPackable):
        unpack(packed)


@pytest.mark.parametrize("item", [{}, [], 1], ids=["dictionaries", "lists", "numbers"])
def test_a_message_of_too_many_small_things_is_refused(item: Any) -> None:
    """R18: few bytes would become much memory."""
    packed = msgpack.packb([[item] * (MAX_ITEMS - 1)] * 3)

    with pytest.raises(NotPackable, match=f"more than {MAX_CONTENT} items"):
        unpack(packed)


def test_what_is_checked_is_not_changed() -> None:
    value = {"a": (1, [2])}

    check(value)

    assert value == {"a": (1, [2])}
