"""Everything on record of one run."""

from crowsg.clock import SECOND, Breather, Clock
from crowsg.metrics.figures import OperationSummary, summary_of
from crowsg.metrics.names import spelled
from crowsg.record.changes import Changes
from crowsg.record.sample import Sample, Window
from crowsg.record.subject import Subject
from crowsg.summary import Summary
from crowsg.telemetry.bus import Bus

RUNNING = "running"


class RunRecord:
    """Looks at a node, or at several, while a run goes on, and sums up.

    Attributes:
        began_ns: When the run began, in nanoseconds of the clock.
        changes: What was changed.
        subject: Who is looked at.

    Args:
        node: Name of this node.
        clock: Tells when.
        telemetry: Tells of changes.
        subject: Who is looked at.
    """

    def __init__(self, node: str, clock: Clock, telemetry: Bus, subject: Subject) -> None:
        self._node = node
        self._clock = clock
        self._telemetry = telemetry
        self.subject = subject
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
        return self.subject.is_saturated

    def sample(self) -> Sample:
        """Return the time since the last sample.

        Blocks: between two operations, so that many of them hold up nobody.
        """
        subject = self.subject
        subject.refresh()
        operations, everything = self._window.take(subject.operations)
        # No switch from here to the end: all of this is of one moment.
        from_s, self._sampled_s = self._sampled_s, self.elapsed_s()
        reading = subject.reading(from_s, self._sampled_s)
        return Sample(
            from_s,
            self._sampled_s,
            subject.status(),
            operations,
            everything,
            subject.failures(),
            reading,
            subject.workers,
        )

    def summary(self, exit_code: int | None = None, exit_reason: str = RUNNING) -> Summary:
        """Sum up the run so far, or, with an exit code, for good.

        Blocks: between two operations, so that many of them hold up nobody.
        """
        subject = self.subject
        subject.refresh()
        seconds = self.elapsed_s()
        operations = self._operations(seconds)
        status = subject.status()
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
            counters=subject.counters(),
            gauges=subject.gauges(),
            checks=subject.checks(),
            throttles=status.throttles,
            errors=subject.failures(),
            nodes=subject.nodes(),
            health=subject.health(),
            events=self.changes.noted(),
        )

    def _operations(self, seconds: float) -> dict[str, OperationSummary]:
        breather = Breather(self._clock)
        summaries = {}
        for key, operation in list(self.subject.operations.items()):
            summaries[spelled(key)] = summary_of(operation, seconds)
            breather.breathe()
        return summaries

    def _restart_samples(self) -> None:
        self._sampled_s = 0.0
        self._window = Window(self._clock)
        self.subject.begin(self.began_ns)
