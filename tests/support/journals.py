"""Journals, hits and results written by hand, to be judged."""

import csv
import json
from pathlib import Path
from typing import Any

from crowsg.testing.invariants import CHECKS, Evidence, Limits

RUN = "run-1"
_USERS = (
    "asked", "waiting", "running", "finished", "failed", "removed", "killed", "cancelled", "lost",
    "stuck",
)  # fmt: skip


def users(**counts: int) -> dict[str, int]:
    """Return counts of users; those that are not named are 0, and the others are asked for."""
    told = {name: counts.get(name, 0) for name in _USERS}
    told.setdefault("asked", 0)
    if "asked" not in counts:
        told["asked"] = sum(told.values()) - told["stuck"]
    return told


def ns(seconds: float) -> int:
    """Return seconds of the machine's clock, which is 1000 s old when a scene begins."""
    return round((1000 + seconds) * 1e9)


class Scribe:
    """Writes the journal of one life of a process."""

    def __init__(self, path: Path, node: str, incarnation: int, pid: int, at: float) -> None:
        self._path = path
        self._about = {"node": node, "inc": incarnation}
        self._run = ""
        self.pid = pid
        self.note(at, "opened", boot="b", pid=pid)

    def note(self, at: float, kind: str, **fields: Any) -> "Scribe":
        """Note something at a moment, in seconds of the scene."""
        run = fields.pop("run", self._run)
        if kind in ("leads", "configure"):
            self._run = run
        line = {"t": ns(at), **self._about, "run": run, "kind": kind, **fields}
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        return self

    def status(self, at: float, state: str = "running", **counts: int) -> "Scribe":
        """Note how the node stands."""
        return self.note(at, "status", state=state, users=users(**counts), paused=[])

    def callback(self, at: float, name: str, ok: bool = True, took: float = 0.0) -> "Scribe":
        """Note that a callback was called, and ended."""
        self.note(at, "calling", callback=name)
        return self.note(at + took, "called", callback=name, ok=ok)

    def lives(self, *ids: int, start: float, end: float | None = None) -> "Scribe":
        """Note users that start, and end where a moment is given."""
        for user in ids:
            self.note(start, "start", user=user)
        for user in ids if end is not None else ():
            self.note(end or 0.0, "end", user=user, outcome="finished")
        return self


class Scene:
    """A run as it might have been, of which a check says what did not hold."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hits: list[str] = []

    def life(self, name: str = "worker1", incarnation: int = 1, at: float = 0.0) -> Scribe:
        """Begin a journal."""
        node = f"{name}@here"
        count = len(list(self.folder.glob("*.jsonl")))
        path = self.folder / f"{node}-{incarnation}.jsonl"
        return Scribe(path, node, incarnation, 100 + count, at)

    def worker(self, name: str = "worker1", incarnation: int = 1, at: float = 0.0) -> Scribe:
        """Begin the journal of a node whose ``init`` has returned."""
        scribe = self.life(name, incarnation, at)
        return scribe.note(at, "configure", run=RUN, digests={"m": "d1"}).callback(at, "init")

    def master(self) -> Scribe:
        """Begin the journal of a master that leads the run."""
        return self.life("master").note(0, "leads", run=RUN)

    def hit(self, at: float, event: str, whose: Scribe, seen: float = 0.0, **fields: Any) -> None:
        """Let the oracle be told of something, and see it later."""
        line = {"t": ns(at + seen), "at": ns(at), "pid": whose.pid, "event": event, **fields}
        with (self.folder / "oracle.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def summary(self, **values: Any) -> None:
        """Write what the run came to."""
        told = {"run_id": RUN, "exit_code": 0, "users": users()}
        told |= {"nodes": [], "operations": {}, "events": [], **values}
        (self.folder / "summary.json").write_text(json.dumps(told))

    def rows(self, *rows: tuple[int, str]) -> None:
        """Write the users, (id, outcome) each."""
        with (self.folder / "users.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("id", "outcome"), *rows])

    def exits(self, **codes: int) -> None:
        """Write exit codes, by the names of nodes."""
        told = {f"{name}@here": code for name, code in codes.items()}
        (self.folder / "exits.json").write_text(json.dumps(told))

    def evidence(self) -> Evidence:
        """Read all of it."""
        return Evidence.read(self.folder)

    def violations(self, invariant: str, **limits: Any) -> list[str]:
        """Return what one check finds."""
        found = list(CHECKS[invariant](self.evidence(), Limits(**limits)))
        assert {each.invariant for each in found} <= {invariant}
        return [each.text for each in found]
