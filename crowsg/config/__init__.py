"""The settings of a run: what a scenario declares, and what it is given.

A scenario, and every module it imports, lists what can be set in ``required_variables``; the
scenario alone may replace declarations in ``override_variables``. A value comes from, first found:
what ``setup`` returned, the settings given, the environment (``CROWSG_<NAME>``), the TOML file,
the declared default. Text from a command line or the environment is read as a Python
literal, as plain text where it is none, and always as text where the default is text. Everything is
verified before the first user starts, and all that is wrong is reported at once. While the run
lasts ``crowsg.update_settings`` changes what was declared with ``update``.
"""

from typing import Any

from crowsg.config.variable import Variable
from crowsg.context import current_node

__all__ = ["Variable", "current", "defaults", "get"]


def get(name: str, default: Any = None) -> Any:
    """Return the value of a setting.

    Args:
        name: A declared variable.
        default: What to return where an optional variable has no value.

    Raises:
        InvalidSetting: Nobody declares ``name``, or no run was started yet.

    Blocks: never.
    Emits: ``config, get`` for an undeclared name.
    Source: amoc_config:get/1,2.
    """
    return current_node().settings.get(name, default)


def current() -> dict[str, Any]:
    """Return every setting of the current run by name, secrets as ``***``.

    Blocks: never.
    """
    return current_node().settings.current()


def defaults(scenario: str) -> dict[str, Any]:
    """Return the declared defaults of a scenario and its helpers, without importing it.

    Args:
        scenario: A module name on the code paths, or the path of a file.

    Returns:
        By name; what is no literal in the source is given as the text that stands there.

    Raises:
        NoSuchScenario: There is none.
        InvalidScenario: The file cannot be parsed.

    Blocks: never.
    Source: amoc_rest ``/scenarios/defaults``.
    """
    return current_node().code.defaults(scenario)
