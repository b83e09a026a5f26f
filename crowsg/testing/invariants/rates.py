"""I4, I6: nobody starts or acts without a permit."""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from crowsg.clock import to_ns
from crowsg.testing.invariants.evidence import Evidence, Hit, Part
from crowsg.testing.invariants.verdict import Limits, Violation
from crowsg.testing.invariants.windows import Grant, InForce, excesses, in_force

USER_RATE = "user_rate"
STAMPED_S = 0.05
"""How long after ``wait`` has judged a permit its use may be stamped, on a machine that is busy."""

_OVER = frozenset(("finished", "error"))

Throttle = tuple[str, str]
"""A run, and the name of a throttle in it."""


def starts_have_permits(evidence: Evidence, limits: Limits) -> Iterator[Violation]:
    """I4: no user starts without permission.

    Reads: ``start``, the ``rate`` notes and ``paused`` of ``user_rate``, ``status``, ``fence``.
    Holds: in every window W the starts of a run are <= rate x W + rate x 10 ms + n, with the
    highest rate in force in it (0.4 s longer than it was set) and n lives that started users in it,
    and what late stamps can add, rate x 50 ms but n at the most (see ``windows``); 0.4 s after the
    rate was set to 0 or the throttle was paused nobody starts; in a part of a run nobody starts
    after its ``fence``, or after its controller was seen to end the run.
    Cannot see: starts in runs whose owner keeps no journal; a pause shorter than 0.5 s; the time
    from the end of a run to the next ``status``, 0.1 s.
    """
    starts: dict[str, list[Grant]] = {}
    for life, note in evidence.of("start"):
        starts.setdefault(note.run, []).append(Grant(note.t, life))
    for (run, name), rates in rates_of(evidence, limits).items():
        if name == USER_RATE:
            grants = starts.get(run, [])
            yield from _exceeded("I4", USER_RATE, grants, rates)
            yield from _while_paused("I4", (run, name), grants, evidence, limits)
    for part in evidence.parts:
        end = min(_ends_of(part), default=math.inf)
        late = [note for note in part.of("start") if note.t > end]
        if late:
            text = f"{len(late)} users started after the end of their run here"
            yield Violation("I4", late[0].t, str(part.life), text)


def rates_hold(evidence: Evidence, limits: Limits) -> Iterator[Violation]:
    """I6: no rate is ever exceeded, over the whole cluster.

    Reads: hits with a ``throttle``, each the use of a permit, but for those called ``end`` or
    ``want``; the ``rate`` notes and ``paused`` of that throttle.
    Holds: in every window W the hits are <= rate x W + rate x 10 ms + n, by the moments at which
    they were told, with the highest rate in force in it (0.4 s longer than it was set) and n lives
    that hit in it, and what late stamps can add, rate x 50 ms but n at the most (see ``windows``);
    0.4 s after a rate was set to 0 or paused there are none; none was told later than the oracle
    has seen it.
    Cannot see: throttles that are started twice in a run with a stop between; hits of processes
    without a journal, unless they name their ``run``; a pause shorter than 0.5 s. The moments at
    which the oracle saw hits depend on how busy the machine is, and limit those told only so far.
    """
    used = hits_of_throttles(evidence, without=("end", "want"))
    for throttle, rates in rates_of(evidence, limits).items():
        hits, name = used.get(throttle, []), throttle[1]
        told = sorted((Grant(hit.at, hit.life) for hit in hits), key=lambda each: each.at)
        yield from _exceeded("I6", name, told, rates)
        yield from _while_paused("I6", throttle, told, evidence, limits)
        if early := [hit for hit in hits if hit.t < hit.at]:
            text = f"{len(early)} hits were seen before they were told"
            yield Violation("I6", early[0].at, name, text)


def _ends_of(part: Part) -> Iterator[int]:
    """Yield when a part was let go of, or its controller was seen to end it."""
    has_run = False
    for note in part.of("fence", "status"):
        state = note.fields.get("state")
        # Until it runs the state may be that of the run before.
        if note.kind == "fence" or state == "terminating" or (has_run and state in _OVER):
            yield note.t
        has_run = has_run or state == "running"


def hits_of_throttles(
    evidence: Evidence, without: tuple[str, ...] = ()
) -> dict[Throttle, list[Hit]]:
    """Return the hits that name a throttle, by run and name, but for some events."""
    hits: dict[Throttle, list[Hit]] = {}
    for hit in evidence.hits:
        name = hit.fields.get("throttle")
        if name is not None and hit.event not in without:
            hits.setdefault((hit.run, name), []).append(hit)
    return hits


def rates_of(evidence: Evidence, limits: Limits) -> dict[Throttle, list[InForce]]:
    """Return the rates of each throttle of each run, by when they may have been in force."""
    notes: dict[Throttle, list[tuple[int, float, int]]] = {}
    for _, note in evidence.of("rate"):
        rate = note.t, float(note["rate"]), to_ns(note.fields.get("interval", 0.0))
        notes.setdefault((note.run, note["throttle"]), []).append(rate)
    return {name: in_force(rates, to_ns(limits.confirmed_s)) for name, rates in notes.items()}


def _exceeded(
    invariant: str, who: str, grants: Sequence[Grant], rates: Sequence[InForce]
) -> Iterator[Violation]:
    for excess in excesses(grants, rates, to_ns(STAMPED_S)):
        yield Violation(invariant, excess.since, who, str(excess))


def _while_paused(
    invariant: str,
    throttle: Throttle,
    grants: Sequence[Grant],
    evidence: Evidence,
    limits: Limits,
) -> Iterator[Violation]:
    for since, until in _pauses(throttle, evidence):
        since += to_ns(limits.confirmed_s)
        late = [each.at for each in grants if since < each.at < until]
        if late:
            yield Violation(invariant, late[0], throttle[1], f"{len(late)} permits while paused")


def _pauses(throttle: Throttle, evidence: Evidence) -> Iterator[tuple[int, int]]:
    """Yield (first, last) moment of each time in which the owner was seen to have it paused."""
    run, name = throttle
    owners = {life for life, note in evidence.of("rate") if note.run == run}
    for life in owners:
        seen = [note for note in life.of("status") if note.run == run]
        for is_paused, notes in groupby(seen, lambda note: name in note["paused"]):
            moments = [note.t for note in notes]
            if is_paused:
                yield moments[0], moments[-1]
