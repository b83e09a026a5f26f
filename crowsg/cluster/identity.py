"""Who a node is: its name, this life of its process, its cluster, where it is reached."""

import random
import re
from dataclasses import dataclass

from crowsg.errors import NodeError
from crowsg.text import shown

PROTOCOL = 1
"""Version of what nodes say to one another; another one is refused."""

MAX_NAME = 200

_NAME = re.compile(r"[A-Za-z0-9._-]+@[A-Za-z0-9._-]+\Z")


@dataclass(frozen=True, slots=True)
class Identity:
    """One life of a node.

    Attributes:
        name: ``name@host``, unique among the living nodes of a cluster.
        incarnation: Another number each time a process starts, above 0.
        cluster: The cluster it belongs to; others are refused.
        address: Where others reach it, ``host:port``; "" for where its link listens.
    """

    name: str
    incarnation: int
    cluster: str = ""
    address: str = ""


def new_incarnation() -> int:
    """Return a number for this life of a process, from 1 to 2**63 - 1."""
    return random.SystemRandom().randrange(1, 1 << 63)


def is_name(text: object) -> bool:
    """Whether ``text`` can be a node's name."""
    return isinstance(text, str) and len(text) <= MAX_NAME and _NAME.match(text) is not None


def checked_name(text: str) -> str:
    """Return ``text``, which is a node's name.

    Raises:
        NodeError: It is none.
    """
    if not is_name(text):
        raise NodeError(
            f"a node is called name@host, of letters, digits, dots, hyphens and underscores and "
            f"of at most {MAX_NAME} of them, not {shown(text, 60)}"
        )
    return text


def complete(name: str, host: str) -> str:
    """Return the name of a node; ``host`` is added where ``name`` names none.

    Raises:
        NodeError: What comes out is no name.
    """
    return checked_name(name if "@" in name else f"{name}@{host}")
