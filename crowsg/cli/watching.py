"""The options by which a command says how closely its node is watched."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from crowsg.cli.joining import gathered
from crowsg.cli.types import Duration, Folder
from crowsg.health.breaking import STALL_TIMEOUT, STALL_TIMEOUT_S
from crowsg.node import Node


@dataclass(frozen=True, slots=True)
class Watch:
    """How closely a node is watched.

    Attributes:
        stall_timeout: Seconds after which a scenario that blocks the event loop is broken, 0 for
            never; None for the usual.
        journal: Folder of its journal; None for none.
    """

    stall_timeout: float | None = None
    journal: Path | None = None

    @contextmanager
    def node(self, name: str, settings_file: Path | None = None) -> Iterator[Node]:
        """Give a node that is watched like this, until the block ends; see ``Node``.

        Raises:
            NodeError: It cannot start, or its journal cannot be written there.
            CodePathError: A code path is no folder.
        """
        with Node(name, settings_file=settings_file, stall_timeout_s=self.stall_timeout) as node:
            if self.journal is not None:
                node.open_journal(self.journal)
            node.watch()
            yield node

    def arguments(self) -> list[str]:
        """Return the same as a command line has it."""
        arguments = []
        if self.stall_timeout is not None:
            arguments += ["--stall-timeout", f"{self.stall_timeout:.3f}"]
        if self.journal is not None:
            arguments += ["--journal", str(self.journal)]
        return arguments


watch_options = gathered(
    "watch",
    Watch,
    (
        click.option(
            "--stall-timeout",
            type=Duration(),
            help="Break code that blocks the event loop for so long, 0s: never "
            f"({STALL_TIMEOUT}; {STALL_TIMEOUT_S:g}s).",
        ),
        click.option(
            "--journal",
            type=Folder(),
            envvar="CROWSG_JOURNAL",
            help="Folder for a journal of what each process does (CROWSG_JOURNAL).",
        ),
    ),
)
