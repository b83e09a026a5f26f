"""Writes the files of a run, on a native thread, so that a slow disk slows no user."""

import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from crowsg.background import Background, write_all
from crowsg.clock import Breather, Clock
from crowsg.errors import ResultsError
from crowsg.metrics.lives import Life
from crowsg.record.run_record import RunRecord
from crowsg.record.sample import Sample
from crowsg.results.choice import Choice
from crowsg.results.rows import TIMESERIES, USERS, csv_of, safe, timeseries_of, user_of
from crowsg.summary import Summary

SUMMARY_FILE = "summary.json"
TIMESERIES_FILE = "timeseries.csv"
USERS_FILE = "users.csv"
FILES = (SUMMARY_FILE, TIMESERIES_FILE, USERS_FILE)

MAX_USERS = 1_000_000
"""Users that all get a row; for those beyond see ``crowsg.results.choice``."""

SUMMARY_S = 5.0
PATIENCE_S = 60.0
_BATCH = 1000

Write = Callable[[Path, bytes], object]

_LOGGER = logging.getLogger("crowsg")


class Results:
    """An observer of one run that writes its files.

    Args:
        folder: Where they go; made with the folders above it where it is missing.
        clock: Tells when it is time to let others run.
        record: What there is to write.
        max_users: See ``MAX_USERS``.
        background: Where they are written.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        record: RunRecord,
        max_users: int = MAX_USERS,
        background: Background | None = None,
    ) -> None:
        # A scenario that changes the working directory does not move them.
        self._folder = folder.absolute()
        self._clock = clock
        self._record = record
        self._ended = record.subject.ended
        self._choice = Choice(max_users, self._say_that_users_are_fewer)
        self._background = background or Background()
        self._made: list[Path] = []
        self._is_open = False
        self._is_given_up = False
        self._summary_due_s = 0.0

    def prepare(self) -> None:
        """Make the folder, before anything is run.

        Raises:
            ResultsError: It cannot be made or written to, or it holds the files of another run.
        """
        taken = [name for name in FILES if os.path.lexists(self._folder / name)]
        if taken:
            raise ResultsError(
                f"{self._folder} holds a run already ({', '.join(taken)}): name another folder"
            )
        try:
            self._make()
        except (OSError, ValueError) as error:
            self._remove_what_was_made()
            why = error.strerror if isinstance(error, OSError) else error
            raise ResultsError(f"{self._folder} cannot be made: {why}") from error
        if not os.access(self._folder, os.W_OK | os.X_OK):
            self._remove_what_was_made()
            raise ResultsError(f"{self._folder} cannot be written to")
        self._ended.keep()

    def see(self, sample: Sample) -> None:
        """Write what came since the last sample.

        Blocks: between batches of users, so that many of them hold up nobody.
        """
        if self._background.error is not None:
            self._give_up(self._background.error)
            return
        if not self._is_open:
            self._is_open = True
            self._submit(_create, TIMESERIES_FILE, csv_of([TIMESERIES]))
            self._submit(_create, USERS_FILE, csv_of([USERS]))
        self._submit(_append, TIMESERIES_FILE, csv_of(timeseries_of(sample)))
        for node, lives in self._ended.take().items():
            self._write_users(safe(node), lives)
        if sample.to_s >= self._summary_due_s:
            self._summary_due_s = sample.to_s + SUMMARY_S
            self._write_summary(self._record.summary())

    def end(self, summary: Summary | None) -> None:
        """Write the rest; leave no trace where nothing was run.

        Blocks: until all is on disk, a minute at the most.
        """
        self._ended.discard()
        if summary is not None:
            self._write_summary(summary)
        elif not self._is_open:
            self._remove_what_was_made()
        if not self._background.close(PATIENCE_S):
            self._give_up(self._background.error or "the disk does not answer")

    def _make(self) -> None:
        folders = (self._folder, *self._folder.parents)
        self._made = [path for path in folders if not path.exists()]
        self._folder.mkdir(parents=True, exist_ok=True)

    def _give_up(self, why: object) -> None:
        """Say once that the files will not be complete, and take nothing more for them."""
        self._ended.discard()
        if not self._is_given_up:
            self._is_given_up = True
            _LOGGER.error("the files in %s are not complete: %s", self._folder, why)

    def _write_users(self, node: str, lives: list[Life | range]) -> None:
        breather, began_ns = Breather(self._clock), self._record.began_ns
        chosen = self._choice.of(lives)
        while batch := list(islice(chosen, _BATCH)):
            rows = (user_of(life, node, began_ns) for life in batch)
            self._submit(_append, USERS_FILE, csv_of(rows))
            breather.breathe()

    def _say_that_users_are_fewer(self, rows: int, one_in: int) -> None:
        self._record.changes.note("results.users", rows=rows, one_in=one_in)
        _LOGGER.warning("%s has %d rows: one user in %d from here on", USERS_FILE, rows, one_in)

    def _write_summary(self, summary: Summary) -> None:
        text = json.dumps(summary.as_dict(), indent=2, allow_nan=False) + "\n"
        self._submit(_replace, SUMMARY_FILE, text)

    def _submit(self, write: Write, name: str, text: str) -> None:
        if text:
            self._background.submit(write, self._folder / name, text.encode())

    def _remove_what_was_made(self) -> None:
        for path in self._made:
            # What is not there, or where somebody else has put something meanwhile, is left alone.
            with suppress(OSError, ValueError):
                path.rmdir()


def _create(path: Path, data: bytes) -> None:
    """Begin a file; one that another run has begun there meanwhile stays as it is."""
    _write(path, os.O_CREAT | os.O_EXCL, data)


def _append(path: Path, data: bytes) -> None:
    """Go on with a file; one that is gone is not begun anew, without its beginning."""
    _write(path, os.O_APPEND, data)


def _write(path: Path, flags: int, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | flags, 0o644)
    try:
        write_all(descriptor, data)
    finally:
        os.close(descriptor)


def _replace(path: Path, data: bytes) -> None:
    """Let a reader find the old file or the new one, never half of it."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    _create(beside, data)
    os.replace(beside, path)
