"""Parameter types of the command line."""

import re
from typing import Any

import click

from crowsg.errors import InvalidThrottle
from crowsg.processes import usable_cores
from crowsg.rate import Rate

MAX_PROCESSES = 1000

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]*)?)\s*(s|m|h|)\Z")
_IDS = re.compile(r"([0-9]+)-([0-9]+)\Z")


class Duration(click.ParamType[float]):
    """``90``, ``90s``, ``5m``, ``2h``, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the duration in seconds."""
        if isinstance(value, float):
            return value
        match = _DURATION.match(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is no duration: try 90, 90s, 5m or 2h", param, ctx)
        return float(match[1]) * _UNITS[match[2]]


class RateType(click.ParamType[Rate]):
    """Any spelling of a rate."""

    name = "rate"

    def convert(self, value: Any, param: Any, ctx: Any) -> Rate:
        """Return the rate."""
        try:
            return Rate.of(value)
        except InvalidThrottle as error:
            self.fail(str(error), param, ctx)


class IdRange(click.ParamType[tuple[int, int]]):
    """``A-B``, as the first and the last id."""

    name = "ids"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        """Return the first and the last id."""
        match = _IDS.match(str(value).strip())
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            self.fail(f"{value!r} is no range of ids: try 1-100", param, ctx)
        return int(match[1]), int(match[2])


class NodeCount(click.ParamType[int]):
    """A number of processes, or ``auto`` for one on each core."""

    name = "nodes"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Return the number."""
        text = str(value).strip()
        if text == "auto":
            return usable_cores()
        if not text.isdecimal() or not 1 <= int(text) <= MAX_PROCESSES:
            self.fail(f"{value!r} is no number of processes: try 4, or auto", param, ctx)
        return int(text)
