"""I16, I17, I18: nothing waits for ever, what is to run runs, and no process grows without end."""

from collections.abc import Iterator
from itertools import pairwise

from crowsg.clock import SECOND, to_ns
from crowsg.testing.invariants.evidence import Evidence, Life
from crowsg.testing.invariants.verdict import Limits, Violation
from crowsg.testing.invariants.windows import gaps

DAY_S = 86_400.0

_AFTER_S = 10.0
"""What users and callbacks are left after the maximal duration."""

_LONG = frozenset(("setup", "init"))


def nothing_waits_for_ever(evidence: Evidence, limits: Limits) -> Iterator[Violation]:
    """I16: callbacks end, and so do processes.

    Reads: ``calling`` and ``called``; the first and last note of each part of a run.
    Holds: ``setup`` and ``init`` end within 30 s, ``terminate`` and ``teardown`` within 10 s, and
    1 s for being killed, if the process was there so long; users of a run end within its maximal
    duration, and 10 s for the last call and 2 s of grace.
    Cannot see: calls between nodes, of commands or over HTTP; processes without a journal.
    """
    for life in evidence.lives:
        yield from _long_callbacks(life, limits)
    most_s = (limits.max_duration_s or DAY_S) + _AFTER_S + limits.grace_s
    for part in evidence.parts:
        ends = part.of("end")
        lasted_s = (ends[-1].t - part.notes[0].t) / SECOND if ends else 0.0
        if lasted_s > most_s:
            text = f"users were there for {lasted_s:.1f} s, not {most_s:g} s at the most"
            yield Violation("I16", ends[-1].t, str(part.life), text)


def _long_callbacks(life: Life, limits: Limits) -> Iterator[Violation]:
    calling: dict[str, int] = {}
    for note in life.of("calling", "called"):
        name = note["callback"]
        if note.kind == "calling":
            calling[name] = note.t
        elif name in calling:
            yield from _too_long(life, name, calling.pop(name), note.t, limits)
    for name, since in calling.items():
        yield from _too_long(life, name, since, life.last_sign, limits)


def _too_long(life: Life, name: str, since: int, until: int, limits: Limits) -> Iterator[Violation]:
    most_s = (limits.init_s if name in _LONG else limits.terminate_s) + 1.0
    if until - since > to_ns(most_s):
        text = f"{name} took {(until - since) / SECOND:.1f} s, not {most_s:g} s at the most"
        yield Violation("I16", since, str(life), text)


def loops_run(evidence: Evidence, limits: Limits) -> Iterator[Violation]:
    """I17: the loops of a node run, or its process is gone.

    Reads: ``greenlets`` and ``stall``.
    Holds: between two roll calls there are 2 s at the most, but for stalls; no loop is down at two
    roll calls in a row: it runs again within a second.
    Cannot see: a loop that dies and is back between two roll calls.
    """
    for life in evidence.lives:
        calls = life.of("greenlets")
        for one, other in pairwise(calls):
            for name in sorted({*one["down"]} & {*other["down"]}):
                yield Violation("I17", one.t, str(life), f"{name} did not run again in time")
        yield from _silences(life, [note.t for note in calls], limits)


def _silences(life: Life, heard: list[int], limits: Limits) -> Iterator[Violation]:
    stalls = [(note["began"], note["began"] + to_ns(note["seconds"])) for note in life.of("stall")]
    for since, until in gaps(heard, to_ns(limits.silence_s)):
        stalled = sum(max(0, min(end, until) - max(begin, since)) for begin, end in stalls)
        if until - since - stalled > to_ns(limits.silence_s):
            text = f"no loop was heard of for {(until - since) / SECOND:.1f} s"
            yield Violation("I17", since, str(life), text)


def processes_are_bounded(evidence: Evidence, limits: Limits) -> Iterator[Violation]:
    """I18: memory, files and greenlets of each process stay below their limits.

    Reads: ``usage``, and ``status`` for how many users there were.
    Holds: each reading is below ``rss_bytes``; ``files`` and one for each user that the life ever
    had at once; ``greenlets``.
    Cannot see: what a process used between two readings, 1 s; channels, labels, and logs.
    """
    for life in evidence.lives:
        users = max((note["users"]["running"] for note in life.of("status")), default=0)
        most = {
            "rss": limits.rss_bytes,
            "files": limits.files + users,
            "greenlets": limits.greenlets,
        }
        for what, limit in most.items():
            worst = max(life.of("usage"), key=lambda note: note[what], default=None)
            if worst is not None and worst[what] > limit:
                text = f"{what}: {worst[what]}, and {limit} at the most"
                yield Violation("I18", worst.t, str(life), text)
