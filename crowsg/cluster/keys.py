"""The keys by which nodes know one another, and the folder they lie in.

ZeroMQ CURVE wants two things of a connection: who connects knows the server's public key, and the
server lets in only the public keys on its list. A node learns of others by their addresses, and an
address does not tell whose key to expect there. So all nodes of a cluster serve with one and the
same key, the *cluster key*, whose holder knows what to expect everywhere. What a node proves
itself with when it connects depends on the folder:

* There is no allow-list: the cluster key is the one key that is let in, under any name. Copying
  ``cluster.key`` to a machine is all it takes.
* There is an allow-list (``allowed``): exactly the keys on it are let in, each under the name it is
  bound to; the cluster key itself opens nothing any more, as it could be used under any name. A
  node then needs a key of its own, ``NAME.key``, besides ``cluster.key``.

What that promises: whoever has no key that is let in reaches no handler, and a bound key speaks
under its name only. What it does not: as all members serve with one key, a member that can also
redirect the traffic of another one can answer in its place.

The files are lines of text: ``crowsg-cluster-key SECRET``, ``crowsg-node-key SECRET NAME``,
``crowsg-public-key PUBLIC NAME``; keys in Z85. The allow-list holds lines of the last sort, may be
edited by hand, and is read again when it has changed. While it cannot be relied on, nobody is let
in.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

# CURVE keys are ZeroMQ's and made by nothing else here; no socket and no context is opened, those
# belong to the link.
from zmq import ZMQError, curve_keypair, curve_public

from crowsg.cluster import key_files
from crowsg.cluster.key_text import (
    CLUSTER,
    NODE,
    PublicKey,
    checked_name,
    line_of_key,
    read_list,
)
from crowsg.errors import InvalidKeys

CLUSTER_FILE = "cluster.key"
ALLOWED_FILE = "allowed"
SECRET_SUFFIX = ".key"
PUBLIC_SUFFIX = ".public"

_LOGGER = logging.getLogger("crowsg")


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key of a folder.

    Attributes:
        public: The key.
        is_own: The folder holds its secret, too.
        is_allowed: Whoever proves to own it is let in.
    """

    public: PublicKey
    is_own: bool
    is_allowed: bool


@dataclass(frozen=True, slots=True)
class _Pair:
    public: PublicKey
    secret: str = field(repr=False)


class AllowList:
    """Which keys are let in, by the folder as it is now.

    Args:
        folder: Where the list lies.
        cluster: The cluster key, which is let in as long as there has never been a list.
    """

    def __init__(self, folder: Path, cluster: PublicKey) -> None:
        self._folder = folder
        self._cluster = cluster
        self._stamp: key_files.Stamp | None = None
        self._has_been_there = False
        self._names: dict[str, str] = {}

    def refresh(self) -> None:
        """Read the list again if it has changed.

        Raises:
            InvalidKeys: It is none to rely on; until it changes nobody is let in.
        """
        stamp = key_files.stamp(self._folder, ALLOWED_FILE)
        if stamp != self._stamp:
            self._stamp, self._names = stamp, {}
            self._names = self._read()

    def name_of(self, key: str) -> str | None:
        """Return the name a public key is bound to, "" for any name, None where it is not let in.

        Blocks: for reading a small file, where that has changed.
        """
        try:
            self.refresh()
        except InvalidKeys as error:
            _LOGGER.warning("no other node is let in: %s", error)
        return self._names.get(key)

    @property
    def is_there(self) -> bool:
        """Whether there is, or has been, a list."""
        return self._has_been_there

    def _read(self) -> dict[str, str]:
        allowed = _allowed(self._folder)
        # A list that is gone later must not open the cluster to the key that it shut out.
        self._has_been_there = self._has_been_there or allowed is not None
        if not self._has_been_there:
            return {self._cluster.key: ""}
        return {each.key: each.name for each in allowed or () if each.key != self._cluster.key}


@dataclass(frozen=True, slots=True)
class Keys:
    """What a node needs to prove itself to others and to judge them.

    Attributes:
        public: The public key this node connects with (Z85).
        secret: Its secret (Z85).
        server_public: The key that every node of the cluster serves with (Z85).
        server_secret: Its secret (Z85).
        name: The node the own key is bound to; "" where any name may use it.
    """

    public: bytes
    secret: bytes = field(repr=False)
    server_public: bytes
    server_secret: bytes = field(repr=False)
    name: str
    _allow_list: AllowList = field(repr=False, compare=False)

    @classmethod
    def load(cls, folder: Path, name: str = "") -> "Keys":
        """Read the keys of a node.

        Args:
            folder: Where they lie.
            name: The node's, ``name@host``; picks its own key where there is an allow-list.

        Raises:
            InvalidKeys: They are missing, damaged, or open to others; names all that is wrong.
        """
        cluster, _ = _all_of(partial(_pair, folder, CLUSTER_FILE), partial(_allowed, folder))
        allow_list = AllowList(folder, cluster.public)
        allow_list.refresh()
        own = _own_pair(folder, name) if allow_list.is_there else cluster
        return cls(
            own.public.key.encode(),
            own.secret.encode(),
            cluster.public.key.encode(),
            cluster.secret.encode(),
            own.public.name,
            allow_list,
        )

    def allowed(self, key: str) -> str | None:
        """Return the name a public key is bound to, "" for any name, None where it is not let in.

        Blocks: for reading a small file, where that has changed.
        """
        return self._allow_list.name_of(key)

    def server_key_of(self, address: str) -> bytes:
        """Return the public key to expect at an address: the cluster's, wherever that is."""
        return self.server_public


def new_cluster_key(folder: Path) -> PublicKey:
    """Make the key of a new cluster, and the folder if it is missing.

    Raises:
        InvalidKeys: The folder has one already, or cannot be written.
    """
    public, secret = _new_pair()
    key_files.make_folder(folder)
    key_files.create(folder, CLUSTER_FILE, f"{CLUSTER} {secret}\n")
    return PublicKey(public)


def new_node_key(folder: Path, name: str) -> PublicKey:
    """Make the key of one node: ``NAME.key`` for itself and ``NAME.public`` for the others.

    Raises:
        InvalidKeys: It is no name of a node, it has a key already, or nothing can be written.
    """
    public, secret = _new_pair()
    made = PublicKey(public, checked_name(name))
    key_files.make_folder(folder)
    there = key_files.names(folder)
    for file in (name + SECRET_SUFFIX, name + PUBLIC_SUFFIX):
        # Before anything is made: half a pair would be worse than none.
        if file in there:
            raise InvalidKeys(f"{folder / file} is there already and stays as it is")
    key_files.create(folder, name + SECRET_SUFFIX, f"{NODE} {secret} {name}\n")
    key_files.create(folder, name + PUBLIC_SUFFIX, line_of_key(made) + "\n")
    return made


def allow(folder: Path, public: PublicKey) -> bool:
    """Put a key on the allow-list of a folder; from the first on the cluster key opens nothing.

    Returns:
        Whether it is new there.

    Raises:
        InvalidKeys: It is there under another name, it is the cluster key, which cannot be bound,
            or the list is none to rely on.
    """
    if public.key in [each.key for each in _own(folder) if not each.name]:
        raise InvalidKeys("that is the cluster key: make one to bind with crowsg keys new --name")
    for each in _allowed(folder) or ():
        if each == public:
            return False
        if each.key == public.key:
            raise InvalidKeys(f"{public.key} is bound to {each.name} already: take that line out")
    key_files.append(folder, ALLOWED_FILE, line_of_key(public))
    return True


def list_keys(folder: Path) -> list[ListedKey]:
    """Return the public keys of a folder: the own ones, and those that are let in.

    Raises:
        InvalidKeys: A file is damaged or open to others; names all that is wrong.
    """
    own, allowed = _all_of(partial(_own, folder), partial(_allowed, folder))
    if allowed is None:
        allowed = [each for each in own if not each.name]
    return _listed(own, allowed)


def _listed(own: Iterable[PublicKey], allowed: Iterable[PublicKey]) -> list[ListedKey]:
    mine, let_in = set(own), set(allowed)
    keys = sorted(mine | let_in, key=lambda each: (each.name, each.key))
    return [ListedKey(each, each in mine, each in let_in) for each in keys]


def _own(folder: Path) -> list[PublicKey]:
    """Return the public keys of all whose secret lies in the folder."""
    files = key_files.names(folder)
    node_keys = [file for file in files if "@" in file and file.endswith(SECRET_SUFFIX)]
    secrets = [CLUSTER_FILE, *node_keys] if CLUSTER_FILE in files else node_keys
    return [pair.public for pair in _all_of(*(partial(_pair, folder, file) for file in secrets))]


def _new_pair() -> tuple[str, str]:
    public, secret = curve_keypair()
    return public.decode(), secret.decode()


def _own_pair(folder: Path, name: str) -> _Pair:
    if not name:
        raise InvalidKeys(f"{folder / ALLOWED_FILE} lets nodes in by name: say which this one is")
    return _pair(folder, checked_name(name) + SECRET_SUFFIX)


def _pair(folder: Path, file: str) -> _Pair:
    """Read a secret key and derive the public one."""
    path = folder / file
    text = key_files.read(folder, file)
    kind, name = (CLUSTER, "") if file == CLUSTER_FILE else (NODE, file.removesuffix(SECRET_SUFFIX))
    how = f"crowsg keys new --name {name}" if name else "crowsg keys new"
    if text is None:
        raise InvalidKeys(f"there is no {path}: make it with {how}, or copy it here")
    words = text.split()
    if [words[:1], words[2:]] != [[kind], [name] if name else []]:
        raise InvalidKeys(f"{path} is no {kind}: copy it again, or move it away and use {how}")
    try:
        public = curve_public(words[1].encode()).decode()
    except (ZMQError, IndexError, ValueError) as error:
        raise InvalidKeys(f"{path} holds no key: copy it again, or use {how}") from error
    return _Pair(PublicKey(public, name), words[1])


def _allowed(folder: Path) -> list[PublicKey] | None:
    """Read the allow-list, None where there is none."""
    text = key_files.read(folder, ALLOWED_FILE)
    try:
        return None if text is None else read_list(text)
    except InvalidKeys as error:
        raise InvalidKeys(f"{folder / ALLOWED_FILE}, {error}") from error


def _all_of(*reads: Callable[[], Any]) -> list[Any]:
    """Read one after the other, and name in one error all that is wrong with any of them."""
    results, problems = [], []
    for read in reads:
        try:
            results.append(read())
        except InvalidKeys as error:
            problems.append(str(error))
    if problems:
        raise InvalidKeys("; ".join(dict.fromkeys(problems)))
    return results
