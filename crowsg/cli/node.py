"""``crowsg node``: a node that waits for work."""

import ast
import os
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click
from gevent.event import Event

from crowsg.cli.joining import CLUSTER, listening_link, listening_options, node_name
from crowsg.cli.watching import Watch, watch_options
from crowsg.errors import EXIT_ABORTED, EXIT_NODES, EXIT_OK, EXIT_STUCK, Refused
from crowsg.node import Node
from crowsg.processes import end_with_parent
from crowsg.signals import ended_by

_EXAMPLE = """\b
Example:
  crowsg node --name worker1 --join 10.0.0.1 --bind 10.0.0.2 --keys keys
"""
_TOLD = 10
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command(epilog=_EXAMPLE)
@listening_options
@watch_options
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
    advertise: str | None,
    join: tuple[str, ...],
    keys: Path | None,
    cluster: str | None,
    watch: Watch,
    parent: int | None,
) -> int:
    """Be a node of a cluster, until SIGTERM or Ctrl-C: once for a graceful end, twice at once.

    It carries users for whoever of the cluster starts a run (crowsg run --expect-nodes, crowsg dist
    do); or it leads the run itself, when crowsg dist do asks it to. Nodes that it was told of are
    looked for until they are there; it can be joined later by others that know it.

    It ends by itself, with exit code 5, where users of a run that is over could not be killed, code
    that blocks the event loop could not be broken, or a loop that keeps it going has died three
    times in a minute; whoever started it may start it again.

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

    def interrupt() -> None:
        if ended.is_set():
            station.hurry()
        ended.set()

    known = [*join, *nodes_of(os.environ.get("CROWSG_NODES", ""))]
    with watch.node(full) as this:
        metrics = this.serve_metrics()
        link = listening_link(this, bind, keys, advertise)
        station = this.enter_cluster(link, cluster or CLUSTER, known)
        with ended_by(_SIGNALS, interrupt, partial(os._exit, EXIT_ABORTED)):
            station.members.on_refused(note_refusal)
            station.worker.on_stuck(ended.set)
            # Where it is the worker of a run, its name stands before all it says.
            who = "" if parent else f"{full} "
            told = f"{who}at {station.address}, metrics: http://{metrics}/metrics"
            click.echo(told, err=True)
            ended.wait()
            station.leave()
        return _code_of(this, refused)


def _code_of(node: Node, refused: Sequence[Refused]) -> int:
    """Say what is wrong with the end of a node; returns its exit code.

    Raises:
        Refused: The cluster would not have it.
    """
    if refused:
        raise refused[0]
    if node.crowd.unkillable.is_set():
        ids = node.crowd.stuck
        told = ", ".join(map(str, ids[:_TOLD])) + (", ..." if len(ids) > _TOLD else "")
        click.echo(f"error: {len(ids)} users could not be killed: {told}", err=True)
        return EXIT_STUCK
    if node.station.worker.has_lost_master:
        click.echo("error: the last run ended as its master was lost", err=True)
        return EXIT_NODES
    return EXIT_OK


def nodes_of(text: str) -> list[str]:
    """Read ``CROWSG_NODES``: addresses with commas between, or a Python list of texts."""
    try:
        items = ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        # An address of version 6 begins like a list, too.
        items = text.split(",")
    if not isinstance(items, list):
        items = text.split(",")
    return [str(item).strip() for item in items if str(item).strip()]
