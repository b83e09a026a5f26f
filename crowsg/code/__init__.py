"""The modules a node knows: scenarios that can be run, helpers that bring settings.

They are the ``*.py`` files in the folders of ``CROWSG_EXTRA_CODE_PATHS`` and in ``./scenarios``,
told apart from their syntax tree: nothing here imports them. Other nodes get the scenario of a run
by themselves; what else they shall know is marked, then distributed.
"""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from crowsg.context import current_node
from crowsg.source import Source

__all__ = ["Source", "add_module", "configurable", "distribute", "scenarios"]


def add_module(reference: str | Path | ModuleType) -> str:
    """Mark code for distribution: a module with the local modules it imports, or a folder.

    What is sent later is as it is now: mark it again when it has changed.

    Args:
        reference: A path, recognised by ``.py`` or a separator, the name of a module on the code
            paths, or a module. A folder counts with all files below it.

    Returns:
        The name it is distributed under.

    Raises:
        NoSuchScenario: There is no such file.
        CodeRefused: It has no file, or may not be sent; everything that is wrong is named.
        NameTaken: The code paths, or what is installed, have another module of its name.
        CodeVersionChanged: A run uses another version.

    Blocks: while its files are read.
    Source: amoc_code_server:add_module/1.
    """
    return current_node().code.add_module(reference)


def distribute(nodes: Sequence[str] | None = None) -> dict[str, dict[str, str]]:
    """Bring all code that is marked to other nodes; may be repeated.

    Args:
        nodes: Their names; None for all that are up.

    Returns:
        What became of each marked name, by node: "sent", or "known" where it was there already.

    Raises:
        NoCluster: This node is alone, for good.
        BadNodes: Nodes were named that are not up.
        PartialFailure: Some nodes refused something; its ``failures`` say what.

    Blocks: until every node has answered.
    Source: amoc_code_server:distribute_modules/1.
    """
    return current_node().dist.distribute_code(nodes)


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
