"""The way to a terminal or a pipe that may be read slowly, or no more.

What is on its way waits here, up to a limit, and a native thread writes it: no user ever waits for
whoever reads.
"""

import threading
from collections import deque
from collections.abc import Callable

from crowsg.background import Background
from crowsg.clock import Clock, MonotonicClock, Timer, to_ns

MAX_TEXTS = 10_000
PAUSE_S = 0.05


class Outlet:
    """Has written what is printed, twenty times a second at the most.

    Args:
        write: Takes the text printed since the last call, empty where there is something else to
            write; called on a native thread. When it raises, nothing more is written.
        clock: Tells when it is time.
    """

    def __init__(self, write: Callable[[str], object], clock: Clock | None = None) -> None:
        self._write = write
        self._clock = clock or MonotonicClock()
        self._background = Background()
        # gevent leaves native ids alone.
        self._thread = threading.get_native_id()
        self._texts: deque[str] = deque()
        self._left_out = 0
        self._is_due = False
        self._timer: Timer | None = None

    def print(self, text: str) -> None:
        """Have a text written; from any thread.

        Blocks: never. What comes while 10 000 texts wait is left out, and that is said.
        """
        if self._background.error is not None:
            return
        if len(self._texts) < MAX_TEXTS:
            self._texts.append(text)
        else:
            self._left_out += 1
        self.wake()

    def wake(self) -> None:
        """Have ``write`` called soon."""
        # What another thread prints is written with what comes next: only here is the loop.
        if not self._is_due and threading.get_native_id() == self._thread:
            self._is_due = True
            self._timer = self._clock.call_later(to_ns(PAUSE_S), self._submit)

    def close(self, timeout: float) -> bool:
        """Wait until everything is written.

        Args:
            timeout: Seconds to wait at the most.

        Returns:
            Whether nothing waits any more: it is written, or never will be.

        Blocks: until then.
        """
        if self._timer is not None:
            self._timer.cancel()
        self._submit()
        return self._background.close(timeout) or self._background.error is not None

    def take(self) -> str:
        """Return what waits to be written, and forget it."""
        texts = [self._texts.popleft() for _ in range(len(self._texts))]
        left_out, self._left_out = self._left_out, 0
        if left_out:
            texts.append(f"... and {left_out} more that nobody read in time\n")
        return "".join(texts)

    def _submit(self) -> None:
        self._background.submit(self._work)

    def _work(self) -> None:
        # In this order: what comes from now on is due again.
        self._is_due = False
        self._write(self.take())
