"""Ending users that do not end by themselves: asked, then killed, then reported."""

from collections.abc import Callable, Iterable
from typing import Any

import gevent

from crowsg.clock import SECOND, Clock, to_ns
from crowsg.users.user import User

BATCH = 1000
"""Users asked or killed before everybody else gets a turn."""

KILLS = 3
KILL_INTERVAL_S = 0.5
"""Time a user has to die of a kill before it is counted as stuck and killed again."""


class Stopper:
    """Asks users to stop, and insists where it is told to.

    Args:
        clock: Waits.
        spawn: Starts a function on a greenlet of this node.
        alive: Whether a user has not ended yet.
        on_stuck: Called with users that survived a kill.
        on_unkillable: Called when users survived the last kill.
    """

    def __init__(
        self,
        clock: Clock,
        spawn: Callable[..., Any],
        alive: Callable[[User], bool],
        on_stuck: Callable[[list[User]], object],
        on_unkillable: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._spawn = spawn
        self._alive = alive
        self._on_stuck = on_stuck
        self._on_unkillable = on_unkillable

    def ask(self, users: Iterable[User], grace_s: float) -> None:
        """Raise ``UserStop`` in every user that was not asked before; returns at once.

        In the middle of an operation it waits for its end, at most ``grace_s`` seconds.
        """
        self._spawn(self._ask, list(users), grace_s)

    def force(self, users: Iterable[User], grace_s: float) -> None:
        """Ask, and kill those that live on after ``grace_s`` seconds; returns at once."""
        self._spawn(self._insist, list(users), grace_s)

    def _ask(self, users: list[User], grace_s: float) -> None:
        asked_ns = self._clock.now_ns()
        self._in_batches(users, User.ask_to_stop)
        self._sleep_until(asked_ns + to_ns(grace_s))
        self._in_batches([user for user in users if user.stop_is_due], User.insist)

    def _insist(self, users: list[User], grace_s: float) -> None:
        end_ns = self._clock.now_ns() + to_ns(grace_s)
        self._ask(users, grace_s / 2)
        self._sleep_until(end_ns)
        for _ in range(KILLS):
            users = [user for user in users if self._alive(user)]
            if not users:
                return
            self._in_batches(users, User.kill)
            self._clock.sleep(KILL_INTERVAL_S)
            self._on_stuck([user for user in users if self._alive(user)])
        if any(self._alive(user) for user in users):
            self._on_unkillable()

    def _sleep_until(self, moment_ns: int) -> None:
        self._clock.sleep(max(0, moment_ns - self._clock.now_ns()) / SECOND)

    def _in_batches(self, users: list[User], act: Callable[[User], object]) -> None:
        for at in range(0, len(users), BATCH):
            for user in users[at : at + BATCH]:
                act(user)
            gevent.sleep(0)
