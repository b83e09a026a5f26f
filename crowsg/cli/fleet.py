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
    bind_option,
    cluster_option,
    gathered,
    host_name,
    keys_option,
    listening_link,
)
from crowsg.cli.types import Duration, NodeCount
from crowsg.cluster.address import parse
from crowsg.dist.station import Station
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
    """

    spawned: int
    expected: int
    wait_s: float
    bind: str | None
    keys: Path | None
    cluster: str

    @classmethod
    def of(
        cls,
        nodes: int | None,
        expect_nodes: int | None,
        wait: float,
        bind: str | None,
        keys: Path | None,
        cluster: str | None,
    ) -> "Fleet | None":
        """Return what the options ask for; None for a run of this process alone."""
        if not (nodes or expect_nodes):
            return None
        return cls(nodes or 0, expect_nodes or 0, wait, bind, keys, cluster or CLUSTER)

    @contextmanager
    def joined(self, node: Node, quiet: bool) -> Iterator[Station]:
        """Let the node lead a cluster; all workers have joined when the block begins.

        Raises:
            NotEnoughNodes: They did not in time.
            ClusterError: A process ended before it had joined.
            click.Abort: A signal came meanwhile.
            NodeError: A process could not be started.
            InvalidAddress, InvalidKeys: The node cannot listen.

        Blocks: until they have joined.
        """
        link = listening_link(node.name, self.bind, self.keys, node.spawn)
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

        with self._workers(station, relay, exits.append):
            try:
                self._wait(station, exits)
                is_up.set()
                yield station
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
        relay: Callable[[str], object],
        on_exit: Callable[[WorkerExit], object],
    ) -> Workers:
        names = worker_names(self.spawned, host_name())
        command = partial(
            node_command,
            master=station.address,
            cluster=self.cluster,
            # Beside this node, where nodes of other machines reach them too.
            host=parse(self.bind)[0] if self.bind else LOOPBACK,
            keys=self.keys,
        )
        return Workers(names, command, relay, on_exit)


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
    ),
)
