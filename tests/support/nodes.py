"""Nodes on a clock that is moved by hand, and scenarios made of functions."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import gevent

from crowsg import users
from crowsg.node import Node
from crowsg.testing import ManualClock

UNLIMITED = {"user_rate": "infinity"}


class Bench:
    """A node and the clock it lives by.

    Attributes:
        ended: Why the node ended the process, which it only says here.
    """

    def __init__(self, **environment: str) -> None:
        self.clock = ManualClock()
        self.ended: list[str] = []
        name, ended = "test@localhost", self.ended.append
        self.node = Node(name, clock=self.clock, environment=environment, end_process=ended)

    def do(self, scenario: ModuleType, count: int, **settings: Any) -> None:
        """Start a scenario with users that start at once, and let them take their first step."""
        self.node.local.do(scenario, count, {**UNLIMITED, **settings})
        self.clock.advance(0)

    def count(self, outcome: str) -> int:
        """Return how many users stand at ``outcome``."""
        return self.node.local.status().users.as_dict()[outcome]

    def state(self) -> str:
        """Return the state of the controller."""
        return self.node.local.status().state


def sleep_for_ever(user_id: int) -> None:
    """Be an idle user."""
    while True:
        users.sleep(1000)


def make_scenario(
    start: Callable[..., Any] = sleep_for_ever, /, *, name: Any = "made", **attributes: Any
) -> ModuleType:
    """Return a scenario of these callbacks and variables; its users sleep for ever by default."""
    module = ModuleType(name)
    module.__dict__.update({"init": lambda: None, "start": start, **attributes})
    return module


def ignore_the_stop(user_id: int) -> None:
    """Go on after being asked to stop; die of a kill."""
    try:
        sleep_for_ever(user_id)
    except users.UserStop:
        sleep_for_ever(user_id)


def survive_kills(user_id: int) -> None:
    """Go on whatever is thrown, for two hundred times."""
    for _ in range(200):
        try:
            sleep_for_ever(user_id)
        except gevent.GreenletExit:
            continue


def is_balanced(counts: dict[str, int]) -> bool:
    """Whether every user asked for is accounted for exactly once."""
    parts = ("waiting", "running", "finished", "failed", "removed", "killed", "cancelled", "lost")
    return counts["asked"] == sum(counts[part] for part in parts) and min(counts.values()) >= 0
