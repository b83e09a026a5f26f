"""What users may send one another: values that arrive on any node as they were sent. Pure."""

from typing import Any

from crowsg.errors import NotSendable
from crowsg.users.reference import Reference

MAX_DEPTH = 64
MAX_ITEMS = 100_000
MAX_OCTETS = 4 << 20

OCTETS_OF_ITEM = 16
"""What a value counts besides its text, never less than it takes on the wire."""

OCTETS_OF_USER = 512
"""What a user counts besides."""

_FIXED = frozenset({type(None), bool, float})
_INT_RANGE = range(-(2**63), 2**64)

_Place = tuple[Any, Any] | None


class _Tally:
    """What was found in a message so far."""

    __slots__ = ("items", "octets")

    def __init__(self) -> None:
        self.items = 0
        self.octets = 0


def copied(message: Any) -> Any:
    """Return a copy of ``message`` that shares nothing with it; users in it stay what they are.

    Args:
        message: None, bool, float, text, bytes, an int of 64 bits, a user, or lists, tuples and
            dictionaries with text keys of these; up to 64 deep, 100 000 in all and 4 MiB large,
            where each of them and each key counts 16 octets besides its text, a user 512.

    Raises:
        NotSendable: Anything else in it, subclasses of these types too; the text says where.
    """
    tally = _Tally()
    copy = _copy(message, None, 0, tally)
    if tally.octets + tally.items * OCTETS_OF_ITEM > MAX_OCTETS:
        raise NotSendable(f"a message of more than {MAX_OCTETS >> 20} MiB")
    return copy


def _copy(value: Any, place: _Place, depth: int, tally: _Tally) -> Any:
    kind = type(value)
    # Lists that share their parts can be small in memory and endless as a message.
    tally.items += 1
    if tally.items > MAX_ITEMS:
        raise NotSendable(f"a message of more than {MAX_ITEMS} values")
    if kind in _FIXED:
        return value
    if kind is str:
        tally.octets += _octets(value)
        return value
    if kind is int:
        if value not in _INT_RANGE:
            raise NotSendable(f"{_shown(place)} is an int of more than 64 bits")
        return value
    if kind is bytes:
        tally.octets += len(value)
        return value
    return _copy_parts(value, kind, place, depth, tally)


def _copy_parts(value: Any, kind: type, place: _Place, depth: int, tally: _Tally) -> Any:
    if isinstance(value, Reference):
        return _user(value, place, tally)
    if depth >= MAX_DEPTH:
        raise NotSendable(f"{_shown(place)[:80]} is nested deeper than {MAX_DEPTH}")
    depth += 1
    if kind is list:
        return [_copy(item, (place, at), depth, tally) for at, item in enumerate(value)]
    if kind is tuple:
        return tuple([_copy(item, (place, at), depth, tally) for at, item in enumerate(value)])
    if kind is dict:
        return {
            _key(key, place, tally): _copy(item, (place, key), depth, tally)
            for key, item in value.items()
        }
    raise NotSendable(f"{_shown(place)} is a {kind.__name__}, which cannot be sent to another user")


def _user(user: Reference, place: _Place, tally: _Tally) -> Reference:
    if user.began_ns is None:
        raise NotSendable(f"{_shown(place)} is a user that has not started yet")
    tally.octets += OCTETS_OF_USER
    return user


def _key(key: Any, place: _Place, tally: _Tally) -> str:
    if type(key) is not str:
        raise NotSendable(f"{_shown(place)} has the key {key!r:.80}; only text can be a key")
    tally.octets += _octets(key) + OCTETS_OF_ITEM
    return key


def _octets(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _shown(place: _Place) -> str:
    if place is None:
        return "message"
    around, at = place
    return f"{_shown(around)}[{at!r}]"
