"""The throttles of a node, by name."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from crowsg.clock import Clock
from crowsg.errors import InvalidThrottle, ThrottleError
from crowsg.metrics.histogram import Histogram
from crowsg.rate import Ramp, Rate
from crowsg.telemetry.bus import Bus
from crowsg.text import shown
from crowsg.throttle.beats import Grant, read_grants
from crowsg.throttle.info import OwnNames, ThrottleInfo, Told, told
from crowsg.throttle.outlet import Outlet, info_without_outlet
from crowsg.throttle.owner import Outcome, Owner, ThrottleState, checked_name
from crowsg.throttle.permit import Permit
from crowsg.throttle.process import Declared
from crowsg.throttle.processes import Processes
from crowsg.throttle.sides import AwaySide, OwnSide, Side
from crowsg.throttle.wire import Plain

Spawn = Callable[..., Any]


class Throttles:
    """Starts, changes and ends throttles, and waits on them.

    At first the node owns its throttles and has them to itself (``own``); with ``follow`` another
    node owns them. What is waited for here has an *outlet* here, with a gate, a lease and counts.

    Args:
        clock: Tells and waits.
        telemetry: Where events go.
        spawn: Starts a function on a greenlet of this node.
    """

    def __init__(self, clock: Clock, telemetry: Bus, spawn: Spawn) -> None:
        self._clock = clock
        self._spawn = spawn
        self._outlets: dict[str, Outlet] = {}
        self._ended: Told = {}
        self._own_names = OwnNames()
        self._request = telemetry.event(("crowsg", "throttle", "request"))
        self._execute = telemetry.event(("crowsg", "throttle", "execute"))
        self._alone = Processes(clock, telemetry, spawn, ttl_ns=None)
        self._side: Side = self._own_side(self._alone)

    def own(self, processes: Processes | None = None) -> None:
        """Own the throttles from now on.

        Args:
            processes: Where they are divided among nodes; None for this node alone.

        Raises:
            ThrottleError: Throttles are running.
        """
        self._refuse_while_throttles_run()
        self._side = self._own_side(processes or self._alone)

    def follow(
        self,
        owner: Owner,
        tell_reports: Callable[[list[Plain]], object],
        *,
        is_late: bool = False,
    ) -> None:
        """Leave the throttles to another node from now on.

        Args:
            owner: Who owns them.
            tell_reports: Sends the owner's node a plain message of reports at once, one way; it may
                be lost, and must not block.
            is_late: Whether this node joined later than the run began: what it declares is then not
                compared.

        Raises:
            ThrottleError: Throttles are running.
        """
        self._refuse_while_throttles_run()
        self._side = AwaySide(owner, tell_reports, self._spawn, is_late)

    def reports(self) -> list[Plain]:
        """Return how this node stands with its throttles, to be sent to their owner each 100 ms.

        Returns:
            A plain message for ``Dealer.take_reports``; empty where there is nothing to tell.

        Blocks: never.
        """
        return self._side.reports(self._outlets)

    def take_leases(self, plain: Plain) -> None:
        """Take a plain message of the owner's node; where this one owns them it means nothing.

        Raises:
            InvalidThrottle: It is none; then nothing has changed.

        Blocks: never.
        """
        for name, life, grant in read_grants(plain):
            if grant is None:
                self.closed_by_owner(name, life)
            else:
                self._take(name, life, grant)

    def closed_by_owner(self, name: str, life: int) -> None:
        """Take it that a life of a throttle has ended: those who wait get ``ThrottleStopped``.

        Where this node owns it, it means nothing.

        Blocks: never.
        """
        outlet = self._followed(name)
        if outlet is not None and outlet.told.life <= life:
            self._end(name, outlet.told)

    def start(self, name: str, rate: object) -> Outcome:
        """Start a throttle, or find that it was declared the same; see ``crowsg.throttle``."""
        checked_name(name)
        declared: Declared = rate if isinstance(rate, Ramp) else Rate.of(rate)
        side = self._side
        outcome, state = side.owner.start(name, declared, is_late=side.is_late)
        if side.joins_at_start:
            self._join(name, state)
        return outcome

    def wait(self, name: str) -> Permit:
        """Wait for a permit; see ``crowsg.throttle``."""
        outlet = self._find(name)
        outlet.holders.give_back()
        return self._granted(outlet, name, is_held=True)

    def wait_unheld(self, name: str) -> Permit:
        """Wait for a permit that only its ``release`` gives back; otherwise as ``wait``."""
        return self._granted(self._find(name), name, is_held=False)

    def has_schedule(self, name: str) -> bool:
        """Whether permits fall due by time, and not by being asked for or given back.

        Raises:
            NoSuchThrottle: It does not run.
        """
        rate = self._side.state(name, self._outlets.get(name)).rate
        return not (rate.is_unlimited or rate.is_parallel)

    def change_rate(self, name: str, rate: object) -> None:
        """Set the rate; see ``crowsg.throttle``."""
        self._side.owner.change_rate(name, Rate.of(rate))

    def ramp(self, name: str, ramp: Ramp) -> None:
        """Begin a ramp; see ``crowsg.throttle``."""
        if not isinstance(ramp, Ramp):
            raise InvalidThrottle(f"a ramp is a crowsg.Ramp, not {shown(ramp, 60)}")
        self._side.owner.ramp(name, ramp)

    def pause(self, name: str) -> None:
        """Grant nothing; see ``crowsg.throttle``."""
        self._side.owner.pause(name)

    def resume(self, name: str) -> None:
        """Go on; see ``crowsg.throttle``."""
        self._side.owner.resume(name)

    def unlock(self, name: str) -> None:
        """Lift the limit; see ``crowsg.throttle``."""
        self.change_rate(name, Rate.UNLIMITED)

    def stop(self, name: str) -> None:
        """End a throttle; see ``crowsg.throttle``."""
        outlet = self._outlets.get(name)
        self._side.owner.stop(name)
        if outlet is not None:
            self.closed_by_owner(name, outlet.told.life)

    def stop_all(self) -> None:
        """End every throttle, as the run ends; where another node owns them, this node's part."""
        for name, state in self._states().items():
            if self._side.is_owner:
                self.stop(name)
            else:
                self._end(name, state)

    def forget(self) -> None:
        """Forget the throttles of the last run, which have ended."""
        self._ended = {}
        self._own_names = OwnNames()

    def info(self, name: str) -> ThrottleInfo:
        """Return the throttle as it stands; see ``crowsg.throttle``."""
        state = self._side.state(name, self._outlets.get(name))
        return self._told_of(name, state)[0]

    def infos(self) -> dict[str, ThrottleInfo]:
        """Return all throttles of the run, those that have ended as they then stood.

        What was started again counts on; beyond 200 names the rest is kept together.
        """
        return {name: info for name, (info, _) in self._told().items()}

    def waits(self) -> dict[str, Histogram]:
        """Return how long permits were waited for, by throttle, as ``infos``."""
        return {name: waits for name, (_, waits) in self._told().items()}

    def names(self) -> tuple[str, ...]:
        """Return the names of all throttles that are known here."""
        return tuple(self._states())

    def _told(self) -> Told:
        ended = [(name, *each) for name, each in self._ended.items()]
        live = [(name, *self._told_of(name, state)) for name, state in self._states().items()]
        return told([*ended, *live], self._own_names)

    def _told_of(self, name: str, state: ThrottleState) -> tuple[ThrottleInfo, Histogram]:
        if not self._side.is_owner:
            # The owner's node tells it: nodes are added up.
            state = replace(state, lost_ns=0)
        outlet = self._outlets.get(name)
        if outlet is None:
            return info_without_outlet(state), Histogram()
        return outlet.info(state), outlet.waits

    def _granted(self, outlet: Outlet, name: str, *, is_held: bool) -> Permit:
        outlet.requested += 1
        if self._request.handlers:
            self._request.fire({"count": 1}, {"name": name})
        asked_ns = self._clock.now_ns()
        due_ns = outlet.gate.wait()
        is_slot = outlet.gate.gave_slot
        if is_held and due_ns < asked_ns:
            # It fell due before it was wanted, which only an open model may count from.
            due_ns = asked_ns
        outlet.granted += 1
        now_ns = self._clock.now_ns()
        outlet.waits.record(now_ns - asked_ns)
        permit = Permit(due_ns, now_ns, outlet.gate.give_back if is_slot else None)
        if is_slot and is_held:
            outlet.holders.hold(permit)
        if self._execute.handlers:
            self._tell_granted(permit, name)
        return permit

    def _tell_granted(self, permit: Permit, name: str) -> None:
        try:
            self._execute.fire({"count": 1}, {"name": name})
        except BaseException:
            # Killed inside a handler: the caller never sees its permit.
            permit.release()
            raise

    def _find(self, name: str) -> Outlet:
        try:
            return self._outlets[name]
        except KeyError:
            return self._join(name, self._side.state(name, None))

    def _join(self, name: str, state: ThrottleState) -> Outlet:
        """Return the outlet of a life of a throttle, or of a later one."""
        known = self._outlets.get(name)
        if known is not None and known.told.life >= state.life:
            return known
        if known is not None:
            self._end(name, known.told)
        tell = partial(self._side.tell, name, state.life)
        outlet = Outlet(self._clock, name, state, tell)
        self._side.join(name, outlet)
        self._outlets[name] = outlet
        return outlet

    def _take(self, name: str, life: int, grant: Grant) -> None:
        outlet = self._followed(name)
        if outlet is None or life < outlet.told.life:
            return
        if life > outlet.told.life:
            # It was started again, and the word that it ended is still on its way.
            self._end(name, outlet.told)
        elif outlet.tenant.hold(grant.lease):
            outlet.told = replace(
                outlet.told, rate=grant.rate, is_paused=grant.is_paused, progress=grant.progress
            )

    def _followed(self, name: str) -> Outlet | None:
        return None if self._side.is_owner else self._outlets.get(name)

    def _end(self, name: str, state: ThrottleState) -> None:
        """Close the outlet of a throttle that has ended, and keep how it then stood."""
        ended = [(each, *known) for each, known in self._ended.items()]
        self._ended = told([*ended, (name, *self._told_of(name, state))], self._own_names)
        outlet = self._outlets.pop(name, None)
        if outlet is not None:
            outlet.tenant.close()

    def _states(self) -> Mapping[str, ThrottleState]:
        return self._side.states(self._outlets)

    def _own_side(self, processes: Processes) -> OwnSide:
        processes.on_stop = self._end
        return OwnSide(self._clock, processes)

    def _refuse_while_throttles_run(self) -> None:
        if names := self.names():
            raise ThrottleError(f"throttles have an owner while they run: {', '.join(names)}")
