"""What the master of a run may order a worker to do with its part of it."""

from collections.abc import Callable, Mapping
from typing import Any

from crowsg.controller.arriving import Arriving
from crowsg.controller.machine import Controller
from crowsg.dist.run_settings import unpacked
from crowsg.dist.snapshot import Snapshots
from crowsg.throttle.service import Throttles
from crowsg.users.crowd import Crowd

Command = Callable[[Mapping[str, Any]], Any]
"""Carries out an order by what it says, and returns the answer."""


def commands_of(
    controller: Controller,
    arriving: Arriving,
    crowd: Crowd,
    snapshots: Snapshots,
    throttles: Throttles,
) -> Mapping[str, Command]:
    """Return what these services do on each order, by the method that is called."""

    def stop(body: Mapping[str, Any]) -> None:
        if controller.state == "running":
            controller.stop_scenario()

    return {
        "run_stop": stop,
        "run_kill": lambda body: controller.kill_users(),
        "users_add": lambda body: controller.add_users(body["first"], body["last"]),
        "users_count": lambda body: crowd.removable,
        "users_arrive": lambda body: arriving.begin(body["first"], body["most"]),
        "users_remove": lambda body: controller.remove_users(body["count"], bool(body["force"])),
        "settings_check": lambda body: controller.check_update(unpacked(body["settings"])),
        "settings_update": lambda body: controller.update_settings(unpacked(body["settings"])),
        "snapshot": lambda body: snapshots.take(body["lives_from"]),
        "throttle_closed": lambda body: throttles.closed_by_owner(
            str(body["name"]), int(body["life"])
        ),
    }
