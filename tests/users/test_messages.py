"""What arrives equals what was sent, and shares nothing with it."""

from enum import IntEnum
from typing import Any

import pytest

from crowsg.errors import NotSendable
from crowsg.testing import ManualClock
from crowsg.users.messages import (
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_OCTETS,
    OCTETS_OF_ITEM,
    OCTETS_OF_USER,
    copied,
)
from crowsg.users.user import User


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


def started_user() -> User:
    user = User(7, ManualClock())
    user.began_ns = 0
    return user


def test_a_user_arrives_on_its_own_node_as_itself() -> None:
    user = started_user()

    assert copied([{"user": user}])[0]["user"] is user


LARGEST = MAX_OCTETS - OCTETS_OF_ITEM


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("a" * LARGEST, id="text"),
        pytest.param(b"a" * LARGEST, id="bytes"),
        pytest.param("\xe9" * (LARGEST // 2), id="text of two bytes each"),
        pytest.param({"a" * (LARGEST - 2 * OCTETS_OF_ITEM): 1}, id="key"),
        pytest.param([None] * (MAX_ITEMS - 1), id="many values"),
    ],
)
def test_a_message_may_be_this_large_but_no_larger(message: Any) -> None:
    assert copied(message) == message
    with pytest.raises(NotSendable, match="a message of more than"):
        copied([message])


def test_users_count_by_what_they_take_at_the_most() -> None:
    user = started_user()
    most = (MAX_OCTETS - OCTETS_OF_ITEM) // (OCTETS_OF_USER + OCTETS_OF_ITEM)

    assert len(copied([user] * most)) == most
    with pytest.raises(NotSendable, match="more than 4 MiB"):
        copied([user] * (most + 1))


@pytest.mark.parametrize(
    ("message", "place"),
    [
        pytest.param([User(7, ManualClock())], r"message\[0\] is a user that has not", id="unborn"),
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
