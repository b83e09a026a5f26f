"""Public keys as text: in files, on the allow-list, on the command line."""

import hashlib
import re
import struct
from dataclasses import dataclass

from zmq.utils import z85

from crowsg.cluster.identity import is_name
from crowsg.errors import InvalidKeys
from crowsg.text import shown

CLUSTER = "crowsg-cluster-key"
NODE = "crowsg-node-key"
PUBLIC = "crowsg-public-key"
"""The first word of a line tells what is in it."""

_KEY = re.compile(r"[0-9a-zA-Z.:+=^!/*?&<>()\[\]{}@%$#-]{40}")
_FINGERPRINT = 16


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that may be shown to anybody.

    Attributes:
        key: 40 characters of Z85.
        name: The node it is bound to, ``name@host``; "" for the cluster key, which any node uses.
    """

    key: str
    name: str = ""

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits, short enough for two people to compare."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:_FINGERPRINT]


def read_public(text: str, name: str = "") -> PublicKey:
    """Read a public key: the text of a public key's file, or the 40 characters alone.

    Args:
        text: What was given.
        name: The node to bind it to; "" for the one that the file names.

    Raises:
        InvalidKeys: It is no public key, or there is no name.
    """
    words = text.split()
    if words and words[0] in (CLUSTER, NODE):
        raise InvalidKeys("that is a secret key: give the public one, NAME.public")
    if len(words) == 3 and words[0] == PUBLIC:
        words = [words[1], name or words[2]]
    elif len(words) == 1 and name:
        words = [words[0], name]
    elif len(words) == 1 and _KEY.fullmatch(words[0]):
        raise InvalidKeys("say which node that key is bound to: --name NAME@HOST")
    else:
        raise InvalidKeys("that is no public key: give NAME.public, or its 40 characters")
    return PublicKey(_checked_key(words[0]), checked_name(words[1]))


def read_list(text: str) -> list[PublicKey]:
    """Read an allow-list: the lines of public keys; empty ones are skipped.

    Raises:
        InvalidKeys: A line is no public key, or binds a key of another line to another name.
    """
    found: dict[str, PublicKey] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            public = _read_line(line, number)
            if found.setdefault(public.key, public) != public:
                raise InvalidKeys(f"line {number} binds a key to another name: take one line out")
    return list(found.values())


def line_of_key(public: PublicKey) -> str:
    """Return the line that ``read_public`` and ``read_list`` take."""
    return f"{PUBLIC} {public.key} {public.name}"


def checked_name(name: str) -> str:
    """Return the name of a node.

    Raises:
        InvalidKeys: It is none.
    """
    if is_name(name):
        return name
    raise InvalidKeys(f"{shown(name, 60)} is no name of a node: try worker1@host")


def _read_line(line: str, number: int) -> PublicKey:
    try:
        return read_public(line)
    except InvalidKeys as error:
        raise InvalidKeys(f"line {number}: {error}; or take the line out") from error


def _checked_key(key: str) -> str:
    try:
        if _KEY.fullmatch(key):
            z85.decode(key)
            return key
    except struct.error:
        pass
    raise InvalidKeys(f"{shown(key, 60)} is no public key")
