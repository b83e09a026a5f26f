"""Whether anybody listens at an address, asked of its machine and not of a node."""

import gevent
from gevent import socket

from crowsg.cluster.address import parse
from crowsg.errors import InvalidAddress

PROBE_S = 0.5


def is_refused(address: str) -> bool:
    """Return whether a connection to ``address`` is refused: the machine is there, nobody listens.

    Blocks: for half a second at the most.
    """
    try:
        with gevent.Timeout(PROBE_S, TimeoutError()):
            socket.create_connection(parse(address)).close()
    except ConnectionRefusedError:
        return True
    except (OSError, InvalidAddress):
        return False
    return False
