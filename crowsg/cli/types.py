"""Parameter types of the command line."""

import re
from pathlib import Path
from typing import Any

import click

from crowsg.config.durations import seconds_of
from crowsg.errors import InvalidThrottle
from crowsg.processes import usable_cores
from crowsg.rate import Rate

MAX_PROCESSES = 1000

_IDS = re.compile(r"([0-9]+)-([0-9]+)\Z")


class Duration(click.ParamType[float]):
    """``90``, ``90s``, ``5m``, ``2h``, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the duration in seconds."""
        if isinstance(value, float):
            return value
        try:
            return seconds_of(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


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


class Folder(click.Path):
    """A folder, which need not be there."""

    name = "folder"

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return its path."""
        # As a path, no name at all is the folder of now.
        if not value:
            self.fail("a folder has a name", param, ctx)
        return super().convert(value, param, ctx)


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
