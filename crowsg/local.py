"""The verbs of a run on this node alone: what ``crowsg.do`` and its companions forward to."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from crowsg.controller.life_cycle import ScenarioReference
from crowsg.controller.machine import Controller, check_count
from crowsg.controller.status import Status
from crowsg.supervision import GreenletState


class Local:
    """Drives one controller, counting user ids from 1.

    Args:
        controller: What is driven.
        greenlets: Tells how the loops of the node are.
    """

    def __init__(
        self, controller: Controller, greenlets: Callable[[], Mapping[str, GreenletState]]
    ) -> None:
        self._controller = controller
        self._greenlets = greenlets

    def do(
        self, scenario: ScenarioReference, count: int, settings: Mapping[str, Any] | None = None
    ) -> None:
        """Start a scenario with ``count`` users; see ``crowsg.do``."""
        check_count(count, least=0)
        self._controller.start_scenario(scenario, settings)
        self.add(count)

    def add(self, count: int) -> None:
        """Add users with the next free ids; see ``crowsg.add``."""
        check_count(count, least=0)
        if count:
            highest = self._controller.highest_user_id
            self._controller.add_users(highest + 1, highest + count)

    def remove(self, count: int, force: bool = False) -> int:
        """End up to ``count`` users; see ``crowsg.remove``."""
        return self._controller.remove_users(count, force)

    def stop(self) -> None:
        """End the run; see ``crowsg.stop``."""
        self._controller.stop_scenario()

    def reset(self) -> None:
        """Forget the run; see ``crowsg.reset``."""
        self._controller.reset()

    def status(self) -> Status:
        """Return what the node is doing; see ``crowsg.status``."""
        return replace(self._controller.status(), greenlets=self._greenlets())

    def update_settings(self, settings: Mapping[str, Any]) -> None:
        """Change settings while running; see ``crowsg.update_settings``."""
        self._controller.update_settings(settings)
