"""What ``stamping`` is to crowsg, for Locust: users that stamp every hit. For ``locust -f``."""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

import os
from pathlib import Path
from typing import Any

from locust import User, constant, events, task

from contrib.benchmarks.stamps import Stamps

FOLDER = "BENCHMARK_FOLDER"
PAUSE_S = 0.1


class Stamping(User):
    """A user that pauses and hits."""

    wait_time: Any = constant(PAUSE_S)
    stamps: Stamps

    def on_start(self) -> None:
        """Note that it begins."""
        self.stamps.note("start")

    @task
    def hit(self) -> None:
        """Note a hit."""
        self.stamps.note("hit")


@events.init.add_listener
def open_files(**_: object) -> None:
    """Open the files of this process."""
    Stamping.stamps = Stamps(Path(os.environ[FOLDER]))
