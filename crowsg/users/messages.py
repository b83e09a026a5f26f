"""What users may send one another: values that arrive on any node as they were sent. Pure."""

from collections.abc import Iterator
from typing import Any

from crowsg.errors import NotSendable

MAX_DEPTH = 64
MAX_ITEMS = 100_000
_SCALARS = frozenset({type(None), bool, float, str, bytes})
_INT_RANGE = range(-(2**63), 2**64)


def copied(message: Any) -> Any:
    """Return a copy of ``message`` that shares nothing with it.

    Args:
        message: None, bool, float, text, bytes, an int of 64 bits, or lists, tuples and
            dictionaries with text keys of these, up to 64 deep and 100 000 in all.

    Raises:
        NotSendable: Anything else in it, subclasses of these types too; the text says where.
    """
    return _copy(message, "message", 0, iter(range(MAX_ITEMS)))


def _copy(value: Any, place: str, depth: int, budget: Iterator[int]) -> Any:
    kind = type(value)
    # Lists that share their parts can be small in memory and endless as a message.
    if next(budget, None) is None:
        raise NotSendable(f"a message of more than {MAX_ITEMS} values")
    if kind in _SCALARS:
        return value
    if kind is int:
        if value not in _INT_RANGE:
            raise NotSendable(f"{place} is an int of more than 64 bits")
        return value
    if depth >= MAX_DEPTH:
        raise NotSendable(f"{place[:80]} is nested deeper than {MAX_DEPTH}")
    if kind is list or kind is tuple:
        items = (_copy(item, f"{place}[{at}]", depth + 1, budget) for at, item in enumerate(value))
        return kind(items)
    if kind is dict:
        return {
            _key(key, place): _copy(item, f"{place}[{key!r}]", depth + 1, budget)
            for key, item in value.items()
        }
    raise NotSendable(f"{place} is a {kind.__name__}, which cannot be sent to another user")


def _key(key: Any, place: str) -> str:
    if type(key) is not str:
        raise NotSendable(f"{place} has the key {key!r:.80}; only text can be a key")
    return key
