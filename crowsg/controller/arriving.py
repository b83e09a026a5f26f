"""Users that arrive without end: each permit of ``user_rate`` is one."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from crowsg.controller.machine import Controller
from crowsg.errors import NoSuchThrottle, ThrottleStopped
from crowsg.users.starter import Due


class Arriving:
    """Starts a user at each permit, for as long as the run goes on.

    Args:
        controller: Starts them.
        spawn: Starts a function on a greenlet of the node.
        admit: Waits for a permit of ``user_rate``.
    """

    def __init__(
        self, controller: Controller, spawn: Callable[..., Any], admit: Callable[[], Due]
    ) -> None:
        self._controller = controller
        self._spawn = spawn
        self._admit = admit
        self._most = 0
        self._is_begun = False

    def begin(self, first_id: int, most: int) -> None:
        """Let users arrive from now on; where they do so already, only ``most`` is another.

        Args:
            first_id: The id of the first.
            most: How many may be there at once; those beyond never start. 0: nobody arrives.

        Blocks: never.
        """
        self._most = most
        if most and not self._is_begun:
            self._is_begun = True
            self._controller.count_from(first_id)
            self._spawn(self._let_arrive)

    @property
    def _goes_on(self) -> bool:
        return self._controller.state == "running" and self._most > 0

    def _let_arrive(self) -> None:
        try:
            # The throttle ends with the run.
            with suppress(NoSuchThrottle, ThrottleStopped):
                while self._goes_on:
                    permit = self._admit()
                    # The run may have ended while this greenlet was on its way here.
                    if self._goes_on:
                        self._controller.arrive(permit.due, self._most)
        finally:
            self._is_begun = False
