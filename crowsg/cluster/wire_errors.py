"""Exceptions as plain values, and back: the same class and text on the node that asked.

Only classes of ``crowsg.errors`` are ever looked up, and none of their code runs for what a
stranger sent. Anything else arrives as ``RemoteFault``.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from crowsg import errors
from crowsg.cluster.link import Payload
from crowsg.cluster.packing import check
from crowsg.errors import CrowsgError, NotPackable, RemoteFault
from crowsg.text import line_of, shown

MAX_TEXT = 64 << 10
"""Characters of an exception's text; the rest is cut off."""

MAX_DEPTH = 8
"""Exceptions and collections inside one another."""

MAX_ATTRIBUTES = 32

_TREE: Mapping[str, type[CrowsgError]] = MappingProxyType(
    {
        each.__name__: each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, CrowsgError)
    }
)

Wire = dict[str, Payload]


def to_wire(error: BaseException) -> Wire:
    """Return ``error`` as a plain value.

    Attributes travel where they are plain values, exceptions, or tuples, lists and dictionaries of
    these; others, and ``__cause__``, stay behind.
    """
    return _error_out(error, MAX_DEPTH)


def from_wire(wire: Payload) -> CrowsgError:
    """Return the exception that ``to_wire`` was given; ``RemoteFault`` for whatever is none."""
    try:
        return _error_in(wire, MAX_DEPTH)
    except _Unreadable:
        return RemoteFault(f"an error that cannot be read: {shown(wire, 100)}")


class _Unreadable(Exception):
    """This is not what ``to_wire`` makes."""


def _error_out(error: BaseException, depth: int) -> Wire:
    kind = type(error)
    if _TREE.get(kind.__name__) is not kind:
        return {
            "class": RemoteFault.__name__,
            "text": f"{kind.__name__}: {line_of(error)}",
            "attributes": {},
        }
    attributes = {}
    for name, value in vars(error).items():
        if _is_own(kind, name) and (packed := _value_out(value, depth - 1)) is not None:
            attributes[name] = packed
    return {"class": kind.__name__, "text": _proper(str(error)), "attributes": attributes}


def _is_own(kind: type, name: str) -> bool:
    """Whether ``name`` is an attribute of one exception only, that hides nothing of its class."""
    return name.isidentifier() and not name.startswith("_") and not hasattr(kind, name)


def _proper(text: str) -> str:
    return text[:MAX_TEXT].encode("utf-8", "replace").decode()


def _value_out(value: object, depth: int) -> Wire | None:
    """Return one value, in a dictionary whose only key says what it is; None where it stays."""
    if depth <= 0:
        return None
    if isinstance(value, BaseException):
        return {"error": _error_out(value, depth)}
    if isinstance(value, dict):
        named = {name: _value_out(each, depth - 1) for name, each in value.items()}
        is_whole = all(isinstance(name, str) and each is not None for name, each in named.items())
        return {"map": named} if is_whole and _is_plain(list(named)) else None
    if isinstance(value, list | tuple):
        items = [_value_out(each, depth - 1) for each in value]
        return None if None in items else {type(value).__name__: items}
    return {"plain": value} if _is_plain(value) else None


def _is_plain(value: object) -> bool:
    try:
        check(value)
    except NotPackable:
        return False
    return True


def _error_in(wire: Payload, depth: int) -> CrowsgError:
    match wire:
        case {"class": str(name), "text": str(text), "attributes": dict(attributes)} if (
            name in _TREE and len(attributes) <= MAX_ATTRIBUTES
        ):
            return _rebuilt(_TREE[name], text[:MAX_TEXT], attributes, depth)
    raise _Unreadable


def _rebuilt(
    kind: type[CrowsgError], text: str, attributes: dict[Any, Any], depth: int
) -> CrowsgError:
    # Not by calling the class: each has a constructor of its own, that makes the text anew.
    error = kind.__new__(kind)
    error.args = (text,)
    for name, value in attributes.items():
        if not (isinstance(name, str) and _is_own(kind, name)):
            raise _Unreadable
        setattr(error, name, _value_in(value, depth - 1))
    return error


def _value_in(wire: Payload, depth: int) -> object:
    if depth <= 0 or not isinstance(wire, dict) or len(wire) != 1:
        raise _Unreadable
    match wire:
        case {"error": error}:
            return _error_in(error, depth)
        case {"map": dict(named)}:
            return {name: _value_in(each, depth - 1) for name, each in named.items()}
        case {"list": list(items) | tuple(items)}:
            return [_value_in(each, depth - 1) for each in items]
        case {"tuple": list(items) | tuple(items)}:
            return tuple(_value_in(each, depth - 1) for each in items)
        case {"plain": plain}:
            return plain
    raise _Unreadable
