"""A scenario: users loop on a throttle and note when they passed; each node writes that down."""

import os
from array import array
from pathlib import Path
from time import monotonic
from typing import Any

import gevent

from crowsg import Variable, config, throttle

required_variables = [
    Variable("rate", "rate of the throttle"),
    Variable("folder", "where each node writes, when the run ends, what it noted"),
]

NAME = "throttle"
LOOK_S = 0.05


class Notes:
    """What one node notes.

    Attributes:
        passed_s: When each user passed, in the order of time.
        lost_s: Moments, each followed by the seconds that were lost until then.
    """

    def __init__(self) -> None:
        self.passed_s = array("d")
        self.lost_s = array("d")
        self._looking: Any = None

    def begin(self) -> None:
        """Note the time that is lost, on a greenlet of its own."""
        self._looking = gevent.spawn(self._look)

    def end(self, folder: Path) -> None:
        """Write everything down, in files named after this process."""
        self._looking.kill()
        for kind, values in (("passed", self.passed_s), ("lost", self.lost_s)):
            with (folder / f"{os.getpid()}.{kind}").open("wb") as file:
                values.tofile(file)

    def _look(self) -> None:
        while True:
            self.lost_s.extend((monotonic(), throttle.info(NAME).lost_s))
            gevent.sleep(LOOK_S)


def init() -> Notes:
    """Start the throttle."""
    throttle.start(NAME, config.get("rate"))
    notes = Notes()
    notes.begin()
    return notes


def start(user_id: int, notes: Notes) -> None:
    """Be one user; the stamp is taken after ``wait`` returned."""
    note, now = notes.passed_s.append, monotonic
    while True:
        throttle.wait(NAME)
        note(now())


def terminate(notes: Notes) -> None:
    """Write down what this node noted."""
    notes.end(Path(config.get("folder")))
