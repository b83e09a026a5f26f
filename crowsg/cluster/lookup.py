"""Addresses of hosts by name; a name may stand for many nodes."""

import ipaddress
import socket
from collections.abc import Callable

from gevent.socket import getaddrinfo

from crowsg.cluster.address import spell

Resolve = Callable[[str, int], list[str]]
"""Returns all ``address:port`` of a host's name; raises OSError where there is none."""


def look_up(host: str, port: int) -> list[str]:
    """Return every ``address:port`` that a host's name stands for, each once.

    Raises:
        OSError: The name is not known.

    Blocks: until the name servers have answered.
    """
    found = getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(spell(str(each[4][0]), port) for each in found))


def is_literal(host: str) -> bool:
    """Whether ``host`` is an address already, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
