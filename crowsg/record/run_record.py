"""Everything on record of one run of a node."""

from collections.abc import Callable
from dataclasses import replace

from crowsg.clock import SECOND, Breather, Clock
from crowsg.controller.status import Status
from crowsg.health.monitor import Health
from crowsg.health.record import HealthRecord
from crowsg.metrics.failures import FailureGroup
from crowsg.metrics.figures import OperationSummary, summary_of
from crowsg.metrics.names import spelled
from crowsg.metrics.recorder import Recorder, values_of
from crowsg.record.changes import Changes
from crowsg.record.sample import Sample, Window
from crowsg.summary import NodeSummary, Summary
from crowsg.telemetry.bus import Bus

RUNNING = "running"


class RunRecord:
    """Looks at the services of a node while it runs, and sums up.

    Attributes:
        began_ns: When the run began, in nanoseconds of the clock.
        changes: What was changed.

    Args:
        node: Name of the node.
        clock: Tells when.
        telemetry: Tells of changes.
        status: Tells where the node stands.
        recorder, health: What there is to look at.
    """

    def __init__(
        self,
        node: str,
        clock: Clock,
        telemetry: Bus,
        status: Callable[[], Status],
        recorder: Recorder,
        health: Health,
    ) -> None:
        self._node = node
        self._clock = clock
        self._telemetry = telemetry
        self._status = status
        self._recorder = recorder
        self._health = health
        self._run_id = self._scenario = ""
        self.began_ns = clock.now_ns()
        self._started_at = 0.0
        self._sampled_s = 0.0
        self.changes = Changes(node, self.elapsed_s)
        self._restart_samples()

    def begin(self, run_id: str, scenario: str) -> None:
        """Begin the record of a run; the scenario is named as it was asked for."""
        self._run_id, self._scenario = run_id, scenario
        self.began_ns = self._clock.now_ns()
        self._started_at = self._clock.wall()
        self.changes = Changes(self._node, self.elapsed_s)
        self.changes.attach(self._telemetry)
        self._restart_samples()

    def begin_samples(self) -> None:
        """Let the first sample, and the records of health, begin now: users are about to start."""
        self._restart_samples()
        self._sampled_s = self.elapsed_s()

    def end(self) -> None:
        """Take nothing more on record."""
        self.changes.detach(self._telemetry)

    def elapsed_s(self) -> float:
        """Return the seconds since the start of the run."""
        return (self._clock.now_ns() - self.began_ns) / SECOND

    @property
    def is_saturated(self) -> bool:
        """Whether the generator was the limit in any second so far."""
        return self._health_record.is_saturated

    def sample(self) -> Sample:
        """Return the time since the last sample.

        Blocks: between two operations, so that many of them hold up nobody.
        """
        operations, everything = self._window.take()
        # No switch from here to the end: all of this is of one moment.
        from_s, self._sampled_s = self._sampled_s, self.elapsed_s()
        reading = self._health.reading()
        self._health_record.add(reading, from_s, self._sampled_s)
        return Sample(
            from_s,
            self._sampled_s,
            self._status(),
            operations,
            everything,
            self._errors(),
            reading,
        )

    def summary(self, exit_code: int | None = None, exit_reason: str = RUNNING) -> Summary:
        """Sum up the run so far, or, with an exit code, for good.

        Blocks: between two operations, so that many of them hold up nobody.
        """
        seconds = self.elapsed_s()
        operations = self._operations(seconds)
        recorder, status, health = self._recorder, self._status(), self._health_record.summary()
        return Summary(
            run_id=self._run_id,
            scenario=status.scenario or self._scenario,
            settings=status.settings,
            started_at=self._started_at,
            duration_s=seconds,
            exit_code=exit_code,
            exit_reason=exit_reason,
            users=status.users,
            operations=operations,
            counters=values_of(recorder.counters),
            gauges=values_of(recorder.gauges),
            checks={
                spelled(key): (each.passed, each.failed) for key, each in recorder.checks.items()
            },
            throttles=status.throttles,
            errors=self._errors(),
            nodes=(NodeSummary(self._node, status.state, status.users, health),),
            health=health,
            events=self.changes.noted(),
        )

    def _operations(self, seconds: float) -> dict[str, OperationSummary]:
        breather = Breather(self._clock)
        summaries = {}
        for key, operation in list(self._recorder.operations.items()):
            summaries[spelled(key)] = summary_of(operation, seconds)
            breather.breathe()
        return summaries

    def _errors(self) -> tuple[FailureGroup, ...]:
        # Copies: the groups themselves go on counting, and from when the scenario was loaded.
        failures = self._recorder.failures
        loaded_s = (failures.began_ns - self.began_ns) / SECOND
        return tuple(
            replace(each, first_s=each.first_s + loaded_s, last_s=each.last_s + loaded_s)
            for each in failures.groups()
        )

    def _restart_samples(self) -> None:
        self._sampled_s = 0.0
        self._window = Window(self._clock, self._recorder.operations)
        self._health_record = HealthRecord(self._health, self.began_ns)
