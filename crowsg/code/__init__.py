"""The modules a node knows: scenarios that can be run, helpers that bring settings.

They are the ``*.py`` files in the folders of ``CROWSG_EXTRA_CODE_PATHS`` and in ``./scenarios``,
told apart from their syntax tree: nothing here imports them.
"""

from crowsg.context import current_node
from crowsg.source import Source

__all__ = ["Source", "configurable", "scenarios"]


def scenarios() -> tuple[Source, ...]:
    """Return the scenarios this node knows, by name.

    Blocks: never.
    Source: amoc_code_server:list_scenario_modules/0.
    """
    return current_node().code.scenarios()


def configurable() -> tuple[Source, ...]:
    """Return the helper modules that declare variables, by name.

    Blocks: never.
    Source: amoc_code_server:list_configurable_modules/0.
    """
    return current_node().code.configurable()
