"""Things recorded by name and labels: no more than 200 of a kind, the rest together."""

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

from crowsg.text import line_of

OTHER = "__other__"
MAX_NAMES = 200

Key = str | tuple[str, tuple[tuple[str, str], ...]]
Value = TypeVar("Value")

_LOGGER = logging.getLogger("crowsg")


def key_of(name: str, labels: Mapping[str, object]) -> Key:
    """Return what a name with these labels is kept under."""
    if not labels:
        return name
    return name, tuple(sorted((label, line_of(value)) for label, value in labels.items()))


def spelled(key: Key) -> str:
    """Spell a key for people and files: ``name`` or ``name{label="value"}``."""
    if isinstance(key, str):
        return key
    name, labels = key
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels) + "}"


class Named(dict[Key, Value]):
    """A dictionary that makes the value of a key it is asked for, up to 200 keys.

    What is asked for beyond shares the key ``__other__``, so nothing is lost but the name.

    Args:
        what: What the values are, for the warning.
        make: Makes a value.
    """

    __slots__ = ("_make", "_what")

    def __init__(self, what: str, make: Callable[[], Value]) -> None:
        super().__init__()
        self._what = what
        self._make = make

    def __missing__(self, key: Key) -> Value:
        name = key[0] if isinstance(key, tuple) and len(key) == 2 else key
        if not isinstance(name, str) or not name:
            raise TypeError(f"{self._what} are named by text, not by {name!r:.60}")
        if len(self) >= MAX_NAMES and key != OTHER:
            if OTHER not in self:
                self._warn()
            key = OTHER
        elif name != line_of(name):
            raise ValueError(
                f"{self._what} are named by one short line of text, not by {name!r:.60}"
            )
        return self.setdefault(key, self._make())

    def _warn(self) -> None:
        _LOGGER.warning(
            "more than %d names of %s; the rest is kept as %s: does a name carry an id?",
            MAX_NAMES,
            self._what,
            OTHER,
        )
