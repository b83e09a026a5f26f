"""How a worker gives its master all that it has counted, before it leaves."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from crowsg.dist.snapshot import Snapshots
from crowsg.errors import CrowsgError, Refused, Unreachable

CALL_S = 5.0
"""Seconds a call to the master may take."""

LAST_WORD_S = 1.0
"""Seconds in which a master that was lost may show, each of two times, that it is there."""

_TRIES = 3
_LAST_TRIES = 2

_LOGGER = logging.getLogger("crowsg")


class HandingIn:
    """Calls the master of a run.

    Args:
        call_master: Calls a method, with a body, in so many seconds.
        snapshots: What was counted.
    """

    def __init__(self, call_master: Callable[[str, Any, float], Any], snapshots: Snapshots) -> None:
        self._call_master = call_master
        self._snapshots = snapshots

    def leave(self) -> bool:
        """Hand in everything, of more users than fit into one snapshot too.

        Returns:
            Whether the master has it.

        Blocks: until it has, or was asked three times.
        """
        try:
            lives_from = None
            while True:
                snapshot = self._snapshots.take(lives_from)
                lives_from = self._insist("worker_leaves", {"snapshot": snapshot})
                if lives_from is None:
                    break
        except CrowsgError as error:
            # A master that does not know the run any more has it all.
            if not (isinstance(error, Refused) and error.kind in ("stale", "unknown")):
                _LOGGER.warning("the master did not take the last of what was counted: %s", error)
                return False
        return True

    def say_last(self, fenced: int) -> None:
        """Hand in what a master may have missed that was lost, if it is there after all.

        Args:
            fenced: How many users ended as it was lost.

        Blocks: for two seconds at the most.
        """
        body = {"snapshot": self._snapshots.take(), "fenced": fenced}
        try:
            self._insist("worker_leaves", body, LAST_WORD_S, _LAST_TRIES)
        except CrowsgError as error:
            _LOGGER.warning("the last of what was counted is not with the master: %s", error)

    def _insist(
        self, method: str, body: Any, timeout_s: float = CALL_S, tries: int = _TRIES
    ) -> Any:
        for _ in range(tries - 1):
            with suppress(Unreachable):
                return self._call_master(method, body, timeout_s)
        return self._call_master(method, body, timeout_s)
