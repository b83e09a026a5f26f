"""A run over several nodes, steered from any of them.

Whoever is asked to ``do`` becomes the master: it owns the run and carries no users; all other nodes
of the cluster are its workers. Every other verb may be asked of any node, which passes it on.

Verbs return what became of them on each node, by its name. Where some nodes fail and others do not,
``PartialFailure`` carries both halves.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from crowsg.context import current_node
from crowsg.controller.life_cycle import ScenarioReference
from crowsg.dist.overview import NodeInfo

__all__ = ["NodeInfo", "add", "do", "nodes", "remove", "state", "stop", "update_settings"]


def do(
    scenario: ScenarioReference, count: int, settings: Mapping[str, Any] | None = None
) -> dict[str, int]:
    """Start a scenario on all other nodes of the cluster, and deal users to them.

    It starts everywhere or nowhere: code and settings are in place on every node before ``setup``
    is called here, and that has returned before any node calls ``init``.

    Args:
        scenario: A file, or the name of a module on the code paths of this node.
        count: How many users; 0 starts the scenario without any.
        settings: Values by name, above all other sources of any node.

    Returns:
        How many users each worker got.

    Raises:
        NoCluster: This node is in none.
        MasterIsSet: It works for another node.
        ScenarioIsRunning: The cluster runs a scenario already.
        NoWorkers: No other node has joined.
        StartRefused: A node could not start it; it is named, and nothing is left anywhere.
        CrowsgError: The scenario cannot be loaded or set up here.

    Blocks: until ``init`` has returned everywhere.
    Emits: the spans ``scenario, setup`` here and ``scenario, init`` on each worker.
    Source: amoc_dist:do/3; unlike there a failing node leaves nothing running on the others, and
        a run that was stopped can be followed by another.
    """
    return current_node().dist.do(scenario, count, settings)


def add(count: int, nodes: Sequence[str] | None = None) -> dict[str, int]:
    """Deal ``count`` new users with the next ids to workers: contiguous blocks, as even as can be.

    Args:
        count: How many users.
        nodes: Names of the workers that get them; None: all.

    Returns:
        How many each got.

    Raises:
        NotAMaster: No run goes on.
        BadNodes: Names are of no workers.
        InvalidCount: ``count`` is no whole number >= 0.
        PartialFailure: Some workers failed; their users are given to nobody else.

    Blocks: until the workers have answered; ``user_rate`` lets the users start.
    Source: amoc_dist:add/1,2.
    """
    return current_node().dist.add(count, nodes)


def remove(count: int, force: bool = False, nodes: Sequence[str] | None = None) -> dict[str, int]:
    """End ``count`` users, wherever they are, as evenly as can be.

    Args:
        count: How many.
        force: Kill those who live on ``stop_timeout`` seconds later.
        nodes: Names of the workers they are taken from; None: all.

    Returns:
        How many were chosen on each; together exactly ``count`` while there are enough.

    Raises:
        NotAMaster, BadNodes, InvalidCount, PartialFailure: As ``add``.

    Blocks: until the workers have answered; the users end later.
    Source: amoc_dist:remove/2,3; unlike there users are taken where they are.
    """
    return current_node().dist.remove(count, force, nodes)


def update_settings(
    settings: Mapping[str, Any], nodes: Sequence[str] | None = None
) -> dict[str, str]:
    """Change settings of the run: verified on every node first, and only then applied.

    Args:
        settings: New values by name.
        nodes: Names of the workers that get them; None: all, and those that join later.

    Raises:
        NotAMaster, BadNodes, PartialFailure: As ``add``.
        UnknownSetting, ReadOnlySetting, SettingsRejected: The update is refused everywhere.

    Blocks: until every worker has applied them; update functions run later.
    Source: amoc_dist:update_settings/1,2; unlike there late joiners get all settings.
    """
    return current_node().dist.update_settings(settings, nodes)


def stop() -> dict[str, str]:
    """End the run on all workers: users are removed by force, then ``terminate`` and ``teardown``.

    Asked again while that goes on, it leaves users and callbacks no further grace, and waits too.

    Returns:
        The state of each worker's controller: ``finished``, or ``error``.

    Raises:
        NotAMaster: No run goes on.

    Blocks: until it is over, and all that was recorded has been handed in.
    Source: amoc_dist:stop/0; unlike there it says when the users are gone.
    """
    return current_node().dist.stop()


def state() -> str:
    """Return ``idle``, ``running`` or ``stopped``, as the master of the run, or of the last, says.

    Raises:
        NoCluster: This node is in none.
        Unreachable: It works for a master that does not answer.

    Blocks: while the master is asked.
    Source: amoc_dist:get_state/0.
    """
    return current_node().dist.state()


def nodes() -> tuple[NodeInfo, ...]:
    """Return all nodes of the cluster, as the master of its run sees them.

    Raises:
        NoCluster, Unreachable: As ``state``.

    Blocks: while the master is asked.
    Source: amoc_cluster:get_status/0.
    """
    return current_node().dist.nodes()
