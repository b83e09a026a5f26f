"""crowsg, a murder of crows on gevent: load for systems with many stateful, long-lived users.

======================  ===========================================================================
``crowsg``              one run from code (``run``); a run on this node, step by step (``do``, ...)
``crowsg.config``       settings: declared by a scenario, verified, changed while running
``crowsg.users``        what the code of a user can ask for
``crowsg.metrics``      what a run counts
``crowsg.throttle``     rates that scenario code waits on, changed while it runs
``crowsg.telemetry``    events of a node, and who listens
``crowsg.controller``   a node driven with id ranges of its own
``crowsg.dist``         a run over several nodes, steered from any of them
``crowsg.code``         the scenarios a node knows, and brings to others
``crowsg.testing``      a manual clock, captured events, the pytest plugin
======================  ===========================================================================

Importing has no effect: no monkey-patching, no greenlet, no socket.
"""

import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gevent import monkey  # noqa: TID251 - asked, not used

from crowsg.config import Variable
from crowsg.context import current_node
from crowsg.controller.life_cycle import ScenarioReference
from crowsg.controller.machine import check_count
from crowsg.controller.status import Status
from crowsg.errors import CrowsgError, NotPatched
from crowsg.node import Node
from crowsg.one_run import DAY_S, RunOptions, with_own_settings
from crowsg.rate import Ramp, Rate
from crowsg.signals import ended_by
from crowsg.stderr import warn
from crowsg.summary import Summary
from crowsg.users import UserStop

__all__ = [
    "CrowsgError",
    "Node",
    "Ramp",
    "Rate",
    "Status",
    "Summary",
    "UserStop",
    "Variable",
    "add",
    "do",
    "remove",
    "reset",
    "run",
    "status",
    "stop",
    "update_settings",
]


def run(
    scenario: ScenarioReference,
    users: int = 1,
    settings: Mapping[str, Any] | None = None,
    *,
    user_rate: Any = None,
    duration: float | None = None,
    max_duration: float = DAY_S,
    stop_timeout: float | None = None,
    out: str | Path | None = None,
) -> Summary:
    """Run a scenario once, on a node of its own in this process.

    Args:
        scenario: A file, a module name on the code paths, or a module.
        users: How many; their ids are 1 to ``users``.
        settings: Values by name.
        user_rate: Users started per minute, or any spelling of a rate; None: 1200, or as set.
        duration: Seconds after which the run ends; None: when the users are done.
        max_duration: Seconds after which even a forgotten run is aborted.
        stop_timeout: Seconds between asking a user to stop and killing it; None: 2, or as set.
        out: Folder for the files of the run, see ``crowsg.results``; None: none are written.

    Returns:
        What the run came to.

    Raises:
        NotPatched: The standard library is not patched in this process.
        CrowsgError: The run could not be started.
        InvalidCount: ``users`` is no whole number >= 1.
        InvalidDuration: ``duration`` or ``max_duration`` is no number of seconds above 0.
        ResultsError: ``out`` cannot be written to, or holds a run already.
        InvalidAddress: The Prometheus series cannot be served where the environment says.

    Blocks: until the run is over. Meanwhile the series are served if the environment names an
        address for them (``CROWSG_PROMETHEUS_HOST``, ``CROWSG_PROMETHEUS_PORT``).
    """
    if not monkey.is_module_patched("socket"):
        raise NotPatched
    check_count(users, least=1)
    given = with_own_settings(settings or {}, user_rate, stop_timeout)
    options = RunOptions(
        scenario,
        last_id=users,
        settings=given,
        duration_s=duration,
        max_duration_s=max_duration,
    )
    # The program is not crowsg's to end.
    with Node(end_process=warn) as node:
        node.watch()
        node.serve_metrics(only_if_asked=True)
        one_run = node.one_run(options, [] if out is None else [node.results(Path(out))])
        if not _takes_ctrl_c():
            return one_run.execute()
        with ended_by((signal.SIGINT,), one_run.interrupt, _raise_keyboard_interrupt):
            summary = one_run.execute()
    if one_run.is_interrupted:
        raise KeyboardInterrupt
    return summary


def _takes_ctrl_c() -> bool:
    """Whether Ctrl-C would raise KeyboardInterrupt, in whichever user happens to run."""
    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return is_default and threading.current_thread() is threading.main_thread()


def _raise_keyboard_interrupt() -> None:
    raise KeyboardInterrupt


def do(scenario: ScenarioReference, count: int, settings: Mapping[str, Any] | None = None) -> None:
    """Start a scenario on this node, with the users 1 to ``count``.

    Args:
        scenario: A file, a module name on the code paths, or a module.
        count: How many users; 0 starts the scenario without any.
        settings: Values by name.

    Raises:
        InvalidStatus: A run is going on here.
        InvalidCount: ``count`` is no whole number >= 0.
        CrowsgError: The scenario could not be started; see ``controller.start_scenario``.

    Blocks: until ``init`` has returned.
    Emits: as ``controller.start_scenario`` and ``controller.add_users``.
    Source: amoc:do/3.
    """
    current_node().local.do(scenario, count, settings)


def add(count: int) -> None:
    """Add ``count`` users with the next free ids.

    Raises:
        InvalidStatus: No scenario is running.
        InvalidCount: ``count`` is no whole number >= 0.

    Blocks: never; ``user_rate`` lets them start.
    Emits: as ``controller.add_users``.
    Source: amoc:add/1; unlike there an error, not a crash, when nothing runs.
    """
    current_node().local.add(count)


def remove(count: int, force: bool = False) -> int:
    """End up to ``count`` users: running ones, the oldest first, then waiting ones.

    Args:
        count: How many at the most.
        force: Kill those who live on ``stop_timeout`` seconds later.

    Returns:
        How many were chosen; none is ever chosen twice.

    Raises:
        InvalidStatus: No scenario is running.
        InvalidCount: ``count`` is no whole number >= 0.

    Blocks: never; the users end later.
    Emits: ``controller, users``.
    Source: amoc:remove/2.
    """
    return current_node().local.remove(count, force)


def stop() -> None:
    """End the run: users are removed by force, then ``terminate`` and ``teardown`` are called.

    Raises:
        InvalidStatus: No scenario is running.

    Blocks: never while users live; otherwise until ``teardown`` has returned.
    Emits: as ``controller.stop_scenario``.
    Source: amoc:stop/0.
    """
    current_node().local.stop()


def reset() -> None:
    """Forget the last run, so that the node is idle; a run that goes on is stopped first.

    Raises:
        InvalidStatus: A scenario is being started, a callback asks, or users could not be killed.

    Blocks: until its users have ended and ``teardown`` has returned.
    Emits: as ``stop``, where a run goes on.
    Source: amoc:reset/0; unlike there no restart is needed, and ``terminate`` is called.
    """
    current_node().local.reset()


def status() -> Status:
    """Return what this node is doing, and how its own loops are.

    Blocks: never.
    Source: amoc_controller:get_status/0.
    """
    return current_node().local.status()


def update_settings(settings: Mapping[str, Any]) -> None:
    """Change settings of the running scenario; all of them, or on any fault none.

    Args:
        settings: New values by name. Those equal to the values in force are left alone.

    Raises:
        InvalidStatus: No scenario is running.
        UnknownSetting, ReadOnlySetting, SettingsRejected: The update is refused.

    Blocks: while values are verified. Update functions run later, each on its own greenlet; one
        that raises is counted among the run's errors.
    Emits: ``controller, settings``; ``config, update`` for an update function that raised.
    Source: amoc_controller:update_settings/1.
    """
    current_node().local.update_settings(settings)
