"""What a node does for the master of a run: it is told by calls, and reports by beats.

Each command carries the run it belongs to, and comes from the one master of that run; any other is
refused. Ten times a second a beat tells the master how the node stands: its users, the state of its
controller, and what its throttles need.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gevent import GreenletExit, getcurrent
from gevent.lock import BoundedSemaphore

from crowsg.clock import Clock
from crowsg.cluster.exchange import Exchange, Peer, Sender
from crowsg.cluster.members import Members
from crowsg.cluster.wire_errors import to_wire
from crowsg.code.server import CodeServer
from crowsg.config.settings import Settings
from crowsg.controller.arriving import Arriving
from crowsg.controller.machine import Controller
from crowsg.dist.run_settings import unpacked
from crowsg.dist.snapshot import Snapshots
from crowsg.errors import CrowsgError, MasterIsSet, Refused
from crowsg.throttle.remote import RemoteOwner
from crowsg.throttle.service import Throttles
from crowsg.users.crowd import Crowd

BEAT_S = 0.1
CALL_S = 5.0
"""Seconds a call to the master may take."""

_LOGGER = logging.getLogger("crowsg")


@dataclass(frozen=True, slots=True)
class Carriers:
    """The services of a node that carry its part of a run."""

    controller: Controller
    arriving: Arriving
    crowd: Crowd
    settings: Settings
    throttles: Throttles
    code: CodeServer
    snapshots: Snapshots


@dataclass(frozen=True, slots=True)
class Service:
    """Whom a node works for, and in which run."""

    master: Peer
    run: str


class Worker:
    """One node's part in the runs of others.

    Args:
        name: Name of this node.
        exchange: Brings the master's calls, takes the beats.
        members: Knows how to reach the master.
        carriers: What carries the run here.
        clock: Tells and waits.
        spawn: Starts a function on a greenlet of this node.
        leads: Whether this node leads a run of its own.
    """

    def __init__(
        self,
        name: str,
        exchange: Exchange,
        members: Members,
        carriers: Carriers,
        clock: Clock,
        spawn: Callable[..., Any],
        leads: Callable[[], bool],
    ) -> None:
        self._name = name
        self._exchange = exchange
        self._members = members
        self._carriers = carriers
        self._clock = clock
        self._spawn = spawn
        self._leads = leads
        self._service: Service | None = None
        self._beating: Any = None
        self._changing = BoundedSemaphore(1)
        self._beginning: Any = None

    def register(self) -> None:
        """Answer the calls of masters."""
        commands: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            "run_stop": self._stop,
            "run_kill": self._kill,
            "run_release": self._release,
            "users_add": self._add,
            "users_count": self._count,
            "users_arrive": self._arrive,
            "users_remove": self._remove,
            "settings_check": self._check,
            "settings_update": self._update,
            "snapshot": self._snapshot,
            "throttle_closed": self._close_throttle,
        }
        self._exchange.answer("run_configure", self._configure)
        self._exchange.answer("run_begin", self._begin)
        self._exchange.answer("run_drop", self._drop)
        for method, command in commands.items():
            self._exchange.answer(method, self._commanded(command))
        self._exchange.take("leases", self._take_leases)

    @property
    def service(self) -> Service | None:
        """Whom this node works for; None for nobody."""
        return self._service

    def call_master(self, method: str, body: Any, timeout_s: float = CALL_S) -> Any:
        """Call the master of the run.

        Raises:
            Refused: There is none.
            CrowsgError: What the master raised.

        Blocks: until it answers.
        """
        service = self._service
        if service is None:
            raise Refused("stale", f"{self._name} works for no master any more")
        # What is known of its clock by now is better than what was known when the run began.
        master = self._members.peer(service.master.name)
        if master.incarnation != service.master.incarnation:
            raise Refused("stale", f"{service.master.name} has forgotten the run of {self._name}")
        return self._exchange.call(master, method, body, timeout_s, service.run)

    def hand_in(self) -> None:
        """End the run here, gracefully, and hand the master everything that was counted.

        Blocks: until the users have ended and the master has it all.
        """
        service = self._service
        if service is None:
            return
        self._end_run()
        try:
            self._hand_in_all()
        except CrowsgError as error:
            _LOGGER.warning("the master did not take the last of what was counted: %s", error)
        self._let_go(service)

    def _hand_in_all(self) -> None:
        """Tell the master all, also of more users than fit into one snapshot."""
        lives_from = None
        while True:
            snapshot = self._carriers.snapshots.take(lives_from)
            lives_from = self.call_master("worker_leaves", {"snapshot": snapshot})
            if lives_from is None:
                break

    def works_for(self, name: str) -> bool:
        """Whether a node is the master of this one."""
        return self._service is not None and self._service.master.name == name

    def master_is_gone(self) -> None:
        """End the run of a master that is dead or has left."""
        service = self._service
        if service is not None:
            _LOGGER.error("the master is gone: its run ends here")
            self._spawn(self._drop_run, service)

    def _commanded(
        self, command: Callable[[Mapping[str, Any]], Any]
    ) -> Callable[[Sender, Any], Any]:
        def answer(sender: Sender, body: Any) -> Any:
            self._refuse_strangers(sender)
            return command(body)

        return answer

    def _refuse_strangers(self, sender: Sender) -> None:
        service = self._service
        known = service and (service.run, service.master.name, service.master.incarnation)
        if known != (sender.run, sender.name, sender.incarnation):
            raise Refused("unknown", f"{self._name} takes no part in this run of {sender.name}")

    def _configure(self, sender: Sender, body: Mapping[str, Any]) -> None:
        self._refuse_while_taken(sender)
        if self._service is not None:
            # The same master leads another run: of this one it never heard the end.
            self._drop_run(self._service)
        with self._changing:
            self._refuse_while_taken(sender)
            master = self._members.peer(sender.name)
            self._carriers.code.pin(body["digests"], sender.run)
            self._service = service = Service(master, sender.run)
            try:
                self._prepare(body)
            except BaseException:
                self._carriers.controller.drop()
                self._let_go(service)
                raise

    def _refuse_while_taken(self, sender: Sender) -> None:
        service = self._service
        if self._leads():
            raise MasterIsSet(self._name, self._name)
        if service is None:
            return
        if service.master.incarnation != sender.incarnation or service.run == sender.run:
            raise MasterIsSet(self._name, service.master.name)

    def _prepare(self, body: Mapping[str, Any]) -> None:
        self._carriers.controller.configure(
            str(body["scenario"]), unpacked(body["settings"]), unpacked(body["defaults"])
        )
        self._carriers.snapshots.begin(keeps_lives=bool(body["lives"]))
        self._carriers.throttles.follow(
            RemoteOwner(self.call_master), self._tell_reports, is_late=bool(body["late"])
        )

    def _begin(self, sender: Sender, body: Mapping[str, Any]) -> None:
        with self._changing:
            self._refuse_strangers(sender)
            self._beginning = getcurrent()
            try:
                self._beating = self._spawn(self._beat)
                self._carriers.controller.begin(unpacked(body["above"]))
            except GreenletExit:
                raise Refused("stale", f"{sender.name} gave up this run") from None
            finally:
                self._beginning = None

    def _drop(self, sender: Sender, body: Mapping[str, Any]) -> None:
        """Leave a run that did not begin everywhere, or that this node is too late for."""
        self._refuse_strangers(sender)
        assert self._service is not None
        self._drop_run(self._service)

    def _drop_run(self, service: Service) -> None:
        self._end_run()
        self._let_go(service)

    def _end_run(self) -> None:
        """End the run here, however far it has come.

        Blocks: until its users have ended and ``terminate`` has returned.
        """
        controller = self._carriers.controller
        if self._beginning is not None:
            # Takes init with it.
            self._beginning.kill(block=False)
        with self._changing:
            controller.drop()
            if controller.state == "running":
                controller.stop_scenario()
        controller.over.wait()

    def _add(self, body: Mapping[str, Any]) -> None:
        self._carriers.controller.add_users(body["first"], body["last"])

    def _arrive(self, body: Mapping[str, Any]) -> None:
        self._carriers.arriving.begin(body["first"], body["most"])

    def _count(self, body: Mapping[str, Any]) -> int:
        """Return how many users could be removed."""
        return self._carriers.crowd.removable

    def _remove(self, body: Mapping[str, Any]) -> int:
        return self._carriers.controller.remove_users(body["count"], bool(body["force"]))

    def _check(self, body: Mapping[str, Any]) -> None:
        self._carriers.controller.check_update(unpacked(body["settings"]))

    def _update(self, body: Mapping[str, Any]) -> None:
        self._carriers.controller.update_settings(unpacked(body["settings"]))

    def _stop(self, body: Mapping[str, Any]) -> None:
        controller = self._carriers.controller
        if controller.state == "running":
            controller.stop_scenario()

    def _kill(self, body: Mapping[str, Any]) -> None:
        self._carriers.controller.kill_users()

    def _snapshot(self, body: Mapping[str, Any]) -> Any:
        return self._carriers.snapshots.take(body["lives_from"])

    def _close_throttle(self, body: Mapping[str, Any]) -> None:
        self._carriers.throttles.closed_by_owner(str(body["name"]), int(body["life"]))

    def _release(self, body: Mapping[str, Any]) -> list[Any]:
        """Leave the run, which is over here, and say what was wrong with its end."""
        if self._service is not None:
            self._let_go(self._service)
        return [to_wire(error) for error in self._carriers.controller.trouble]

    def _let_go(self, service: Service) -> None:
        """Work for nobody, unless it is another one by now."""
        if self._service is not service:
            return
        self._service = None
        self._carriers.code.release(service.run)
        if self._beating is not None:
            self._beating.kill(block=False)
            self._beating = None
        # What a user that could not be killed, or terminate, has started.
        self._carriers.throttles.stop_all()
        self._carriers.throttles.own()

    def _beat(self) -> None:
        while True:
            self._tell_beat()
            self._clock.sleep(BEAT_S)

    def _tell_beat(self) -> None:
        carriers, service = self._carriers, self._service
        if service is None:
            return
        counts = carriers.crowd.counts()
        beat = {
            # Until init has returned the state is that of the run before.
            "state": "starting" if self._beginning else carriers.controller.state,
            "users": [counts.asked, counts.waiting, counts.running],
            "unkillable": carriers.crowd.unkillable.is_set(),
            "reports": carriers.throttles.reports(),
        }
        self._exchange.tell(service.master, "beat", beat, service.run)

    def _tell_reports(self, reports: Any) -> None:
        service = self._service
        if service is not None:
            self._exchange.tell(service.master, "reports", reports, service.run)

    def _take_leases(self, sender: Sender, leases: Any) -> None:
        self._refuse_strangers(sender)
        self._carriers.throttles.take_leases(leases)
