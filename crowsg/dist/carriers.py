"""The services of a node that carry its part of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from crowsg.code.server import CodeServer
from crowsg.config.settings import Settings
from crowsg.controller.arriving import Arriving
from crowsg.controller.machine import Controller
from crowsg.dist.snapshot import Snapshots
from crowsg.health.monitor import Health
from crowsg.journal import Journal
from crowsg.supervision import GreenletState, Keep
from crowsg.throttle.service import Throttles
from crowsg.users.crowd import Crowd


@dataclass(frozen=True, slots=True)
class Carriers:
    """The services of a node that carry its part of a run.

    Attributes:
        keep: Keeps loops of the node running.
        greenlets: Tells how these are.
        health: Tells what blocks its event loop, and whether the process stood still.
        journal: Takes what is worth a later look.
    """

    controller: Controller
    arriving: Arriving
    crowd: Crowd
    settings: Settings
    throttles: Throttles
    code: CodeServer
    snapshots: Snapshots
    keep: Keep
    greenlets: Callable[[], Mapping[str, GreenletState]]
    health: Health
    journal: Journal
