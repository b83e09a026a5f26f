"""I5, I12, I13: each node's part in a run begins and ends in order, for one master."""

from collections.abc import Iterator

from crowsg.clock import SECOND, to_ns
from crowsg.testing.invariants.evidence import Evidence, Life, Part
from crowsg.testing.invariants.verdict import Limits, Violation


def callbacks_are_in_order(evidence: Evidence, _: Limits) -> Iterator[Violation]:
    """I5: ``init`` before the first user, ``terminate`` once, after the last.

    Reads: ``calling``, ``called``, ``start``, ``end``, ``released``; ``status`` for stuck users.
    Holds: in each part of a run no callback is called twice, nor while another one runs; users
    start after ``init`` has returned without raising; ``terminate`` is called only after such an
    ``init``, and after the last end (but for as many users as are stuck); where any part of the run
    called it, each that is complete or ``released``, and whose ``init`` had succeeded, did.
    Cannot see: whether a scenario that never called ``terminate`` has one; runs without a name.
    """
    with_terminate = {part.run for part in evidence.parts if "terminate" in _called(part)}
    for part in evidence.parts:
        for text in _faults_of_callbacks(part, part.run in with_terminate):
            yield Violation("I5", part.notes[0].t, str(part.life), text)


def _called(part: Part) -> list[str]:
    return [note["callback"] for note in part.of("calling")]


def _faults_of_callbacks(part: Part, has_terminate: bool) -> Iterator[str]:
    called = _called(part)
    for name in dict.fromkeys(called):
        if called.count(name) > 1:
            yield f"{name} was called {called.count(name)} times"
    yield from _at_once(part)
    begun = [note.t for note in part.of("called") if note["callback"] == "init" and note["ok"]]
    starts, ends = part.of("start"), part.of("end")
    if starts and not (begun and begun[0] <= starts[0].t):
        yield "a user started before init had returned"
    terminates = [note.t for note in part.of("calling") if note["callback"] == "terminate"]
    if terminates and not begun:
        yield "terminate was called although init had not returned"
    late = [note for note in ends if terminates and note.t > terminates[0]]
    if len(late) > _most_stuck(part):
        yield f"terminate was called before the end of {len(late)} users"
    is_over = part.is_complete or bool(part.of("released"))
    if has_terminate and is_over and begun and not terminates:
        yield "terminate was not called"


def _at_once(part: Part) -> Iterator[str]:
    running: list[str] = []
    for note in part.of("calling", "called"):
        name = note["callback"]
        if note.kind == "called":
            running = [each for each in running if each != name]
        else:
            if running:
                yield f"{name} was called while {running[0]} ran"
            running.append(name)


def _most_stuck(part: Part) -> int:
    return max((note["users"]["stuck"] for note in part.of("status")), default=0)


def there_is_one_master(evidence: Evidence, _: Limits) -> Iterator[Violation]:
    """I12: a node takes part in one run at a time, a run has one master and one code.

    Reads: ``leads``, ``configure`` with its digests, ``released``, ``over``.
    Holds: no life is configured for a run while it takes part in another of a master, or leads one
    that is not over; no two lives lead the same run; all that are configured for a run have the
    same digest of each module.
    Cannot see: what a node runs in fact, only the digests it accepted.
    """
    for life in evidence.lives:
        yield from _two_at_once(life)
    masters: dict[str, Life] = {}
    digests: dict[tuple[str, str], str] = {}
    for life, note in evidence.of("leads", "configure"):
        if note.kind == "leads":
            if note.run and masters.setdefault(note.run, life) is not life:
                text = f"leads the run {note.run} of {masters[note.run]}"
                yield Violation("I12", note.t, str(life), text)
            continue
        for module, digest in note["digests"].items():
            first = digests.setdefault((note.run, module), digest)
            if digest != first:
                text = f"runs {module} {digest[:12]}, others {first[:12]}"
                yield Violation("I12", note.t, str(life), text)


def _two_at_once(life: Life) -> Iterator[Violation]:
    serves, leads = "", ""
    for note in life.of("configure", "released", "leads", "over"):
        if note.kind == "released" and note.run == serves:
            serves = ""
        elif note.kind == "over" and note.run == leads:
            leads = ""
        elif note.kind == "configure":
            if other := serves or leads:
                text = f"was configured for {note.run} while it took part in {other}"
                yield Violation("I12", note.t, str(life), text)
            serves = note.run
        elif note.kind == "leads":
            if serves:
                text = f"leads {note.run} while it took part in {serves}"
                yield Violation("I12", note.t, str(life), text)
            leads = note.run if _has_an_end(life, note.run) else ""


def _has_an_end(life: Life, run: str) -> bool:
    """Whether the end of a run that this life leads is noted; that of a lone node is not."""
    return any(note.run == run for note in life.of("over"))


def nothing_runs_after_the_end(evidence: Evidence, limits: Limits) -> Iterator[Violation]:
    """I13: when a run has been stopped, nothing of it goes on.

    Reads: ``status``, ``start``, ``end``, ``calling``, ``released``; hits with a ``user``.
    Holds: in each part, 3 s (2 s of grace, and 1 s) after its controller was first seen to be
    ``terminating`` no user is left but those that are counted as stuck; after ``terminate`` was
    called, or the part released, no user starts or hits the oracle, unless some are stuck.
    Cannot see: child processes, listening sockets, and greenlets that are no user; hits of
    processes without a journal.
    """
    hits: dict[Life, list[int]] = {}
    for hit in evidence.hits:
        if hit.life is not None and "user" in hit.fields:
            hits.setdefault(hit.life, []).append(hit.at)
    for part in evidence.parts:
        if not _most_stuck(part):
            yield from _late_ends(part, limits)
            yield from _late_steps(part, hits.get(part.life, []))


def _late_ends(part: Part, limits: Limits) -> Iterator[Violation]:
    seen = [note.t for note in part.of("status") if note["state"] == "terminating"]
    ends = part.of("end")
    patience_s = limits.grace_s + 1.0
    if seen and ends and ends[-1].t > seen[0] + to_ns(patience_s):
        late_s = (ends[-1].t - seen[0]) / SECOND
        text = f"the last user ended {late_s:.1f} s after the stop, not within {patience_s:g} s"
        yield Violation("I13", ends[-1].t, str(part.life), text)


def _late_steps(part: Part, hits: list[int]) -> Iterator[Violation]:
    over = [note.t for note in part.of("released")]
    over += [note.t for note in part.of("calling") if note["callback"] == "terminate"]
    if not over:
        return
    until = part.notes[-1].t
    steps = [note.t for note in part.of("start")] + hits
    late = [moment for moment in steps if min(over) < moment <= until]
    if late:
        text = f"{len(late)} steps of users after the end of the run"
        yield Violation("I13", min(late), str(part.life), text)
