"""Durations as people write them. Pure."""

import re

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?)\s*(s|m|h|)\s*\Z")


def seconds_of(text: str) -> float:
    """Return the seconds of a duration: ``90``, ``90s``, ``5m``, ``2h``.

    Raises:
        ValueError: It is none.
    """
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(f"{text!r} is no duration: try 90, 90s, 5m or 2h")
    return float(match[1]) * _UNITS[match[2]]
