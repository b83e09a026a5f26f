"""What became of one operation, a timed thing that users do, and how long it took."""

from collections.abc import Callable
from typing import Any, Protocol, Self

import gevent

from crowsg.metrics.histogram import Histogram
from crowsg.metrics.names import MAX_NAMES, OTHER
from crowsg.text import line_of

Moment = float | Any
"""A moment of the monotonic clock in seconds, or whatever has one as ``due``."""


class Holder(Protocol):
    """Who is not to be stopped in the middle of an operation: the user."""

    def hold(self) -> None:
        """Let a stop wait."""

    def release(self) -> None:
        """Let a stop that waited through."""


class Operation:
    """The samples of one operation on one node. Plain slots: greenlets are not preempted.

    Attributes:
        failures: Failed samples by kind, at most 200 kinds.
        interrupted: Samples cut by a stop or a kill: neither ok nor failed, and without duration.
        ok, failed: Service times, from the beginning to the end.
        response: Response times, from the intended moment to the end, where there was one.
        late_ns: By how much beginnings came after their intended moments, added up.
    """

    __slots__ = ("failed", "failures", "interrupted", "late_ns", "ok", "response")

    def __init__(self) -> None:
        self.ok = Histogram()
        self.failed = Histogram()
        self.response = Histogram()
        self.failures: dict[str, int] = {}
        self.interrupted = 0
        self.late_ns = 0

    def record(self, service_ns: int, failure: str, response_ns: int | None) -> None:
        """Count one sample.

        Args:
            service_ns: From the beginning to the end.
            failure: Kind of the failure, "" for none.
            response_ns: From the intended moment to the end, None where there was none.
        """
        if failure:
            self.failed.record(service_ns)
            self._count_failure(failure)
        else:
            self.ok.record(service_ns)
        if response_ns is not None:
            self.response.record(response_ns)
            self.late_ns += max(0, response_ns - service_ns)

    @property
    def count(self) -> int:
        """How many samples there are, whatever became of them."""
        return self.ok.total + self.failed.total + self.interrupted

    def service(self) -> Histogram:
        """Return the service times of the samples that came to an end, ok or failed."""
        merged = Histogram()
        merged.merge(self.ok)
        merged.merge(self.failed)
        return merged

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
        self._due_ns = None if since is None else moment_ns(since)
        self._holder = holder
        self._failure = ""
        self._began_ns = 0

    def fail(self, kind: str) -> None:
        """Let the sample count as failed.

        Args:
            kind: A word for what went wrong; few of them, as each is counted by itself.
        """
        self._failure = line_of(kind) or "failed"

    def __enter__(self) -> Self:
        if self._holder is not None:
            self._holder.hold()
        self._failure = ""
        self._began_ns = self._now_ns()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        now_ns = self._now_ns()
        if kind is None or self._is_failure(kind):
            due_ns = self._due_ns
            response_ns = None if due_ns is None else now_ns - due_ns
            self._operation.record(now_ns - self._began_ns, self._failure, response_ns)
        else:
            self._operation.interrupted += 1
        if self._holder is not None:
            self._holder.release()

    def _is_failure(self, kind: type[BaseException]) -> bool:
        self._failure = self._failure or line_of(kind.__name__)
        return not issubclass(kind, gevent.GreenletExit)


def moment_ns(since: Moment) -> int:
    """Return an intended moment in nanoseconds of the clock."""
    moment = since if type(since) is float else getattr(since, "due", since)
    return int(moment * 1e9)


class Check:
    """How often a condition held."""

    __slots__ = ("failed", "passed")

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0
