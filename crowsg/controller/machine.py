r"""The status machine of one node: a scenario is started, fed with users, stopped, and again.

::

    idle -> running -> terminating -> finished -> running ...       reset: any -> idle
      \-> error (start failed, users could not be killed) -> running ...
      \-> disabled (this node is a master and carries no users)
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import gevent
from gevent.event import Event

from crowsg.config.settings import Settings, Values, compose
from crowsg.config.variable import Declared
from crowsg.controller.status import State, Status
from crowsg.errors import (
    CrowsgError,
    InvalidCount,
    InvalidRange,
    InvalidStatus,
    InvalidThrottle,
    ScenarioFailed,
)
from crowsg.metrics.failures import describe, kind_of
from crowsg.metrics.recorder import Recorder
from crowsg.rate import Rate
from crowsg.scenario.callbacks import CallbackName, Callbacks
from crowsg.scenario.loading import Scenario
from crowsg.telemetry.bus import Bus
from crowsg.throttle.service import Throttles
from crowsg.users.crowd import Crowd

USER_RATE = "user_rate"
STOP_TIMEOUT = "stop_timeout"
MAX_USER_ID = 2**53
"""Beyond this, ids would not survive every program that reads them."""

ScenarioReference = str | Path | ModuleType
Prepare = Callable[[ScenarioReference, Mapping[str, Any]], tuple[Scenario, Values]]


class Controller:
    """One node's runs, one after another.

    Args:
        telemetry: Where events go.
        settings: The settings of the run.
        throttles: Where ``user_rate`` is started.
        crowd: The users.
        recorder: Begun anew with each run; takes what update functions raise.
        callbacks: Calls the scenario's callbacks.
        prepare: Loads a scenario, and adds the node's own sources of values to those given.
        spawn: Starts a function on a greenlet of this node.
    """

    def __init__(
        self,
        telemetry: Bus,
        settings: Settings,
        throttles: Throttles,
        crowd: Crowd,
        recorder: Recorder,
        callbacks: Callbacks,
        prepare: Prepare,
        spawn: Callable[..., Any],
    ) -> None:
        self._telemetry = telemetry
        self._settings = settings
        self._throttles = throttles
        self._crowd = crowd
        self._recorder = recorder
        self._callbacks = callbacks
        self._prepare = prepare
        self._spawn = spawn
        self._state: State = "idle"
        self._starting = False
        self._reason = ""
        self._scenario: Scenario | None = None
        self._user_state: Any = None
        self._highest_id = 0
        self.trouble: list[ScenarioFailed] = []
        # Set while no run is going on or ending.
        self.over = Event()
        self.over.set()

    def start_scenario(
        self, scenario: ScenarioReference, settings: Mapping[str, Any] | None = None
    ) -> None:
        """Load, configure and initialise a scenario; see ``crowsg.controller``."""
        self._require("start_scenario", "idle", "finished", "error")
        self._require_nobody_is_stuck("start_scenario")
        self._starting = True
        try:
            self._start(*self._prepare(scenario, settings or {}))
        finally:
            self._starting = False

    def add_users(self, first_id: int, last_id: int) -> None:
        """Queue users for their start; see ``crowsg.controller``."""
        self._require("add_users", "running")
        are_whole = type(first_id) is int and type(last_id) is int
        if not (are_whole and self._highest_id < first_id <= last_id <= MAX_USER_ID):
            raise InvalidRange(first_id, last_id, self._highest_id)
        self._highest_id = last_id
        self._crowd.add(first_id, last_id)
        self._emit("users", last_id + 1 - first_id, type="add")

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
        if self._crowd.idle.is_set() and not self._callbacks.are_calling:
            self.over.wait()

    def kill_users(self) -> None:
        """Leave a run that is being stopped no further grace: neither users nor callbacks."""
        self._crowd.stop_all(at_once=True)
        self._callbacks.cancel()

    def update_settings(self, settings: Mapping[str, Any]) -> None:
        """Change settings of the run, all or none; see ``crowsg.update_settings``."""
        self._require("update_settings", "running")
        calls = self._settings.update(settings)
        self._emit("settings", len(settings), names=sorted(settings))
        for name, call in calls:
            self._spawn(self._call_update, name, call)

    def disable(self) -> None:
        """Let this node carry no users.

        Raises:
            InvalidStatus: It is not idle.
        """
        self._require("disable", "idle")
        self._state = "disabled"

    def reset(self) -> None:
        """Forget the last run: a run that goes on is stopped first.

        Raises:
            InvalidStatus: A scenario is being started, a callback asks, or users could not be
                killed.

        Blocks: until its users have ended and ``teardown`` has returned.
        """
        while self._state in ("running", "terminating"):
            self._refuse_to_reset_now()
            if self._state == "running":
                self.stop_scenario()
            self.over.wait()
        self._refuse_to_reset_now()
        self._require_nobody_is_stuck("reset")
        self._state, self._reason, self._scenario, self._highest_id = "idle", "", None, 0
        self._crowd.open("")

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

    def _refuse_to_reset_now(self) -> None:
        if self._starting or self._callbacks.are_calling:
            raise InvalidStatus("starting or ending a scenario", "reset")

    def _require_nobody_is_stuck(self, call: str) -> None:
        if self._crowd.unkillable.is_set():
            raise InvalidStatus("carrying users that could not be killed", call)

    def _start(self, scenario: Scenario, values: Values) -> None:
        self._scenario, self._reason, self._highest_id = scenario, "", 0
        self._crowd.open(scenario.name)
        self.trouble = []
        self.over.clear()
        self._recorder.reset()
        self._throttles.forget()
        self._settings.clear()
        try:
            variables = compose(self._own_variables(), scenario.declarations)
            self._settings.load(variables, values)
            self._user_state = self._initialise(scenario)
        except BaseException as error:
            self._state, self._reason = "error", str(error) or type(error).__name__
            self.over.set()
            raise
        self._crowd.open(scenario.name, scenario.start, self._user_state)
        self._state = "running"

    def _own_variables(self) -> list[Declared]:
        return [
            Declared(
                USER_RATE,
                "users started per minute, over the whole cluster",
                "crowsg",
                default=1200,
                verify=_start_rate,
                update=self._change_user_rate,
                secret=False,
            ),
            Declared(
                STOP_TIMEOUT,
                "seconds between asking a user to stop and killing it",
                "crowsg",
                default=2.0,
                verify=_grace,
                update=True,
                secret=False,
            ),
        ]

    def _change_user_rate(self, name: str, rate: Rate) -> None:
        # The run may have ended since the update was accepted.
        if name in self._throttles.names():
            self._throttles.change_rate(name, rate)

    def _initialise(self, scenario: Scenario) -> Any:
        """Run ``setup`` and ``init``; what was begun is ended when either fails."""
        returned = self._callbacks.call(scenario, "setup")
        try:
            self._merge(returned)
            self._throttles.start(USER_RATE, self._settings.get(USER_RATE))
            return self._callbacks.call(scenario, "init")
        except BaseException:
            self._throttles.stop_all()
            self._call_last(scenario, "teardown")
            raise

    def _merge(self, returned: Any) -> None:
        """Put what ``setup`` returned above all other settings."""
        try:
            if not isinstance(returned, Mapping | None):
                raise TypeError(f"it returned {type(returned).__name__}, neither dict nor None")
            self._settings.merge(returned or {})
        except (TypeError, CrowsgError) as error:
            raise ScenarioFailed("setup", str(error)) from error

    def _terminate_when_empty(self) -> None:
        scenario, state = self._scenario, self._user_state
        assert scenario is not None
        try:
            gevent.wait([self._crowd.idle, self._crowd.unkillable], count=1)
            self._throttles.stop_all()
            self._call_last(scenario, "terminate", state, state=state)
            self._call_last(scenario, "teardown")
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

    def _call_last(
        self, scenario: Scenario, name: CallbackName, *args: Any, **metadata: Any
    ) -> None:
        """Call a callback whose failure no longer changes what happens, only what is said."""
        try:
            self._callbacks.call(scenario, name, *args, **metadata)
        except ScenarioFailed as error:
            self.trouble.append(error)
            self._recorder.failures.record(error.__cause__ or error)

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


def _start_rate(value: Any) -> tuple[bool, Any]:
    try:
        rate = Rate.of(value)
    except InvalidThrottle as error:
        return False, str(error)
    if rate.is_parallel:
        return False, "users start at a rate in time, not in parallel slots"
    return True, rate


def _grace(value: Any) -> tuple[bool, Any]:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        return False, "it must be a number of seconds >= 0"
    return True, float(value)
