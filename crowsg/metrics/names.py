"""Things recorded by name and labels: no more than 200 of a kind, the rest together."""

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

from crowsg.text import line_of

OTHER = "__other__"
MAX_NAMES = 200

Labels = tuple[tuple[str, str], ...]
Key = str | tuple[str, Labels]
Value = TypeVar("Value")
Check = Callable[[str, tuple[str, ...]], object]

_LOGGER = logging.getLogger("crowsg")


def key_of(name: str, labels: Mapping[str, object]) -> Key:
    """Return what a name with these labels is kept under."""
    if not labels:
        return name
    pairs = [
        (label, value if type(value) is str and value.isprintable() else line_of(value))
        for label, value in labels.items()
    ]
    pairs.sort()
    return name, tuple(pairs)


def parts_of(key: Key) -> tuple[str, Labels]:
    """Return the name and the labels of a key."""
    return (key, ()) if isinstance(key, str) else key


def spelled(key: Key) -> str:
    """Spell a key for people and files: ``name`` or ``name{label="value"}``."""
    name, labels = parts_of(key)
    if not labels:
        return name
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels) + "}"


class Named(dict[Key, Value]):
    """A dictionary that makes the value of a key it is asked for, up to 200 keys.

    What is asked for beyond shares the key ``__other__``, so nothing is lost but the name.

    Args:
        what: What the values are, for the warning.
        make: Makes a value.
        check: Called with a name and its labels when they come for the first time; may refuse.
    """

    __slots__ = ("_check", "_make", "_what")

    def __init__(
        self, what: str, make: Callable[[], Value], check: Check = lambda name, labels: None
    ) -> None:
        super().__init__()
        self._what = what
        self._make = make
        self._check = check

    def __missing__(self, key: Key) -> Value:
        # What comes without labels is the caller's name as it is, whatever that may be.
        is_labelled = isinstance(key, tuple) and len(key) == 2 and isinstance(key[1], tuple)
        name, labels = parts_of(key) if is_labelled and key[1] else (key, ())
        if not isinstance(name, str) or not name:
            raise TypeError(f"{self._what} are named by text, not by {name!r:.60}")
        if len(self) >= MAX_NAMES and key != OTHER:
            return self._other()
        if name != line_of(name):
            raise ValueError(
                f"{self._what} are named by one short line of text, not by {name!r:.60}"
            )
        self._check(name, tuple(label for label, _ in labels))
        return self.setdefault(key, self._make())

    def _other(self) -> Value:
        if OTHER not in self:
            _LOGGER.warning(
                "more than %d names of %s; the rest is kept as %s: does a name carry an id?",
                MAX_NAMES,
                self._what,
                OTHER,
            )
        return self[OTHER]
