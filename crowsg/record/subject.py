"""What a record is of: a lone node, or all nodes of a run taken together."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from crowsg.clock import SECOND, Clock
from crowsg.controller.status import Status
from crowsg.health.monitor import Health, Reading
from crowsg.health.record import HealthRecord, HealthSummary
from crowsg.metrics.failures import FailureGroup
from crowsg.metrics.lives import Life
from crowsg.metrics.names import Key, spelled
from crowsg.metrics.operation import Operation
from crowsg.metrics.recorder import Recorder, values_of
from crowsg.summary import NodeSummary


class Ended(Protocol):
    """The users of a run that ended."""

    def keep(self) -> None:
        """Keep each from now on, for ``take``: whoever asks for it must go on taking."""

    def discard(self) -> None:
        """Keep no more of them."""

    def take(self) -> Mapping[str, list[Life | range]]:
        """Return, by node, those that were kept since the last call; see ``Lives.take``."""


class Subject(Protocol):
    """Who is looked at while a run goes on. All but ``refresh`` tell of the same moment."""

    @property
    def operations(self) -> Mapping[Key, Operation]:
        """What users do, by name."""

    @property
    def ended(self) -> Ended:
        """The users that ended."""

    @property
    def workers(self) -> int:
        """How many other nodes carry the users; 0 for a lone node."""

    @property
    def is_saturated(self) -> bool:
        """Whether the generator was the limit in any second so far."""

    def begin(self, began_ns: int) -> None:
        """Begin the records of health anew, of a run that began at a moment of the clock."""

    def refresh(self) -> None:
        """Bring up to now what is not told at once.

        Blocks: between two operations, so that many of them hold up nobody.
        """

    def reading(self, from_s: float, to_s: float) -> Reading:
        """Return what the generator was like in a second of the run, and put it on record."""

    def status(self) -> Status:
        """Return where the run stands."""

    def counters(self) -> dict[str, float]:
        """Return what was counted, by spelled name."""

    def gauges(self) -> dict[str, float]:
        """Return what gauges stand at, by spelled name."""

    def checks(self) -> dict[str, tuple[int, int]]:
        """Return how often each check held, and how often not, by spelled name."""

    def failures(self) -> tuple[FailureGroup, ...]:
        """Return copies of the failures, in seconds since the run began."""

    def health(self) -> HealthSummary:
        """Sum up what the generator was like so far."""

    def nodes(self) -> tuple[NodeSummary, ...]:
        """Return each node's part."""


class LoneNode:
    """A node that carries all users of its runs itself.

    Attributes:
        operations: What they do.
        ended: Those that ended.
        workers: None.

    Args:
        name: Name of the node.
        clock: Tells when.
        status: Tells where the node stands.
        recorder, health: What there is to look at.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        status: Callable[[], Status],
        recorder: Recorder,
        health: Health,
    ) -> None:
        self._name = name
        self._recorder = recorder
        self._watched = health
        self.status = status
        self.operations: Mapping[Key, Operation] = recorder.operations
        self.ended: Ended = _OwnUsers(name, recorder)
        self.workers = 0
        self.begin(clock.now_ns())

    @property
    def is_saturated(self) -> bool:
        """Whether the node was the limit in any second so far."""
        return self._health.is_saturated

    def begin(self, began_ns: int) -> None:
        """Begin the record of health anew."""
        self._began_ns = began_ns
        self._health = HealthRecord(self._watched, began_ns)

    def refresh(self) -> None:
        """Do nothing: all is told as it is."""

    def reading(self, from_s: float, to_s: float) -> Reading:
        """Return what the node was like in a second, and put it on record."""
        reading = self._watched.reading()
        self._health.add(reading, from_s, to_s)
        return reading

    def counters(self) -> dict[str, float]:
        """Return what was counted."""
        return values_of(self._recorder.counters)

    def gauges(self) -> dict[str, float]:
        """Return what gauges stand at."""
        return values_of(self._recorder.gauges)

    def checks(self) -> dict[str, tuple[int, int]]:
        """Return how often each check held, and how often not."""
        checks = self._recorder.checks
        return {spelled(key): (each.passed, each.failed) for key, each in checks.items()}

    def failures(self) -> tuple[FailureGroup, ...]:
        """Return copies of the failures."""
        # The groups themselves go on counting, and from when the scenario was loaded.
        failures = self._recorder.failures
        loaded_s = (failures.began_ns - self._began_ns) / SECOND
        return tuple(
            replace(each, first_s=each.first_s + loaded_s, last_s=each.last_s + loaded_s)
            for each in failures.groups()
        )

    def health(self) -> HealthSummary:
        """Sum up what the node was like."""
        return self._health.summary()

    def nodes(self) -> tuple[NodeSummary, ...]:
        """Return the node as the only one."""
        status = self.status()
        return (NodeSummary(self._name, status.state, status.users, self.health()),)


class _OwnUsers:
    def __init__(self, name: str, recorder: Recorder) -> None:
        self._name = name
        self._lives = recorder.lives
        self.keep, self.discard = self._lives.keep, self._lives.discard

    def take(self) -> Mapping[str, list[Life | range]]:
        return {self._name: self._lives.take()}
