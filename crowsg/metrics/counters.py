"""Plain counters by name, bounded in number."""

from crowsg.metrics.failures import OTHER

MAX_NAMES = 200


class Counters:
    """The counters of one node. No lock: greenlets are not preempted between two switches."""

    def __init__(self) -> None:
        self._values: dict[str, int | float] = {}

    def count(self, name: str, n: float = 1) -> None:
        """Add ``n`` to the counter ``name``; beyond 200 names, to ``__other__``."""
        values = self._values
        if name in values:
            values[name] += n
        elif len(values) < MAX_NAMES:
            values[_checked(name)] = 0
            values[name] += n
        else:
            _checked(name)
            values[OTHER] = values.get(OTHER, 0) + n

    def reset(self) -> None:
        """Forget every counter."""
        self._values = {}

    def values(self) -> dict[str, int | float]:
        """Return a copy of all counters, by name."""
        return dict(self._values)


def _checked(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f"a counter is named by text, not by {name!r}")
    return name
