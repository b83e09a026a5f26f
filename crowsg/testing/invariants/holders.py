"""I7: no more permits are held at once than there are."""

from collections.abc import Iterator, Sequence

from crowsg.clock import SECOND, to_ns
from crowsg.testing.invariants.evidence import Evidence, Hit, Life
from crowsg.testing.invariants.rates import hits_of_throttles, rates_of
from crowsg.testing.invariants.verdict import Limits, Violation
from crowsg.testing.invariants.windows import InForce

BEGIN, END, WANT, GONE = "begin", "end", "want", "gone"


def holders_are_limited(evidence: Evidence, limits: Limits) -> Iterator[Violation]:
    """I7: no more permits of a parallel throttle are held than there are, and none leaks.

    Reads: hits ``begin`` and ``end`` with ``throttle`` and ``user``, one ``begin`` behind each
    ``wait``, one ``end`` before each release; ``want`` before each ``wait``, where told; the
    ``rate`` notes of the throttle; ``end`` of users; ``lost``; the last sign of each life.
    Holds: at every moment, as it was told, the users that hold a permit are <= the highest number
    in force (0.4 s longer than it was set). One that ended, or whose process was seen for the last
    time or was given up by the master, holds none (I11 sees to it that it does nothing). Where
    wants are told, there is no time longer than 12 s (dead after 10 s, and 2 s) in which a user
    wants a permit while fewer than the lowest number are held.
    Cannot see: permits that are held twice by one user; leaks where no wants are told.
    """
    hits = hits_of_throttles(evidence)
    for throttle, rates in rates_of(evidence, limits).items():
        if any(rate.interval == 0 and rate.permits != float("inf") for rate in rates):
            holding = _Holding(throttle[1], rates, to_ns(limits.dead_s + 2.0))
            for change in _changes(hits.get(throttle, []), evidence):
                yield from holding.take(*change)


class _Holding:
    """Who wants and who holds a permit, as time goes by."""

    def __init__(self, name: str, rates: Sequence[InForce], patience_ns: int) -> None:
        self._name = name
        self._rates = rates
        self._patience_ns = patience_ns
        self._holders: set[object] = set()
        self._wanting: set[object] = set()
        self._idle_since: int | None = None

    def take(self, moment: int, what: str, who: object) -> Iterator[Violation]:
        """Take the next change, and yield what it shows."""
        limits = self._limits(moment)
        yield from self._leak(moment)
        self._wanting.discard(who)
        if what == WANT:
            self._wanting.add(who)
        if what == BEGIN and who not in self._holders:
            self._holders.add(who)
            if len(self._holders) > max(limits):
                text = f"{len(self._holders)} permits are held of {max(limits):g}"
                yield Violation("I7", moment, self._name, text)
        elif what != BEGIN:
            self._holders.discard(who)
        is_idle = bool(self._wanting) and len(self._holders) < min(limits)
        if not is_idle:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = moment

    def _leak(self, moment: int) -> Iterator[Violation]:
        since = self._idle_since
        if since is not None and moment - since > self._patience_ns:
            self._idle_since = None
            text = f"only {len(self._holders)} were held for {(moment - since) / SECOND:.1f} s"
            yield Violation("I7", since, self._name, f"{text}, though more were wanted")

    def _limits(self, moment: int) -> list[float]:
        """Return the numbers of permits that may have been in force."""
        found = [
            float("inf") if rate.interval else rate.permits
            for rate in self._rates
            if rate.since <= moment < rate.until
        ]
        return found or [float("inf")]


def _changes(hits: Sequence[Hit], evidence: Evidence) -> list[tuple[int, str, object]]:
    """Return (moment, event, who), the earliest first; a process that is gone holds nothing."""
    ends = {(note.run, note["user"]): note.t for _, note in evidence.of("end")}
    signs: dict[Life | None, int] = {life: life.last_sign for life in evidence.lives}
    for hit in evidence.hits:
        if hit.life is not None:
            signs[hit.life] = max(signs[hit.life], hit.at)
    losses = evidence.losses
    changes: list[tuple[int, str, object]] = []
    for hit in hits:
        who = hit.run, hit.fields.get("user")
        if hit.event in (BEGIN, END, WANT):
            changes.append((hit.at, hit.event, who))
            over = [ends.get(who, signs.get(hit.life)), _loss_after(hit, losses)]
            gone = min((moment for moment in over if moment is not None), default=None)
            if hit.event != END and gone is not None:
                # Behind whatever it did in that moment.
                changes.append((max(gone, hit.at) + 1, GONE, who))
    return sorted(changes, key=lambda change: (change[0], change[1] == BEGIN))


def _loss_after(hit: Hit, losses: Sequence[tuple[Life, int]]) -> int | None:
    return next((moment for life, moment in losses if life is hit.life and moment >= hit.at), None)
