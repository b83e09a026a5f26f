"""Errors of settings."""

from collections.abc import Iterable
from typing import ClassVar

from crowsg.errors.base import CrowsgError


class ConfigError(CrowsgError):
    """Declarations or values of settings are wrong; ``problems`` lists all that is."""

    title: ClassVar[str] = "wrong settings"

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{self.title}: " + "; ".join(self.problems))


class InvalidDeclaration(ConfigError):
    """``problems`` lists every faulty declaration of every module that takes part."""

    reason = "invalid_attribute_format"
    title = "invalid variables"


class DuplicateVariable(ConfigError):
    """Two declarations share a name and neither is an override."""

    reason = "parameter_overriding"
    title = "variables declared twice"


class UnknownSetting(ConfigError):
    """Values were given for names nobody declares."""

    reason = "undefined_parameters"
    title = "undeclared settings"

    def __init__(self, names: Iterable[str], known: Iterable[str] = ()) -> None:
        self.names = tuple(names)
        hint = ", ".join(sorted(known))
        super().__init__([*self.names, *([f"known: {hint}"] if hint else [])])


class ReadOnlySetting(ConfigError):
    """An update names variables that may not change while running."""

    reason = "readonly_parameters"
    title = "read-only settings"

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        self.names = tuple(names)
        super().__init__([f"{name} (of {module})" for name, module in self.names])


class SettingsRejected(ConfigError):
    """Verification refused values; ``rejected`` holds (name, shown value, why) of all of them."""

    reason = "parameters_verification_failed"
    title = "settings refused"

    def __init__(self, rejected: Iterable[tuple[str, str, str]]) -> None:
        self.rejected = tuple(rejected)
        super().__init__([f"{name} = {value}: {why}" for name, value, why in self.rejected])


class InvalidSetting(ConfigError, LookupError):
    """``config.get`` was asked for a name nobody declares."""

    reason = "invalid_setting"
    title = "undeclared setting"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__([name])


class InvalidSource(ConfigError):
    """A settings file, a ``NAME=VALUE`` or a parser could not be read."""

    reason = "invalid_source"
    title = "unreadable settings"
