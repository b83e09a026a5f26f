"""I10, I11, I15: commands are done once, what is given away is free, the master tells the truth."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from crowsg.clock import SECOND, to_ns
from crowsg.testing.invariants.evidence import Evidence, Life, Note, Part
from crowsg.testing.invariants.holders import END
from crowsg.testing.invariants.users import starts_and_ends
from crowsg.testing.invariants.verdict import Limits, Violation

_SETTLED = frozenset(("up", "left", "dead"))


def commands_are_done_once(evidence: Evidence, _: Limits) -> Iterator[Violation]:
    """I10: a command is done at most once, and never late.

    Reads: ``command`` of all journals.
    Holds: a node - whichever of its lives - begins with each number of a sender's life once at the
    most, and not after its deadline.
    Cannot see: what a command that was begun with did; whether the sender got an answer in time;
    commands that were refused, which are none.
    """
    done: dict[tuple[object, ...], Life] = {}
    for life, note in evidence.of("command"):
        sender, number = note["sender"], note["number"]
        what = f"command {number} of {sender} ({note['method']})"
        key = life.node, sender, note["sender_incarnation"], number
        other = done.get(key)
        done[key] = life
        if other is not None:
            whose = "twice" if other is life else "again in another life of the node"
            yield Violation("I10", note.t, str(life), f"{what} was done {whose}")
        if note["late"] > 0:
            text = f"{what} was done {note['late']:.3f} s after its deadline"
            yield Violation("I10", note.t, str(life), text)


def losses_come_after_the_last_step(evidence: Evidence, _: Limits) -> Iterator[Violation]:
    """I11: what a node had is given away only when it takes no step any more.

    Reads: ``lost`` of the master; ``start`` of the lost life, and hits with a ``user`` from it, but
    for those called ``end``: who is killed gives back what it held, and that uses nothing.
    Holds: between the moment of ``lost`` and the next run that the life takes part in, none of its
    users starts, or tells the oracle of anything.
    Cannot see: steps that are told to nobody; hits of processes without a journal.
    """
    hits: dict[Life, list[int]] = {}
    for hit in evidence.hits:
        if hit.life is not None and "user" in hit.fields and hit.event != END:
            hits.setdefault(hit.life, []).append(hit.at)
    for life, moment in evidence.losses:
        anew = [note.t for note in life.of("configure", "leads") if note.t > moment]
        until = min(anew, default=float("inf"))
        steps = [note.t for note in life.of("start")] + hits.get(life, [])
        late = [step for step in steps if moment < step < until]
        if late:
            last_s = (max(late) - moment) / SECOND
            text = f"{len(late)} steps of users after it was lost, the last {last_s:.3f} s after"
            yield Violation("I11", min(late), str(life), text)


def status_is_true(evidence: Evidence, limits: Limits) -> Iterator[Violation]:
    """I15: what is told of nodes and users is so, or was a moment ago.

    Reads: ``status`` and ``start``, ``end`` of each life; ``cluster`` of masters; ``lost``; the
    last sign of each life, and whether it is closed.
    Holds: at each ``status`` the users that run are those whose start was noted and whose end was
    not, exactly; a process whose last sign is 4 s ago (suspect after 3 s, and 1 s) is not called
    ``up``; at each ``cluster`` in which every node is ``up`` or gone, and was so for a second, the
    users that run are the sum of what each node had at some moment of the 4 s before, where those
    of a process that is gone may be counted until its ``lost``, and those of one that was given up
    need not be. A master that stood still for a second has 4 s to find out how things are.
    Cannot see: whether a death was noticed by its closed connection within 1.5 s, which is a matter
    for whoever ends the process; states other than ``up``; other counts than ``running``.
    """
    yield from _own_counts(evidence)
    for master in evidence.lives:
        notes = master.of("cluster")
        if notes:
            yield from _states_of_nodes(evidence, master, notes, to_ns(limits.noticed_s))
            settled = list(_settled(notes, to_ns(limits.noticed_s)))
            yield from _counts_of_cluster(evidence, master, settled, to_ns(limits.noticed_s))


def _own_counts(evidence: Evidence) -> Iterator[Violation]:
    for part in evidence.parts:
        running, has_begun = 0, False
        for note in part.of("start", "end", "status"):
            if note.kind != "status":
                running += 1 if note.kind == "start" else -1
                has_begun = True
            elif has_begun and note["users"]["running"] != running:
                text = f"{note['users']['running']} users run, it says; {running} do"
                yield Violation("I15", note.t, str(part.life), text)
                break


def _counts_of_cluster(
    evidence: Evidence, master: Life, notes: Sequence[Note], late_ns: int
) -> Iterator[Violation]:
    for run in sorted({note.run for note in notes}):
        fewest, most = (_Running(evidence, run, at_death) for at_death in (True, False))
        for note in notes:
            if note.run == run:
                told, since = note["users"]["running"], note.t - late_ns
                low, high = fewest.lowest(since, note.t), most.highest(since, note.t)
                if not low <= told <= high:
                    text = f"{told} users run, it says; {low} to {high} did in the last seconds"
                    yield Violation("I15", note.t, str(master), text)
                    break


def _settled(notes: Sequence[Note], noticed_ns: int) -> Iterator[Note]:
    """Yield those in which nobody is silent, and what was told meanwhile has come."""
    since = before = notes[0].t
    for note in notes:
        if note.t - before > SECOND:
            # The master stood still itself: it has to find out what became of the others.
            since = note.t + noticed_ns
        before = note.t
        if not _SETTLED.issuperset(note["nodes"].values()):
            since = max(since, note.t + SECOND)
        if note.t >= since:
            yield note


class _Running:
    """How many users of a run were running, moment by moment; the master hears of each part alone.

    Args:
        at_death: Whether those of a process that is gone end with its last sign, and those of one
            that was given up at that moment, or as late as they can.
    """

    def __init__(self, evidence: Evidence, run: str, at_death: bool) -> None:
        parts = [part for part in evidence.parts if part.run == run]
        take = _until_death if at_death else _until_lost
        self._parts = [_Counts(take(part, evidence.loss_of(part))) for part in parts]

    def lowest(self, since: int, until: int) -> int:
        """Return the sum of the smallest numbers of the parts between two moments."""
        return sum(min(each.between(since, until)) for each in self._parts)

    def highest(self, since: int, until: int) -> int:
        """Return the sum of the largest numbers of the parts between two moments."""
        return sum(max(each.between(since, until)) for each in self._parts)


class _Counts:
    """A number that changes at moments."""

    def __init__(self, changes: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(changes)
        self._moments = [moment for moment, _ in ordered]
        self._counts = list(accumulate((change for _, change in ordered), initial=0))

    def between(self, since: int, until: int) -> list[int]:
        """Return what it was between two moments; never nothing."""
        begin = bisect_left(self._moments, since)
        return self._counts[begin : bisect_right(self._moments, until) + 1]


def _until_death(part: Part, lost: int | None) -> list[tuple[int, int]]:
    """Return the starts and ends of a part, without all that was not to be counted any more."""
    last = part.notes[-1].t
    over = last if lost is None else min(last, lost)
    own = [(moment, change) for moment, change in starts_and_ends(part.notes) if moment <= over]
    return [*own, (over, -sum(change for _, change in own))]


def _until_lost(part: Part, lost: int | None) -> list[tuple[int, int]]:
    """Return the starts and ends of a part; what has no end ends when it was given up, if ever."""
    own = list(starts_and_ends(part.notes))
    if lost is None:
        return own
    return [*own, (max(lost, part.notes[-1].t), -sum(change for _, change in own))]


def _states_of_nodes(
    evidence: Evidence, master: Life, notes: Sequence[Note], noticed_ns: int
) -> Iterator[Violation]:
    for life in evidence.lives:
        later = [each.began for each in evidence.lives if each.node == life.node]
        until = min((began for began in later if began > life.began), default=float("inf"))
        if life is master or life.is_closed:
            continue
        wrong = [
            note
            for note in notes
            if life.last_sign + noticed_ns < note.t < until and note["nodes"].get(life.node) == "up"
        ]
        if wrong:
            late_s = (wrong[0].t - life.last_sign) / SECOND
            text = f"{life} is up, it says, {late_s:.1f} s after the last sign of its process"
            yield Violation("I15", wrong[0].t, str(master), text)
