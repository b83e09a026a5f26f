"""A throttle as one node has it."""

from collections.abc import Callable

from crowsg.clock import SECOND, Clock
from crowsg.metrics.histogram import Histogram
from crowsg.throttle.gate import Gate
from crowsg.throttle.info import ThrottleInfo
from crowsg.throttle.lease import Report
from crowsg.throttle.owner import ThrottleState
from crowsg.throttle.permit import Holders
from crowsg.throttle.tenant import Tenant


class Outlet:
    """Where the permits of one life of a throttle are waited for on this node, and counted.

    Attributes:
        told: What the owner told of it last.
        gate: Where greenlets wait.
        tenant: Lets the gate go by leases.
        holders: Who holds which slot.
        requested, granted: Permits asked for and given so far.
        waits: How long they were waited for.

    Args:
        clock: Tells and waits.
        name: What the throttle is called.
        state: What its owner told.
        tell: Sends a report to the throttle process; must not block.
    """

    __slots__ = ("gate", "granted", "holders", "requested", "tenant", "told", "waits")

    def __init__(
        self, clock: Clock, name: str, state: ThrottleState, tell: Callable[[Report], object]
    ) -> None:
        self.told = state
        self.gate = Gate(clock, name)
        self.tenant = Tenant(clock, self.gate, lambda: self.granted, tell)
        self.holders = Holders()
        self.requested = 0
        self.granted = 0
        self.waits = Histogram()

    def info(self, state: ThrottleState) -> ThrottleInfo:
        """Return the counts of this node, with the rate as ``state`` has it."""
        gate = self.gate
        return ThrottleInfo(
            state.rate,
            state.is_paused,
            gate.waiting,
            self.requested,
            self.granted,
            self.granted,
            gate.held,
            (gate.lost_ns + state.lost_ns) / SECOND,
            state.progress,
        )


def info_without_outlet(state: ThrottleState) -> ThrottleInfo:
    """Return a throttle that nobody waited for on this node."""
    return ThrottleInfo(
        state.rate, state.is_paused, 0, 0, 0, 0, 0, state.lost_ns / SECOND, state.progress
    )
