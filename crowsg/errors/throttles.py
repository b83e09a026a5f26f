"""Errors of throttles."""

from crowsg.errors.base import CrowsgError


class ThrottleError(CrowsgError):
    """A throttle was asked for something it cannot do."""


class InvalidThrottle(ThrottleError, ValueError):
    """A rate that no spelling of ``Rate.of`` covers; the text says why."""

    reason = "invalid_throttle"


class NoSuchThrottle(ThrottleError):
    """No throttle of that name runs."""

    reason = "no_throttle_by_name"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no throttle {name!r}")


class WrongReconfiguration(ThrottleError):
    """A throttle was declared again with another rate than at first."""

    reason = "wrong_reconfiguration"

    def __init__(self, name: str, declared: object, asked: object) -> None:
        self.name = name
        super().__init__(f"throttle {name!r} was declared as {declared}, not as {asked}")


class CannotChangeRate(ThrottleError):
    """A ramp is running, and only its end or the throttle's changes the rate."""

    reason = "cannot_change_rate"

    def __init__(self, name: str, ramp: object) -> None:
        self.name = name
        super().__init__(f"throttle {name!r} is on its way from {ramp}")


class ThrottleStopped(ThrottleError):
    """The throttle was stopped while somebody waited on it."""

    reason = "throttle_wait_died"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"throttle {name!r} was stopped")
