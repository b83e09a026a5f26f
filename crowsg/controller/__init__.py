"""One node's runs, for nodes that are driven one by one with id ranges of their own.

Most programs use ``crowsg.do``, ``add`` and ``remove``, which count the ids themselves.
"""

from collections.abc import Mapping
from typing import Any

from crowsg.context import current_node
from crowsg.controller.life_cycle import ScenarioReference
from crowsg.controller.status import Status

__all__ = ["Status", "add_users", "remove_users", "start_scenario", "status", "stop_scenario"]


def start_scenario(scenario: ScenarioReference, settings: Mapping[str, Any] | None = None) -> None:
    """Load a scenario, verify its settings, run ``setup`` and ``init``.

    Args:
        scenario: A file, a module name on the code paths, or a module.
        settings: Values by name; they stand above the environment and the declared defaults.

    Raises:
        InvalidStatus: A run is going on here, or the node is disabled.
        ScenarioError: The scenario cannot be found or loaded; ``ScenarioFailed`` when ``setup`` or
            ``init`` raised. What had been begun is ended again.
        ConfigError: Declarations or values are wrong.

    Blocks: until ``init`` has returned.
    Emits: the spans ``scenario, setup`` and ``scenario, init``; ``throttle, init`` and ``rate``.
    Source: amoc_controller:start_scenario/2; unlike there a node that has finished or failed
        starts again.
    """
    current_node().controller.start_scenario(scenario, settings)


def add_users(first_id: int, last_id: int) -> None:
    """Queue the users ``first_id`` to ``last_id``; ``user_rate`` lets them start.

    Args:
        first_id: The lowest id, above every id given away so far in this run.
        last_id: The highest id.

    Raises:
        InvalidStatus: No scenario is running.
        InvalidRange: Ids that are no whole numbers, not ascending, or were given away.

    Blocks: never.
    Emits: ``controller, users``; later the span ``scenario, start`` for each user.
    Source: amoc_controller:add_users/2.
    """
    current_node().controller.add_users(first_id, last_id)


def remove_users(count: int, force: bool = False) -> int:
    """End up to ``count`` users: running ones, the oldest first, then waiting ones.

    Args:
        count: How many at the most.
        force: Kill those who live on ``stop_timeout`` seconds later.

    Returns:
        How many were chosen; none is ever chosen twice.

    Raises:
        InvalidStatus: No scenario is running.
        InvalidCount: ``count`` is no whole number >= 0.

    Blocks: never; the users end later.
    Emits: ``controller, users``.
    Source: amoc_controller:remove_users/2; unlike there users waiting for their start count too.
    """
    return current_node().controller.remove_users(count, force)


def stop_scenario() -> None:
    """End the run: nobody starts any more, all users are removed by force, then ``terminate``.

    Raises:
        InvalidStatus: No scenario is running.

    Blocks: never while users live; otherwise until ``terminate`` and ``teardown`` have returned.
    Emits: the spans ``scenario, terminate`` and ``scenario, teardown``.
    Source: amoc_controller:stop_scenario/0; unlike there users waiting for their start are
        cancelled and counted.
    """
    current_node().controller.stop_scenario()


def status() -> Status:
    """Return what this node is doing, and how its own loops are.

    Blocks: never.
    Source: amoc_controller:get_status/0.
    """
    return current_node().local.status()
