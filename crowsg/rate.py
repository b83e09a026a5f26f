"""The values every throttle is set to: a rate, its spellings, and a ramp of rates. Pure."""

import ast
import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Self

from crowsg.clock import SECOND, to_ns
from crowsg.errors import InvalidThrottle
from crowsg.text import shown

MINUTE = 60.0
"""The interval, in seconds, of a rate that names none (amoc's default interval)."""

RAMP_STEP_S = 0.1
"""The step, in seconds, of a ramp that is given by its duration."""

_MAX_STEP_S = 1e9
_MAX_STEPS = 10**10
_UNITS = {"s": 1.0, "sec": 1.0, "min": MINUTE, "h": 3600.0}
_PER_UNIT = re.compile(r"\s*([0-9.eE+-]+)\s*/\s*(s|sec|min|h)\s*\Z")
_PARALLEL = re.compile(r"\s*([0-9]+)\s*parallel\s*\Z")
_WORDS = {"infinity": math.inf, "inf": math.inf, "paused": 0.0}


@dataclass(frozen=True, slots=True, init=False)
class Rate:
    """So many permits in an interval, over the whole cluster.

    Args:
        permits: Permits per interval, a finite number >= 0, or ``math.inf``. 0 grants nothing.
        per: The interval in seconds, > 0. 0 turns ``permits`` into the greatest number of permits
            that may be held at once (amoc's interval 0).

    Raises:
        InvalidThrottle: A value outside these ranges.

    Source: amoc_throttle ``rate``, ``interval`` and ``interarrival``; unlike there an interarrival
        of any length is kept exactly.
    """

    permits: float
    interval_ns: int

    UNLIMITED: ClassVar[Self]
    PAUSED: ClassVar[Self]

    def __init__(self, permits: float, per: float = MINUTE) -> None:
        permits, per = _number(permits, "a rate"), _number(per, "an interval in seconds")
        if permits < 0 or per < 0:
            raise InvalidThrottle(f"{permits:g} permits per {per:g} s: both must be >= 0")
        if math.isinf(per * SECOND):
            raise InvalidThrottle(f"an interval of {per:g} s is too long")
        if math.isinf(permits):
            # Without a limit no interval means anything, and all such rates are equal.
            per = MINUTE
        if 0 < per < 1 / SECOND:
            raise InvalidThrottle(f"an interval of {per:g} s is shorter than a nanosecond")
        if per == 0 and (permits < 1 or permits != int(permits)):
            raise InvalidThrottle(f"{permits:g} parallel: it must be a whole number >= 1")
        object.__setattr__(self, "permits", permits)
        object.__setattr__(self, "interval_ns", to_ns(per))

    @classmethod
    def interarrival(cls, seconds: float) -> "Rate":
        """Make the rate of one permit every ``seconds``; 0 is unlimited, infinity paused."""
        seconds = _number(seconds, "an interarrival in seconds")
        if seconds == 0:
            return cls.UNLIMITED
        return cls.PAUSED if math.isinf(seconds) else cls(1, per=seconds)

    @classmethod
    def parallel(cls, permits: int) -> "Rate":
        """Make the rate that lets ``permits`` be held at once (amoc's interval 0)."""
        return cls(permits, per=0)

    @classmethod
    def of(cls, value: object) -> "Rate":
        """Read any spelling of a rate.

        Args:
            value: A ``Rate``; a number (so many a minute); ``"100/s"``, ``"100/min"``,
                ``"100/h"``; ``[n, seconds]``; ``"infinity"``, ``"inf"``, ``math.inf``;
                0 or ``"paused"``; ``"10 parallel"``; or the text of any of them.

        Raises:
            InvalidThrottle: None of these.
        """
        if isinstance(value, Rate):
            return value
        if isinstance(value, str):
            return cls._of_text(value)
        if isinstance(value, list | tuple) and len(value) == 2:
            return cls(value[0], per=value[1])
        return cls(_number(value, "a rate"))

    @classmethod
    def _of_text(cls, text: str) -> "Rate":
        if match := _PER_UNIT.match(text):
            return cls(_number(_literal(match[1]), "a rate"), per=_UNITS[match[2]])
        if match := _PARALLEL.match(text):
            return cls(_number(_literal(match[1]), "a number of permits"), per=0)
        word = text.strip().lower()
        if word in _WORDS:
            return cls(_WORDS[word])
        value = _literal(text)
        if isinstance(value, str):
            raise InvalidThrottle(
                f"{shown(text, 60)} is no rate: try 1200, '100/s', '100/min' or 'infinity'"
            )
        return cls.of(value)

    @property
    def is_unlimited(self) -> bool:
        """Whether permits are free."""
        return math.isinf(self.permits)

    @property
    def is_paused(self) -> bool:
        """Whether nothing is granted."""
        return self.permits == 0

    @property
    def is_parallel(self) -> bool:
        """Whether the rate limits permits held at once instead of permits in time."""
        return self.interval_ns == 0

    def __str__(self) -> str:
        """Spell the rate so that ``Rate.of`` reads it back."""
        if self.is_unlimited:
            return "infinity"
        if self.is_parallel:
            return f"{_spell(self.permits)} parallel"
        for unit in ("s", "min", "h"):
            if self.interval_ns == to_ns(_UNITS[unit]):
                return f"{_spell(self.permits)}/{unit}"
        return f"[{_spell(self.permits)}, {_spell(self.interval_ns / SECOND)}]"


@dataclass(frozen=True, slots=True, init=False)
class Ramp:
    """A rate that changes in equal steps, linear in the quantity it is spelled in.

    Between two rates of one interval the number of permits changes, between two interarrivals
    (``Rate.interarrival``) the time from one to the next, and otherwise the permits per second.

    Args:
        start, end: Any spelling of a rate in time; the first comes at once, the last exactly.
        steps: How many steps lead from the first to the last, at least 1.
        step_interval: Seconds from one step to the next, > 0.
        duration: Seconds of the whole instead, in steps of 0.1 s.

    Raises:
        InvalidThrottle: A value outside these ranges, or a rate without a limit or in parallel.

    Source: the gradual plans of amoc_throttle; an interarrival of 0 is refused there by a crash.
    """

    start: Rate
    end: Rate
    steps: int
    step_ns: int

    def __init__(
        self,
        start: object,
        end: object,
        steps: int = 9,
        step_interval: float = MINUTE,
        *,
        duration: float | None = None,
    ) -> None:
        first, last = Rate.of(start), Rate.of(end)
        for rate in (first, last):
            if rate.is_unlimited or rate.is_parallel:
                raise InvalidThrottle(f"a ramp has no step that leads from or to {rate}")
        if duration is not None:
            steps, step_interval = _steps_of(duration), RAMP_STEP_S
        step_interval = _number(step_interval, "a step interval in seconds")
        if type(steps) is not int or not 1 <= steps <= _MAX_STEPS:
            raise InvalidThrottle(f"{shown(steps, 60)} is no number of steps from 1 to 10**10")
        if not 1 / SECOND <= step_interval <= _MAX_STEP_S:
            raise InvalidThrottle(f"a step interval of {step_interval:g} s is not possible")
        for name, value in (("start", first), ("end", last), ("steps", steps)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "step_ns", to_ns(step_interval))

    def at(self, step: int) -> Rate:
        """Return the rate from a step on: 0 is the start, ``steps`` the end."""
        if step <= 0 or step >= self.steps:
            return self.start if step <= 0 else self.end
        part = Fraction(step, self.steps)
        first, last = self.start, self.end
        if first.interval_ns == last.interval_ns:
            return Rate(_between(first.permits, last.permits, part), first.interval_ns / SECOND)
        if first.permits == last.permits:
            return Rate(first.permits, _between(first.interval_ns, last.interval_ns, part) / SECOND)
        return Rate(_between(_per_second(first), _per_second(last), part), per=1)

    def __str__(self) -> str:
        """Tell where it leads, and in what time."""
        seconds = self.steps * self.step_ns / SECOND
        return f"{self.start} to {self.end} in {_spell(seconds)} s"


def _steps_of(duration: object) -> int:
    seconds = _number(duration, "a duration in seconds")
    # Seconds that were added up are a little less, or more, than they should be.
    if not RAMP_STEP_S * (1 - 1e-9) <= seconds <= _MAX_STEP_S:
        raise InvalidThrottle(f"a duration of {seconds:g} s: a ramp takes 0.1 s or more")
    return int(seconds / RAMP_STEP_S + 1e-9)


def _per_second(rate: Rate) -> float:
    return rate.permits * SECOND / rate.interval_ns


def _between(first: float, last: float, part: Fraction) -> float:
    return float(Fraction(first) + (Fraction(last) - Fraction(first)) * part)


def _spell(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise InvalidThrottle(f"{shown(value, 60)} is not {what}")
    try:
        return float(value)
    except OverflowError:
        raise InvalidThrottle(f"{what} this large is not possible") from None


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


Rate.UNLIMITED = Rate(math.inf)
Rate.PAUSED = Rate(0)
