"""The composition root: builds the services of a node and owns their life. No logic."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import gevent
from gevent.pool import Group

from crowsg.clock import Clock, MonotonicClock
from crowsg.cluster.identity import Identity, new_incarnation
from crowsg.cluster.link import Link
from crowsg.code.server import CodeServer, code_paths
from crowsg.config.settings import Settings, Values
from crowsg.config.sources import PARSER_VARIABLE, from_toml, load_parser
from crowsg.context import Scope, adopt, node_context, scope_of
from crowsg.controller.arriving import Arriving
from crowsg.controller.life_cycle import STOP_TIMEOUT, USER_RATE, LifeCycle, ScenarioReference
from crowsg.controller.machine import Controller
from crowsg.dist.leadership import Leadership
from crowsg.dist.recruiting import Plan
from crowsg.dist.run_settings import packed
from crowsg.dist.service import Dist
from crowsg.dist.snapshot import Snapshots
from crowsg.dist.station import Station
from crowsg.dist.whole import Whole
from crowsg.dist.worker import Carriers
from crowsg.errors import NoCluster, NodeError
from crowsg.exporter.service import Exporter, is_asked_for
from crowsg.health.collector import CollectorPolicy
from crowsg.health.limits import raise_file_limit
from crowsg.health.monitor import Health
from crowsg.health.stray_errors import StrayErrors
from crowsg.local import Local
from crowsg.local_runner import LocalRunner
from crowsg.metrics.failures import FailureGroup
from crowsg.metrics.recorder import Recorder
from crowsg.one_run import Observer, OneRun, Runner, RunOptions
from crowsg.record.run_record import RunRecord
from crowsg.record.subject import LoneNode
from crowsg.results.writer import Results
from crowsg.scenario.callbacks import Callbacks
from crowsg.scenario.loading import Scenario, from_module, load
from crowsg.telemetry import log
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
        shared: What rooms above keep for as long as the node lives, by the name of the room.

    Args:
        name: Name of the node, ``name@host``.
        clock: Time; the real one by default.
        environment: Where ``CROWSG_...`` is read from; the process's by default.
        settings_file: A TOML file with settings, before ``CROWSG_CONFIG``.
    """

    def __init__(
        self,
        name: str = "crowsg@localhost",
        *,
        clock: Clock | None = None,
        environment: Mapping[str, str] | None = None,
        settings_file: Path | None = None,
    ) -> None:
        self.name = name
        self.clock = clock or MonotonicClock()
        self._environment = os.environ if environment is None else environment
        self._settings_file = settings_file
        self._logger = logging.getLogger("crowsg")
        self._scope = Scope(self)
        self._greenlets = Group()
        self._entered = ExitStack()
        self._started = False
        self.file_limit = 0
        self.shared: dict[str, Any] = {}
        self._station: Station | None = None
        self._whole_record: RunRecord | None = None

        self.telemetry = Bus(self.clock)
        self.recorder = Recorder(self.clock, self._log_failure)
        self.settings = Settings(self.telemetry)
        self.code = CodeServer(code_paths(self._environment.get("CROWSG_EXTRA_CODE_PATHS", "")))
        self.throttles = Throttles(self.clock, self.telemetry, self.spawn)
        self.collector = CollectorPolicy()
        self.stray_errors = StrayErrors(self._owns, self.recorder.failures.record)
        self.actions = Actions(
            self.throttles, self.telemetry, self.recorder.failures, self.spawn, copied
        )
        self.crowd = self._build_crowd()
        self.life = self._build_life()
        self.controller = self._build_controller()
        self._arriving = Arriving(self.controller, self.spawn, self._admit)
        self.local = Local(self.controller)
        self.health = Health(self.clock, self.spawn)
        self.record = self._build_record()
        self.exporter = self._build_exporter()

    def start(self) -> None:
        """Take over the manners of the process.

        Raises:
            NodeError: gevent was told not to track greenlets, which facades need.
            CodePathError: A code path is no folder.
        """
        if self._started:
            return
        if not gevent.config.track_greenlet_tree:
            raise NodeError(
                "GEVENT_TRACK_GREENLET_TREE is switched off: scenario code could not find its node"
            )
        self.code.check()
        self.file_limit = raise_file_limit()
        self.collector.start()
        self.stray_errors.start()
        log.attach(self.telemetry, self._logger)
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
        if self._station is not None:
            self._station.close()
        self.exporter.stop()
        self.health.stop()
        self.crowd.abandon()
        self._greenlets.kill(timeout=_LAST_BREATH_S)
        self.telemetry.detach(log.HANDLER_ID)
        self.stray_errors.stop()
        self.collector.stop()
        self.code.close()

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
        record = self._record_of(over_cluster)
        return OneRun(self.clock, runner, record, self.spawn, options, observers)

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
        identity = Identity(self.name, new_incarnation(), cluster)
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

    def _build_crowd(self) -> Crowd:
        return Crowd(
            self.clock,
            self.telemetry,
            self.recorder,
            self._admit,
            self.spawn,
            self._adopt_user,
            self.collector,
            lambda: float(self.settings.get(STOP_TIMEOUT)),
        )

    def _build_life(self) -> LifeCycle:
        callbacks = Callbacks(self.telemetry, self.spawn)
        return LifeCycle(self.settings, self.throttles, self.recorder, callbacks)

    def _build_controller(self) -> Controller:
        return Controller(
            self.telemetry,
            self.life,
            self.settings,
            self.throttles,
            self.crowd,
            self.recorder,
            self._prepare,
            self.spawn,
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
            self.controller.status,
            self.controller.over.is_set,
            self.recorder,
            self.throttles,
            self.health,
        )

    def _build_station(self, identity: Identity, link: Link) -> Station:
        snapshots = Snapshots(
            self.clock,
            self.controller.status,
            self.recorder,
            self.health,
            self.throttles.waits,
        )
        carriers = Carriers(
            self.controller,
            self._arriving,
            self.crowd,
            self.settings,
            self.throttles,
            self.code,
            snapshots,
        )
        lead = Leadership(
            self.controller,
            self.life,
            self.throttles,
            Processes(self.clock, self.telemetry, self.spawn),
            snapshots,
            self.code,
            self._plan,
        )
        return Station(identity, link, carriers, lead, self.telemetry, self.clock, self.spawn)

    def _plan(self, run: str, reference: ScenarioReference, settings: Mapping[str, Any]) -> Plan:
        bundle = self.code.bundle_of(reference)
        self.code.pin_own(bundle, run)
        scenario, values = self._prepare(reference, settings, {})
        self.life.configure(scenario, values)
        # Below what a worker says of itself, but above what is declared.
        defaults = {**values.file, **self.settings.of_environment(values.environment)}
        return Plan(run, scenario.name, packed(settings), packed(defaults), bundle)

    def _record_of(self, over_cluster: bool) -> RunRecord:
        if not over_cluster:
            return self.record
        if self._whole_record is None:
            raise NoCluster(self.name)
        return self._whole_record

    def _admit(self) -> Permit:
        return self.throttles.wait_unheld(USER_RATE)

    def _adopt_user(self, greenlet: Any, user: User) -> None:
        adopt(greenlet, Scope(self, user))

    def _owns(self, greenlet: Any) -> bool:
        scope = scope_of(greenlet)
        return scope is not None and scope.node is self

    def _prepare(
        self,
        reference: ScenarioReference,
        given: Mapping[str, Any],
        defaults: Mapping[str, Any],
    ) -> tuple[Scenario, Values]:
        folders = self.code.folders
        if isinstance(reference, ModuleType):
            return from_module(reference, folders), self._values(given, defaults)
        return load(self.code.find(str(reference)), folders), self._values(given, defaults)

    def _values(self, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Values:
        file = self._settings_file or self._environment.get("CROWSG_CONFIG")
        return Values(
            given,
            self._environment,
            {**defaults, **(from_toml(Path(file)) if file else {})},
            load_parser(self._environment.get(PARSER_VARIABLE)),
        )

    def _log_failure(self, group: FailureGroup, error: BaseException) -> None:
        self._logger.warning("first failure of its kind: %s", group.sample)
