"""Which side of a throttle a node is on: with the owner, or away from it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from crowsg.clock import Clock
from crowsg.errors import CrowsgError, NoSuchThrottle
from crowsg.throttle.beats import Outbox, plain_report_on
from crowsg.throttle.lease import Report
from crowsg.throttle.outlet import Outlet
from crowsg.throttle.owner import Owner, ThrottleState
from crowsg.throttle.processes import Processes
from crowsg.throttle.wire import Plain

HERE = "here"
"""What the owner calls its own node."""

BEAT_NS = 100_000_000
"""How often a node reports."""

Outlets = Mapping[str, Outlet]


class Side(Protocol):
    """Joins the outlets of a node to the owner of their throttles.

    Attributes:
        owner: Who that is.
        is_owner: Whether it is this node.
        joins_at_start: Whether a node takes part in what it starts before anybody waits there.
        is_late: Whether the node joined later than the run began.
    """

    owner: Owner
    is_owner: bool
    joins_at_start: bool
    is_late: bool

    def state(self, name: str, outlet: Outlet | None) -> ThrottleState:
        """Return a throttle as its owner has it, given its outlet here if there is one.

        Raises:
            NoSuchThrottle: It does not run.
        """

    def tell(self, name: str, life: int, report: Report) -> None:
        """Send the owner a report."""

    def join(self, name: str, outlet: Outlet) -> None:
        """Let an outlet get its first lease.

        Raises:
            NoSuchThrottle: That life of it has ended, here at least.
        """

    def states(self, outlets: Outlets) -> Mapping[str, ThrottleState]:
        """Return the throttles that are known here, without asking anybody."""

    def reports(self, outlets: Outlets) -> list[Plain]:
        """Return how this node stands, for the beat."""


class OwnSide:
    """The side of the node that owns the throttles.

    Args:
        clock: Tells and waits.
        processes: The throttles.
    """

    is_owner = True
    is_late = False

    def __init__(self, clock: Clock, processes: Processes) -> None:
        self.owner: Owner = processes
        self.joins_at_start = processes.is_alone
        self._clock = clock
        self._processes = processes

    def state(self, name: str, outlet: Outlet | None) -> ThrottleState:
        """Return a throttle as its owner has it; see ``Side``."""
        return self._processes.state(name)

    def tell(self, name: str, life: int, report: Report) -> None:
        """Send the owner a report; see ``Side``."""
        self._processes.hear(HERE, name, life, report)

    def join(self, name: str, outlet: Outlet) -> None:
        """Let an outlet get its first lease; see ``Side``."""
        self._processes.admit(name, HERE, outlet.tenant.hold)
        if not self._processes.is_alone:
            self._beat(outlet)

    def states(self, outlets: Outlets) -> Mapping[str, ThrottleState]:
        """Return the throttles that are known here; see ``Side``."""
        return self._processes.states()

    def reports(self, outlets: Outlets) -> list[Plain]:
        """There is nobody to tell."""
        return []

    def _beat(self, outlet: Outlet) -> None:
        if not outlet.tenant.is_closed:
            outlet.tenant.report()
            self._clock.call_later(BEAT_NS, partial(self._beat, outlet))


class AwaySide:
    """The side of a node whose throttles another one owns.

    Args:
        owner: Who that is.
        tell_reports: Sends it a plain message; must not block.
        spawn: Starts a function on a greenlet of this node.
        is_late: Whether the node joined later than the run began.
    """

    is_owner = False
    joins_at_start = True

    def __init__(
        self,
        owner: Owner,
        tell_reports: Callable[[list[Plain]], object],
        spawn: Callable[..., Any],
        is_late: bool,
    ) -> None:
        self.owner = owner
        self.is_late = is_late
        self._box = Outbox(tell_reports)
        self._spawn = spawn
        self._asking: dict[str, Any] = {}
        # The life of each throttle that was joined last.
        self._joined: dict[str, int] = {}

    def state(self, name: str, outlet: Outlet | None) -> ThrottleState:
        """Return a throttle as its owner has it; see ``Side``.

        Blocks: where it has no outlet here, until the owner has answered, once for all who ask at
            the same time.
        """
        return self._asked(name) if outlet is None else outlet.told

    def tell(self, name: str, life: int, report: Report) -> None:
        """Send the owner a report; see ``Side``."""
        self._box.put((name, life), plain_report_on(name, life, report))

    def join(self, name: str, outlet: Outlet) -> None:
        """Let an outlet get its first lease; see ``Side``."""
        # Once in a life: the owner counts what a node was given and used from its beginning.
        if self._joined.get(name, 0) >= outlet.told.life:
            raise NoSuchThrottle(name)
        self._joined[name] = outlet.told.life
        outlet.tenant.report()

    def states(self, outlets: Outlets) -> Mapping[str, ThrottleState]:
        """Return the throttles that are known here; see ``Side``."""
        return {name: outlet.told for name, outlet in outlets.items()}

    def reports(self, outlets: Outlets) -> list[Plain]:
        """Return how this node stands; see ``Side``."""
        for outlet in outlets.values():
            outlet.tenant.report()
        return self._box.take()

    def _asked(self, name: str) -> ThrottleState:
        if name not in self._asking:
            # On a greenlet of its own: whoever asked first may be killed, and others go on.
            self._asking[name] = self._spawn(self._ask, name)
        answer = self._asking[name].get()
        if isinstance(answer, ThrottleState):
            return answer
        # One error for all who asked: the ways it took do not add up.
        raise answer.with_traceback(None)

    def _ask(self, name: str) -> ThrottleState | CrowsgError:
        try:
            return self.owner.state(name)
        except CrowsgError as error:
            return error
        finally:
            del self._asking[name]
