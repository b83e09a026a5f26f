"""What a master decides before it looks for workers."""

from collections.abc import Callable, Mapping
from typing import Any

from crowsg.code.server import CodeServer
from crowsg.config.settings import Settings, Values
from crowsg.controller.life_cycle import LifeCycle, ScenarioReference
from crowsg.dist.recruiting import Plan
from crowsg.dist.run_settings import packed
from crowsg.scenario.loading import Scenario

Prepare = Callable[
    [ScenarioReference, Mapping[str, Any], Mapping[str, Any]], tuple[Scenario, Values]
]


class Planning:
    """Plans runs of several nodes.

    Args:
        code: Brings the scenario to others.
        prepare: Finds the scenario, and the values of its settings.
        life: Checks them.
        settings: Reads the environment.
    """

    def __init__(
        self, code: CodeServer, prepare: Prepare, life: LifeCycle, settings: Settings
    ) -> None:
        self._code = code
        self._prepare = prepare
        self._life = life
        self._settings = settings

    def plan(self, run: str, reference: ScenarioReference, settings: Mapping[str, Any]) -> Plan:
        """Return the plan of a run, whose code changes no more.

        Args:
            run: Names it.
            reference: Its scenario.
            settings: Values handed in, by name.

        Raises:
            CrowsgError: The scenario cannot be loaded, or cannot travel; or its settings are wrong.

        Blocks: while files are read.
        """
        bundle = self._code.bundle_of(reference)
        self._code.pin_own(bundle, run)
        scenario, values = self._prepare(reference, settings, {})
        self._life.configure(scenario, values)
        # Below what a worker says of itself, but above what is declared.
        defaults = {**values.file, **self._settings.of_environment(values.environment)}
        return Plan(run, scenario.name, packed(settings), packed(defaults), bundle)
