"""Leads the runs of a cluster: each is started on every node or on none, and ended everywhere."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from gevent import getcurrent

from crowsg.clock import Clock
from crowsg.cluster.exchange import Exchange, Sender
from crowsg.cluster.members import Members
from crowsg.cluster.membership import Member, State
from crowsg.controller.life_cycle import ScenarioReference
from crowsg.dist.crew import Crew, Hand
from crowsg.dist.dealing import Dealing
from crowsg.dist.hearing import Hearing
from crowsg.dist.joining import Joining
from crowsg.dist.leadership import Leadership
from crowsg.dist.losses import Losses, Policy
from crowsg.dist.orders import Order, Orders
from crowsg.dist.overview import NodeInfo, Overview, info_of
from crowsg.dist.recruiting import Plan, Recruiting
from crowsg.dist.recruits import Recruits
from crowsg.dist.standing import Standing
from crowsg.dist.tally import Tally
from crowsg.errors import (
    NotAMaster,
    NoWorkers,
    Refused,
    ScenarioFailed,
    ScenarioIsRunning,
    StartRefused,
)

PULL_S = 1.0
"""How often what the workers recorded is taken."""

_LOOK_AGAIN_S = 1.0
_STOP: Order = ("run_stop", {})
_PRESENT: Order = ("users_count", {})

_LOGGER = logging.getLogger("crowsg")


class Master:
    """One node's runs over the others.

    Attributes:
        over: Set while no run is going on or ending.
        crew: The workers.
        losses: Those that were lost.
        standing: How the run stands with them.
        tally: What all nodes recorded in the current or last run.
        scenario: The scenario of that run; "" before the first.
        trouble: What ``terminate`` and ``teardown`` raised, anywhere.
        pulls_itself: Whether ``pull_each_second`` is to take what workers record in this run.

    Args:
        exchange, members: How the others are reached.
        orders: How workers are told.
        recruiting: Brings runs to them.
        lead: The services of this node.
        clock: Tells and waits.
        spawn: Starts a function on a greenlet of this node.
        claim: Lets this node lead; raises ``MasterIsSet`` while it works for another one.
    """

    def __init__(
        self,
        exchange: Exchange,
        members: Members,
        orders: Orders,
        recruiting: Recruiting,
        lead: Leadership,
        clock: Clock,
        spawn: Callable[..., Any],
        claim: Callable[[], None],
    ) -> None:
        self._name = exchange.identity.name
        self._exchange = exchange
        self._members = members
        self._orders = orders
        self._recruiting = recruiting
        self._lead = lead
        self._clock = clock
        self._spawn = spawn
        self._claim = claim
        self._journal = lead.journal
        self.over = lead.controller.over
        self.crew = Crew()
        self.losses = Losses()
        self.standing = Standing(self.crew, self.losses, lambda: self.state == "running", clock)
        self.trouble: list[ScenarioFailed] = []
        self.scenario = ""
        self._claimed: ScenarioReference | None = None
        self._plan: Plan | None = None
        self._state = "idle"
        self._is_ending = self.pulls_itself = self._is_released = False
        self._starting: Any = None
        self.tally = Tally(exchange, orders, lead.snapshots, clock)
        self._dealing = Dealing(exchange, members, orders, lead.processes, spawn, self.is_worker)
        self._recruits = Recruits(self.crew, self._dealing)
        self._joining = Joining(
            members, recruiting, self.crew, self._recruits, clock, spawn, self._settle
        )
        self._hearing = self._build_hearing(exchange, orders)

    def _build_hearing(self, exchange: Exchange, orders: Orders) -> Hearing:
        return Hearing(
            exchange,
            orders,
            self.crew,
            self.tally,
            self._dealing,
            self._joining,
            self.standing,
            self._journal,
        )

    def register(self) -> None:
        """Listen to workers."""
        self._hearing.register()
        self._members.on_change(self._note_change)
        self._dealing.register()

    @property
    def state(self) -> str:
        """``idle``, ``running`` or ``stopped``."""
        return self._state

    @property
    def is_leading(self) -> bool:
        """Whether a run is being started, goes on or is being ended."""
        return self._claimed is not None

    @property
    def is_ending(self) -> bool:
        """Whether a run is being ended."""
        return self._is_ending

    def running(self, call: str) -> Plan:
        """Return the run that goes on.

        Raises:
            NotAMaster: None does.
        """
        if self._plan is None or self._state != "running":
            raise NotAMaster(self._name, call)
        return self._plan

    def is_worker(self, sender: Sender) -> bool:
        """Whether a message comes from a worker of the run."""
        if self._plan is None or sender.run != self._plan.run:
            return False
        hand = self.crew.hand(sender.name)
        life = self._recruits.life_of(sender.name) if hand is None else hand.incarnation
        return life == sender.incarnation

    def start(
        self,
        run: str,
        scenario: ScenarioReference,
        settings: Mapping[str, Any],
        on_loss: Policy = "keep",
    ) -> tuple[str, ...]:
        """Start a scenario on every node that is there, or on none.

        Args:
            run: Names the run.
            scenario: A file, or the name of a module on the code paths of this node.
            settings: Values by name.
            on_loss: What follows from the loss of a worker.

        Returns:
            The names of the workers.

        Raises:
            ScenarioIsRunning: A run goes on, or is being started, already.
            MasterIsSet: This node works for another one.
            NoWorkers: There is no other node.
            StartRefused: A node could not; it is named.
            CrowsgError: The scenario cannot be loaded or set up on this node.

        Blocks: until ``init`` has returned everywhere.
        """
        if self.is_leading:
            raise ScenarioIsRunning(self._plan.scenario if self._plan else str(self._claimed))
        lives = {member.name: member.incarnation for member in self._members.up()}
        if not lives:
            raise NoWorkers
        self._claim()
        self._lead.controller.lead()
        # Before the scenario is loaded, which may let others run.
        self._claimed, self._starting = scenario, getcurrent()
        self.losses.begin(run, on_loss)
        try:
            self._start(self._planned(run, scenario, settings), lives)
        except BaseException:
            # What was pinned before there was a plan.
            self._lead.code.release(run)
            self._forget("idle")
            raise
        self._starting = None
        return self._run()

    def stop(self) -> None:
        """Let the run end, on a greenlet of its own; ``over`` is set when it has.

        One that is being started is taken back; whoever starts it gets ``Refused``.

        Raises:
            NotAMaster: None goes on.
        """
        if self._starting is not None:
            self._starting.kill(Refused("stale", "it was stopped while it started"), block=False)
            return
        plan = self.running("stop")
        self._state, self._is_ending = "stopped", True
        self._spawn(self._end, plan)

    def kill_users(self) -> None:
        """Leave users that are being stopped, and callbacks, no further grace.

        Blocks: never.
        """
        if self._plan is not None:
            self._lead.life.cancel()
            nodes = {*self.crew.names(), *self._recruits.names()}
            self._spawn(self._orders.give_all, self._plan.run, nodes, lambda _: ("run_kill", {}))

    def pull(self) -> None:
        """Take what the workers recorded so far.

        Blocks: until each has answered.
        """
        if self._plan is not None:
            # Nobody waits each second for one that is silent.
            hands = self.crew.hands()
            lives = self.crew.incarnations(member.name for member in self._members.up())
            self._hearing.lose_strangers(self.tally.pull(self._plan.run, lives), hands)

    def pull_each_second(self) -> NoReturn:
        """Take what the workers recorded, in runs in which nobody else does.

        Blocks: for ever.
        """
        while True:
            if self.pulls_itself:
                self.pull()
            self._clock.sleep(PULL_S)

    def overview(self) -> Overview:
        """Return how the cluster stands."""
        plan, mine = self._plan, self._exchange.identity
        role = "master" if self._state != "idle" else ""
        own = NodeInfo(mine.name, mine.address, "up", role)
        others = (info_of(each, self.crew.hand(each.name)) for each in self._members.all())
        return Overview(
            self._state,
            self._name if self._state != "idle" else "",
            plan.run if plan else "",
            plan.scenario if plan else "",
            self.tally.totals.users().as_dict(),
            (own, *others),
        )

    def give(self, hand: Hand | None, count: int) -> None:
        """Note that a worker is given so many users more."""
        if hand is not None:
            hand.asked += count
            self.standing.look()

    def _planned(self, run: str, scenario: ScenarioReference, settings: Mapping[str, Any]) -> Plan:
        self.crew.clear()
        self.trouble = []
        self._plan = self._lead.plan(run, scenario, settings)
        self._plan.keeps_lives = self.tally.keeps_lives
        self.scenario = self._plan.scenario
        self._journal.note("leads", run=run)
        self._lead.throttles.own(self._lead.processes)
        self._dealing.begin(run)
        self.tally.begin()
        return self._plan

    def _run(self) -> tuple[str, ...]:
        """Let the run go on that has started; returns the names of its workers."""
        assert self._plan is not None
        self._state = "running"
        self.standing.look()
        names = self.crew.names()
        self._joining.open(self._plan)
        for member in self._members.all():
            self._note_change(member, None)
        return names

    def _start(self, plan: Plan, lives: Mapping[str, int]) -> None:
        recruiting, life, names = self._recruiting, self._lead.life, list(lives)
        with self._recruits.made(lives):
            recruiting.configure(plan, names)
            try:
                plan.above.update(life.set_up())
            except BaseException:
                recruiting.drop(plan, names)
                raise
            try:
                recruiting.begin(plan, names)
            except BaseException:
                life.tear_down()
                raise
            self._refuse_ghosts(plan, names)
            for name, incarnation in lives.items():
                self.crew.take_in(name, incarnation)
                self.tally.enter(name, incarnation)

    def _refuse_ghosts(self, plan: Plan, names: list[str]) -> None:
        """Refuse a run that a node has left while others were still being told of it."""
        # One that is dead is lost a moment later.
        living = {peer.name for peer in self._members.peers()}.intersection(names)
        present = self._orders.give_all(plan.run, living, lambda _: _PRESENT)
        if present.failures:
            self._recruiting.drop(plan, names)
            self._lead.life.tear_down()
            raise StartRefused(present.failures)

    def _settle(self, name: str) -> None:
        """Take in that a node that came late is a worker, or never will be."""
        hand = self.crew.hand(name)
        if hand is not None:
            self.tally.enter(name, hand.incarnation)
        self.standing.await_no_more(name)

    def _note_change(self, member: Member, before: State | None) -> None:
        # Whoever was let go at the end may go.
        if self._plan is None or self._is_released:
            return
        self._hearing.lose_if_gone(member)
        if member.state == "up":
            self._joining.note(member.name)

    def _end(self, plan: Plan) -> None:
        crew = self.crew
        try:
            self._joining.close()
            while not crew.has_ended:
                hands = crew.hands()
                stopped = self._orders.give_all(plan.run, crew.at_work(), lambda _: _STOP)
                self._hearing.lose_strangers(stopped.failures, hands)
                self.standing.wait_for_the_end(_LOOK_AGAIN_S)
            self.tally.pull_last(plan.run, crew)
            for name in crew.names():
                self._dealing.dismiss(name)
            self._is_released = True
            self.trouble += self._recruiting.release(plan, crew.names())
            self._lead.life.tear_down()
            self.trouble += self._lead.life.trouble
            self.tally.merge_own()
        finally:
            self._forget("stopped")

    def _forget(self, state: str) -> None:
        for name in self.crew.names():
            self._dealing.dismiss(name)
        if self._plan is not None:
            self._lead.code.release(self._plan.run)
            self._journal.note("over", run=self._plan.run, outcome=state)
        # What setup, teardown or the init of a late node has started.
        self._lead.throttles.stop_all()
        self._lead.throttles.own()
        self._claimed, self._plan, self._state = None, None, state
        self._starting, self._is_ending, self.pulls_itself = None, False, False
        self._is_released = False
        self._lead.controller.lead_no_more()
