r"""The status machine of one node: a scenario is started, fed with users, stopped, and again.

::

    idle -> running -> terminating -> finished -> running ...       reset: any -> idle
      \-> error (start failed, users could not be killed) -> running ...
      \-> disabled (this node is a master and carries no users)

A node that works for a master begins in two steps, ``configure`` and ``begin``, so that no node has
called ``init`` before every node has accepted the settings.
"""

from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent.event import Event

from crowsg.config.settings import Settings, Values
from crowsg.controller.life_cycle import LifeCycle, Prepare, ScenarioReference
from crowsg.controller.status import State, Status
from crowsg.errors import InvalidCount, InvalidRange, InvalidStatus, ScenarioFailed
from crowsg.metrics.failures import describe, kind_of
from crowsg.metrics.recorder import Recorder
from crowsg.scenario.loading import Scenario
from crowsg.telemetry.bus import Bus
from crowsg.throttle.service import Throttles
from crowsg.users.crowd import Crowd

MAX_USER_ID = 2**53
"""Beyond this, ids would not survive every program that reads them."""


class Controller:
    """One node's runs, one after another.

    Args:
        telemetry: Where events go.
        life: Calls what a scenario has called once a node or a run.
        settings: The settings of the run.
        throttles: The throttles of the run.
        crowd: The users.
        recorder: Takes what update functions raise.
        prepare: Loads a scenario, and adds the node's own sources of values to those given.
        spawn: Starts a function on a greenlet of this node.
    """

    def __init__(
        self,
        telemetry: Bus,
        life: LifeCycle,
        settings: Settings,
        throttles: Throttles,
        crowd: Crowd,
        recorder: Recorder,
        prepare: Prepare,
        spawn: Callable[..., Any],
    ) -> None:
        self._telemetry = telemetry
        self._life = life
        self._settings = settings
        self._throttles = throttles
        self._crowd = crowd
        self._recorder = recorder
        self._prepare = prepare
        self._spawn = spawn
        self._state: State = "idle"
        self._starting = False
        self._owns_run = True
        self._before_lead: State = "idle"
        self._reason = ""
        self._scenario: Scenario | None = None
        self._user_state: Any = None
        self._highest_id = 0
        # Set while no run is going on or ending.
        self.over = Event()
        self.over.set()

    def start_scenario(
        self, scenario: ScenarioReference, settings: Mapping[str, Any] | None = None
    ) -> None:
        """Load, configure and initialise a scenario; see ``crowsg.controller``."""
        self.configure(scenario, settings or {}, owns_run=True)
        try:
            self._life.set_up()
            try:
                self._begin()
            except BaseException:
                self._life.tear_down()
                raise
        except BaseException as error:
            self._give_up(error)
            raise
        finally:
            self._starting = False

    def configure(
        self,
        scenario: ScenarioReference,
        settings: Mapping[str, Any],
        defaults: Mapping[str, Any] | None = None,
        *,
        owns_run: bool = False,
    ) -> None:
        """Load a scenario and verify its settings; ``begin`` or ``drop`` has to follow.

        Args:
            scenario: The scenario.
            settings: Values above all of this node.
            defaults: Values below all of this node, but above those declared.
            owns_run: Whether this node calls ``setup`` and ``teardown`` too.

        Raises:
            InvalidStatus: A run is going on here.
            CrowsgError: The scenario cannot be loaded, or its settings are wrong.
        """
        self._require("start_scenario", "idle", "finished", "error")
        self._require_nobody_is_stuck("start_scenario")
        self._starting, self._owns_run = True, owns_run
        try:
            prepared = self._prepare(scenario, settings, defaults or {})
            try:
                self._open(*prepared)
            except BaseException as error:
                self._give_up(error)
                raise
        except BaseException:
            self._starting = False
            raise

    def begin(self, above: Mapping[str, Any]) -> None:
        """Initialise the scenario that was configured, for the master of its run.

        Args:
            above: What ``setup`` returned there, and what was updated since.

        Raises:
            InvalidStatus: None was configured.
            ScenarioFailed: ``init`` raised.
            ConfigError: The values are refused here.

        Blocks: until ``init`` returns.
        """
        self._require_configured("begin")
        try:
            self._settings.merge(above)
            self._begin()
        except BaseException as error:
            self._give_up(error)
            raise
        finally:
            self._starting = False

    def drop(self) -> None:
        """Forget the scenario that was configured, if one was and has not begun."""
        if self._starting and not self._owns_run:
            self._starting = False
            self._give_up(InvalidStatus("dropped by its master", "begin"))
            self._state, self._reason = "idle", ""

    def add_users(self, first_id: int, last_id: int) -> None:
        """Queue users for their start; see ``crowsg.controller``."""
        self._require("add_users", "running")
        are_whole = type(first_id) is int and type(last_id) is int
        if not (are_whole and self._highest_id < first_id <= last_id <= MAX_USER_ID):
            raise InvalidRange(first_id, last_id, self._highest_id)
        self._highest_id = last_id
        self._crowd.add(first_id, last_id)
        self._emit("users", last_id + 1 - first_id, type="add")

    def count_from(self, first_id: int) -> None:
        """Let the next user that arrives have an id, or a later one."""
        self._highest_id = max(self._highest_id, first_id - 1)

    def arrive(self, due: float, most: int | None) -> bool:
        """Start the user of the next free id at once, which was due at a moment.

        Args:
            due: The moment, in seconds of the clock.
            most: Users that may be there at once; one beyond never starts and is ``cancelled``.

        Returns:
            Whether it started.

        Raises:
            InvalidStatus: No scenario is running.
        """
        self._require("arrive", "running")
        self._highest_id += 1
        return self._crowd.arrive(self._highest_id, due, most)

    def remove_users(self, count: int, force: bool = False) -> int:
        """End users; see ``crowsg.controller``."""
        self._require("remove_users", "running")
        check_count(count, least=0)
        chosen = self._crowd.remove(count, force)
        self._emit("users", chosen, type="remove")
        return chosen

    def stop_scenario(self) -> None:
        """End the run; see ``crowsg.controller``."""
        self._require("stop_scenario", "running")
        self._state = "terminating"
        self._crowd.stop_all()
        # On a greenlet of its own: a caller that is interrupted must not leave it half done.
        self._spawn(self._terminate_when_empty)
        if self._crowd.idle.is_set() and not self._life.is_calling:
            self.over.wait()

    def kill_users(self) -> None:
        """Leave a run that is being stopped no further grace: neither users nor callbacks."""
        self._crowd.stop_all(at_once=True)
        self._life.cancel()

    def update_settings(self, settings: Mapping[str, Any]) -> None:
        """Change settings of the run, all or none; see ``crowsg.update_settings``."""
        self._require("update_settings", "running")
        calls = self._settings.update(settings)
        self._emit("settings", len(settings), names=sorted(settings))
        for name, call in calls:
            self._spawn(self._call_update, name, call)

    def check_update(self, settings: Mapping[str, Any]) -> None:
        """Raise what ``update_settings`` would, and change nothing."""
        self._require("update_settings", "running")
        self._settings.check(settings)

    def disable(self) -> None:
        """Let this node carry no users.

        Raises:
            InvalidStatus: A run is going on here.
        """
        self._require("disable", "idle", "finished", "error")
        self._require_nobody_is_stuck("disable")
        self._state, self._reason = "disabled", ""

    def lead(self) -> None:
        """Carry no users while this node leads a run of others.

        Raises:
            InvalidStatus: A run is going on here.
        """
        before = self._state
        if before != "disabled":
            self.disable()
        self._before_lead = before
        self.over.clear()

    def lead_no_more(self) -> None:
        """Go back to the state before ``lead``: this node may carry users for others again."""
        if self._state == "disabled":
            self._state = self._before_lead
        self.over.set()

    def reset(self) -> None:
        """Forget the last run: a run that goes on is stopped first.

        Raises:
            InvalidStatus: A scenario is being started, a callback asks, users could not be
                killed, or the node leads a run.

        Blocks: until its users have ended and ``teardown`` has returned.
        """
        while self._state in ("running", "terminating"):
            self._refuse_to_reset_now()
            if self._state == "running":
                self.stop_scenario()
            self.over.wait()
        self._refuse_to_reset_now()
        self._require_nobody_is_stuck("reset")
        if not self.over.is_set():
            raise InvalidStatus("disabled and leads a run", "reset")
        self._state, self._reason, self._scenario, self._highest_id = "idle", "", None, 0
        self._crowd.open("")

    @property
    def trouble(self) -> list[ScenarioFailed]:
        """What ``terminate`` and ``teardown`` of the current or last run raised."""
        return self._life.trouble

    @property
    def state(self) -> State:
        """What the node is doing, in a word."""
        return self._state

    @property
    def highest_user_id(self) -> int:
        """The highest id given away in the current or last run, 0 for none."""
        return self._highest_id

    def status(self) -> Status:
        """Return what the node is doing."""
        return Status(
            self._state,
            self._scenario.name if self._scenario else None,
            self._crowd.counts(),
            self._highest_id,
            self._reason,
            self._settings.current(),
            self._throttles.infos(),
        )

    def _require(self, call: str, *states: State) -> None:
        if self._starting:
            raise InvalidStatus("starting", call)
        if self._state not in states:
            raise InvalidStatus(self._state, call)

    def _require_configured(self, call: str) -> None:
        if not self._starting or self._owns_run:
            raise InvalidStatus(self._state, call)

    def _refuse_to_reset_now(self) -> None:
        if self._starting or self._life.is_calling:
            raise InvalidStatus("starting or ending a scenario", "reset")

    def _require_nobody_is_stuck(self, call: str) -> None:
        if self._crowd.unkillable.is_set():
            raise InvalidStatus("carrying users that could not be killed", call)

    def _open(self, scenario: Scenario, values: Values) -> None:
        self._scenario, self._reason, self._highest_id = scenario, "", 0
        self._crowd.open(scenario.name)
        self.over.clear()
        self._life.configure(scenario, values)

    def _begin(self) -> None:
        scenario = self._scenario
        assert scenario is not None
        self._user_state = self._life.initialise()
        self._crowd.open(scenario.name, scenario.start, self._user_state)
        self._state = "running"

    def _give_up(self, error: BaseException) -> None:
        self._state, self._reason = "error", str(error) or type(error).__name__
        self.over.set()

    def _terminate_when_empty(self) -> None:
        state = self._user_state
        try:
            gevent.wait([self._crowd.idle, self._crowd.unkillable], count=1)
            self._life.terminate(state)
            if self._owns_run:
                self._life.tear_down()
            self._crowd.close()
        finally:
            self._user_state = None
            self._conclude()

    def _conclude(self) -> None:
        # By the users that are left: what was said of them may have been taken back meanwhile.
        if self._crowd.idle.is_set():
            self._state = "finished"
        else:
            self._state, self._reason = "error", "users could not be killed"
        self.over.set()

    def _call_update(self, name: str, call: Callable[[], object]) -> None:
        try:
            call()
        except gevent.GreenletExit:
            raise
        except BaseException as caught:  # noqa: BLE001 - the scenario's code
            error: BaseException = caught
            if self._settings.is_secret(name):
                error = RuntimeError(f"updating the secret {name} raised {kind_of(caught)}")
            self._recorder.failures.record(error)
            metadata = {"log_level": "error", "setting": name, "reason": describe(error)}
            self._telemetry.execute(("crowsg", "config", "update"), {"error": 1}, metadata)

    def _emit(self, what: str, count: int, **metadata: Any) -> None:
        scenario = self._scenario.name if self._scenario else None
        self._telemetry.execute(
            ("crowsg", "controller", what), {"count": count}, {"scenario": scenario, **metadata}
        )


def check_count(count: object, least: int) -> None:
    """Refuse what is no number of users.

    Raises:
        InvalidCount: It is no whole number, or below ``least``.
    """
    if type(count) is not int or count < least:
        raise InvalidCount(count, least)
