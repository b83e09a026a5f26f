"""What a run came to."""

import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Literal

from crowsg.controller.status import State
from crowsg.health.record import HealthSummary
from crowsg.metrics.failures import FailureGroup
from crowsg.metrics.figures import OperationSummary
from crowsg.rate import Rate
from crowsg.text import line_of, shown
from crowsg.throttle.info import ThrottleInfo
from crowsg.users.counts import UserCounts

SCHEMA = 1

NodeState = State | Literal["dead"]
"""State of a node's controller, or that the node was given up while it took part."""

DEAD: NodeState = "dead"


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was changed while the run went on.

    Attributes:
        at_s: When, in seconds since the start of the run.
        node: Where.
        event: What, in the words of telemetry.
        details: How many, which, to what; plain values.
    """

    at_s: float
    node: str
    event: str
    details: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"at_s": self.at_s, "node": self.node, "event": self.event, **self.details}


@dataclass(frozen=True, slots=True)
class NodeSummary:
    """One node's part in a run.

    Attributes:
        name: Which node.
        state: State of its controller at the end; ``dead`` where it was lost before.
        users: What became of its users.
        health: What it was itself like.
        gaps: Times of which nothing is known, as (from, to) in seconds since the start.
    """

    name: str
    state: NodeState
    users: UserCounts
    health: HealthSummary
    gaps: tuple[tuple[float, float], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Summary:
    """A run that is over, or as far as it has come.

    Attributes:
        run_id: Names the run.
        scenario: Name of the scenario.
        settings: Its settings, secrets masked.
        started_at: Wall clock at the start, seconds since the epoch.
        duration_s: From loading the scenario to the return of ``teardown``, in seconds.
        exit_code: As in the README; 0 when it ended as asked, None while it goes on.
        exit_reason: Why it ended.
        users: What became of the users.
        operations: What the users did, by name.
        counters, gauges: What the scenario counted and set, by name.
        checks: How often (held, did not hold) what the scenario checked, by name.
        throttles: The throttles of the run, by name.
        errors: The failures, grouped, the most frequent first; those of ``terminate`` and
            ``teardown`` too.
        nodes: Each node's part.
        health: What the generator itself was like; with several nodes, the worst of them.
        events: What was changed while it ran, 1000 changes at the most.
    """

    run_id: str
    scenario: str
    settings: Mapping[str, Any]
    started_at: float
    duration_s: float
    exit_code: int | None
    exit_reason: str
    users: UserCounts
    operations: Mapping[str, OperationSummary]
    counters: Mapping[str, float]
    gauges: Mapping[str, float]
    checks: Mapping[str, tuple[int, int]]
    throttles: Mapping[str, ThrottleInfo]
    errors: tuple[FailureGroup, ...]
    nodes: tuple[NodeSummary, ...]
    health: HealthSummary
    events: tuple[Change, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as plain values, in the shape of ``summary.json``."""
        ended_at = None if self.exit_code is None else self.started_at + self.duration_s
        return {
            "schema": SCHEMA,
            "crowsg": version("crowsg"),
            "python": platform.python_version(),
            "run_id": self.run_id,
            "scenario": self.scenario,
            "settings": plain(dict(self.settings)),
            "started_at": _moment(self.started_at),
            "ended_at": None if ended_at is None else _moment(ended_at),
            "duration_s": self.duration_s,
            "exit_code": self.exit_code,
            "exit_reason": self.exit_reason,
            "users": self.users.as_dict(),
            "operations": {name: each.as_dict() for name, each in self.operations.items()},
            "counters": plain(dict(self.counters)),
            "gauges": plain(dict(self.gauges)),
            "checks": {
                name: {"passed": passed, "failed": failed}
                for name, (passed, failed) in self.checks.items()
            },
            "throttles": {name: each.as_dict() for name, each in self.throttles.items()},
            "errors": [asdict(group) for group in self.errors],
            "nodes": [each.as_dict() for each in self.nodes],
            "health": self.health.as_dict(),
            "events": [each.as_dict() for each in self.events],
        }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: anybody's objects as text, numbers that are none too."""
    if isinstance(value, Rate):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {
            key if isinstance(key, str) else line_of(key): plain(item)
            for key, item in value.items()
        }
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float | str | None) else shown(value)
