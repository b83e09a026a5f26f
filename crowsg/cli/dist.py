"""``crowsg dist``: steer a cluster through any of its nodes."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import gevent

from crowsg.cli.joining import (
    CLUSTER,
    cluster_option,
    curve_of,
    gathered,
    keys_option,
    operator_name,
)
from crowsg.cli.types import Duration, RateType
from crowsg.clock import MonotonicClock
from crowsg.cluster.exchange import Peer
from crowsg.cluster.zerorpc_link import ZerorpcLink
from crowsg.code.bundle import Bundle
from crowsg.code.server import CodeServer, code_paths
from crowsg.config.settings import Text
from crowsg.config.sources import from_assignments, from_toml
from crowsg.dist.client import Client
from crowsg.dist.overview import Overview
from crowsg.dist.run_settings import packed
from crowsg.one_run import with_own_settings
from crowsg.rate import Rate
from crowsg.supervision import GreenletState

_LOOPBACK = "127.0.0.1"


def _example(command: str) -> str:
    return f"\b\nExample:\n  crowsg dist {command}"


@dataclass(frozen=True, slots=True)
class _Target:
    """Whom a command asks, and how it prints what it is told."""

    address: str
    keys: Path | None
    cluster: str
    as_json: bool

    @contextmanager
    def connected(self) -> Iterator[tuple[Client, Peer]]:
        name = operator_name()
        link = ZerorpcLink(_LOOPBACK, 0, curve=curve_of(self.keys, name))
        client = Client(name, self.cluster, link, MonotonicClock(), gevent.spawn)
        try:
            yield client, client.connect(self.address)
        finally:
            client.close()

    def ask(self, verb: str, **told: Any) -> Any:
        with self.connected() as (client, peer):
            return client.ask(peer, verb, told)

    def print(self, answer: Any, lines: Callable[[Any], Iterator[str]]) -> None:
        if self.as_json:
            click.echo(json.dumps(answer, indent=2))
        else:
            for line in lines(answer):
                click.echo(line)


@click.group(epilog=_example("state --node 10.0.0.1 --keys keys"))
def dist() -> None:
    """Steer a run of several nodes, through any of them."""


def _target(node: str, keys: Path | None, cluster: str | None, as_json: bool) -> _Target:
    return _Target(node, keys, cluster or CLUSTER, as_json)


_targeted = gathered(
    "target",
    _target,
    (
        click.option(
            "--node",
            envvar="CROWSG_NODE",
            default=_LOOPBACK,
            help=f"Any node of the cluster, HOST[:PORT] (CROWSG_NODE; {_LOOPBACK}).",
        ),
        keys_option,
        cluster_option,
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
    ),
)
_nodes = click.option(
    "--nodes", "names", help="Only these workers, by name, with commas between (all)."
)


@dist.command(epilog=_example("do scenarios/messaging.py --users 1000 --user-rate 100/s"))
@click.argument("scenario")
@click.option("--users", type=click.IntRange(min=0), default=1, help="Users to start (1).")
@click.option("--user-rate", type=RateType(), help="Users started per minute, or as 100/s (1200).")
@click.option("--stop-timeout", type=Duration(), help="From asking a user to killing it (2s).")
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A setting.")
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings, a TOML file."
)
@_targeted
def do(
    target: _Target,
    scenario: str,
    users: int,
    user_rate: Rate | None,
    stop_timeout: float | None,
    assignments: tuple[str, ...],
    config: Path | None,
) -> None:
    """Start SCENARIO on all other nodes; the node that is asked leads the run.

    SCENARIO is a file of this machine, which is brought there with the modules it imports, or the
    name of a module that the node knows.
    """
    given: dict[str, Any] = dict(from_toml(config)) if config else {}
    given |= {name: Text(text) for name, text in from_assignments(assignments).items()}
    settings = packed(with_own_settings(given, user_rate, stop_timeout))
    bundle = _bundle_of(Path(scenario)) if _is_path(scenario) else None
    name = scenario if bundle is None else bundle.name
    with target.connected() as (client, peer):
        if bundle is not None:
            client.upload(peer, bundle)
        told = {"scenario": name, "count": users, "settings": settings}
        target.print(client.ask(peer, "do", told), _users)


@dist.command(epilog=_example("add 500 --nodes worker1@host"))
@click.argument("count", type=click.IntRange(min=0))
@_nodes
@_targeted
def add(target: _Target, count: int, names: str | None) -> None:
    """Deal COUNT more users to the workers, as evenly as can be."""
    target.print(target.ask("add", count=count, nodes=_listed(names)), _users)


@dist.command(epilog=_example("remove 200 --force"))
@click.argument("count", type=click.IntRange(min=0))
@click.option("--force", is_flag=True, help="Kill those that live on after the stop timeout.")
@_nodes
@_targeted
def remove(target: _Target, count: int, force: bool, names: str | None) -> None:
    """End COUNT users, wherever they are."""
    answer = target.ask("remove", count=count, force=force, nodes=_listed(names))
    target.print(answer, _users)


@dist.command(epilog=_example("update greetings=200/min"))
@click.argument("assignments", nargs=-1, required=True, metavar="NAME=VALUE...")
@_nodes
@_targeted
def update(target: _Target, assignments: tuple[str, ...], names: str | None) -> None:
    """Change settings of the run, on every node or on none."""
    given = {name: Text(text) for name, text in from_assignments(assignments).items()}
    answer = target.ask("update_settings", settings=packed(given), nodes=_listed(names))
    target.print(answer, _words)


@dist.command(epilog=_example("stop"))
@_targeted
def stop(target: _Target) -> None:
    """End the run, and wait until it has ended everywhere."""
    target.print(target.ask("stop"), _words)


@dist.command(epilog=_example("state --json"))
@_targeted
def state(target: _Target) -> None:
    """Tell what the cluster is doing, and which nodes have loops that are not well."""
    with target.connected() as (client, peer):
        overview = client.ask(peer, "overview", {})
        greenlets = client.ask(peer, "greenlets", {})
    target.print({**overview, "greenlets": greenlets}, _state)


@dist.command(epilog=_example("nodes"))
@_targeted
def nodes(target: _Target) -> None:
    """List the nodes of the cluster, as the master of its run sees them."""
    target.print(target.ask("overview")["nodes"], _nodes_table)


@dist.command(epilog=_example("upload scenarios/messaging.py"))
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@_targeted
def upload(target: _Target, path: Path) -> None:
    """Bring PATH to every node: a module with those it imports, a package, or a folder."""
    bundle = _bundle_of(path)
    with target.connected() as (client, peer):
        client.upload(peer, bundle)
        target.print(client.ask(peer, "distribute", {"name": bundle.name}), _code)


def _is_path(scenario: str) -> bool:
    return scenario.endswith(".py") or os.sep in scenario


def _bundle_of(path: Path) -> Bundle:
    """Read code of this machine."""
    return CodeServer(code_paths("")).bundle_of(path.absolute())


def _listed(names: str | None) -> list[str] | None:
    return None if names is None else [name.strip() for name in names.split(",") if name.strip()]


def _users(answer: Mapping[str, int]) -> Iterator[str]:
    for name, count in answer.items():
        yield f"{name}: {count} users"


def _words(answer: Mapping[str, str]) -> Iterator[str]:
    for name, word in answer.items():
        yield f"{name}: {word}"


def _code(answer: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for name, modules in answer.items():
        told = ", ".join(f"{module} {word}" for module, word in modules.items())
        yield f"{name}: {told}"


def _state(answer: Mapping[str, Any]) -> Iterator[str]:
    greenlets = answer["greenlets"]
    overview = Overview.read({name: answer[name] for name in answer if name != "greenlets"})
    yield overview.state + (f", led by {overview.master}" if overview.master else "")
    if overview.run_id:
        yield f"{overview.scenario}, run {overview.run_id}"
    counts = {word: number for word, number in overview.users.items() if number}
    if counts:
        yield "users: " + ", ".join(f"{number} {word}" for word, number in counts.items())
    yield f"{len(overview.nodes)} nodes"
    for node, states in greenlets.items():
        yield from _not_well(node, states)


def _not_well(node: str, states: list[dict[str, Any]] | None) -> Iterator[str]:
    """Name the loops of a node that have died or do not run; None: it did not tell."""
    if states is None:
        yield f"{node}: did not tell in time how its loops are"
        return
    for state in (GreenletState(**each) for each in states):
        if state.deaths or not state.is_running:
            runs = "runs" if state.is_running else "does not run"
            why = f", the last: {state.last_error}" if state.deaths else ""
            yield f"{node}: {state.name} {runs}, deaths: {state.deaths}{why}"


def _nodes_table(answer: list[dict[str, Any]]) -> Iterator[str]:
    rows = [("NAME", "ADDRESS", "STATE", "ROLE", "WAITING", "RUNNING")]
    rows += [
        (
            each["name"],
            each["address"],
            each["state"],
            each["role"] or "-",
            str(each["waiting"]),
            str(each["running"]),
        )
        for each in answer
    ]
    yield from _in_columns(rows)
    for each in answer:
        if each["place"]:
            yield f"{each['name']} is blocked by {each['place']}"


def _in_columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
