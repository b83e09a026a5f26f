"""An open model: calls begin when the schedule says so, however long those before them take."""

from collections.abc import Callable
from typing import Any, Protocol

import gevent
from gevent.event import Event
from gevent.queue import SimpleQueue

from crowsg.clock import Clock
from crowsg.errors import InvalidCount
from crowsg.metrics.failures import FailureLog
from crowsg.metrics.operation import Operation, Timing
from crowsg.throttle.permit import Permit
from crowsg.throttle.service import Throttles


class Driver(Protocol):
    """The user that drives.

    Attributes:
        stopping: Whether it was asked to stop.
        stop_is_due: Whether a stop waits to be raised.
        held: How many operations let it wait.
    """

    stopping: bool
    stop_is_due: bool
    held: int

    def spawn(self, function: Callable[..., Any], *args: Any) -> Any:
        """Start a greenlet that ends with the user."""

    def refuse_to_begin(self) -> None:
        """Raise a stop that is due, unless an operation is going on."""

    def release(self) -> None:
        """Let a stop that waited through."""


class Arrivals:
    """Calls a function at each permit of one throttle, in a warm pool of one user's greenlets.

    Args:
        clock: Tells and waits.
        throttles: Where the permits come from.
        failures: Takes what the function raises.
        operation: Where each call is recorded, from its intended moment too.
        user: Who drives: the calls end with it, and a soft stop waits for those going on.
        max_in_flight: Calls that may go on at once.
    """

    def __init__(
        self,
        clock: Clock,
        throttles: Throttles,
        failures: FailureLog,
        operation: Operation,
        user: Driver,
        max_in_flight: int,
    ) -> None:
        if type(max_in_flight) is not int or max_in_flight < 1:
            raise InvalidCount(max_in_flight, 1)
        self._clock = clock
        self._throttles = throttles
        self._failures = failures
        self._operation = operation
        self._user = user
        self._most = max_in_flight
        # None sends a worker home.
        self._queue: SimpleQueue[Permit | None] = SimpleQueue()
        self._workers = 0
        self._in_flight = 0
        self._room = Event()

    def drive(self, name: str, function: Callable[[Permit], object]) -> None:
        """Call ``function(permit)`` at each permit, until the user stops; see ``throttle``."""
        try:
            while not self._user.stopping:
                self._wait_for_room(name)
                self._take(self._throttles.wait_unheld(name), function)
            self._wait_for_the_stop()
        except gevent.GreenletExit:
            self._drop_what_has_not_begun()
            raise
        finally:
            for _ in range(self._workers):
                self._queue.put(None)

    def _wait_for_room(self, name: str) -> None:
        while self._in_flight >= self._most and not self._throttles.has_schedule(name):
            self._room.clear()
            self._room.wait()

    def _take(self, permit: Permit, function: Callable[[Permit], object]) -> None:
        if self._user.stopping:
            permit.release()
        elif self._in_flight >= self._most:
            self._operation.dropped += 1
            permit.release()
        else:
            self._hand_over(permit, function)

    def _hand_over(self, permit: Permit, function: Callable[[Permit], object]) -> None:
        if self._in_flight == self._workers:
            self._workers += 1
            self._user.spawn(self._work, function)
        self._in_flight += 1
        self._queue.put(permit)

    def _work(self, function: Callable[[Permit], object]) -> None:
        try:
            while (permit := self._queue.get()) is not None:
                try:
                    self._call(permit, function)
                finally:
                    self._in_flight -= 1
                    self._room.set()
        finally:
            # A call that exits takes its greenlet along; the next one gets another.
            self._workers -= 1

    def _call(self, permit: Permit, function: Callable[[Permit], object]) -> None:
        try:
            with permit, Timing(self._operation, self._clock.now_ns, permit, self._user):
                function(permit)
        except gevent.GreenletExit:
            raise
        except BaseException as error:  # noqa: BLE001 - the scenario's code
            self._failures.record(error)

    def _wait_for_the_stop(self) -> None:
        # It comes when the last call has ended, and insists after a while: nothing new meanwhile.
        # A user that went on after its stop gets no other one to wait for.
        if self._user.stop_is_due:
            Event().wait()

    def _drop_what_has_not_begun(self) -> None:
        # The workers die with the user, and a slot that waits for one of them would be lost.
        while not self._queue.empty():
            self._queue.get().release()
