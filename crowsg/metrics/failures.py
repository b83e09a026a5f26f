"""What went wrong, grouped: by kind of exception and by its text without the varying parts."""

import logging
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import gevent

from crowsg.clock import SECOND, Clock
from crowsg.metrics.names import OTHER
from crowsg.text import line_of

MAX_GROUPS = 200

_LOGGER = logging.getLogger("crowsg")

# What varies from one failure to the next: quoted text, addresses, long hex words, numbers.
_VARYING = re.compile(
    r"'[^']{0,512}'|\"[^\"]{0,512}\"|\b0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8}-[0-9a-fA-F-]{4,}|"
    r"\b[0-9a-fA-F]*\d[0-9a-fA-F]{7,}\b|\d+"
)


@dataclass(slots=True)
class FailureGroup:
    """Failures of one kind and template.

    Attributes:
        kind: Class of the exception.
        template: Its text, varying parts as ``*``.
        count: How many.
        first_s, last_s: When the first and the last came, in seconds since the log was reset.
        sample: The first one's text and the line of code it came from.
    """

    kind: str
    template: str
    count: int
    first_s: float
    last_s: float
    sample: str


OnFirst = Callable[[FailureGroup, BaseException], object]


class FailureLog:
    """The failures of one node: bounded in groups and in text, counts conserved.

    Attributes:
        began_ns: When the time of the groups began, in nanoseconds of the clock.

    Args:
        clock: Tells when.
        on_first: Called with (group, exception) at the first failure of each group.
    """

    def __init__(self, clock: Clock, on_first: OnFirst) -> None:
        self._clock = clock
        self._on_first = on_first
        self._groups: dict[tuple[str, str], FailureGroup] = {}
        self.began_ns = clock.now_ns()

    def reset(self) -> None:
        """Forget everything and start the time of the groups anew."""
        self._groups = {}
        self.began_ns = self._clock.now_ns()

    def record(self, error: BaseException) -> None:
        """Count a failure. Never raises, whatever the exception is made of.

        Blocks: where ``on_first`` does.
        """
        try:
            self._record(error)
        except gevent.GreenletExit:
            raise
        except BaseException:
            _LOGGER.exception("a failure could not be recorded")

    def _record(self, error: BaseException) -> None:
        kind, text = kind_of(error), line_of(error)
        now_s = (self._clock.now_ns() - self.began_ns) / SECOND
        key = (kind, _VARYING.sub("*", text))
        group = self._groups.get(key)
        if group is None and len(self._groups) >= MAX_GROUPS:
            key = (OTHER, OTHER)
            group = self._groups.get(key)
        if group is not None:
            group.count += 1
            group.last_s = now_s
            return
        group = FailureGroup(*key, 1, now_s, now_s, describe(error))
        self._groups[key] = group
        self._on_first(group, error)

    def groups(self) -> tuple[FailureGroup, ...]:
        """Return the groups, the most frequent first."""
        return tuple(sorted(self._groups.values(), key=lambda group: -group.count))


def log_first(group: FailureGroup, error: BaseException) -> None:
    """Write the first failure of a kind, an ``error``, to the log."""
    _LOGGER.warning("first failure of its kind: %s", group.sample)


def describe(error: BaseException) -> str:
    """Return kind, text and origin of an exception in one line."""
    kind, text = kind_of(error), line_of(error)
    line = f"{kind}: {text}" if text else kind
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return line
    frame = frames[-1]
    place = f"{frame.filename.rpartition('/')[2]}:{frame.lineno} in {frame.name}"
    return f"{line} ({line_of(place)})"


def kind_of(error: BaseException) -> str:
    """Return the name of an exception's class, whatever its metaclass makes of it."""
    return line_of(type.__getattribute__(type(error), "__name__"))
