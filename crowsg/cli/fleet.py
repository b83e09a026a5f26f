"""The workers of a run: processes of this machine, nodes that join from elsewhere."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
from gevent.event import Event

from crowsg.cli.joining import (
    CLUSTER,
    LOOPBACK,
    advertise_option,
    bind_option,
    cluster_option,
    gathered,
    host_name,
    keys_option,
    listening_link,
)
from crowsg.cli.types import Duration, NodeCount
from crowsg.cli.watching import Watch
from crowsg.cluster.address import parse
from crowsg.dist.losses import POLICIES, Policy
from crowsg.dist.station import Station
from crowsg.dist.upkeep import Upkeep
from crowsg.errors import EXIT_ABORTED, ClusterError, NotEnoughNodes
from crowsg.node import Node
from crowsg.processes import WorkerExit, Workers, node_command, worker_names
from crowsg.signals import ended_by

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Fleet:
    """What workers a run is to have.

    Attributes:
        spawned: Processes of this machine.
        expected: Nodes that join by themselves.
        wait_s: How long all of them may take.
        bind: Where this node listens; None for the usual place.
        keys: Folder of the keys; None for none.
        cluster: Name of the cluster.
        advertise: Where others reach this node; None for where it listens.
        on_node_loss: What follows from the loss of a worker.
    """

    spawned: int
    expected: int
    wait_s: float
    bind: str | None
    keys: Path | None
    cluster: str
    advertise: str | None = None
    on_node_loss: Policy = "keep"

    @classmethod
    def of(
        cls,
        nodes: int | None,
        expect_nodes: int | None,
        wait: float,
        bind: str | None,
        keys: Path | None,
        cluster: str | None,
        advertise: str | None = None,
        on_node_loss: Policy | None = None,
    ) -> "Fleet | None":
        """Return what the options ask for; None for a run of this process alone.

        Raises:
            click.UsageError: Workers are to be lost, or to reach this node, where there are none.
        """
        if nodes or expect_nodes:
            return cls(
                nodes or 0,
                expect_nodes or 0,
                wait,
                bind,
                keys,
                cluster or CLUSTER,
                advertise,
                on_node_loss or "keep",
            )
        only_with_workers = {"--on-node-loss": on_node_loss, "--advertise": advertise}
        for option, value in only_with_workers.items():
            if value is not None:
                raise click.UsageError(f"{option} goes with --nodes or --expect-nodes")
        return None

    @contextmanager
    def joined(self, node: Node, quiet: bool, watch: Watch) -> Iterator[Station]:
        """Let the node lead a cluster; all workers have joined when the block begins.

        Inside the block worker processes are replaced that end unasked while a run goes on.

        Args:
            node: The node.
            quiet: Whether nothing is to be said of the start.
            watch: How closely worker processes are watched.

        Raises:
            NotEnoughNodes: They did not in time.
            ClusterError: A process ended before it had joined.
            click.Abort: A signal came meanwhile.
            NodeError: A process could not be started.
            InvalidAddress, InvalidKeys: The node cannot listen.

        Blocks: until they have joined.
        """
        link = listening_link(node, self.bind, self.keys, self.advertise)
        station = node.enter_cluster(link, self.cluster)
        say = partial(click.echo, err=True)
        if not quiet and self.expected:
            say(f"waiting for {self.expected} nodes at {station.address}")
        exits: list[WorkerExit] = []
        is_up = Event()

        def relay(line: str) -> None:
            # What they say of their start is nothing for whoever wants quiet.
            if is_up.is_set() or not quiet:
                say(line)

        def say_of_run(line: str) -> None:
            # Before, whoever has ended is what the run fails with.
            if is_up.is_set():
                say(line)

        def note_end(worker: WorkerExit) -> None:
            upkeep.note_end(worker)

        workers = self._workers(station, watch, relay, exits.append, note_end)
        upkeep = _upkeep(node, workers, say_of_run)
        with workers:
            try:
                self._wait(station, exits)
                is_up.set()
                keeping = node.keep("worker processes", upkeep.watch)
                yield station
                keeping.stop()
            finally:
                # Others need not wait until they take it for dead.
                station.leave()

    def _wait(self, station: Station, exits: list[WorkerExit]) -> None:
        interrupted = Event()

        def is_hopeless() -> bool:
            return bool(exits) or interrupted.is_set()

        try:
            with ended_by(_SIGNALS, interrupted.set, partial(os._exit, EXIT_ABORTED)):
                station.wait_for(self.spawned + self.expected, self.wait_s, is_hopeless)
        except NotEnoughNodes as error:
            if interrupted.is_set():
                raise click.Abort from error
            if exits:
                raise ClusterError(str(exits[0])) from error
            raise

    def _workers(
        self,
        station: Station,
        watch: Watch,
        relay: Callable[[str], object],
        on_exit: Callable[[WorkerExit], object],
        on_end: Callable[[WorkerExit], object],
    ) -> Workers:
        names = worker_names(self.spawned, host_name())
        # The port of the address is this node's.
        reached = ["--advertise", parse(self.advertise)[0]] if self.advertise else []
        command = partial(
            node_command,
            master=station.address,
            cluster=self.cluster,
            # Beside this node, where nodes of other machines reach them too.
            host=parse(self.bind)[0] if self.bind else LOOPBACK,
            keys=self.keys,
            more=[*watch.arguments(), *reached],
        )
        return Workers(names, command, relay, on_exit, on_end=on_end)


def _upkeep(node: Node, workers: Workers, say: Callable[[str], object]) -> Upkeep:
    station, master = node.station, node.station.master
    return Upkeep(
        workers,
        # Of one that is still being made a worker, init may block the loop.
        lambda: [each for each in station.members.all() if master.crew.hand(each.name)],
        master.standing,
        lambda: master.state == "running" and not master.standing.desertion,
        node.health.stall_timeout_s,
        node.clock,
        say,
    )


fleet_options = gathered(
    "fleet",
    Fleet.of,
    (
        click.option(
            "--nodes",
            type=NodeCount(),
            help="Worker processes on this machine, or auto: one a core.",
        ),
        click.option(
            "--expect-nodes", type=click.IntRange(min=1), help="Workers that join by themselves."
        ),
        click.option("--wait", type=Duration(), default=60.0, help="How long they may take (60s)."),
        bind_option,
        keys_option,
        cluster_option,
        advertise_option,
        click.option(
            "--on-node-loss",
            type=click.Choice(POLICIES),
            help="When a worker is lost: go on, start its users anew elsewhere, or end (keep).",
        ),
    ),
)
