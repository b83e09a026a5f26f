"""The composition root: builds the services of a node and owns their life. No logic."""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import gevent
from gevent.pool import Group

from crowsg.clock import Clock, MonotonicClock
from crowsg.cluster.identity import Identity, new_incarnation
from crowsg.cluster.link import Link
from crowsg.code.server import CodeServer, code_paths
from crowsg.config.settings import Settings
from crowsg.context import Scope, adopt, node_context, scope_of
from crowsg.controller.arriving import Arriving
from crowsg.controller.life_cycle import STOP_TIMEOUT, USER_RATE, LifeCycle
from crowsg.controller.machine import Controller
from crowsg.dist.carriers import Carriers
from crowsg.dist.leadership import Leadership
from crowsg.dist.planning import Planning
from crowsg.dist.service import Dist
from crowsg.dist.snapshot import Snapshots
from crowsg.dist.station import Station
from crowsg.dist.whole import Whole
from crowsg.ending import end_process
from crowsg.errors import NoCluster, NodeError
from crowsg.exporter.service import Exporter, is_asked_for
from crowsg.failpoints import check_failpoints
from crowsg.health.breaking import stall_timeout_of
from crowsg.health.manners import Manners
from crowsg.health.monitor import Health
from crowsg.journal import NO_JOURNAL, Journal
from crowsg.local import Local
from crowsg.local_runner import LocalRunner
from crowsg.metrics.recorder import Recorder
from crowsg.one_run import Observer, OneRun, Runner, RunOptions
from crowsg.preparing import Preparing
from crowsg.record.noting import Noting
from crowsg.record.run_record import RunRecord
from crowsg.record.subject import LoneNode
from crowsg.results.writer import Results
from crowsg.scenario.callbacks import Callbacks
from crowsg.supervision import Kept, Supervisor, call_roll
from crowsg.telemetry.bus import Bus
from crowsg.throttle.actions import Actions
from crowsg.throttle.open_model import Arrivals
from crowsg.throttle.permit import Permit
from crowsg.throttle.processes import Processes
from crowsg.throttle.service import Throttles
from crowsg.users.crowd import Crowd
from crowsg.users.messages import copied
from crowsg.users.user import User

_LAST_BREATH_S = 0.1


class Node:
    """Everything that runs under one name: services, users, and the manners of its process.

    Attributes:
        journal: Takes what happens here; see ``open_journal``.
        shared: What rooms above keep for as long as the node lives, by the name of the room.

    Args:
        name: Name of the node, ``name@host``.
        clock: Time; the real one by default.
        environment: Where ``CROWSG_...`` is read from; the process's by default.
        settings_file: A TOML file with settings, before ``CROWSG_CONFIG``.
        end_process: Ends the process, for the reason it is given, when a loop of the node cannot be
            kept running, or the event loop is blocked for good; by default with exit code 5.
        stall_timeout_s: Seconds after which a scenario that blocks the event loop is broken, 0 for
            never; None for ``CROWSG_STALL_TIMEOUT``, or 5.

    Raises:
        NodeError: ``CROWSG_STALL_TIMEOUT`` is no duration.
    """

    def __init__(
        self,
        name: str = "crowsg@localhost",
        *,
        clock: Clock | None = None,
        environment: Mapping[str, str] | None = None,
        settings_file: Path | None = None,
        end_process: Callable[[str], object] = end_process,
        stall_timeout_s: float | None = None,
    ) -> None:
        self.name = name
        self.clock = clock or MonotonicClock()
        self._environment = os.environ if environment is None else environment
        self._scope = Scope(self)
        self._greenlets = Group()
        self._entered = ExitStack()
        self._started = False
        self._incarnation = new_incarnation()
        self.journal: Journal = NO_JOURNAL
        self.file_limit = 0
        self.shared: dict[str, Any] = {}
        self._station: Station | None = None
        self._whole_record: RunRecord | None = None
        self.supervisor = Supervisor(self.clock, self.spawn, end_process)
        self.telemetry = Bus(self.clock)
        self.recorder = Recorder(self.clock)
        self.settings = Settings(self.telemetry)
        self.code = CodeServer(code_paths(self._environment.get("CROWSG_EXTRA_CODE_PATHS", "")))
        self._preparing = Preparing(self.code, self._environment, settings_file)
        self.throttles = Throttles(self.clock, self.telemetry, self.spawn)
        self._manners = Manners(self.telemetry, self._owns, self.recorder.failures.record)
        self.actions = self._build_actions()
        self.crowd = self._build_crowd()
        self.life = self._build_life()
        self.controller = self._build_controller()
        self._arriving = Arriving(self.controller, self.spawn, self._admit)
        self.local = Local(self.controller, self.supervisor.states)
        self.health = self._build_health(stall_timeout_s, end_process)
        self.record = self._build_record()
        self.exporter = self._build_exporter()

    def start(self) -> None:
        """Take over the manners of the process.

        Raises:
            NodeError: gevent was told not to track greenlets, which facades need.
                Or ``CROWSG_FAILPOINTS`` cannot be read.
            CodePathError: A code path is no folder.
        """
        if self._started:
            return
        check_failpoints()
        if not gevent.config.track_greenlet_tree:
            raise NodeError(
                "GEVENT_TRACK_GREENLET_TREE is switched off: scenario code could not find its node"
            )
        self.code.check()
        self.file_limit = self._manners.start()
        self.exporter.start()
        self._started = True

    def watch(self) -> None:
        """Watch the event loop and the process, until the node stops."""
        self.health.start()

    def serve_metrics(self, *, only_if_asked: bool = False) -> str:
        """Serve the Prometheus series until the node stops.

        Args:
            only_if_asked: Do so only where the environment names an address.

        Returns:
            The address, ``host:port``; empty where they are not served.

        Raises:
            InvalidAddress: It cannot be listened on.
        """
        if not only_if_asked or is_asked_for(self._environment):
            self.exporter.serve(self._environment)
        return self.exporter.address

    def stop(self) -> None:
        """Kill whatever still runs, without ``terminate``, and give the process back.

        Blocks: while it dies, half a second at the most.
        """
        if not self._started:
            return
        self._started = False
        self.supervisor.close()
        if self._station is not None:
            self._station.close()
        self.exporter.stop()
        self.health.stop()
        self.crowd.abandon()
        self._greenlets.kill(timeout=_LAST_BREATH_S)
        self._manners.stop()
        self.code.close()
        self.journal.close()

    def __enter__(self) -> Self:
        """Start, and be the current node of this greenlet until the block ends."""
        self.start()
        self._entered.enter_context(node_context(self))
        return self

    def __exit__(self, *_: object) -> None:
        self._entered.close()
        self.stop()

    def spawn(self, function: Callable[..., Any], *args: Any) -> Any:
        """Start ``function(*args)`` on a greenlet that belongs to this node, and return it."""
        greenlet = gevent.Greenlet(function, *args)
        adopt(greenlet, self._scope)
        self._greenlets.add(greenlet)
        greenlet.start()
        return greenlet

    def keep(self, name: str, run: Callable[[], object]) -> Kept:
        """Run a loop of this node until it stops; see ``Supervisor.keep``."""
        return self.supervisor.keep(name, run)

    def open_journal(self, folder: Path) -> None:
        """Note what happens here from now on, which is before ``enter_cluster``.

        Raises:
            NodeError: It cannot be written there.
        """
        self.journal = Journal.open(folder, self.name, self._incarnation, self.clock)
        self.crowd.journal = self.journal
        status, greenlets = self.controller.status, self._greenlets.__len__
        Noting(self.journal, self.clock, status, self.health, greenlets).attach(self.telemetry)
        self.keep("journal", self.journal.keep_looking)
        note = self.journal.note
        self.keep("roll call", lambda: call_roll(self.supervisor, self.clock, note))

    def one_run(
        self,
        options: RunOptions,
        observers: Iterable[Observer] = (),
        *,
        over_cluster: bool = False,
    ) -> OneRun:
        """Return a run to be executed, of this node or of the cluster's workers.

        Raises:
            NoCluster: It is to be of the workers, and this node is in no cluster.
        """
        runner: Runner = LocalRunner(self.controller, self.crowd, self._arriving)
        if self._station is not None and over_cluster:
            runner = self._station.runner()
        else:
            self.journal.note("leads", run=options.run_id)
        record = self._record_of(over_cluster)
        return OneRun(self.clock, runner, record, self.spawn, self.keep, options, observers)

    def enter_cluster(
        self, link: Link, cluster: str = "crowsg", join: Iterable[str] = ()
    ) -> Station:
        """Become a node of a cluster, until this one stops.

        Args:
            link: How it is connected.
            cluster: Name of the cluster; nodes of others are refused.
            join: Addresses of nodes that are known, ``host[:port]``.

        Raises:
            InvalidAddress: It cannot listen, or an address is none.

        Blocks: never.
        """
        identity = Identity(self.name, self._incarnation, cluster)
        station = self._build_station(identity, link)
        subject = Whole(station.master, self.controller.status)
        self._whole_record = RunRecord(self.name, self.clock, self.telemetry, subject)
        self.exporter.enter_cluster(station.role, station.states)
        try:
            station.open(join)
        except BaseException:
            station.close()
            raise
        self._station = station
        return station

    @property
    def station(self) -> Station:
        """The node's place in its cluster.

        Raises:
            NoCluster: It is in none.
        """
        if self._station is None:
            raise NoCluster(self.name)
        return self._station

    @property
    def dist(self) -> Dist:
        """The verbs of the cluster; see ``crowsg.dist``.

        Raises:
            NoCluster: The node is in none.
        """
        return self.station.dist

    def arrivals(self, name: str, user: User, max_in_flight: int) -> Arrivals:
        """Return a driver of the throttle ``name`` for a user; see ``throttle.arrivals``."""
        operation = self.recorder.operations[name]
        return Arrivals(
            self.clock, self.throttles, self.recorder.failures, operation, user, max_in_flight
        )

    def results(self, folder: Path, *, over_cluster: bool = False) -> Results:
        """Return an observer of the next run that writes its files.

        Raises:
            ResultsError: They cannot be written there.
        """
        results = Results(folder, self.clock, self._record_of(over_cluster))
        results.prepare()
        return results

    def _build_actions(self) -> Actions:
        failures = self.recorder.failures
        return Actions(self.throttles, self.telemetry, failures, self.spawn, copied)

    def _build_crowd(self) -> Crowd:
        return Crowd(
            self.clock,
            self.telemetry,
            self.recorder,
            self._admit,
            self.spawn,
            lambda greenlet, user: adopt(greenlet, Scope(self, user)),
            self._manners.collector,
            lambda: float(self.settings.get(STOP_TIMEOUT)),
        )

    def _build_life(self) -> LifeCycle:
        callbacks = Callbacks(self.telemetry, self.clock, self.spawn)
        return LifeCycle(self.settings, self.throttles, self.recorder, callbacks)

    def _build_controller(self) -> Controller:
        return Controller(
            self.telemetry,
            self.life,
            self.settings,
            self.throttles,
            self.crowd,
            self.recorder,
            self._preparing.prepare,
            self.spawn,
        )

    def _build_health(self, stall_timeout_s: float | None, end: Callable[[str], object]) -> Health:
        timeout_s = stall_timeout_of(self._environment, stall_timeout_s)
        patience_s = self.life.patience_s
        return Health(
            self.clock, self.keep, stall_timeout_s=timeout_s, end=end, patience_s=patience_s
        )

    def _build_record(self) -> RunRecord:
        subject = LoneNode(
            self.name, self.clock, self.controller.status, self.recorder, self.health
        )
        return RunRecord(self.name, self.clock, self.telemetry, subject)

    def _build_exporter(self) -> Exporter:
        return Exporter(
            self.name,
            self.clock,
            self.telemetry,
            self.controller,
            self.recorder,
            self.throttles,
            self.health,
            self.keep,
        )

    def _build_station(self, identity: Identity, link: Link) -> Station:
        snapshots = Snapshots(
            self.clock, self.controller.status, self.recorder, self.health, self.throttles.waits
        )
        carriers = Carriers(
            self.controller,
            self._arriving,
            self.crowd,
            self.settings,
            self.throttles,
            self.code,
            snapshots,
            self.keep,
            self.supervisor.states,
            self.health,
            self.journal,
        )
        lead = Leadership(
            self.controller,
            self.life,
            self.throttles,
            Processes(self.clock, self.telemetry, self.spawn),
            snapshots,
            self.code,
            Planning(self.code, self._preparing.prepare, self.life, self.settings).plan,
            self.journal,
        )
        return Station(identity, link, carriers, lead, self.telemetry, self.clock, self.spawn)

    def _record_of(self, over_cluster: bool) -> RunRecord:
        if not over_cluster:
            return self.record
        if self._whole_record is None:
            raise NoCluster(self.name)
        return self._whole_record

    def _admit(self) -> Permit:
        return self.throttles.wait_unheld(USER_RATE)

    def _owns(self, greenlet: Any) -> bool:
        scope = scope_of(greenlet)
        return scope is not None and scope.node is self
