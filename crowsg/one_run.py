"""One run from its start to its summary: when it ends, and what it then came to."""

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore

from crowsg.clock import Clock, to_ns
from crowsg.controller.life_cycle import STOP_TIMEOUT, USER_RATE, ScenarioReference
from crowsg.errors import (
    EXIT_ABORTED,
    EXIT_NODES,
    EXIT_OK,
    EXIT_SATURATED,
    EXIT_SCENARIO_FAILED,
    EXIT_STUCK,
    InvalidDuration,
    InvalidStatus,
    ScenarioFailed,
)
from crowsg.record.run_record import RunRecord
from crowsg.record.sample import Sample
from crowsg.summary import Summary
from crowsg.supervision import Keep, Kept

USERS_DONE = "all users are done"
DURATION_OVER = "the duration is over"
STOPPED = "stopped"
INTERRUPTED = "interrupted"
MAX_DURATION = "the maximal duration is over"
STUCK = "users could not be killed"
SATURATED = "the generator was the limit"

DAY_S = 86_400.0
MAX_DURATION_S = 1e9
SAMPLE_S = 1.0
LAST_CALL_S = 10.0
"""What users and callbacks are left after the maximal duration, before they are killed."""

_EXIT_CODES = {
    STUCK: EXIT_STUCK,
    INTERRUPTED: EXIT_ABORTED,
    MAX_DURATION: EXIT_ABORTED,
}

_LOGGER = logging.getLogger("crowsg")


class Observer(Protocol):
    """Who watches a run."""

    def see(self, sample: Sample) -> None:
        """Take a sample, each second and once more when the run is over."""

    def end(self, summary: Summary | None) -> None:
        """Take what the run came to; None where it could not be started, or was broken off."""


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
        arrivals: Each permit of ``user_rate`` is a new user, without end; ``last_id`` is then how
            many may be there at once, and those beyond never start.
        fail_on_saturation: Whether a run counts as failed in which the generator was the limit.
        on_node_loss: What follows from the loss of a worker; see ``crowsg.dist.losses.Policy``.
        run_id: Names the run.
    """

    scenario: ScenarioReference
    first_id: int = 1
    last_id: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    duration_s: float | None = None
    max_duration_s: float = DAY_S
    fail_on_saturation: bool = False
    arrivals: bool = False
    on_node_loss: Literal["keep", "refill", "abort"] = "keep"
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


class Runner(Protocol):
    """Who carries the users of a run: this node alone, or the nodes of a cluster.

    Attributes:
        over: Set while no run is going on or ending.
        idle: Set while all users asked for have ended.
        unkillable: Set when users have survived their last kill.
        deserted: Set while nodes are gone that the run cannot do without.
    """

    over: Event
    idle: Event
    unkillable: Event
    deserted: Event

    @property
    def state(self) -> str:
        """``running`` while users may be added; ``error`` after users could not be killed."""

    @property
    def trouble(self) -> Sequence[ScenarioFailed]:
        """What ``terminate`` and ``teardown`` of the run raised."""

    @property
    def desertion(self) -> str:
        """Why the run cannot go on while ``deserted`` is set."""

    @property
    def losses(self) -> Sequence[object]:
        """What went wrong that the run has survived, each as a text tells it."""

    def start(self, options: RunOptions) -> None:
        """Start the scenario and queue its users, or let them arrive; all or nothing.

        Raises:
            CrowsgError: It could not be started.

        Blocks: until ``init`` has returned.
        """

    def stop(self) -> None:
        """End the run; ``over`` is set when it has ended."""

    def kill_users(self) -> None:
        """Leave a run that is being stopped no further grace."""


class OneRun:
    """Runs a scenario once.

    Args:
        clock: Tells and waits.
        runner: Carries the users.
        record: Looks at it meanwhile.
        spawn: Starts a function on a greenlet of the node.
        keep: Keeps a loop of the node running.
        options: What to run.
        observers: Who watches. One that raises is reported and shown nothing more.
    """

    def __init__(
        self,
        clock: Clock,
        runner: Runner,
        record: RunRecord,
        spawn: Callable[..., Any],
        keep: Keep,
        options: RunOptions,
        observers: Iterable[Observer] = (),
    ) -> None:
        self._clock = clock
        self._runner = runner
        self._record = record
        self._spawn = spawn
        self._keep = keep
        self._options = options
        self._observers = list(observers)
        self._sampling = BoundedSemaphore(1)
        self._reason = ""
        self._is_deserted = False
        self._interrupts = 0
        self._ending = Event()

    def execute(self) -> Summary:
        """Run it.

        Raises:
            CrowsgError: It could not be started.

        Blocks: until the run is over.
        """
        summary = None
        try:
            # Before the record of a run that goes on is begun anew.
            if not self._runner.over.is_set():
                raise InvalidStatus(self._runner.state, "one_run")
            self._record.begin(self._options.run_id, str(self._options.scenario))
            try:
                self._execute()
                summary = self._summarise()
            finally:
                self._record.end()
        finally:
            for observer in list(self._observers):
                self._tell(observer, lambda each: each.end(summary))
        return summary

    def _execute(self) -> None:
        limit_ns = to_ns(self._options.max_duration_s)
        timers = [
            self._end_after(self._options.max_duration_s, MAX_DURATION),
            self._clock.call_later(limit_ns + to_ns(LAST_CALL_S), self._runner.kill_users),
        ]
        sampler: Kept | None = None
        try:
            if self._start():
                if self._options.duration_s is not None:
                    timers.append(self._end_after(self._options.duration_s, DURATION_OVER))
                self._record.begin_samples()
                sampler = self._keep("samples", self._sample_each_second)
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
                self._end_samples(sampler)
        if sampler is None:
            self._sample()

    def interrupt(self) -> None:
        """End the run: the first call gracefully, every other at once."""
        self._interrupts += 1
        if self._interrupts > 1:
            self._runner.kill_users()
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
        if self._ending.is_set():
            # What it was doing then was broken off, which is no failure of its own.
            return self._runner.state == "running"
        if failure:
            raise failure[0]
        return True

    def _try_to_start(self, failure: list[BaseException]) -> None:
        try:
            self._runner.start(self._options)
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            failure.append(error)

    def _wait_for_the_end(self) -> None:
        runner = self._runner
        while not self._ending.is_set():
            awaited = [runner.unkillable, runner.deserted, runner.over, self._ending]
            if not self._options.arrivals:
                awaited.append(runner.idle)
            gevent.wait(awaited, count=1)
            if runner.state != "running":
                self._end(STOPPED)
            elif runner.unkillable.is_set():
                self._end(STUCK)
            elif runner.deserted.is_set():
                self._desert(runner.desertion)
            elif runner.idle.is_set() and not self._options.arrivals:
                self._end(USERS_DONE)

    def _stop(self) -> None:
        if self._runner.state == "running":
            self._runner.stop()
        self._runner.over.wait()
        if self._runner.state == "error":
            self._reason, self._is_deserted = STUCK, False

    def _end_after(self, seconds: float, reason: str) -> Any:
        return self._clock.call_later(to_ns(seconds), lambda: self._end(reason))

    def _desert(self, reason: str) -> None:
        if not self._reason:
            self._is_deserted = True
        self._end(reason)

    def _end(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._ending.set()

    def _sample_each_second(self) -> None:
        next_s = self._record.elapsed_s()
        while True:
            # By moments, not by sleeps: what a sample takes must not add up to a second.
            next_s = max(next_s + SAMPLE_S, self._record.elapsed_s())
            self._clock.sleep(next_s - self._record.elapsed_s())
            self._sample()

    def _end_samples(self, sampler: Kept) -> None:
        # Not in the middle of one: what it has taken would be missing in the last.
        with self._sampling:
            sampler.stop()
        self._sample()

    def _sample(self) -> None:
        with self._sampling:
            sample = self._record.sample()
            for observer in list(self._observers):
                self._tell(observer, lambda each: each.see(sample))

    def _tell(self, observer: Observer, tell: Callable[[Observer], object]) -> None:
        try:
            tell(observer)
        except Exception:
            self._observers.remove(observer)
            _LOGGER.exception("an observer of the run failed and is left out from now on")

    def _summarise(self) -> Summary:
        trouble = self._runner.trouble
        code, reason = _EXIT_CODES.get(self._reason, EXIT_OK), self._reason
        if self._is_deserted:
            code = EXIT_NODES
        elif self._runner.losses:
            reason = "; ".join([reason, *map(str, self._runner.losses)])
        if trouble and code not in (EXIT_STUCK, EXIT_NODES):
            code, reason = EXIT_SCENARIO_FAILED, str(trouble[0])
        if code == EXIT_OK and self._options.fail_on_saturation and self._record.is_saturated:
            code, reason = EXIT_SATURATED, f"{reason}, but {SATURATED}"
        return self._record.summary(code, reason)
