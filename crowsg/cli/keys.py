"""``crowsg keys``: the keys of a cluster."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from crowsg.cluster.key_text import PublicKey, read_public
from crowsg.cluster.keys import (
    ALLOWED_FILE,
    CLUSTER_FILE,
    PUBLIC_SUFFIX,
    SECRET_SUFFIX,
    ListedKey,
    list_keys,
    new_cluster_key,
    new_node_key,
)
from crowsg.cluster.keys import allow as allow_key
from crowsg.errors import InvalidKeys

DEFAULT_FOLDER = "~/.config/crowsg/keys"

_MAX_PUBLIC_FILE = 4096


def _example(*commands: str) -> str:
    return "\n  ".join(["\b\nExample:", *commands])


_folder = click.option(
    "--keys",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="CROWSG_KEYS",
    default=DEFAULT_FOLDER,
    help=f"Folder of the keys (CROWSG_KEYS, else {DEFAULT_FOLDER}).",
)


@click.group(epilog=_example("crowsg keys new --keys ./keys", "crowsg keys list --keys ./keys"))
def keys() -> None:
    """Make and list the keys of a cluster, and say whose are let in.

    A cluster needs keys as soon as a node listens on anything but loopback. The simple way: "keys
    new" once, copy cluster.key into the folder of the same kind on every machine, and start each
    node with --keys FOLDER. Whoever holds that file is let in, under any name.

    The strict way: besides cluster.key each node gets a key bound to its name ("keys new --name"),
    and each machine an allow-list of the public ones ("keys allow"). From the first key on that
    list, only keys on it are let in.
    """


@keys.command(
    epilog=_example("crowsg keys new", "crowsg keys new --name worker1@host --keys ./keys")
)
@click.option("--name", help="Make the key of this one node, NAME@HOST, instead of the cluster's.")
@_folder
def new(name: str | None, folder: Path) -> None:
    """Make the key of a new cluster, or with --name the key of one node.

    Nothing is ever overwritten.
    """
    folder = folder.expanduser()
    if name is None:
        _tell_cluster_key(folder, new_cluster_key(folder))
    else:
        _tell_node_key(folder, new_node_key(folder, name))


@keys.command(
    epilog=_example(
        "crowsg keys allow worker1@host.public worker2@host.public",
        "crowsg keys allow --name worker1@host 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7'",
    )
)
@click.argument("public_keys", metavar="KEY...", nargs=-1, required=True)
@click.option("--name", help="The node to bind the key to, NAME@HOST; that of the file otherwise.")
@_folder
def allow(public_keys: Sequence[str], name: str | None, folder: Path) -> None:
    """Let nodes in: put each KEY, a .public file or the key itself, on the allow-list.

    Nodes that run read the list again when it has changed. To let a node in no more, take its line
    out of the file "allowed".
    """
    if name and len(public_keys) > 1:
        raise click.UsageError("--name goes with one key")
    folder = folder.expanduser()
    # All are read before any is let in.
    wanted = [_public(text, name or "") for text in public_keys]
    is_first = not (folder / ALLOWED_FILE).exists()
    for public in wanted:
        is_new = allow_key(folder, public)
        click.echo(f"{public.name} {public.fingerprint} {'' if is_new else 'was already '}allowed")
    if is_first:
        click.echo("from now on only keys on this list are let in, cluster.key is not", err=True)


@keys.command("list", epilog=_example("crowsg keys list", "crowsg keys list --keys ./keys --json"))
@_folder
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(folder: Path, as_json: bool) -> None:
    """List the public keys: whose each is, whether it is let in, and its fingerprint.

    "own" are those whose secret lies in the folder. No secret is ever shown.
    """
    found = list_keys(folder.expanduser())
    if as_json:
        click.echo(json.dumps({"keys": [_data(each) for each in found]}, indent=2))
        return
    width = max((len(_name(each)) for each in found), default=0)
    for each in found:
        flags = f"{'own' if each.is_own else '':3}  {'allowed' if each.is_allowed else '':7}"
        fingerprint, key = each.public.fingerprint, each.public.key
        click.echo(f"{_name(each):{width}}  {flags}  {fingerprint}  {key}")


def _tell_cluster_key(folder: Path, public: PublicKey) -> None:
    click.echo(f"{folder / CLUSTER_FILE} is the key of a new cluster, fingerprint", nl=False)
    click.echo(f" {public.fingerprint}.")
    click.echo("Copy this file to the other machines, with mode 600, by a way you trust; start")
    click.echo(f"each node with --keys and the folder it lies in, here --keys {folder}.")


def _tell_node_key(folder: Path, public: PublicKey) -> None:
    name = public.name
    click.echo(f"{folder / (name + SECRET_SUFFIX)} is the secret key of {name}, for its machine.")
    click.echo(f"{folder / (name + PUBLIC_SUFFIX)} is the public one, fingerprint", nl=False)
    click.echo(f" {public.fingerprint}:")
    click.echo(f'let it in with "crowsg keys allow", and have the list "{ALLOWED_FILE}" wherever')
    click.echo("a node of the cluster runs.")


def _public(text: str, name: str) -> PublicKey:
    """Read a public key from a file of that name, or from the text itself."""
    try:
        with open(text, encoding="ascii") as file:
            content = file.read(_MAX_PUBLIC_FILE)
    except (OSError, ValueError):
        content = text
    try:
        return read_public(content, name)
    except InvalidKeys as error:
        raise InvalidKeys(f"{text}: {error}") from error


def _name(each: ListedKey) -> str:
    return each.public.name or "(cluster key)"


def _data(each: ListedKey) -> dict[str, Any]:
    return {
        "name": each.public.name,
        "key": each.public.key,
        "fingerprint": each.public.fingerprint,
        "own": each.is_own,
        "allowed": each.is_allowed,
    }
