"""The fence of a worker: it ends its part of a run before its master writes it off.

All that a worker says of itself is stamped, and the master tells which stamp it has seen last. So
the worker knows since when, at the worst, the master may have heard nothing of it; the master waits
two seconds longer before it gives to others what the worker had. No clock is compared with another
one, and time in which this process itself stood still counts: the master has not waited for it.
"""

from collections.abc import Callable

from crowsg.clock import Clock, to_ns
from crowsg.cluster.heartbeat import BEAT_S
from crowsg.cluster.membership import FENCE_S

LOOK_S = 0.1
"""Seconds from one look to the next."""

AGE_S = FENCE_S + BEAT_S - 2 * LOOK_S
"""How old what was confirmed last may be: while all is well it is up to two beats old."""

LATE_S = 0.5
"""A look that comes so late comes after a time in which this node could not hear anybody."""

HEAR_S = 0.09
"""What such a node is left to read what was sent to it meanwhile."""


class Fence:
    """Watches over the word of a master.

    Args:
        clock: Tells and waits.
        confirmed_ns: Returns the moment, on the own clock, at which this node said what its master
            is known to have heard; None while it works for nobody.
        close: Called when that is too long ago, and again at each look while it is.
    """

    def __init__(
        self,
        clock: Clock,
        confirmed_ns: Callable[[], int | None],
        close: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._confirmed_ns = confirmed_ns
        self._close = close

    def watch(self) -> None:
        """Look for ever.

        Blocks: until it is killed.
        """
        while True:
            due_ns = self._clock.now_ns() + to_ns(LOOK_S)
            self._clock.sleep(LOOK_S)
            if self._is_silent() and self._clock.now_ns() - due_ns > to_ns(LATE_S):
                self._clock.sleep(HEAR_S)
            if self._is_silent():
                self._close()

    def _is_silent(self) -> bool:
        confirmed_ns = self._confirmed_ns()
        if confirmed_ns is None:
            return False
        return self._clock.now_ns() - confirmed_ns >= to_ns(AGE_S)
