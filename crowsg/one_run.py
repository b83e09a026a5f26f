"""One run from its start to its summary: when it ends, and what it then came to."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gevent
from gevent.event import Event

from crowsg.clock import SECOND, Clock, to_ns
from crowsg.controller.machine import (
    STOP_TIMEOUT,
    USER_RATE,
    Controller,
    ScenarioReference,
)
from crowsg.controller.status import Status
from crowsg.errors import (
    EXIT_ABORTED,
    EXIT_OK,
    EXIT_SCENARIO_FAILED,
    EXIT_STUCK,
    InvalidDuration,
)
from crowsg.metrics.figures import summaries_of
from crowsg.metrics.names import spelled
from crowsg.metrics.recorder import Recorder, values_of
from crowsg.summary import Summary
from crowsg.users.crowd import Crowd

USERS_DONE = "all users are done"
DURATION_OVER = "the duration is over"
STOPPED = "stopped"
INTERRUPTED = "interrupted"
MAX_DURATION = "the maximal duration is over"
STUCK = "users could not be killed"

DAY_S = 86_400.0
MAX_DURATION_S = 1e9
SAMPLE_S = 1.0
LAST_CALL_S = 10.0
"""What users and callbacks are left after the maximal duration, before they are killed."""

_EXIT_CODES = {STUCK: EXIT_STUCK, INTERRUPTED: EXIT_ABORTED, MAX_DURATION: EXIT_ABORTED}

OnSample = Callable[[float, Status], object]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run is to be.

    Raises:
        InvalidDuration: A duration is no number of seconds above 0.

    Attributes:
        scenario: A file, a module name on the code paths, or a module.
        first_id, last_id: The users, both included.
        settings: Values by name.
        duration_s: Seconds after which the run ends, None: when the users are done.
        max_duration_s: Seconds after which even a forgotten run is aborted.
        run_id: Names the run.
    """

    scenario: ScenarioReference
    first_id: int = 1
    last_id: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    duration_s: float | None = None
    max_duration_s: float = DAY_S
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __post_init__(self) -> None:
        for name in ("duration_s", "max_duration_s"):
            seconds = getattr(self, name)
            if seconds is not None:
                _check_duration(name, seconds)


def _check_duration(name: str, seconds: object) -> None:
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds <= MAX_DURATION_S:  # type: ignore[operator]
        raise InvalidDuration(name, seconds)


def with_own_settings(
    settings: Mapping[str, Any], user_rate: Any, stop_timeout: float | None
) -> dict[str, Any]:
    """Return ``settings`` and those of crowsg's own that are not None."""
    own = {USER_RATE: user_rate, STOP_TIMEOUT: stop_timeout}
    return {**settings, **{name: value for name, value in own.items() if value is not None}}


class OneRun:
    """Runs a scenario once on a lone node.

    Args:
        clock: Tells and waits.
        controller, crowd, recorder: The services of the node.
        spawn: Starts a function on a greenlet of the node.
        options: What to run.
        on_sample: Called each second with (seconds since the start, status).
    """

    def __init__(
        self,
        clock: Clock,
        controller: Controller,
        crowd: Crowd,
        recorder: Recorder,
        spawn: Callable[..., Any],
        options: RunOptions,
        on_sample: OnSample | None = None,
    ) -> None:
        self._clock = clock
        self._controller = controller
        self._crowd = crowd
        self._recorder = recorder
        self._spawn = spawn
        self._options = options
        self._on_sample = on_sample
        self._began_ns = 0
        self._reason = ""
        self._interrupts = 0
        self._ending = Event()

    def execute(self) -> Summary:
        """Run it.

        Raises:
            CrowsgError: It could not be started.

        Blocks: until the run is over.
        """
        self._began_ns = self._clock.now_ns()
        started_at = self._clock.wall()
        limit_ns = to_ns(self._options.max_duration_s)
        timers = [
            self._end_after(self._options.max_duration_s, MAX_DURATION),
            self._clock.call_later(limit_ns + to_ns(LAST_CALL_S), self._controller.kill_users),
        ]
        sampler = None
        try:
            if self._start():
                if self._options.duration_s is not None:
                    timers.append(self._end_after(self._options.duration_s, DURATION_OVER))
                sampler = self._spawn(self._sample_each_second)
                self._wait_for_the_end()
                self._stop()
        except BaseException:
            # A Ctrl-C that nobody took for us, or a Timeout around us.
            self._stop()
            raise
        finally:
            for timer in timers:
                timer.cancel()
            if sampler is not None:
                sampler.kill()
        self._sample()
        return self._summarise(started_at)

    def interrupt(self) -> None:
        """End the run: the first call gracefully, every other at once."""
        self._interrupts += 1
        if self._interrupts > 1:
            self._controller.kill_users()
        self._end(INTERRUPTED)

    @property
    def is_interrupted(self) -> bool:
        """Whether ``interrupt`` was called."""
        return self._interrupts > 0

    def _start(self) -> bool:
        """Start the scenario and queue its users; False when the run was ended meanwhile."""
        failure: list[BaseException] = []
        starting = self._spawn(self._try_to_start, failure)
        try:
            gevent.wait([starting, self._ending], count=1)
        finally:
            starting.kill()
        if self._ending.is_set() and self._controller.state != "running":
            return False
        if failure:
            raise failure[0]
        return True

    def _try_to_start(self, failure: list[BaseException]) -> None:
        options = self._options
        try:
            self._controller.start_scenario(options.scenario, options.settings)
            self._controller.add_users(options.first_id, options.last_id)
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            failure.append(error)

    def _wait_for_the_end(self) -> None:
        crowd, controller = self._crowd, self._controller
        while not self._ending.is_set():
            gevent.wait([crowd.idle, crowd.unkillable, controller.over, self._ending], count=1)
            if controller.state != "running":
                self._end(STOPPED)
            elif crowd.unkillable.is_set():
                self._end(STUCK)
            elif crowd.idle.is_set():
                self._end(USERS_DONE)

    def _stop(self) -> None:
        if self._controller.state == "running":
            self._controller.stop_scenario()
        self._controller.over.wait()
        if self._controller.state == "error":
            self._reason = STUCK

    def _end_after(self, seconds: float, reason: str) -> Any:
        return self._clock.call_later(to_ns(seconds), lambda: self._end(reason))

    def _end(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._ending.set()

    def _sample_each_second(self) -> None:
        while True:
            self._clock.sleep(SAMPLE_S)
            self._sample()

    def _sample(self) -> None:
        if self._on_sample is not None:
            self._on_sample(self._elapsed_s(), self._controller.status())

    def _elapsed_s(self) -> float:
        return (self._clock.now_ns() - self._began_ns) / SECOND

    def _summarise(self, started_at: float) -> Summary:
        status = self._controller.status()
        trouble = self._controller.trouble
        code, reason = _EXIT_CODES.get(self._reason, EXIT_OK), self._reason
        if trouble and code != EXIT_STUCK:
            code, reason = EXIT_SCENARIO_FAILED, str(trouble[0])
        return Summary(
            run_id=self._options.run_id,
            scenario=status.scenario or str(self._options.scenario),
            settings=status.settings,
            started_at=started_at,
            duration_s=self._elapsed_s(),
            exit_code=code,
            exit_reason=reason,
            users=status.users,
            operations=summaries_of(self._recorder.operations, self._elapsed_s()),
            counters=values_of(self._recorder.counters),
            gauges=values_of(self._recorder.gauges),
            checks={
                spelled(key): (check.passed, check.failed)
                for key, check in self._recorder.checks.items()
            },
            errors=self._recorder.failures.groups(),
        )
