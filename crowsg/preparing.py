"""What a run of a scenario begins with: the scenario, and where its settings come from."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from crowsg.code.server import CodeServer
from crowsg.config.settings import Values
from crowsg.config.sources import PARSER_VARIABLE, from_toml, load_parser
from crowsg.scenario.loading import Scenario, from_module, load

FILE_VARIABLE = "CROWSG_CONFIG"


class Preparing:
    """Finds scenarios, and gathers the values for their settings.

    Args:
        code: Knows the scenarios.
        environment: Where ``CROWSG_...`` is read from.
        settings_file: A TOML file with settings; None: the one ``CROWSG_CONFIG`` names, if any.
    """

    def __init__(
        self, code: CodeServer, environment: Mapping[str, str], settings_file: Path | None
    ) -> None:
        self._code = code
        self._environment = environment
        self._settings_file = settings_file

    def prepare(
        self,
        reference: str | Path | ModuleType,
        given: Mapping[str, Any],
        defaults: Mapping[str, Any],
    ) -> tuple[Scenario, Values]:
        """Return a scenario, and the values that there are for its settings.

        Args:
            reference: A file, a module name on the code paths, or a module.
            given: Values that come before all others.
            defaults: Values that come after all others but the declared ones.

        Raises:
            CrowsgError: It cannot be loaded, or the settings cannot be read.

        Blocks: while files are read.
        """
        folders = self._code.folders
        if isinstance(reference, ModuleType):
            return from_module(reference, folders), self._values(given, defaults)
        return load(self._code.find(str(reference)), folders), self._values(given, defaults)

    def _values(self, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Values:
        file = self._settings_file or self._environment.get(FILE_VARIABLE)
        return Values(
            given,
            self._environment,
            {**defaults, **(from_toml(Path(file)) if file else {})},
            load_parser(self._environment.get(PARSER_VARIABLE)),
        )
