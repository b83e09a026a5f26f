"""What a node noted of its own life, for whoever judges it afterwards.

One file for each life of a process, ``NAME-INCARNATION.jsonl``, of JSON lines. A line is written at
once and whole: what was noted is there, even when the process is killed in the next moment.

Every line has ``t`` (nanoseconds of the monotonic clock, which is the same for all processes of a
machine since its last start), ``node``, ``inc`` (the incarnation), ``run`` ("" for none) and
``kind``. The rest by kind; users, throttles and nodes are named as everywhere:

===========  ====================================  =================================================
kind         fields                                noted when, by whom
===========  ====================================  =================================================
opened       boot (id), pid                        the first line of each file
closed                                             the last line of a process that ended in order
leads        run                                   the node owns a run from here on: as its master,
                                                   or alone
configure    run, digests {module: digest}         the node takes part in a run of another one
begin        run                                   ``init`` of that run has returned
fence        run                                   it lets go of its users, without its master
released     run                                   it takes no part in the run any more
lost         name, incarnation                     the master gives away what a node had: before
                                                   the first of its slots, ids or shares is
over         run, outcome                          the run of this master has ended everywhere
command      method, sender, sender_incarnation,   what another node told this one to do is done
             number, run, late (s, > 0: too late)  from here on
member       name, incarnation, state              the state of another node changed in the eyes of
                                                   this one
calling      callback                              ``setup``, ``init``, ``terminate`` or
                                                   ``teardown`` is called
called       callback, ok                          it has ended; ok: it did not raise
start        user                                  a user was given its permit to start, and starts
end          user, outcome                         it has ended
cancelled    first, last                           users of these ids never start
rate         throttle, rate, interval (s)          a rate was set, on the node that owns it; without
                                                   an interval it is unlimited, of 0: parallel
status       state, users {count: n}, paused       how this node stands, each 100 ms and at the
             [throttle]                            end; what is paused is known to the owner
cluster      users {count: n}, nodes               how the run stands in the eyes of its master,
             {name: state}                         each 100 ms while it leads
stall        began (ns), seconds, place            the event loop was blocked, and is no more
greenlets    running [name], down [name]           the supervised loops that run, and those that
                                                   are to and do not, each second
usage        rss (bytes), files, greenlets         what the process uses, each second
===========  ====================================  =================================================

Settings are never noted: they may be secret.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, Self

from crowsg.clock import Clock
from crowsg.errors import NodeError
from crowsg.text import shown

LOOK_S = 0.1
"""How often what is watched is noted."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_OPEN = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_BEGIN_RUNS = frozenset(("leads", "configure"))

_ENCODE = json.JSONEncoder(separators=(",", ":"), check_circular=False, default=shown).encode
_LOGGER = logging.getLogger("crowsg")

Look = Callable[[], Mapping[str, Any] | None]
"""Tells the fields of a note; None where there is nothing to note now."""


class Journal:
    """An open journal; ``Journal.open`` makes one.

    Args:
        descriptor: The file.
        node: Whose life it is.
        incarnation: Which of its lives.
        clock: Tells and waits.
    """

    def __init__(self, descriptor: int, node: str, incarnation: int, clock: Clock) -> None:
        self._descriptor = descriptor
        self._clock = clock
        self._who = f'"node":{_ENCODE(node)},"inc":{incarnation},'
        self._watched: list[tuple[str, Look]] = []
        self._of_run("")

    @classmethod
    def open(cls, folder: Path, node: str, incarnation: int, clock: Clock) -> Self:
        """Begin the journal of this life of a node.

        Args:
            folder: Where the file goes; made, for its owner alone, where it is missing.
            node: Whose life it is.
            incarnation: Which of its lives.
            clock: Tells and waits.

        Raises:
            NodeError: It cannot be written there, or such a life has a journal already.
        """
        # Whatever a node is called: the file lies in the folder.
        path = folder.absolute() / f"{re.sub(r'[^A-Za-z0-9@._-]', '_', node)}-{incarnation}.jsonl"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, _OPEN, 0o600)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise NodeError(f"the journal {path} cannot be written: {why}") from error
        journal = cls(descriptor, node, incarnation, clock)
        journal.note("opened", boot=_boot_id(), pid=os.getpid())
        return journal

    def note(self, kind: str, **fields: Any) -> None:
        """Write a line.

        Args:
            kind: What is noted; see the table of this module.
            fields: More of it, as plain values. ``run`` stands for the run of this line; ``leads``
                and ``configure`` begin the run of all lines that follow.

        Blocks: as long as the file system takes; an error ends the journal and is written once.
        """
        if self._descriptor < 0:
            return
        about = self._about
        if "run" in fields:
            run = fields.pop("run")
            about = self._of_run(run) if kind in _BEGIN_RUNS else self._about_run(run)
        rest = f",{_ENCODE(fields)[1:-1]}" if fields else ""
        line = f'{{"t":{self._clock.now_ns()},{about}"kind":"{kind}"{rest}}}\n'.encode()
        try:
            # In one piece, so that lines of which the end is missing say that the disk was full.
            if os.write(self._descriptor, line) != len(line):
                self._fall_silent("no space left on the device")
        except OSError as error:
            self._fall_silent(error)

    def watch(self, look: Look, kind: str = "cluster") -> None:
        """Note what ``look()`` tells, each 100 ms while ``keep_looking`` runs.

        Args:
            look: Asked for the fields; must not block.
            kind: What to note them as.
        """
        self._watched.append((kind, look))

    def look(self) -> None:
        """Note all that is watched, as it is now."""
        if self._descriptor >= 0:
            for kind, look in self._watched:
                fields = look()
                if fields is not None:
                    self.note(kind, **fields)

    def keep_looking(self) -> NoReturn:
        """Look ten times a second.

        Blocks: for ever.
        """
        while True:
            self.look()
            self._clock.sleep(LOOK_S)

    def close(self) -> None:
        """Look once more, and end the file."""
        self.look()
        self.note("closed")
        self._end()

    def _of_run(self, run: object) -> str:
        self._about = self._about_run(run)
        return self._about

    def _about_run(self, run: object) -> str:
        return f'{self._who}"run":{_ENCODE(run)},'

    def _fall_silent(self, why: object) -> None:
        self._end()
        _LOGGER.error("the journal ends here, as it cannot be written: %s", why)

    def _end(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class _NoJournal(Journal):
    """What a node has that keeps none: it takes every note and does nothing."""

    def __init__(self) -> None:
        pass

    def note(self, kind: str, **fields: Any) -> None:
        pass

    def watch(self, look: Look, kind: str = "cluster") -> None:
        pass

    def look(self) -> None:
        pass

    def close(self) -> None:
        pass


NO_JOURNAL = _NoJournal()


def _boot_id() -> str:
    """Return what names the time since the machine was started; "" where nothing does."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
