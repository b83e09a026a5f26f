"""A scenario: a module in blocking style, found, loaded, checked and called."""

from crowsg.scenario.loading import Scenario, from_module, load

__all__ = ["Scenario", "from_module", "load"]
