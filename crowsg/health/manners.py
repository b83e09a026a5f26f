"""How a process behaves while a node lives in it."""

import logging
from collections.abc import Callable
from typing import Any

from crowsg.health.collector import CollectorPolicy
from crowsg.health.limits import raise_file_limit
from crowsg.health.stray_errors import StrayErrors
from crowsg.telemetry import log
from crowsg.telemetry.bus import Bus

_LOGGER = logging.getLogger("crowsg")


class Manners:
    """The manners of a process, taken over by a node and given back.

    Attributes:
        collector: When garbage is collected.

    Args:
        telemetry: Events whose trouble is logged.
        owns: Whether a greenlet is one of the node's.
        record: Takes what such a greenlet dies of when nobody waits for it.
    """

    def __init__(
        self,
        telemetry: Bus,
        owns: Callable[[Any], bool],
        record: Callable[[BaseException], object],
    ) -> None:
        self.collector = CollectorPolicy()
        self._telemetry = telemetry
        self._stray_errors = StrayErrors(owns, record)

    def start(self) -> int:
        """Take them over.

        Returns:
            How many files the process may have open, all that it is allowed.
        """
        self.collector.start()
        self._stray_errors.start()
        log.attach(self._telemetry, _LOGGER)
        return raise_file_limit()

    def stop(self) -> None:
        """Give them back."""
        self._telemetry.detach(log.HANDLER_ID)
        self._stray_errors.stop()
        self.collector.stop()
