"""The services of a node that lead a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crowsg.code.server import CodeServer
from crowsg.controller.life_cycle import LifeCycle, ScenarioReference
from crowsg.controller.machine import Controller
from crowsg.dist.recruiting import Plan
from crowsg.dist.snapshot import Snapshots
from crowsg.journal import Journal
from crowsg.throttle.processes import Processes
from crowsg.throttle.service import Throttles


@dataclass(frozen=True, slots=True)
class Leadership:
    """The services of a node that lead a run.

    Attributes:
        controller: Carries nobody meanwhile.
        life: Calls ``setup`` and ``teardown``.
        throttles: Those of this node.
        processes: The throttles of the run, which the master owns.
        snapshots: What this node itself recorded.
        code: The code that workers get.
        plan: Loads a scenario here, and says what workers are told of it.
        journal: Takes what is worth a later look.
    """

    controller: Controller
    life: LifeCycle
    throttles: Throttles
    processes: Processes
    snapshots: Snapshots
    code: CodeServer
    plan: Callable[[str, ScenarioReference, Mapping[str, Any]], Plan]
    journal: Journal
