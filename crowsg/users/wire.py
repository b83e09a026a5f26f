"""Messages between users as bytes, with all that JSON and msgpack lose: tuples, users. Pure.

msgpack carries the rest as it is: floats that are no numbers, and text with lone surrogates, which
is encoded as Python's ``surrogatepass`` does it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgpack

from crowsg.users.messages import MAX_DEPTH, MAX_ITEMS, copied
from crowsg.users.reference import Address, Home, Reference
from crowsg.users.remote import RemoteUser

_TUPLE = 1
_USER = 2
_TEXT = "surrogatepass"

Resolve = Callable[[Address], Reference]
"""Returns the user at an address, or what stands for it."""


def to_wire(message: Any, own: Home) -> bytes:
    """Encode a message.

    Args:
        message: What ``copied`` can copy.
        own: The node that this node's own users belong to.

    Raises:
        NotSendable: It cannot be sent, whatever node it is for.
    """
    return _pack(copied(message), own)


def from_wire(data: bytes, resolve: Resolve) -> Any:
    """Decode a message.

    Args:
        data: What ``to_wire`` returned; bytes from elsewhere do no harm.
        resolve: Finds the users that the message refers to.

    Returns:
        A message that equals the one encoded.

    Raises:
        ValueError: It is none.
    """
    try:
        return copied(_Unpacker(resolve).unpack(data))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"no message: {error!r:.200}") from None


def _pack(value: Any, own: Home) -> bytes:
    extend = partial(_extended, own=own)
    packed: bytes = msgpack.packb(value, default=extend, strict_types=True, unicode_errors=_TEXT)
    return packed


def _extended(value: Any, own: Home) -> Any:
    if isinstance(value, tuple):
        return msgpack.ExtType(_TUPLE, _pack(list(value), own))
    home = value.address.home if isinstance(value, RemoteUser) else own
    return msgpack.ExtType(_USER, msgpack.packb((value.id, value.began_ns, *home)))


class _Unpacker:
    """Decodes a message and the messages inside of it.

    Args:
        resolve: Finds users.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._depth = 0

    def unpack(self, data: bytes) -> Any:
        # A level too many is left for the copy to refuse; more would only burn the stack.
        if self._depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        self._depth += 1
        value = msgpack.unpackb(
            data,
            ext_hook=self._extension,
            unicode_errors=_TEXT,
            # What is only announced would be allocated at once.
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
        )
        self._depth -= 1
        return value

    def _extension(self, code: int, data: bytes) -> Any:
        if code == _TUPLE:
            return tuple(self._listed(data))
        if code == _USER:
            return self._resolve(_address(self._listed(data)))
        raise ValueError(f"extension {code}")

    def _listed(self, data: bytes) -> list[Any]:
        value = self.unpack(data)
        if type(value) is not list:
            raise ValueError("a part that is no list")
        return value


def _address(parts: list[Any]) -> Address:
    if [type(part) for part in parts] != [int, int, str, int]:
        raise ValueError("an address that is none")
    return Address(*parts)
