"""What arrives from another node equals what was sent; what nobody sent does no harm."""

import math
from contextlib import suppress
from random import Random
from typing import Any

import msgpack
import pytest

from crowsg.errors import NotSendable
from crowsg.testing import ManualClock
from crowsg.users.inbox import Inbox
from crowsg.users.messages import MAX_DEPTH, MAX_ITEMS, MAX_OCTETS
from crowsg.users.reference import Address
from crowsg.users.remote import RemoteUser
from crowsg.users.user import User
from crowsg.users.wire import from_wire, to_wire

HERE = ("here", 3)


class Nowhere:
    """Sends nothing."""

    own = ("there", 4)

    def send(self, receiver: Address, message: Any) -> None:
        raise AssertionError("nothing is sent")


NOWHERE = Nowhere()
RESOLVE = Inbox(NOWHERE, lambda user_id: None).resolve


def make_user(user_id: int) -> User:
    user = User(user_id, ManualClock())
    user.began_ns = user_id * 10
    return user


def through(message: Any) -> Any:
    """Send a message from here to there."""
    return from_wire(to_wire(message, HERE), RESOLVE)


def types_of(value: Any) -> Any:
    """Return the shape of a message; users may become references."""
    if isinstance(value, list | tuple):
        return type(value), [types_of(item) for item in value]
    if isinstance(value, dict):
        return dict, [(key, types_of(item)) for key, item in value.items()]
    return User if isinstance(value, RemoteUser) else type(value)


class Made:
    """Messages by chance."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def message(self, depth: int = 0) -> Any:
        makers = [self._scalar, self._scalar, self._list, self._tuple, self._dict]
        return self._random.choice(makers if depth < 6 else makers[:1])(depth + 1)

    def _scalar(self, _: int) -> Any:
        random = self._random
        return random.choice(
            [
                *(None, True, False, 0, -1, -(2**63), 2**64 - 1, random.randrange(-999, 999)),
                *(0.5, -0.0, math.inf, -math.inf, 5e-324, random.random(), self._text()),
                *(b"", random.randbytes(9), make_user(random.randrange(1, 99))),
            ]
        )

    def _text(self) -> str:
        codes = [0, 65, 0x7F, 0xE9, 0x20AC, 0xD800, 0xDC00, 0xDFFF, 0x1F600]
        return "".join(map(chr, self._random.choices(codes, k=self._random.randrange(5))))

    def _list(self, depth: int) -> Any:
        return [self.message(depth) for _ in range(self._random.randrange(4))]

    def _tuple(self, depth: int) -> Any:
        return tuple(self._list(depth))

    def _dict(self, depth: int) -> Any:
        return {self._text(): self.message(depth) for _ in range(self._random.randrange(4))}


@pytest.mark.parametrize("seed", range(200))
def test_what_arrives_equals_what_was_sent(seed: int) -> None:
    message = Made(seed).message()

    arrived = through(message)

    assert arrived == message
    assert types_of(arrived) == types_of(message)


def nested(kind: type, depth: int) -> Any:
    value: Any = "inside"
    for _ in range(depth):
        value = {"": value} if kind is dict else kind([value])
    return value


@pytest.mark.parametrize("kind", [list, tuple, dict])
def test_messages_arrive_from_the_deepest(kind: type) -> None:
    message = nested(kind, MAX_DEPTH)

    assert through(message) == message


@pytest.mark.parametrize("kind", [list, tuple])
def test_messages_arrive_with_as_many_values_as_there_may_be(kind: type) -> None:
    message = kind([2**63] * (MAX_ITEMS - 1))

    assert through(message) == message


def test_many_tuples_side_by_side_are_not_deep() -> None:
    message = [("a", ("b",))] * (2 * MAX_DEPTH)

    assert through(message) == message


def test_a_float_that_is_no_number_arrives() -> None:
    assert math.isnan(through(math.nan))


def test_minus_zero_keeps_its_sign() -> None:
    assert math.copysign(1, through(-0.0)) == -1


def test_a_user_arrives_as_a_reference_that_equals_it() -> None:
    user = make_user(5)

    (arrived,) = through((user,))

    assert arrived == user
    assert arrived.address == (5, 50, "here", 3)


def test_a_reference_to_a_third_node_arrives_as_it_is() -> None:
    reference = RemoteUser(9, 1, "third", 8, post=NOWHERE)

    assert through({"who": reference})["who"] == reference


@pytest.mark.parametrize(
    "message",
    [
        pytest.param([2**64 - 1] * (MAX_ITEMS - 1), id="numbers"),
        pytest.param([(0.5,)] * (MAX_ITEMS // 2 - 1), id="tuples"),
        pytest.param([("",) * 20] * (MAX_ITEMS // 21 - 1), id="texts"),
        pytest.param({f"{at}\ud800": (1,) for at in range(MAX_ITEMS // 2 - 1)}, id="keys"),
        pytest.param("\ud800" * (MAX_OCTETS // 3 - 16), id="surrogates"),
        pytest.param([make_user(2**53)] * 7000, id="users"),
    ],
)
def test_no_message_is_larger_on_the_wire_than_it_may_be(message: Any) -> None:
    assert len(to_wire(message, ("n" * 400, 2**64 - 1))) <= MAX_OCTETS


def extension(code: int, value: Any) -> Any:
    return msgpack.ExtType(code, value if isinstance(value, bytes) else msgpack.packb(value))


def deep_extensions(depth: int) -> bytes:
    data = b"\x90"
    for _ in range(depth):
        data = bytes(msgpack.packb([extension(1, data)]))
    return data


class TestSad:
    """What cannot be sent, and bytes that nobody sends."""

    @pytest.mark.parametrize(
        ("message", "why"),
        [
            pytest.param({1, 2}, "is a set", id="set"),
            pytest.param(2**64, "more than 64 bits", id="large int"),
            pytest.param(nested(tuple, MAX_DEPTH + 1), "nested deeper", id="too deep"),
            pytest.param([0] * MAX_ITEMS, "100000 values", id="too many values"),
            pytest.param("a" * MAX_OCTETS, "4 MiB", id="too large"),
            pytest.param([User(5, ManualClock())], "has not started", id="a user not started"),
        ],
    )
    def test_what_cannot_be_sent_is_refused(self, message: Any, why: str) -> None:
        with pytest.raises(NotSendable, match=why):
            to_wire(message, HERE)

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(b"", id="empty"),
            pytest.param(b"\xc1", id="a byte that means nothing"),
            pytest.param(b"\x01\x02", id="more than one message"),
            pytest.param(b"\xdd\xff\xff\xff\xff", id="a list that only announces its items"),
            pytest.param(b"\xdf\xff\xff\xff\xff", id="a map that only announces its items"),
            pytest.param(b"\x91" * 5000, id="lists without end"),
            pytest.param(b"\xa1\xff", id="text that is none"),
            pytest.param(msgpack.packb({1: 2}), id="a number as key"),
            pytest.param(msgpack.packb({b"a": 2}), id="bytes as key"),
            pytest.param(msgpack.packb(nested(list, 65)), id="too deep"),
            pytest.param(deep_extensions(65), id="tuples too deep"),
            pytest.param(deep_extensions(2000), id="tuples without end"),
            pytest.param(msgpack.packb([0] * MAX_ITEMS), id="too many values"),
            pytest.param(msgpack.packb(msgpack.Timestamp(1)), id="a time"),
            pytest.param(msgpack.packb(msgpack.ExtType(9, b"")), id="an unknown extension"),
            pytest.param(msgpack.packb(extension(1, {"a": 1})), id="a tuple that is a map"),
            pytest.param(msgpack.packb(extension(1, b"")), id="a tuple that is empty of all"),
            pytest.param(msgpack.packb(extension(2, [1, 2, "a"])), id="an address too short"),
            pytest.param(msgpack.packb(extension(2, [1, True, "a", 1])), id="an address of types"),
            pytest.param(msgpack.packb(extension(2, "abcd")), id="an address of text"),
            pytest.param("text", id="no bytes"),
            pytest.param(None, id="nothing"),
        ],
    )
    def test_bytes_that_are_no_message_are_refused(self, data: Any) -> None:
        with pytest.raises(ValueError, match="no message: "):
            from_wire(data, RESOLVE)

    @pytest.mark.parametrize("kind", [b"\xdd", b"\xdf"], ids=["list", "map"])
    def test_nothing_is_allocated_for_more_items_than_there_may_be(self, kind: bytes) -> None:
        announced = MAX_ITEMS + 1

        with pytest.raises(ValueError, match=r"exceeds max_(array|map)_len"):
            from_wire(kind + announced.to_bytes(4, "big") + b"\xa0\x00" * announced, RESOLVE)

    @pytest.mark.parametrize("seed", range(300))
    def test_damaged_bytes_are_refused_or_read_and_nothing_else(self, seed: int) -> None:
        random = Random(seed)
        data = bytearray(to_wire([Made(seed).message(), ("a", make_user(5))], HERE))

        for _ in range(random.randrange(1, 4)):
            data[random.randrange(len(data))] = random.randrange(256)

        with suppress(ValueError):
            from_wire(bytes(data), RESOLVE)
