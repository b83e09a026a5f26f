"""Errors of scenarios and their code."""

from collections.abc import Iterable

from crowsg.errors.base import EXIT_SCENARIO_FAILED, CrowsgError


class ScenarioError(CrowsgError):
    """A scenario cannot be found, loaded or started."""


class NoSuchScenario(ScenarioError):
    """No file and no module of that name."""

    reason = "no_such_scenario"

    def __init__(self, name: str, searched: Iterable[str] = ()) -> None:
        self.name = name
        where = ", ".join(searched)
        super().__init__(f"no scenario {name!r}" + (f" in {where}" if where else ""))


class InvalidScenario(ScenarioError):
    """The module is no scenario; ``problems`` says everything that is missing or wrong."""

    reason = "invalid_scenario"

    def __init__(self, name: str, problems: Iterable[str]) -> None:
        self.name = name
        self.problems = tuple(problems)
        super().__init__(f"{name} is no valid scenario: " + "; ".join(self.problems))


class UnmetDependencies(ScenarioError):
    """Packages the scenario asks for are missing or of another version."""

    reason = "unmet_dependencies"

    def __init__(self, name: str, problems: Iterable[str], wanted: Iterable[str]) -> None:
        self.name = name
        self.problems = tuple(problems)
        remedy = " ".join(f"'{requirement}'" for requirement in wanted)
        super().__init__(
            f"{name} needs: "
            + "; ".join(self.problems)
            + (f" - try: pip install {remedy}" if remedy else "")
        )


class CodePathError(ScenarioError):
    """Code paths are no folders; all of them are named."""

    reason = "invalid_code_path"


class NameTaken(ScenarioError):
    """The name of a scenario's module belongs to another module."""

    reason = "code_path_collision"


class CodeRefused(ScenarioError):
    """Code may not be brought to a node: its name, path, size, digest or syntax is wrong."""

    reason = "code_refused"

    def __init__(self, name: str, problems: Iterable[str]) -> None:
        self.name = name
        self.problems = tuple(problems)
        super().__init__(f"the code of {name} is refused: " + "; ".join(self.problems))


class CodeVersionChanged(ScenarioError):
    """Another version of the code is in use by the run that goes on."""

    reason = "module_version_has_changed"

    def __init__(self, name: str, used: str, offered: str) -> None:
        self.name = name
        super().__init__(
            f"{name} is in use in version {used[:12]} and cannot become {offered[:12]} "
            "before the run has ended"
        )


class ScenarioFailed(ScenarioError):
    """A callback of the scenario raised; ``__cause__`` is what it raised."""

    reason = "scenario_failed"
    exit_code = EXIT_SCENARIO_FAILED

    def __init__(self, callback: str, description: str) -> None:
        self.callback = callback
        super().__init__(f"{callback} failed: {description}")
