"""A log that others cannot fill."""

import logging

from crowsg.clock import SECOND, Clock

LINES_PER_SECOND = 5


class LimitedLog:
    """Writes so many lines a second, and then only how many it kept back.

    Args:
        logger: Where to.
        clock: Tells the time.
        lines_per_second: Lines in each second.
    """

    def __init__(
        self, logger: logging.Logger, clock: Clock, lines_per_second: int = LINES_PER_SECOND
    ) -> None:
        self._logger = logger
        self._clock = clock
        self._limit = lines_per_second
        self._second = -1
        self._written = 0
        self._kept_back = 0

    def write(self, level: int, message: str, *args: object, trace: bool = False) -> None:
        """Write a line, with the exception being handled where ``trace`` is set."""
        second = self._clock.now_ns() // SECOND
        if second != self._second:
            self._begin(second)
        if self._written >= self._limit:
            self._kept_back += 1
            return
        self._written += 1
        self._logger.log(level, message, *args, exc_info=trace)

    def _begin(self, second: int) -> None:
        self._second, self._written = second, 0
        if self._kept_back:
            self._logger.warning("%d more lines of the cluster were kept back", self._kept_back)
            self._kept_back = 0
