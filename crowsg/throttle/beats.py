"""What throttles send in beats: reports one way, leases the other, many in one message.

A lease travels with what an owner's node would tell anybody who looks: the rate as it was set last,
whether the throttle is paused, how far a ramp has come.
"""

from collections.abc import Callable, Hashable
from typing import NamedTuple

import gevent

from crowsg.rate import Rate
from crowsg.throttle.lease import Lease, Report
from crowsg.throttle.owner import ThrottleState, checked_name
from crowsg.throttle.process import RampProgress
from crowsg.throttle.wire import (
    Plain,
    flag,
    items,
    plain_lease,
    plain_progress,
    plain_rate,
    plain_report,
    read_lease,
    read_progress,
    read_rate,
    read_report,
    refusal,
    whole,
)


class Grant(NamedTuple):
    """A lease, and how its throttle stands.

    Attributes:
        lease: What may be granted.
        rate: The rate as it was set last.
        is_paused: Whether nothing is granted, whatever the rate.
        progress: How far a ramp has come; None while none is running.
    """

    lease: Lease
    rate: Rate
    is_paused: bool
    progress: RampProgress | None


class Outbox:
    """Collects messages, and sends what came together within one turn of the loop as one.

    Args:
        send: Sends a list of them; must not block.
    """

    def __init__(self, send: Callable[[list[Plain]], object]) -> None:
        self._send = send
        self._messages: dict[Hashable, Plain] = {}

    def put(self, key: Hashable, message: Plain) -> None:
        """Let a message go soon, in place of one with the same key that still waits."""
        if not self._messages:
            gevent.get_hub().loop.run_callback(self._flush)
        self._messages[key] = message

    def take(self) -> list[Plain]:
        """Return what waits, which then is sent by the caller."""
        messages, self._messages = list(self._messages.values()), {}
        return messages

    def _flush(self) -> None:
        messages = self.take()
        if messages:
            self._send(messages)


def plain_grant(name: str, lease: Lease, state: ThrottleState) -> Plain:
    """Return a lease and how its throttle stands as one message."""
    told = [
        plain_lease(lease),
        plain_rate(state.rate),
        state.is_paused,
        plain_progress(state.progress),
    ]
    return [name, state.life, told]


def plain_ending(name: str, life: int) -> Plain:
    """Return the answer to a report about a life that has ended."""
    return [name, life, None]


def read_grants(plain: Plain) -> list[tuple[str, int, Grant | None]]:
    """Read messages of both kinds: name, life, and what was granted, None for an ending.

    Raises:
        InvalidThrottle: One of them is none.
    """
    return [_read_grant(each) for each in items(plain, None, "a list of leases")]


def plain_report_on(name: str, life: int, report: Report) -> Plain:
    """Return the report about one life of a throttle as a message."""
    return [name, life, plain_report(report)]


def read_reports(plain: Plain) -> list[tuple[str, int, Report]]:
    """Read such messages: name, life and report.

    Raises:
        InvalidThrottle: One of them is none.
    """
    return [_read_report_on(each) for each in items(plain, None, "a list of reports")]


def _read_grant(plain: Plain) -> tuple[str, int, Grant | None]:
    name, life, told = items(plain, 3, "a lease of a throttle")
    checked_name(name), whole(life, 1)
    if told is None:
        return name, life, None
    lease, rate, is_paused, progress = items(told, 4, "a lease with its throttle")
    grant = Grant(read_lease(lease), read_rate(rate), flag(is_paused), read_progress(progress))
    if grant.lease.epoch != life:
        raise refusal(life, f"the life of a lease of {grant.lease.epoch}")
    return name, life, grant


def _read_report_on(plain: Plain) -> tuple[str, int, Report]:
    name, life, report = items(plain, 3, "a report on a throttle")
    return checked_name(name), whole(life, 1), read_report(report)
