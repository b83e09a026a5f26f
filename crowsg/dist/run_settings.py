"""The settings of a run, on their way from its master to a worker.

Text that was not read yet travels as text, so that every node reads it by its own parser; all else
as messages of users do, so a tuple arrives as a tuple. A rate travels as it is spelled.
"""

from collections.abc import Mapping
from typing import Any

from crowsg.config.settings import Text
from crowsg.errors import NotSendable
from crowsg.rate import Rate
from crowsg.users.wire import from_wire, to_wire

_NOBODY = ("", 0)


def packed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as plain values.

    Raises:
        NotSendable: A value cannot travel; the text names the setting.
    """
    return {str(name): _packed(str(name), value) for name, value in settings.items()}


def unpacked(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``packed`` was given.

    Raises:
        ValueError: This is nothing that it returns.
    """
    if not isinstance(plain, Mapping):
        raise ValueError("settings are no mapping")
    return {name: _unpacked(value) for name, value in plain.items()}


def _packed(name: str, value: Any) -> Any:
    if isinstance(value, Text):
        return {"text": value.text}
    if isinstance(value, Rate):
        return {"rate": str(value)}
    try:
        return {"value": to_wire(value, _NOBODY)}
    except NotSendable as error:
        raise NotSendable(f"the setting {name} cannot be sent to other nodes: {error}") from None


def _unpacked(plain: Any) -> Any:
    match plain:
        case {"text": str(text)}:
            return Text(text)
        case {"rate": str(text)}:
            return Rate.of(text)
        case {"value": value}:
            return from_wire(value, _no_users)
    raise ValueError("no setting")


def _no_users(*_: object) -> Any:
    raise ValueError("a setting refers to a user")
