"""I9: the files of a run say what the users did, no more and no less."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from crowsg.testing.invariants.evidence import Evidence
from crowsg.testing.invariants.verdict import Limits, Violation

OUTCOMES = ("finished", "failed", "removed", "killed")
"""How users end that had started."""


def results_are_true(evidence: Evidence, _: Limits) -> Iterator[Violation]:
    """I9: what the summary counts is what happened.

    Reads: the summary, its ``nodes`` and ``gaps``; hits with an ``operation``, one for each
    operation of that name, told in the middle of it; ``end`` and ``cancelled`` of the run's
    journals; the rows of ``users.csv``.
    Holds: for each operation of which there are hits, ok + failed <= hits, and where nothing is
    missing - the run has ended, and neither nodes nor users were lost - also hits <= ok + failed +
    interrupted; where a node was lost, that is, its state is ``dead``, the gap in what is known of
    it is named; no gap is empty. Where nothing is missing the summary counts as many users of each
    outcome as the journals, and as ``users.csv`` has rows, if that is not sampled.
    Cannot see: operations of which the oracle is told nothing; how much of what was lost belongs to
    the gap; latencies.
    """
    if evidence.summary is None:
        return
    is_complete = not _lacks_something(evidence.summary)
    yield from _operations(evidence, evidence.summary, is_complete)
    for node in evidence.summary["nodes"]:
        if node["state"] == "dead" and not node["gaps"]:
            yield Violation("I9", 0, node["name"], "it was lost, and no gap is named")
        for since, until in node["gaps"]:
            if since >= until:
                text = f"the gap from {since} to {until} is none"
                yield Violation("I9", 0, node["name"], text)
    if is_complete:
        yield from _users(evidence, evidence.summary)


def _lacks_something(summary: Mapping[str, Any]) -> bool:
    """Whether the run went on behind this summary, or a node took something with it."""
    is_dead = any(node["state"] == "dead" for node in summary["nodes"])
    return summary["exit_code"] is None or is_dead or summary["users"]["lost"] > 0


def _operations(
    evidence: Evidence, summary: Mapping[str, Any], is_complete: bool
) -> Iterator[Violation]:
    run = summary["run_id"]
    hits = Counter(
        hit.fields["operation"]
        for hit in evidence.hits
        if "operation" in hit.fields and hit.run in ("", run)
    )
    for name, count in hits.items():
        operation = summary["operations"].get(name, {"ok": 0, "failed": 0, "interrupted": 0})
        ended = operation["ok"] + operation["failed"]
        if ended > count:
            yield Violation("I9", 0, name, f"{ended} have ended, it says; {count} hits were seen")
        elif is_complete and count > ended + operation["interrupted"]:
            most = ended + operation["interrupted"]
            yield Violation("I9", 0, name, f"{most} were begun, it says; {count} hits were seen")


def _users(evidence: Evidence, summary: Mapping[str, Any]) -> Iterator[Violation]:
    told, run = summary["users"], summary["run_id"]
    noted = Counter(note["outcome"] for _, note in evidence.of("end") if note.run == run)
    for _, note in evidence.of("cancelled"):
        if note.run == run:
            noted["cancelled"] += note["last"] + 1 - note["first"]
    for outcome in (*OUTCOMES, "cancelled"):
        if told[outcome] != noted[outcome]:
            text = f"{told[outcome]} users {outcome}, it says; {noted[outcome]} by the journals"
            yield Violation("I9", 0, "summary", text)
    is_sampled = any(change["event"] == "results.users" for change in summary["events"])
    if evidence.users is not None and not is_sampled:
        rows = Counter(row["outcome"] for row in evidence.users)
        for outcome in (*OUTCOMES, "cancelled"):
            if rows[outcome] != told[outcome]:
                text = f"{rows[outcome]} rows of users {outcome}, {told[outcome]} in the summary"
                yield Violation("I9", 0, "users.csv", text)
