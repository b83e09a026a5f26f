"""What tests of crowsg, and of scenarios, are written with.

``ManualClock`` is time that moves only when told to; ``capture_events`` collects the telemetry of
a node; ``MemoryNetwork`` joins nodes of one process, and cuts them off from one another.
``pytest -p crowsg.testing.pytest_plugin`` patches the standard library before anything else is
imported, so that ``crowsg.run`` works inside tests.

For runs of real processes: ``crowsg.testing.oracle`` is a server that sees from outside what users
do, ``crowsg.testing.invariants`` judges what nodes noted in their journals.
"""

from crowsg.testing.events import CapturedEvent, capture_events
from crowsg.testing.manual_clock import ManualClock
from crowsg.testing.memory_network import MemoryNetwork

__all__ = ["CapturedEvent", "ManualClock", "MemoryNetwork", "capture_events"]
