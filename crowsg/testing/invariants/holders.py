"""I7: no more permits are held at once than there are."""

from collections.abc import Iterable, Iterator, Sequence

from crowsg.clock import SECOND, to_ns
from crowsg.testing.invariants.evidence import Evidence, Hit, Life
from crowsg.testing.invariants.rates import hits_of_throttles, rates_of
from crowsg.testing.invariants.verdict import Limits, Violation
from crowsg.testing.invariants.windows import InForce

Span = tuple[int, int]
"""From when to when, in nanoseconds."""

BEGIN, END, WANT, GONE = "begin", "end", "want", "gone"


def holders_are_limited(evidence: Evidence, limits: Limits) -> Iterator[Violation]:
    """I7: no more permits of a parallel throttle are held than there are, and none leaks.

    Reads: hits ``begin`` and ``end`` with ``throttle`` and ``user``, one ``begin`` behind each
    ``wait``, one ``end`` before each release; ``want`` before each ``wait``, where told; the
    ``rate`` notes of the throttle; ``end`` of users; ``lost``; ``stall`` and the last sign of each
    life.
    Holds: at every moment, as it was told, the users that hold a permit are <= the highest number
    in force (0.4 s longer than it was set). One that ended, or whose process was seen for the last
    time or was given up by the master, holds none (I11 sees to it that it does nothing). Where
    wants are told, there is no time longer than 12 s (dead after 10 s, and 2 s) in which permits of
    the lowest number are free, and one user wants one all the time, or at every moment as many
    users want one as are free; times in which a process stood still do not count: it takes none.
    Cannot see: permits that are held twice by one user; leaks where no wants are told.
    """
    hits, stalls = hits_of_throttles(evidence), _stalls(evidence)
    for throttle, rates in rates_of(evidence, limits).items():
        if any(rate.interval == 0 and rate.permits != float("inf") for rate in rates):
            holding = _Holding(throttle[1], rates, to_ns(limits.dead_s + 2.0), stalls)
            for change in _changes(hits.get(throttle, []), evidence):
                yield from holding.take(*change)


class _Holding:
    """Who wants and who holds a permit, as time goes by."""

    def __init__(
        self, name: str, rates: Sequence[InForce], patience_ns: int, stalls: Sequence[Span]
    ) -> None:
        self._name = name
        self._rates = rates
        self._patience_ns = patience_ns
        self._stalls = stalls
        self._holders: set[object] = set()
        self._wanting: dict[object, int] = {}
        self._idle_since: int | None = None

    def take(self, moment: int, what: str, who: object) -> Iterator[Violation]:
        """Take the next change, and yield what it shows."""
        limits = self._limits(moment)
        waited = [self._idle_since, self._wanting.pop(who, None)]
        if what == WANT:
            self._wanting[who] = moment
        if what == BEGIN and who not in self._holders:
            self._holders.add(who)
            if len(self._holders) > max(limits):
                text = f"{len(self._holders)} permits are held of {max(limits):g}"
                yield Violation("I7", moment, self._name, text)
        elif what != BEGIN:
            self._holders.discard(who)
        free = min(limits) - len(self._holders)
        if free <= 0:
            waited += self._wanting.values()
            self._wanting = dict.fromkeys(self._wanting, moment)
        if not 0 < free <= len(self._wanting):
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = moment
        yield from self._leak(waited, moment)

    def _leak(self, waited: Iterable[int | None], moment: int) -> Iterator[Violation]:
        since = min((each for each in waited if each is not None), default=moment)
        idle_ns = moment - since
        if idle_ns > self._patience_ns:
            idle_ns -= _common(self._stalls, since, moment)
        if idle_ns > self._patience_ns:
            self._idle_since = None if self._idle_since is None else moment
            text = f"permits were free for {idle_ns / SECOND:.1f} s, though they were wanted"
            yield Violation("I7", since, self._name, text)

    def _limits(self, moment: int) -> list[float]:
        """Return the numbers of permits that may have been in force."""
        found = [
            float("inf") if rate.interval else rate.permits
            for rate in self._rates
            if rate.since <= moment < rate.until
        ]
        return found or [float("inf")]


def _stalls(evidence: Evidence) -> list[Span]:
    """Return when any process stood still, without overlaps."""
    spans: list[Span] = []
    for note in sorted((note for _, note in evidence.of("stall")), key=lambda note: note["began"]):
        begin, end = note["began"], note["began"] + to_ns(note["seconds"])
        if spans and begin <= spans[-1][1]:
            begin, end = spans[-1][0], max(end, spans.pop()[1])
        spans.append((begin, end))
    return spans


def _common(spans: Sequence[Span], since: int, until: int) -> int:
    """Return how much of a time belongs to spans that do not overlap."""
    return sum(max(0, min(end, until) - max(begin, since)) for begin, end in spans)


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
