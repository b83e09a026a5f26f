"""What a node does for the master of a run: it is told by calls, and reports by beats.

Each command carries the run it belongs to, and comes from the one master of that run; any other is
refused. Ten times a second a beat tells the master how the node stands: its users, the state of its
controller, and what its throttles need.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from gevent import GreenletExit, getcurrent
from gevent.lock import BoundedSemaphore

from crowsg.clock import Clock
from crowsg.cluster.exchange import Exchange, Peer, Sender
from crowsg.cluster.limited_log import LimitedLog
from crowsg.cluster.members import Members
from crowsg.cluster.membership import FENCE_S
from crowsg.cluster.wire_errors import to_wire
from crowsg.dist.carriers import Carriers
from crowsg.dist.commands import Command, commands_of
from crowsg.dist.drops import Drops
from crowsg.dist.engagement import Engagement
from crowsg.dist.fence import AGE_S, Fence
from crowsg.dist.handing_in import HandingIn
from crowsg.dist.orders import CALL_S
from crowsg.dist.run_settings import unpacked
from crowsg.errors import MasterIsSet, Refused
from crowsg.failpoints import failpoint
from crowsg.supervision import Kept
from crowsg.throttle.remote import RemoteOwner

BEAT_S = 0.1
_LOGGER = logging.getLogger("crowsg")


class Worker:
    """One node's part in the runs of others.

    Attributes:
        last_master: Whom it worked for last, unless it has led a run of its own since.
        has_lost_master: Whether the last run it took part in ended as its master was lost.

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
        self._keep = carriers.keep
        self._leads = leads
        self._journal = carriers.journal
        self.has_lost_master = False
        self._stuck: list[Callable[[], object]] = []
        self._lost: list[Callable[[str], object]] = []
        self.last_master: Peer | None = None
        self._service: Engagement | None = None
        self._given_up: Engagement | None = None
        self._fenced: Engagement | None = None
        self._is_starting = False
        self._drops = Drops()
        self._complaints = LimitedLog(_LOGGER, clock, lines_per_second=1)
        self._beating: Kept | None = None
        self._handing_in = HandingIn(self.call_master, carriers.snapshots)
        self._changing = BoundedSemaphore(1)
        self._beginning: Any = None

    def register(self) -> None:
        """Answer the calls of masters."""
        carriers = self._carriers
        commands = commands_of(
            carriers.controller,
            carriers.arriving,
            carriers.crowd,
            carriers.snapshots,
            carriers.throttles,
        )
        self._exchange.answer("run_configure", self._configure)
        self._exchange.answer("run_begin", self._begin)
        self._exchange.answer("run_drop", self._drop)
        self._exchange.answer("run_release", self._commanded(self._release))
        for method, command in commands.items():
            self._exchange.answer(method, self._commanded(command))
        self._exchange.take("leases", self._take_leases)
        self._exchange.take("released", self._hear_of_the_end)

    def start(self) -> None:
        """Begin to watch over the word of masters."""
        self._keep("worker: fence", Fence(self._clock, self._confirmed_ns, self._close).watch)

    def on_lost(self, callback: Callable[[str], object]) -> None:
        """Call ``callback(name)`` when a run ends here as its master is lost."""
        self._lost.append(callback)

    def on_stuck(self, callback: Callable[[], object]) -> None:
        """Call ``callback()`` when a run has ended but for users that could not be killed."""
        self._stuck.append(callback)

    @property
    def service(self) -> Engagement | None:
        """Whom this node works for; None for nobody."""
        return self._service

    def lead_instead(self) -> None:
        """Let this node lead a run of its own.

        Raises:
            MasterIsSet: It works for another one.
        """
        if self._service is not None:
            raise MasterIsSet(self._name, self._service.master.name)
        self.last_master = None
        self.has_lost_master = False

    def call_master(self, method: str, body: Any, timeout_s: float = CALL_S) -> Any:
        """Call the master of the run.

        Raises:
            Refused: There is none, or it is gone.
            Unreachable: It does not answer.
            CrowsgError: What the master raised.

        Blocks: until it answers.
        """
        service = self._service
        if service is None:
            raise Refused("stale", f"{self._name} works for no master any more")
        try:
            # What is known of its clock by now is better than what was known when the run began.
            master = self._members.peer(service.master.name)
        except Refused as error:
            raise Refused("gone", str(error)) from error
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
        self._end_run(service)
        if not self._handing_in.leave():
            self.has_lost_master = True
        self._let_go(service)

    def works_for(self, name: str) -> bool:
        """Whether a node is the master of this one."""
        return self._service is not None and self._service.master.name == name

    def master_is_gone(self) -> None:
        """End the run of a master that is dead or has left."""
        service = self._service
        if service is not None and self._given_up is not service:
            _LOGGER.error("the master %s is gone: its run ends here", service.master.name)
            self._lose_master(service)

    def go_on(self, stood_still_s: float) -> None:
        """Go on after the process stood still, or end a run whose master does not count on it.

        Called in the hub, before any user has its turn: none takes another step.
        """
        if stood_still_s >= AGE_S and self._service is not None:
            self._carriers.crowd.end_here()
            # What is written and told may have to wait, which the hub cannot.
            self._spawn(self._close)

    def _confirmed_ns(self) -> int | None:
        service = self._service
        # Before its init has returned there is nothing that others could be given.
        if service is None or service.begun_ns is None:
            return None
        master = service.master.name, service.master.incarnation
        known = (each for each in self._members.all() if (each.name, each.incarnation) == master)
        return next((max(each.confirmed_ns, service.begun_ns) for each in known), None)

    def _close(self) -> None:
        """Let no user take another step: in a moment the master gives to others what it has."""
        service = self._service
        if service is None or self._fenced is service:
            return
        self._fenced = service
        silent = "no word from the master %s for %g s: its run ends here"
        _LOGGER.error(silent, service.master.name, FENCE_S)
        self._journal.note("fence", run=service.run)
        self._members.tell_fenced(True)
        if self._given_up is not service:
            self._lose_master(service)
        self._carriers.crowd.stop_all(at_once=True)

    def _lose_master(self, service: Engagement) -> None:
        self.has_lost_master = True
        self._given_up = service
        counts = self._carriers.crowd.counts()
        self._spawn(self._abandon, service, counts.waiting + counts.running)
        for callback in self._lost:
            callback(service.master.name)

    def _abandon(self, service: Engagement, missing: int) -> None:
        """End a run whose master is silent; what was counted it may get after all."""
        self._end_run(service)
        self._handing_in.say_last(missing)
        self._let_go(service)

    def _hear_of_the_end(self, sender: Sender, body: Mapping[str, Any]) -> None:
        """Leave a run of which the master says that this node takes no part in it any more."""
        # Where the end is known already, what was on its way says nothing new.
        service = self._service
        if service is not None and service.is_of(sender) and body["number"] == service.number:
            self._give_up(service)

    def _give_up(self, service: Engagement) -> None:
        if self._given_up is not service:
            self._given_up = service
            self._spawn(self._drop_run, service)

    def _commanded(self, command: Command) -> Callable[[Sender, Any], Any]:
        def answer(sender: Sender, body: Any) -> Any:
            self._refuse_strangers(sender)
            return command(body)

        return answer

    def _refuse_strangers(self, sender: Sender) -> None:
        if self._service is None or not self._service.is_of(sender):
            raise Refused("unknown", f"{self._name} takes no part in this run of {sender.name}")

    def _configure(self, sender: Sender, body: Mapping[str, Any]) -> None:
        self._refuse_while_taken(sender)
        if self._service is not None:
            # The same master leads another run: of this one it never heard the end.
            self._drop_run(self._service)
        with self._changing:
            self._refuse_while_taken(sender)
            self._drops.refuse(sender, body["number"])
            master = self._members.peer(sender.name)
            self._carriers.code.pin(body["digests"], sender.run)
            self._service = service = Engagement(master, sender.run, body["number"])
            self.has_lost_master = False
            self._is_starting = True
            try:
                self._prepare(body)
            except BaseException:
                self._carriers.controller.drop()
                self._let_go(service)
                raise
            self._journal.note("configure", run=service.run, digests=body["digests"])
            self._beating = self._keep("worker: beat", self._beat)

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
                self._carriers.controller.begin(unpacked(body["above"]))
            except GreenletExit:
                raise Refused("stale", f"{sender.name} gave up this run") from None
            finally:
                self._beginning = None
                self._is_starting = False
            failpoint("after_begin")
            if self._service is not None:
                self._service.begun_ns = self._clock.now_ns()
            self._journal.note("begin", run=sender.run)

    def _drop(self, sender: Sender, body: Mapping[str, Any]) -> None:
        """Leave a run that did not begin everywhere."""
        self._drops.note(sender, body["number"])
        self._refuse_strangers(sender)
        assert self._service is not None
        self._drop_run(self._service)

    def _drop_run(self, service: Engagement) -> None:
        self._end_run(service)
        self._let_go(service)

    def _end_run(self, service: Engagement) -> None:
        """End a run here, however far it has come.

        Blocks: until its users have ended and ``terminate`` has returned.
        """
        controller = self._carriers.controller
        if self._beginning is not None:
            # Takes init with it.
            self._beginning.kill(block=False)
        with self._changing:
            if self._service is not service:
                return
            controller.drop()
        if controller.state == "running":
            controller.stop_scenario()
        controller.over.wait()

    def _release(self, body: Mapping[str, Any]) -> list[Any]:
        """Leave the run, which is over here, and say what was wrong with its end."""
        if self._service is not None:
            self._let_go(self._service)
        return [to_wire(error) for error in self._carriers.controller.trouble]

    def _let_go(self, service: Engagement) -> None:
        """Work for nobody, unless it is another one by now."""
        if self._service is not service:
            return
        self._service, self.last_master = None, service.master
        self._members.tell_fenced(False)
        self._journal.note("released", run=service.run)
        self._carriers.code.release(service.run)
        if self._beating is not None:
            self._beating.stop()
            self._beating = None
        # What a user that could not be killed, or terminate, has started.
        self._carriers.throttles.stop_all()
        self._carriers.throttles.own()
        if self._carriers.crowd.unkillable.is_set():
            for callback in self._stuck:
                callback()

    def _beat(self) -> None:
        while True:
            try:
                self._tell_beat()
            except Exception as error:  # noqa: BLE001 - a node that falls silent hides the fault
                self._complaints.write(logging.ERROR, "a beat failed: %s", error, trace=True)
            self._clock.sleep(BEAT_S)

    def _tell_beat(self) -> None:
        failpoint("before_beat")
        carriers, service = self._carriers, self._service
        # What it says while it leaves would be taken for how it was.
        if service is None or self._given_up is service:
            return
        counts = carriers.crowd.counts()
        beat = {
            # Until init has returned the state is that of the run before.
            "state": "starting" if self._is_starting else carriers.controller.state,
            "number": service.number,
            "users": [counts.asked, counts.waiting, counts.running, carriers.crowd.removable],
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
