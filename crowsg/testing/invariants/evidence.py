"""What a run left behind, read for judging: journals, the oracle's file, results, exit codes."""

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from crowsg.errors import ResultsError
from crowsg.results.writer import SUMMARY_FILE, USERS_FILE
from crowsg.testing.oracle import FILE

EXITS_FILE = "exits.json"

_BEGIN_PARTS = frozenset(("leads", "configure"))
_NOTE = frozenset(("t", "node", "inc", "run", "kind"))
_HIT = frozenset(("t", "at", "event"))


@dataclass(frozen=True, slots=True)
class Note:
    """A line of a journal.

    Attributes:
        t: When, in nanoseconds of the machine's monotonic clock.
        kind: What; see ``crowsg.journal``.
        run: In which run, "" for none.
        fields: The rest of it.
    """

    t: int
    kind: str
    run: str
    fields: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]


@dataclass(frozen=True, slots=True)
class Hit:
    """A line of the oracle's file.

    Attributes:
        t: When the oracle saw it, in nanoseconds of the machine's monotonic clock.
        at: When it was told.
        event: What happened.
        life: Whose it is, None where no journal is of its process.
        run: In which run, "" for none.
        fields: The rest of it.
    """

    t: int
    at: int
    event: str
    life: "Life | None"
    run: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One life's part in one run, from ``leads`` or ``configure`` to the next.

    Attributes:
        life: Whose.
        run: Which run.
        notes: What was noted meanwhile, the first names the run.
        until: When the next part began, in nanoseconds; infinite for the last.
    """

    life: "Life"
    run: str
    notes: tuple[Note, ...]
    until: float

    @property
    def is_complete(self) -> bool:
        """Whether the life ended in order or took part in another run: nothing is missing."""
        return self.life.is_closed or self.until < math.inf

    def of(self, *kinds: str) -> list[Note]:
        """Return the notes of some kinds."""
        return [note for note in self.notes if note.kind in kinds]


@dataclass(frozen=True, slots=True, eq=False)
class Life:
    """The journal of one life of a process.

    Attributes:
        node, incarnation: Whose.
        notes: All of it.
    """

    node: str
    incarnation: int
    notes: tuple[Note, ...]

    def __str__(self) -> str:
        return self.node

    @property
    def began(self) -> int:
        """When it was opened, in nanoseconds."""
        return self.notes[0].t

    @property
    def last_sign(self) -> int:
        """When it noted something last, in nanoseconds."""
        return self.notes[-1].t

    @property
    def is_closed(self) -> bool:
        """Whether the process ended in order."""
        return self.notes[-1].kind == "closed"

    @property
    def parts(self) -> list[Part]:
        """Its parts in runs, one after another."""
        begins = [at for at, note in enumerate(self.notes) if note.kind in _BEGIN_PARTS]
        return [
            Part(self, self.notes[begin].run, self.notes[begin:end], self._begin_of(end))
            for begin, end in pairwise([*begins, len(self.notes)])
        ]

    def of(self, *kinds: str) -> list[Note]:
        """Return the notes of some kinds."""
        return [note for note in self.notes if note.kind in kinds]

    def _begin_of(self, part: int) -> float:
        return self.notes[part].t if part < len(self.notes) else math.inf


@dataclass(frozen=True, slots=True)
class Evidence:
    """All there is.

    Attributes:
        lives: The journals, by when they were opened.
        hits: What the oracle saw, in its order.
        summary: What ``summary.json`` says, None where there is none.
        users: The rows of ``users.csv``, None where there is none.
        exits: Exit codes of processes that ended, by node; of several the last.
    """

    lives: tuple[Life, ...]
    hits: tuple[Hit, ...] = ()
    summary: Mapping[str, Any] | None = None
    users: tuple[Mapping[str, str], ...] | None = None
    exits: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "Evidence":
        """Read what lies in a folder and below it.

        Args:
            folder: Journals (``*.jsonl``), the oracle's ``oracle.jsonl``, one ``summary.json`` and
                ``users.csv``, and ``exits.json`` ({node: exit code}). All but the journals may be
                missing. A last line that is cut off is left out.

        Raises:
            ResultsError: There is no journal, none of a run, a file cannot be read, or journals are
                of different starts of the machine, so that their moments cannot be compared.
        """
        try:
            lives = _read_lives(folder)
            hits = [hit for path in folder.rglob(FILE) for hit in _read_lines(path, _HIT)]
            summary, exits = _read_json(folder, SUMMARY_FILE), _read_json(folder, EXITS_FILE)
            return cls(lives, _placed(hits, lives), summary, _read_users(folder), exits or {})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ResultsError(f"{folder} cannot be judged: {error}") from error

    @property
    def parts(self) -> list[Part]:
        """The parts of all lives in runs that have a name."""
        return [part for life in self.lives for part in life.parts if part.run]

    def of(self, *kinds: str) -> list[tuple[Life, Note]]:
        """Return the notes of some kinds of all lives, the earliest first."""
        notes = [(life, note) for life in self.lives for note in life.of(*kinds)]
        return sorted(notes, key=lambda each: each[1].t)

    @property
    def losses(self) -> list[tuple[Life, int]]:
        """Return the lives that a master gave up, each with when it gave away what they had."""
        known = {(life.node, life.incarnation): life for life in self.lives}
        lost = [((note["name"], note["incarnation"]), note.t) for _, note in self.of("lost")]
        return [(known[who], moment) for who, moment in lost if who in known]

    def loss_of(self, part: Part) -> int | None:
        """Return when a master gave up a part of a run, None where it did not."""
        moments = [moment for life, moment in self.losses if life is part.life]
        return next((each for each in moments if part.notes[0].t <= each < part.until), None)


def _read_lives(folder: Path) -> tuple[Life, ...]:
    paths = [path for path in sorted(folder.rglob("*.jsonl")) if path.name != FILE]
    lives = [_read_life(path) for path in paths]
    if not lives:
        raise ValueError("there is no journal")
    if not any(life.of(*_BEGIN_PARTS) for life in lives):
        raise ValueError("its journals are of no run")
    boots = {life.notes[0]["boot"] for life in lives}
    if len(boots) > 1:
        raise ValueError("the machine was started anew between one journal and another")
    return tuple(sorted(lives, key=lambda life: life.began))


def _read_life(path: Path) -> Life:
    lines = list(_read_lines(path, _NOTE))
    if not lines or lines[0]["kind"] != "opened":
        raise ValueError(f"{path.name} has no beginning")
    notes = tuple(
        Note(line.pop("t"), line.pop("kind"), line.pop("run"), line)
        for line in sorted(lines, key=lambda line: int(line["t"]))
    )
    return Life(notes[0]["node"], notes[0]["inc"], notes)


def _read_lines(path: Path, fields: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield the lines of a file, each of which must have these fields; but one without its end."""
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], 1):
        try:
            told = json.loads(line)
            if missing := fields - told.keys():
                raise ValueError(f"{', '.join(sorted(missing))} is missing")
        except (ValueError, AttributeError) as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from error
        yield told


def _placed(hits: list[dict[str, Any]], lives: tuple[Life, ...]) -> tuple[Hit, ...]:
    """Tell whose each hit is: of the node it names, or of the process that told it."""
    place = _Places(lives)
    return tuple(place.placed(hit) for hit in hits)


class _Places:
    """Finds the life of a hit, and its run."""

    def __init__(self, lives: tuple[Life, ...]) -> None:
        self._of_node: dict[str, list[Life]] = {}
        self._of_process: dict[int, list[Life]] = {}
        self._runs: dict[Life, list[tuple[int, str]]] = {}
        for life in lives:
            self._of_node.setdefault(life.node, []).append(life)
            self._of_process.setdefault(life.notes[0]["pid"], []).append(life)
            self._runs[life] = [(note.t, note.run) for note in life.of(*_BEGIN_PARTS)]

    def placed(self, hit: dict[str, Any]) -> Hit:
        t, at, event = hit.pop("t"), hit.pop("at"), hit.pop("event")
        known = self._of_process.get(hit.get("pid", 0), [])
        if "node" in hit:
            known = self._of_node.get(hit["node"], [])
        life = next((life for life in reversed(known) if life.began <= at), None)
        run = hit.get("run") or ("" if life is None else self._run(life, at))
        return Hit(t, at, event, life, run, hit)

    def _run(self, life: Life, at: int) -> str:
        return next((run for moment, run in reversed(self._runs[life]) if moment <= at), "")


def _read_json(folder: Path, name: str) -> Any:
    path = _only(folder, name)
    if path is None:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _read_users(folder: Path) -> tuple[Mapping[str, str], ...] | None:
    path = _only(folder, USERS_FILE)
    if path is None:
        return None
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def _only(folder: Path, name: str) -> Path | None:
    paths: Iterator[Path] = folder.rglob(name)
    found = list(paths)
    if len(found) > 1:
        raise ValueError(f"there is more than one {name}: which run is to be judged?")
    return found[0] if found else None
