"""How a worker gives its master all that it has counted, before it leaves."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from crowsg.dist.orders import CALL_S
from crowsg.dist.snapshot import Snapshots
from crowsg.errors import CrowsgError, Refused, Unreachable

LAST_WORD_S = 1.0
"""Seconds in which a master that was lost may show, each of three times, that it is there."""

_TRIES = 3

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
        return self._hand_in({}, CALL_S)

    def say_last(self, fenced: int) -> None:
        """Hand in what a master may have missed that was lost, if it is there after all.

        Args:
            fenced: How many users ended as it was lost.

        Blocks: for three seconds at the most, where nobody answers.
        """
        self._hand_in({"fenced": fenced}, LAST_WORD_S)

    def _hand_in(self, told: Mapping[str, Any], timeout_s: float) -> bool:
        try:
            lives_from = None
            while True:
                body = {"snapshot": self._snapshots.take(lives_from), **told}
                lives_from = self._insist(body, timeout_s)
                if lives_from is None:
                    break
        except CrowsgError as error:
            # A master that does not know the run any more has it all.
            if not (isinstance(error, Refused) and error.kind in ("stale", "unknown")):
                _LOGGER.warning("the master did not take the last of what was counted: %s", error)
                return False
        return True

    def _insist(self, body: Any, timeout_s: float) -> Any:
        for _ in range(_TRIES - 1):
            with suppress(Unreachable):
                return self._call_master("worker_leaves", body, timeout_s)
        return self._call_master("worker_leaves", body, timeout_s)
