"""A scenario's life on one node, but for its users: configured, set up, initialised, and back."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from crowsg.config.settings import Settings, Values, compose
from crowsg.config.variable import Declared
from crowsg.errors import CrowsgError, InvalidThrottle, ScenarioFailed
from crowsg.failpoints import failpoint
from crowsg.metrics.recorder import Recorder
from crowsg.rate import Rate
from crowsg.scenario.callbacks import CallbackName, Callbacks
from crowsg.scenario.loading import Scenario
from crowsg.throttle.service import Throttles

USER_RATE = "user_rate"
STOP_TIMEOUT = "stop_timeout"
INIT_TIMEOUT = "init_timeout"
TERMINATE_TIMEOUT = "terminate_timeout"

MAX_CALLBACK_S = 600.0
"""What a callback may be given at the most."""

ScenarioReference = str | Path | ModuleType
Prepare = Callable[
    [ScenarioReference, Mapping[str, Any], Mapping[str, Any]], tuple[Scenario, Values]
]


class LifeCycle:
    """Calls what is called once a node, or once a run.

    Attributes:
        trouble: What ``terminate`` and ``teardown`` of the current or last run raised.

    Args:
        settings: The settings of the run.
        throttles: Where ``user_rate`` is started.
        recorder: Begun anew with each run; takes what the last callbacks raise.
        callbacks: Calls the scenario's callbacks.
    """

    def __init__(
        self, settings: Settings, throttles: Throttles, recorder: Recorder, callbacks: Callbacks
    ) -> None:
        self._settings = settings
        self._throttles = throttles
        self._recorder = recorder
        self._callbacks = callbacks
        self._scenario: Scenario | None = None
        self.trouble: list[ScenarioFailed] = []

    def configure(self, scenario: Scenario, values: Values) -> None:
        """Begin with a scenario: nothing of the last run is left, its settings are verified.

        Raises:
            ConfigError: Declarations or values are wrong.
        """
        self._scenario = scenario
        self.trouble = []
        self._recorder.reset()
        self._throttles.forget()
        self._settings.clear()
        self._settings.load(compose(self._own_variables(), scenario.declarations), values)

    def set_up(self) -> Mapping[str, Any]:
        """Call ``setup``, and put what it returns above all other settings.

        Returns:
            What it returned.

        Raises:
            ScenarioFailed: It raised or took too long, or its result is no settings;
                ``teardown`` was called in the last case.

        Blocks: until it returns.
        """
        returned = self._callbacks.invoke(self._known, "setup", self._limit(INIT_TIMEOUT))
        try:
            return self._merged(returned)
        except BaseException:
            self.tear_down()
            raise

    def adopt(self, settings: Mapping[str, Any]) -> None:
        """Put settings above all others, and tell nobody."""
        self._settings.merge(settings)

    def initialise(self) -> Any:
        """Start ``user_rate``, call ``init`` and return its result.

        Raises:
            ScenarioFailed: It raised or took too long; all throttles have ended then.

        Blocks: until it returns.
        """
        try:
            self._throttles.start(USER_RATE, self._settings.get(USER_RATE))
            failpoint("before_init")
            return self._callbacks.invoke(self._known, "init", self._limit(INIT_TIMEOUT))
        except BaseException:
            self._throttles.stop_all()
            raise

    def terminate(self, state: Any) -> None:
        """End all throttles and call ``terminate``.

        Blocks: until it returns. What it raises is kept as ``trouble``.
        """
        self._throttles.stop_all()
        failpoint("before_terminate")
        self._call_last("terminate", state, state=state)

    def tear_down(self) -> None:
        """End all throttles and call ``teardown``.

        Blocks: until it returns. What it raises is kept as ``trouble``.
        """
        self._throttles.stop_all()
        self._call_last("teardown")

    @property
    def is_calling(self) -> bool:
        """Whether whoever asks is a callback that runs right now."""
        return self._callbacks.are_calling

    def patience_s(self) -> float:
        """Return the seconds that the callback which runs now may take, 0 where none does."""
        return self._callbacks.patience_s()

    def cancel(self) -> None:
        """Kill the callback that runs right now, if one does; it then counts as failed."""
        self._callbacks.cancel()

    @property
    def _known(self) -> Scenario:
        assert self._scenario is not None
        return self._scenario

    def _merged(self, returned: Any) -> Mapping[str, Any]:
        try:
            if not isinstance(returned, Mapping | None):
                raise TypeError(f"it returned {type(returned).__name__}, neither dict nor None")
            self._settings.merge(returned or {})
        except (TypeError, CrowsgError) as error:
            raise ScenarioFailed("setup", str(error)) from error
        return returned or {}

    def _call_last(self, name: CallbackName, *args: Any, **metadata: Any) -> None:
        """Call a callback whose failure no longer changes what happens, only what is said."""
        try:
            limit_s = self._limit(TERMINATE_TIMEOUT)
            self._callbacks.invoke(self._known, name, limit_s, *args, **metadata)
        except ScenarioFailed as error:
            self.trouble.append(error)
            self._recorder.failures.record(error.__cause__ or error)

    def _limit(self, name: str) -> float:
        return float(self._settings.get(name))

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
            Declared(
                INIT_TIMEOUT,
                "seconds that init and setup may take",
                "crowsg",
                default=30.0,
                verify=_limit,
                update=False,
                secret=False,
            ),
            Declared(
                TERMINATE_TIMEOUT,
                "seconds that terminate and teardown may take",
                "crowsg",
                default=10.0,
                verify=_limit,
                update=True,
                secret=False,
            ),
        ]

    def _change_user_rate(self, name: str, rate: Rate) -> None:
        # The run may have ended since the update was accepted.
        if name in self._throttles.names():
            self._throttles.change_rate(name, rate)


def _start_rate(value: Any) -> tuple[bool, Any]:
    try:
        rate = Rate.of(value)
    except InvalidThrottle as error:
        return False, str(error)
    if rate.is_parallel:
        return False, "users start at a rate in time, not in parallel slots"
    return True, rate


def _limit(value: Any) -> tuple[bool, Any]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value <= MAX_CALLBACK_S:
        return False, f"it must be a number of seconds above 0, at most {MAX_CALLBACK_S:g}"
    return True, float(value)


def _grace(value: Any) -> tuple[bool, Any]:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        return False, "it must be a number of seconds >= 0"
    return True, float(value)
