"""Runs that go on while a test moves the clock, who watches them, and a clock that code takes."""

from collections.abc import Callable, Iterable
from typing import Any

import gevent

from crowsg.clock import to_ns
from crowsg.errors import CrowsgError
from crowsg.metrics.operation import Operation
from crowsg.node import Node
from crowsg.one_run import Observer, OneRun, RunOptions
from crowsg.record.sample import Sample
from crowsg.summary import Summary
from crowsg.testing import ManualClock
from tests.support.nodes import UNLIMITED, Bench


class Witness:
    """An observer that remembers what it was shown."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.ends: list[Summary | None] = []

    def see(self, sample: Sample) -> None:
        """Remember a sample."""
        self.samples.append(sample)

    def end(self, summary: Summary | None) -> None:
        """Remember the end."""
        self.ends.append(summary)

    def recorded(self) -> dict[str, tuple[int, int, int]]:
        """Return (ok, failed, interrupted) of each operation, added up over all samples."""
        sums: dict[str, tuple[int, int, int]] = {}
        for sample in self.samples:
            for name, each in sample.operations.items():
                ok, failed, interrupted = sums.get(name, (0, 0, 0))
                sums[name] = (ok + each.ok, failed + each.failed, interrupted + each.interrupted)
        return sums


class Execution:
    """A run that goes on while the test moves the clock."""

    def __init__(
        self,
        bench: Bench,
        scenario: Any,
        *,
        users: int = 1,
        settings: dict[str, Any] | None = None,
        observers: Iterable[Observer] = (),
        **options: Any,
    ) -> None:
        self.witness = Witness()
        given = {**UNLIMITED, **(settings or {})}
        asked = RunOptions(scenario, 1, users, given, run_id="run-1", **options)
        self.run: OneRun = bench.node.one_run(asked, [*observers, self.witness])
        self.greenlet = gevent.spawn(self._execute)
        self._failure: BaseException | None = None
        bench.clock.advance(0)

    def _execute(self) -> Summary | None:
        try:
            return self.run.execute()
        except (CrowsgError, gevent.Timeout) as error:
            self._failure = error
            return None

    @property
    def is_over(self) -> bool:
        """Whether it came to an end."""
        return bool(self.greenlet.ready())

    def summary(self) -> Summary:
        """Return what it came to, or raise what it died of."""
        assert self.is_over
        if self._failure is not None:
            raise self._failure
        summary = self.greenlet.value
        assert isinstance(summary, Summary)
        return summary


def summary_of_run(bench: Bench, scenario: Any, seconds: float = 0, **options: Any) -> Summary:
    """Return what a run came to that is over within ``seconds``."""
    execution = Execution(bench, scenario, **options)
    bench.clock.advance(seconds)
    return execution.summary()


def counts_of(summary: Summary) -> dict[str, tuple[int, int, int]]:
    """Return (ok, failed, interrupted) of each operation of a run that recorded any."""
    return {
        name: (each.ok, each.failed, each.interrupted)
        for name, each in summary.operations.items()
        if each.count
    }


def operation_of(*, ok: int = 0, failed: int = 0, ms: int = 10) -> Operation:
    """Return an operation of samples that all took ``ms``."""
    operation = Operation()
    for _ in range(ok):
        operation.record(to_ns(ms / 1000), "", None)
    for _ in range(failed):
        operation.record(to_ns(ms / 1000), "refused", None)
    return operation


class BusyClock(ManualClock):
    """Time that code takes too, and a say in what others do meanwhile.

    Attributes:
        on_look: Called at every look at the clock; what it wakes runs when somebody lets it.

    Args:
        look_s: What each look at the clock takes, in seconds.
    """

    def __init__(self, look_s: float = 0.0) -> None:
        super().__init__()
        self._look_s = look_s
        self._reached_ns = 0
        self.on_look: Callable[[], object] = lambda: None

    def spend(self, seconds: float) -> None:
        """Let time pass in which nothing else runs."""
        self._now_ns += to_ns(seconds)
        self._reached_ns = max(self._reached_ns, self._now_ns)

    def now_ns(self) -> int:
        """Return the moment, a look later."""
        self.spend(self._look_s)
        self.on_look()
        return super().now_ns()

    def advance(self, seconds: float) -> None:
        """Move on as ever, but not back behind what code took."""
        super().advance(seconds)
        self._now_ns = max(self._now_ns, self._reached_ns)


class BusyBench(Bench):
    """A node on a clock that code takes time of."""

    clock: BusyClock

    def __init__(self, look_s: float = 0.0) -> None:
        self.clock = BusyClock(look_s)
        self.node = Node("test@localhost", clock=self.clock, environment={})
