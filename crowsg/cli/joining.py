"""The options by which a command becomes a node of a cluster, or calls one."""

import inspect
import socket
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from crowsg.cluster.address import DEFAULT_PORT, parse, refuse_open
from crowsg.cluster.identity import complete
from crowsg.cluster.keys import Keys
from crowsg.cluster.zerorpc_link import Curve, ZerorpcLink
from crowsg.node import Node

CLUSTER = "crowsg"
LOOPBACK = "127.0.0.1"
_WILDCARDS = ("0.0.0.0", "::")

Command = TypeVar("Command", bound=Callable[..., Any])


def host_name() -> str:
    """Return what this machine calls itself."""
    return socket.gethostname() or "localhost"


def keys_option(command: Command) -> Command:
    """Add ``--keys``."""
    return click.option(
        "--keys",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="CROWSG_KEYS",
        help="Folder of the cluster's keys (CROWSG_KEYS); loopback needs none.",
    )(command)


def cluster_option(command: Command) -> Command:
    """Add ``--cluster``."""
    return click.option(
        "--cluster", help=f"Name of the cluster; nodes of others are refused ({CLUSTER})."
    )(command)


def bind_option(command: Command) -> Command:
    """Add ``--bind``."""
    return click.option(
        "--bind",
        envvar="CROWSG_BIND",
        help=f"Where to listen, HOST[:PORT] (CROWSG_BIND; {LOOPBACK}:{DEFAULT_PORT}).",
    )(command)


def advertise_option(command: Command) -> Command:
    """Add ``--advertise``."""
    return click.option(
        "--advertise",
        help="Where others reach it, HOST[:PORT], if that is not where it listens.",
    )(command)


def name_option(command: Command) -> Command:
    """Add ``--name``."""
    return click.option(
        "--name", envvar="CROWSG_NAME", help="Name of this node, NAME[@HOST] (CROWSG_NAME)."
    )(command)


def listening_options(command: Command) -> Command:
    """Add the options of whoever listens: its name, its addresses, its keys and its cluster."""
    for option in (cluster_option, keys_option, advertise_option, bind_option, name_option):
        command = option(command)
    return command


def node_name(name: str | None, default: str) -> str:
    """Return the full name of a node.

    Raises:
        NodeError: It is none.
    """
    return complete(name or default, host_name())


def listening_link(
    node: Node, bind: str | None, keys: Path | None, advertise: str | None = None
) -> ZerorpcLink:
    """Return the link of a node that others can reach.

    Args:
        node: The node.
        bind: Where to listen; None for the usual port of loopback, or the next that is free.
        keys: Folder of the keys; None for none.
        advertise: Where others reach it, ``host[:port]``; None for where it listens.

    Raises:
        InvalidAddress: It cannot be listened on, or would be open to strangers.
        InvalidKeys: The keys cannot be used.
    """
    host, port = parse(bind) if bind else (LOOPBACK, DEFAULT_PORT)
    refuse_open(host, keys is not None)
    return ZerorpcLink(
        host,
        port,
        # Nobody can call a node at the address that means all of its own.
        advertised=advertise or (host_name() if host in _WILDCARDS else None),
        curve=curve_of(keys, node.name),
        spawn=node.spawn,
        keep=node.keep,
        strict_port=bool(bind),
    )


def curve_of(keys: Path | None, name: str) -> Curve | None:
    """Return the keys in a folder as the link needs them; None for none.

    Raises:
        InvalidKeys: They cannot be used.
    """
    if keys is None:
        return None
    read = Keys.load(keys.expanduser(), name)
    return Curve(read.public, read.secret, read.server_secret, read.allowed, read.server_key_of)


def gathered(
    name: str, make: Callable[..., Any], options: Sequence[Callable[[Any], Any]]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a command have several options as one argument.

    Args:
        name: What the argument is called.
        make: Makes it of the options' values, by the names of its own arguments.
        options: The options, in the order in which the help shows them.
    """
    taken = tuple(inspect.signature(make).parameters)

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_one(**values: Any) -> Any:
            made = make(**{each: values.pop(each) for each in taken})
            return command(**{name: made}, **values)

        decorated: Callable[..., Any] = with_one
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def operator_name() -> str:
    """Return what a command calls itself that only asks; with an allow-list it has a key."""
    return f"operator@{host_name()}"
