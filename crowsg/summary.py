"""What a run came to."""

import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from crowsg.metrics.failures import FailureGroup
from crowsg.metrics.figures import OperationSummary
from crowsg.rate import Rate
from crowsg.text import shown
from crowsg.users.counts import UserCounts

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Summary:
    """A run that is over.

    Attributes:
        run_id: Names the run.
        scenario: Name of the scenario.
        settings: Its settings, secrets masked.
        started_at: Wall clock at the start, seconds since the epoch.
        duration_s: From loading the scenario to the return of ``teardown``, in seconds.
        exit_code: As in the README; 0 when it ended as asked.
        exit_reason: Why it ended.
        users: What became of the users.
        operations: What the users did, by name.
        counters, gauges: What the scenario counted and set, by name.
        checks: How often (held, did not hold) what the scenario checked, by name.
        errors: The failures, grouped, the most frequent first; those of ``terminate`` and
            ``teardown`` too.
    """

    run_id: str
    scenario: str
    settings: Mapping[str, Any]
    started_at: float
    duration_s: float
    exit_code: int
    exit_reason: str
    users: UserCounts
    operations: Mapping[str, OperationSummary]
    counters: Mapping[str, float]
    gauges: Mapping[str, float]
    checks: Mapping[str, tuple[int, int]]
    errors: tuple[FailureGroup, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as plain values, in the shape of ``summary.json``."""
        return {
            "schema": SCHEMA,
            "crowsg": version("crowsg"),
            "python": platform.python_version(),
            "run_id": self.run_id,
            "scenario": self.scenario,
            "settings": {name: _plain(value) for name, value in self.settings.items()},
            "started_at": _moment(self.started_at),
            "ended_at": _moment(self.started_at + self.duration_s),
            "duration_s": self.duration_s,
            "exit_code": self.exit_code,
            "exit_reason": self.exit_reason,
            "users": self.users.as_dict(),
            "operations": {name: each.as_dict() for name, each in self.operations.items()},
            "counters": _plain(dict(self.counters)),
            "gauges": _plain(dict(self.gauges)),
            "checks": {
                name: {"passed": passed, "failed": failed}
                for name, (passed, failed) in self.checks.items()
            },
            "errors": [asdict(group) for group in self.errors],
        }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _plain(value: Any) -> Any:
    if isinstance(value, Rate):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it
    return value if isinstance(value, bool | int | float | str | None) else shown(value)
