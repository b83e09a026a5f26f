"""What is done with a permit besides waiting for it: run something, send something."""

from collections.abc import Callable
from typing import Any, Protocol

import gevent

from crowsg.errors import NoSuchThrottle, ThrottleStopped
from crowsg.metrics.failures import FailureLog, describe
from crowsg.telemetry.bus import Bus
from crowsg.throttle.service import Throttles

FAILED = "throttle_failed"
"""First word of the message to a user whose function failed; throttle and reason follow."""


class Caller(Protocol):
    """The user that asks, if one does."""

    def spawn(self, function: Callable[..., Any], *args: Any) -> Any:
        """Start a greenlet that ends with the user."""

    def send(self, message: Any) -> None:
        """Put a message into its mailbox."""


class Actions:
    """Does things at the pace of throttles, each on a greenlet of its own.

    Args:
        throttles: The throttles of the node.
        telemetry: Where failures are told.
        failures: Takes them too.
        spawn: Starts a function on a greenlet of the node, for callers that are no users.
        copied: Returns a copy of a message that can be sent, and refuses any other.
    """

    def __init__(
        self,
        throttles: Throttles,
        telemetry: Bus,
        failures: FailureLog,
        spawn: Callable[..., Any],
        copied: Callable[[Any], Any],
    ) -> None:
        self._throttles = throttles
        self._telemetry = telemetry
        self._failures = failures
        self._spawn = spawn
        self._copied = copied

    def send(self, caller: Caller | None, name: str, receiver: Caller, message: Any) -> None:
        """Send a message at the next permit, as it is now; see ``throttle.send``."""
        self.run(caller, name, receiver.send, (self._copied(message),))

    def run(
        self, caller: Caller | None, name: str, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        """Call a function at the next permit; see ``throttle.run``."""
        self._throttles.info(name)
        spawn = self._spawn if caller is None else caller.spawn
        spawn(self._run, caller, name, function, args)

    def _run(
        self, caller: Caller | None, name: str, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        try:
            permit = self._throttles.wait_unheld(name)
        except (NoSuchThrottle, ThrottleStopped):
            # Not the fault of the function; the first where it was stopped before this step.
            if caller is not None:
                caller.send((FAILED, name, describe(ThrottleStopped(name))))
            return
        try:
            with permit:
                function(*args)
        except gevent.GreenletExit:
            raise
        except BaseException as error:  # noqa: BLE001 - the scenario's code
            self._failures.record(error)
            self._tell(caller, name, error)

    def _tell(self, caller: Caller | None, name: str, error: BaseException) -> None:
        self._telemetry.execute(
            ("crowsg", "throttle", "failure"),
            {"error": 1},
            {"name": name, "reason": describe(error), "log_level": "error"},
        )
        if caller is not None:
            caller.send((FAILED, name, describe(error)))
