"""A whole run on this node alone."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from crowsg.controller.machine import Controller
from crowsg.errors import NoSuchThrottle, ScenarioFailed, ThrottleStopped
from crowsg.one_run import RunOptions
from crowsg.users.crowd import Crowd
from crowsg.users.starter import Due


class LocalRunner:
    """Lets one controller carry the users of a run; see ``crowsg.one_run.Runner``.

    Args:
        controller, crowd: The services of the node.
        spawn: Starts a function on a greenlet of the node.
        admit: Waits for a permit of ``user_rate``.
    """

    def __init__(
        self,
        controller: Controller,
        crowd: Crowd,
        spawn: Callable[..., Any],
        admit: Callable[[], Due],
    ) -> None:
        self.over = controller.over
        self.idle = crowd.idle
        self.unkillable = crowd.unkillable
        self._controller = controller
        self._spawn = spawn
        self._admit = admit

    @property
    def state(self) -> str:
        """State of the controller."""
        return self._controller.state

    @property
    def trouble(self) -> Sequence[ScenarioFailed]:
        """What ``terminate`` and ``teardown`` of the run raised."""
        return self._controller.trouble

    def start(self, options: RunOptions) -> None:
        """Start the scenario and queue its users, or let them arrive."""
        self._controller.start_scenario(options.scenario, options.settings)
        if options.arrivals:
            self._spawn(self._let_arrive, options.last_id)
        else:
            self._controller.add_users(options.first_id, options.last_id)

    def stop(self) -> None:
        """End the run."""
        self._controller.stop_scenario()

    def kill_users(self) -> None:
        """Leave no further grace."""
        self._controller.kill_users()

    def _let_arrive(self, most: int) -> None:
        # The throttle ends with the run.
        with suppress(NoSuchThrottle, ThrottleStopped):
            while self._controller.state == "running":
                permit = self._admit()
                # The run may have ended while this greenlet was on its way here.
                if self._controller.state == "running":
                    self._controller.arrive(permit.due, most)
