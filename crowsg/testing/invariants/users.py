"""I1, I2, I3: every user is counted, lives once, and has an id of its own."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from crowsg.testing.invariants.evidence import Evidence, Life, Note, Part
from crowsg.testing.invariants.verdict import Limits, Violation

PLACES = (
    "waiting", "running", "finished", "failed", "removed", "killed", "cancelled", "lost",
)  # fmt: skip
"""Where a user that was asked for can be."""


def users_are_conserved(evidence: Evidence, _: Limits) -> Iterator[Violation]:
    """I1: no user is forgotten or invented.

    Reads: ``status`` and ``cluster`` of all journals; ``users`` and ``nodes`` of the summary.
    Holds: in each, asked = waiting + running + finished + failed + removed + killed + cancelled +
    lost, all >= 0, stuck <= running; what one life says to have been asked for in a run never
    falls, but to 0, when it begins.
    Cannot see: what was between two notes, 0.1 s.
    """
    asked: Counter[tuple[Life, str, str]] = Counter()
    for life, note in evidence.of("status", "cluster"):
        users = note["users"]
        for text in _miscounted(users):
            yield Violation("I1", note.t, str(life), f"{note.kind}: {text}")
        key, now = (life, note.run, note.kind), users["asked"]
        if now and now < asked[key]:
            text = f"{note.kind}: {asked[key]} users were asked for, and now {now}"
            yield Violation("I1", note.t, str(life), text)
        asked[key] = now
    for who, users in _of_summary(evidence):
        for text in _miscounted(users):
            yield Violation("I1", 0, who, text)


def _of_summary(evidence: Evidence) -> Iterator[tuple[str, Mapping[str, int]]]:
    if evidence.summary is not None:
        yield "summary", evidence.summary["users"]
        for node in evidence.summary["nodes"]:
            yield f"summary of {node['name']}", node["users"]


def _miscounted(users: Mapping[str, int]) -> Iterator[str]:
    total = sum(users[place] for place in PLACES)
    if users["asked"] != total:
        yield f"{users['asked']} users were asked for, {total} are somewhere: {dict(users)}"
    if min(users.values()) < 0 or users["stuck"] > users["running"]:
        yield f"counts that cannot be: {dict(users)}"


def users_live_once(evidence: Evidence, _: Limits) -> Iterator[Violation]:
    """I2: each user starts once at the most, and ends once when it has started.

    Reads: ``start`` and ``end``; ``status`` for users that are stuck; whether a journal is closed;
    the exit codes.
    Holds: in each part of a life in a run an id starts and ends at most once, and ends after its
    start; where the part is complete (the life went on to another run, closed its journal or ended
    with exit code 0) every start has its end, but for as many as were ``stuck`` in the end.
    Cannot see: what became of the users of a process that was killed; runs without a name.
    """
    for part in evidence.parts:
        begun, ended = (
            Counter(note["user"] for note in part.of(kind)) for kind in ("start", "end")
        )
        for what, ids in (("started", begun), ("ended", ended)):
            if twice := sorted(user for user, count in ids.items() if count > 1):
                text = f"{len(twice)} users {what} more than once: {_some(twice)}"
                yield Violation("I2", 0, str(part.life), text)
        if early := sorted(_ended_before_start(part)):
            text = f"{len(early)} users ended before they started: {_some(early)}"
            yield Violation("I2", 0, str(part.life), text)
        missing = sorted(begun.keys() - ended.keys())
        if _is_complete(part, evidence) and len(missing) > _stuck(part):
            text = f"{len(missing)} users never ended: {_some(missing)}"
            yield Violation("I2", part.notes[-1].t, str(part.life), text)


def _ended_before_start(part: Part) -> Iterator[int]:
    started: set[int] = set()
    for note in part.of("start", "end"):
        if note.kind == "start":
            started.add(note["user"])
        elif note["user"] not in started:
            yield note["user"]


def _is_complete(part: Part, evidence: Evidence) -> bool:
    last = [life for life in evidence.lives if life.node == part.life.node][-1]
    has_ended_well = last is part.life and evidence.exits.get(last.node) == 0
    return part.is_complete or has_ended_well


def _stuck(part: Part) -> int:
    statuses = part.of("status")
    return int(statuses[-1]["users"]["stuck"]) if statuses else 0


def ids_are_unique(evidence: Evidence, _: Limits) -> Iterator[Violation]:
    """I3: an id is given to one user of a run, and never again.

    Reads: ``start`` and ``cancelled`` of all journals; ``users.csv``.
    Holds: in a run no id starts in two parts, or starts and is also cancelled; ids are positive;
    ``users.csv`` has each id once.
    Cannot see: an id given to a user that was lost before it started.
    """
    taken: dict[tuple[str, int], Part] = {}
    for part in evidence.parts:
        for note in part.of("start"):
            user = note["user"]
            other = taken.setdefault((part.run, user), part)
            if other is not part:
                text = f"user {user} started here and on {other.life}"
                yield Violation("I3", note.t, str(part.life), text)
            if user < 1:
                yield Violation("I3", note.t, str(part.life), f"user {user} has no positive id")
    yield from _started_and_cancelled(evidence, taken)
    ids = Counter(row["id"] for row in evidence.users or ())
    if twice := sorted(user for user, count in ids.items() if count > 1):
        yield Violation("I3", 0, "users.csv", f"{len(twice)} ids stand twice: {_some(twice)}")


def _started_and_cancelled(
    evidence: Evidence, taken: Mapping[tuple[str, int], Part]
) -> Iterator[Violation]:
    for life, note in evidence.of("cancelled"):
        ids = range(note["first"], note["last"] + 1)
        if both := [user for user in ids if note.run and (note.run, user) in taken]:
            text = f"{len(both)} users were cancelled here and started: {_some(both)}"
            yield Violation("I3", note.t, str(life), text)


def _some(ids: list[int] | list[str]) -> str:
    return ", ".join(map(str, ids[:5])) + (" ..." if len(ids) > 5 else "")


def starts_and_ends(notes: Iterable[Note]) -> Iterator[tuple[int, int]]:
    """Yield (moment, +1) for each start and (moment, -1) for each end among notes."""
    for note in notes:
        if note.kind in ("start", "end"):
            yield note.t, 1 if note.kind == "start" else -1
