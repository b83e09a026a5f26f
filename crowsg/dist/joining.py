"""Nodes that come late: taken into the run that goes on, and tried again while that may help."""

import logging
from collections.abc import Callable
from typing import Any

from gevent.pool import Group

from crowsg.clock import Clock
from crowsg.cluster.members import Members
from crowsg.cluster.membership import Member
from crowsg.dist.crew import Crew
from crowsg.dist.recruiting import Plan, Recruiting
from crowsg.dist.recruits import Recruits
from crowsg.errors import (
    CrowsgError,
    MasterIsSet,
    Refused,
    RemoteFault,
    StartRefused,
    Unreachable,
)

AGAIN_S = 2.0
"""Seconds from one attempt that failed to the next."""

_LOGGER = logging.getLogger("crowsg")


class Joining:
    """Makes workers of nodes while a run goes on.

    Args:
        members: Who is there.
        recruiting: Brings the run to a node.
        crew: Whom it joins.
        recruits: Whom else the master listens to.
        clock: Waits.
        spawn: Starts a function on a greenlet of this node.
        settled: Called with the name of each that has joined, or never will.
    """

    def __init__(
        self,
        members: Members,
        recruiting: Recruiting,
        crew: Crew,
        recruits: Recruits,
        clock: Clock,
        spawn: Callable[..., Any],
        settled: Callable[[str], object],
    ) -> None:
        self._members = members
        self._recruiting = recruiting
        self._crew = crew
        self._recruits = recruits
        self._clock = clock
        self._spawn = spawn
        self._settled = settled
        self._plan: Plan | None = None
        self._turned_away: set[int] = set()
        self._looked_after: set[str] = set()
        self._greenlets = Group()

    def open(self, plan: Plan) -> None:
        """Let nodes join a run from now on."""
        self._plan = plan
        self._turned_away.clear()
        self._looked_after.clear()

    def close(self) -> None:
        """Let nobody join any more.

        Blocks: until those that had not come in have been taken back what they had got.
        """
        self._plan = None
        self._greenlets.kill()

    def note(self, name: str) -> None:
        """Let a node join, where it is up and no worker yet."""
        if self._plan is not None and self._wanted(name) and name not in self._looked_after:
            self._looked_after.add(name)
            self._greenlets.add(self._spawn(self._take_in, self._plan, name))

    def _wanted(self, name: str) -> Member | None:
        if self._plan is None or self._crew.hand(name) is not None:
            return None
        return next(
            (
                each
                for each in self._members.up()
                if each.name == name and each.incarnation not in self._turned_away
            ),
            None,
        )

    def _take_in(self, plan: Plan, name: str) -> None:
        try:
            while (member := self._wanted(name)) is not None:
                if self._may_try_again(plan, member):
                    self._clock.sleep(AGAIN_S)
        finally:
            self._looked_after.discard(name)

    def _may_try_again(self, plan: Plan, member: Member) -> bool:
        """Try to take a node in; tells whether it failed of what may pass."""
        name = member.name
        try:
            self._try(plan, member)
        except CrowsgError as error:
            if _may_pass(error):
                _LOGGER.warning("%s cannot take part in the run yet: %s", name, error)
                return True
            _LOGGER.error("%s cannot take part in the run: %s", name, error)
            self._turned_away.add(member.incarnation)
            self._settled(name)
            return False
        _LOGGER.info("%s takes part in the run", name)
        return False

    def _try(self, plan: Plan, member: Member) -> None:
        name, incarnation = member.name, member.incarnation
        with self._recruits.made({name: incarnation}):
            self._recruiting.take_in(plan, name)
            if self._members.peer(name).incarnation != incarnation:
                raise Refused("stale", f"{name} began anew meanwhile")
            self._crew.take_in(name, incarnation)
        self._settled(name)


def _may_pass(error: Exception) -> bool:
    if isinstance(error, StartRefused):
        return all(_may_pass(each) for each in error.failures.values())
    if isinstance(error, Refused):
        return error.kind in ("stale", "unknown")
    return isinstance(error, Unreachable | RemoteFault | MasterIsSet)
