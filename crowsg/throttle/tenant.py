"""The end of a lease on one node: what is granted by it, for how long, and what is told back."""

from collections import deque
from collections.abc import Callable

from crowsg.clock import Clock, Timer
from crowsg.throttle.gate import FOREVER_NS, Gate
from crowsg.throttle.lease import NOTHING, TTL_NS, Lease, Report

_REMEMBERED_NS = 2 * TTL_NS
_PAUSE_NS = 5_000_000
"""Between two reports that tell of a need."""


class Ways:
    """How long a report takes to the throttle process, and its answer back."""

    _FEWEST, _MOST = 10, 100

    def __init__(self) -> None:
        self._last: deque[int] = deque(maxlen=self._MOST)

    def note(self, way_ns: int) -> None:
        """Take one of them."""
        self._last.append(way_ns)

    @property
    def quickest_ns(self) -> int:
        """The quickest of the last, 0 before there are enough to tell; in nanoseconds."""
        return min(self._last) if len(self._last) >= self._FEWEST else 0


class Tenant:
    """Lets a gate go by the leases that come, and reports how it stands.

    Args:
        clock: Tells and waits.
        gate: What grants the permits.
        granted: How many permits were used so far.
        tell: Sends a report to the throttle process; must not block.
    """

    def __init__(
        self,
        clock: Clock,
        gate: Gate,
        granted: Callable[[], int],
        tell: Callable[[Report], object],
    ) -> None:
        self._clock = clock
        self._gate = gate
        self._granted = granted
        self._tell = tell
        self._epoch = 0
        self._sequence = 0
        self._terms = NOTHING
        # By the clock, so that no report of a tenant before it on this node counts higher.
        self._number = clock.now_ns()
        # When each of the last reports was sent: what an answer to it counts from.
        self._sent_ns: dict[int, int] = {}
        self._told_ns = -_PAUSE_NS
        self._is_asking = self._is_closed = False
        self._ways = Ways()
        self._ends_ns: int | None = None
        self._timer: Timer | None = None
        gate.on_need = self._tell_need

    @property
    def is_closed(self) -> bool:
        """Whether it grants nothing any more, whatever comes."""
        return self._is_closed

    def hold(self, lease: Lease) -> bool:
        """Go by a lease from now on, unless a later one came before it or it has run out.

        Returns:
            Whether it counts.

        Blocks: never.
        """
        if (lease.epoch, lease.sequence) <= (self._epoch, self._sequence):
            return False
        if lease.answers in self._sent_ns:
            self._ways.note(self._way_ns(lease, self._clock.now_ns()))
        ends_ns = self._end_of(lease)
        if ends_ns is not None and ends_ns <= self._clock.now_ns():
            return False
        begins = lease.epoch != self._epoch
        if begins:
            self._gate.begin_epoch()
        # Who came since the last one ended stands in line, though no timer has seen the end yet.
        had_ended = self._gate.ends_ns <= self._clock.now_ns()
        self._epoch, self._sequence = lease.epoch, lease.sequence
        self._ends_ns = ends_ns
        self._gate.ends_ns = FOREVER_NS if ends_ns is None else ends_ns
        self._watch()
        if begins or had_ended or lease.terms != self._terms:
            self._terms = lease.terms
            self._gate.go_by(lease.terms, self._moment_of_the_last_single(lease))
            self.report()
        return True

    def report(self) -> None:
        """Tell the throttle process how this node stands.

        Blocks: never.
        """
        self._number += 1
        self._remember(self._number, self._clock.now_ns())
        gate = self._gate
        gate.return_stale()
        self._tell(
            Report(
                self._number,
                self._epoch,
                self._sequence,
                gate.waiting,
                self._granted(),
                gate.held,
                gate.singles_used,
                gate.singles_returned,
            )
        )

    def close(self) -> None:
        """Grant nothing any more, and let those who wait know it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._is_closed = True
        self._gate.close()

    def _remember(self, number: int, now_ns: int) -> None:
        self._sent_ns[number] = self._told_ns = now_ns
        # What is answered later than this could not begin a lease any more.
        while now_ns - next(iter(self._sent_ns.values())) > _REMEMBERED_NS:
            del self._sent_ns[next(iter(self._sent_ns))]

    def _tell_need(self) -> None:
        # Who has everything, and for ever, has nothing to gain by asking.
        if self._is_asking or (self._ends_ns is None and self._epoch):
            return
        # Not for each of many who wait for a moment only: one report tells of all.
        wait_ns = self._told_ns + _PAUSE_NS - self._clock.now_ns()
        if wait_ns <= 0:
            self.report()
        else:
            self._is_asking = True
            self._clock.call_later(wait_ns, self._ask)

    def _ask(self) -> None:
        self._is_asking = False
        if not self._is_closed:
            self.report()

    def _end_of(self, lease: Lease) -> int | None:
        if lease.ttl_ns is None:
            return None
        # A report that is not remembered was sent too long ago to be answered by a lease.
        return self._sent_ns.get(lease.answers, -lease.ttl_ns) + lease.ttl_ns

    def _moment_of_the_last_single(self, lease: Lease) -> int:
        """Return when it was due; the way there and back counts as far as it was slow."""
        now_ns = self._clock.now_ns()
        return now_ns - lease.age_ns - self._way_ns(lease, now_ns) + self._ways.quickest_ns

    def _way_ns(self, lease: Lease, now_ns: int) -> int:
        return max(0, now_ns - self._sent_ns.get(lease.answers, now_ns) - lease.kept_ns)

    def _watch(self) -> None:
        if self._ends_ns is not None and self._timer is None:
            delay_ns = self._ends_ns - self._clock.now_ns()
            self._timer = self._clock.call_later(delay_ns, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._ends_ns is not None and self._ends_ns <= self._clock.now_ns():
            self._terms = NOTHING
            self._gate.go_by(NOTHING)
        else:
            self._watch()
