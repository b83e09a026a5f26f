"""What arrives equals what was sent, and shares nothing with it."""

from enum import IntEnum
from typing import Any

import pytest

from crowsg.errors import NotSendable
from crowsg.users.messages import MAX_DEPTH, copied


class Colour(IntEnum):
    """A number that is more than a number."""

    RED = 1


class Text(str):
    """Text that is more than text."""


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def cyclic() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "message",
    [
        *(None, True, 0, -(2**63), 2**64 - 1, 1.5, "text", b"bytes", (), [], {}, (1, (2, [3]))),
        *({"key": ("a", {"b": [None]})}, nested(MAX_DEPTH - 1), float("inf")),
    ],
    ids=lambda message: repr(message)[:30],
)
def test_what_can_be_sent_arrives_equal_and_of_the_same_type(message: Any) -> None:
    arrived = copied(message)

    assert arrived == message
    assert type(arrived) is type(message)


def test_what_arrives_shares_nothing_with_what_was_sent() -> None:
    message = {"list": [1]}
    arrived = copied(message)

    message["list"].append(2)

    assert arrived == {"list": [1]}


@pytest.mark.parametrize(
    ("message", "place"),
    [
        pytest.param(object(), "message is a object", id="object"),
        pytest.param({1, 2}, "is a set", id="set"),
        pytest.param(2**64, "more than 64 bits", id="large int"),
        pytest.param(1j, "is a complex", id="complex"),
        pytest.param({1: 2}, "only text can be a key", id="int key"),
        pytest.param({Text("a"): 1}, "only text can be a key", id="key of a subclass"),
        pytest.param(Colour.RED, "is a Colour", id="enum"),
        pytest.param([{"a": (1, {2})}], r"message\[0\]\['a'\]\[1\] is a set", id="deep inside"),
        pytest.param(nested(MAX_DEPTH + 1), "nested deeper", id="too deep"),
        pytest.param(cyclic(), "nested deeper", id="cyclic"),
    ],
)
def test_anything_else_is_refused_with_its_place(message: Any, place: str) -> None:
    with pytest.raises(NotSendable, match=place):
        copied(message)
