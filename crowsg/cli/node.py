"""``crowsg node``: a node that waits for work."""

import os
import signal
from functools import partial
from pathlib import Path

import click
from gevent.event import Event

from crowsg.cli.joining import CLUSTER, listening_link, listening_options, node_name
from crowsg.errors import EXIT_ABORTED, Refused
from crowsg.node import Node
from crowsg.processes import end_with_parent
from crowsg.signals import ended_by

_EXAMPLE = """\b
Example:
  crowsg node --name worker1 --join 10.0.0.1 --bind 10.0.0.2 --keys keys
"""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command(epilog=_EXAMPLE)
@listening_options
@click.option(
    "--join",
    multiple=True,
    metavar="ADDRESS",
    help="A node to join, HOST[:PORT]; any one of the cluster will do (CROWSG_NODES).",
)
@click.option(
    "--parent", type=int, hidden=True, help="The process that started it, and that it ends with."
)
def node(
    name: str | None,
    bind: str | None,
    join: tuple[str, ...],
    keys: Path | None,
    cluster: str | None,
    parent: int | None,
) -> int:
    """Be a node of a cluster, until SIGTERM or Ctrl-C.

    It carries users for whoever of the cluster starts a run (crowsg run --expect-nodes, crowsg dist
    do); or it leads the run itself, when crowsg dist do asks it to. Nodes that it was told of are
    looked for until they are there; it can be joined later by others that know it.

    A node that ends hands in all that it has counted. It serves the Prometheus series of its own
    users: CROWSG_PROMETHEUS_HOST and CROWSG_PROMETHEUS_PORT say where.
    """
    if parent is not None:
        end_with_parent(parent)
    full = node_name(name, f"node{os.getpid()}")
    ended = Event()
    refused: list[Refused] = []

    def note_refusal(_: str, refusal: Refused) -> None:
        refused.append(refusal)
        ended.set()

    with Node(full) as this:
        this.watch()
        metrics = this.serve_metrics()
        link = listening_link(full, bind, keys, this.spawn)
        with ended_by(_SIGNALS, ended.set, partial(os._exit, EXIT_ABORTED)):
            station = this.enter_cluster(
                link, cluster or CLUSTER, [*join, *_nodes_of_environment()]
            )
            station.members.on_refused(note_refusal)
            # Where it is the worker of a run, its name stands before all it says.
            who = "" if parent else f"{full} "
            told = f"{who}at {station.address}, metrics: http://{metrics}/metrics"
            click.echo(told, err=True)
            ended.wait()
            station.leave()
    if refused:
        raise refused[0]
    return 0


def _nodes_of_environment() -> list[str]:
    text = os.environ.get("CROWSG_NODES", "").strip().strip("[]")
    return [each.strip(" \"'") for each in text.split(",") if each.strip(" \"'")]
