"""Killing the loops of a node, as a fault would."""

from crowsg.supervision import Supervisor
from crowsg.testing.manual_clock import settle


def kill(supervisor: Supervisor, name: str) -> None:
    """Kill the greenlet of a loop, and let its supervisor take notice."""
    supervisor._histories[name].kept._greenlet.kill(block=False)
    settle()
