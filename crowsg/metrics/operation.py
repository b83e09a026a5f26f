"""What became of one operation, a timed thing that users do, and how long it took."""

from collections.abc import Callable
from math import floor
from typing import Any, Protocol, Self

import gevent

from crowsg.metrics.histogram import Histogram
from crowsg.metrics.names import MAX_NAMES, OTHER
from crowsg.text import line_of

Moment = float | Any
"""A moment of the monotonic clock in seconds, or whatever has one as ``due``."""


class Holder(Protocol):
    """Who is not to be stopped in the middle of an operation: the user.

    Attributes:
        stop_is_due: Whether a stop waits to be raised.
        held: How many operations let it wait.
    """

    stop_is_due: bool
    held: int

    def refuse_to_begin(self) -> None:
        """Raise a stop that is due, unless an operation is going on."""

    def release(self) -> None:
        """Let a stop that waited through."""


class Operation:
    """The samples of one operation on one node. Plain slots: greenlets are not preempted.

    Attributes:
        ok, failed: Service times, from the beginning to the end.
        interrupted: How long samples had lasted that were cut by a stop or a kill: neither ok nor
            failed.
        failures: Failed samples by kind, at most 200 kinds.
        response: Response times, from the intended moment to the end, where there was one.
        dropped: Calls that an open model had no room for, and so never began.
        late_ns: By how much beginnings came after their intended moments, added up.
    """

    __slots__ = ("dropped", "failed", "failures", "interrupted", "late_ns", "ok", "response")

    def __init__(self) -> None:
        self.ok = Histogram()
        self.failed = Histogram()
        self.response = Histogram()
        self.failures: dict[str, int] = {}
        self.interrupted = Histogram()
        self.late_ns = 0
        self.dropped = 0

    def record(self, service_ns: int, failure: str, response_ns: int | None) -> None:
        """Count one sample.

        Args:
            service_ns: From the beginning to the end.
            failure: Kind of the failure, "" for none.
            response_ns: From the intended moment to the end, None where there was none. One that
                lies ahead of the end counts as the end itself.
        """
        if failure:
            self.failed.record(service_ns)
            self._count_failure(failure)
        else:
            self.ok.record(service_ns)
        if response_ns is not None:
            self.response.record(max(0, response_ns))
            self.late_ns += max(0, response_ns - service_ns)

    @property
    def count(self) -> int:
        """How many samples there are, whatever became of them."""
        return self.ok.total + self.failed.total + self.interrupted.total

    def service(self) -> Histogram:
        """Return the service times of the samples that came to an end, ok or failed; to be read."""
        if not self.failed.counts:
            return self.ok
        merged = Histogram()
        merged.merge(self.ok)
        merged.merge(self.failed)
        return merged

    def merge(self, other: "Operation") -> None:
        """Add the samples of ``other``, kinds of failures aside."""
        self.ok.merge(other.ok)
        self.failed.merge(other.failed)
        self.interrupted.merge(other.interrupted)
        self.response.merge(other.response)
        self.late_ns += other.late_ns
        self.dropped += other.dropped

    def copy(self) -> "Operation":
        """Return an operation with the same samples, kinds of failures aside."""
        twin = Operation()
        twin.ok, twin.failed = self.ok.copy(), self.failed.copy()
        twin.interrupted, twin.response = self.interrupted.copy(), self.response.copy()
        twin.late_ns, twin.dropped = self.late_ns, self.dropped
        return twin

    def differs_from(self, earlier: "Operation") -> bool:
        """Whether samples came after ``earlier`` was copied from this one."""
        return (
            self.ok.counts != earlier.ok.counts
            or self.failed.counts != earlier.failed.counts
            or self.interrupted.counts != earlier.interrupted.counts
        )

    def since(self, earlier: "Operation") -> "Operation":
        """Return the samples that came after ``earlier`` was copied from this one."""
        recent = Operation()
        recent.ok, recent.failed = self.ok.since(earlier.ok), self.failed.since(earlier.failed)
        recent.interrupted = self.interrupted.since(earlier.interrupted)
        recent.response = self.response.since(earlier.response)
        recent.late_ns = self.late_ns - earlier.late_ns
        recent.dropped = self.dropped - earlier.dropped
        return recent

    def _count_failure(self, kind: str) -> None:
        if kind not in self.failures and len(self.failures) >= MAX_NAMES:
            kind = OTHER
        self.failures[kind] = self.failures.get(kind, 0) + 1


class Timing:
    """One sample while it is taken; see ``metrics.time``.

    Args:
        operation: Where the sample goes.
        now_ns: The clock.
        since: The intended moment, None for none.
        holder: The user whose stop waits for the end, None outside of users.
    """

    __slots__ = ("_began_ns", "_due_ns", "_failure", "_holder", "_now_ns", "_operation")

    def __init__(
        self,
        operation: Operation,
        now_ns: Callable[[], int],
        since: Moment | None,
        holder: Holder | None,
    ) -> None:
        self._operation = operation
        self._now_ns = now_ns
        self._due_ns = since if since is None else moment_ns(since)
        self._holder = holder

    def fail(self, kind: str) -> None:
        """Let the sample count as failed.

        Args:
            kind: A word for what went wrong; few of them, as each is counted by itself.
        """
        self._failure = line_of(kind) or "failed"

    def __enter__(self) -> Self:
        holder = self._holder
        if holder is not None:
            if holder.stop_is_due:
                holder.refuse_to_begin()
            # Counted here and not by a method: it would cost a tenth of the whole sample.
            holder.held += 1
        self._failure = ""
        self._began_ns = self._now_ns()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        now_ns = self._now_ns()
        if kind is None and not self._failure and self._due_ns is None:
            self._operation.ok.record(now_ns - self._began_ns)
        else:
            self._record(now_ns, kind)
        holder = self._holder
        if holder is not None:
            holder.held -= 1
            if holder.stop_is_due:
                holder.release()

    def _record(self, now_ns: int, kind: type[BaseException] | None) -> None:
        service_ns = now_ns - self._began_ns
        if kind is not None and issubclass(kind, gevent.GreenletExit):
            self._operation.interrupted.record(service_ns)
            return
        if kind is not None and not self._failure:
            self._failure = line_of(kind.__name__)
        response_ns = None if self._due_ns is None else now_ns - self._due_ns
        self._operation.record(service_ns, self._failure, response_ns)


def moment_ns(since: Moment) -> int:
    """Return an intended moment in nanoseconds of the clock."""
    return floor((since if type(since) is float else getattr(since, "due", since)) * 1e9)


class Check:
    """How often a condition held."""

    __slots__ = ("failed", "passed")

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0
