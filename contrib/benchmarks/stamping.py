"""A scenario: users hit, at the rate of a throttle or after a pause each, and stamp every hit."""

from pathlib import Path

from contrib.benchmarks.stamps import Stamps
from crowsg import Variable, config, metrics, throttle, users

required_variables = [
    Variable("folder", "where each node writes what it notes"),
    Variable("rate", "rate of the throttle; without one each user pauses", default=None),
    Variable("pause", "s", default=0.1),
]

NAME = "hit"


def init() -> Stamps:
    """Start the throttle, where there is to be one."""
    if config.get("rate"):
        throttle.start(NAME, config.get("rate"))
    stamps = Stamps(Path(config.get("folder")))
    stamps.note("init")
    return stamps


def start(user_id: int, stamps: Stamps) -> None:
    """Be one user; a hit is stamped after ``wait`` returned."""
    is_paced, pause_s = bool(config.get("rate")), config.get("pause")
    stamps.note("start")
    while True:
        if is_paced:
            throttle.wait(NAME)
        else:
            users.sleep(pause_s)
        with metrics.time(NAME):
            stamps.note("hit")


def terminate(stamps: Stamps) -> None:
    """Note that this node ends its part."""
    stamps.note("terminate")
