"""What tests of crowsg, and of scenarios, are written with.

``ManualClock`` is time that moves only when told to; ``capture_events`` collects the telemetry of
a node. ``pytest -p crowsg.testing.pytest_plugin`` patches the standard library before anything
else is imported, so that ``crowsg.run`` works inside tests.
"""

from crowsg.testing.events import CapturedEvent, capture_events
from crowsg.testing.manual_clock import ManualClock

__all__ = ["CapturedEvent", "ManualClock", "capture_events"]
