"""Work that may block for real, done in order on a native thread of its own.

A full disk, a network file system or a terminal that was stopped with Ctrl-S blocks whoever writes
to it, and with the event loop every user. Here only the native thread waits.
"""

import os
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
from gevent.threadpool import ThreadPool


class Background:
    """A queue of calls. One that raises ends it: what is queued and what follows is dropped.

    Attributes:
        error: What a call raised, None so far.
    """

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self._queue: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._pool: Any = None
        self._greenlet: Any = None

    @property
    def is_busy(self) -> bool:
        """Whether calls are queued or running."""
        return self._greenlet is not None

    def submit(self, function: Callable[..., object], *args: Any) -> None:
        """Call ``function(*args)`` on the native thread, after all that was submitted before.

        It must use nothing of gevent, and no lock of the standard library.

        Blocks: never.
        """
        if self.error is not None:
            return
        self._queue.append((function, args))
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._work)

    def close(self, timeout: float) -> bool:
        """Wait until everything is done, and let the native thread go.

        Args:
            timeout: Seconds to wait at the most.

        Returns:
            Whether everything was done.

        Blocks: until then.
        """
        if self._greenlet is not None:
            self._greenlet.join(timeout)
        if self.is_busy:
            return False
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.kill()
        return self.error is None

    def _work(self) -> None:
        if self._pool is None:
            self._pool = ThreadPool(1)
        try:
            while self._queue and self.error is None:
                self.error = self._pool.apply(_error_of, self._queue.popleft())
        except Exception as error:  # noqa: BLE001 - no thread could be started
            self.error = error
        finally:
            self._queue.clear()
            self._greenlet = None


def _error_of(function: Callable[..., object], args: tuple[Any, ...]) -> BaseException | None:
    """Call it; gevent would print whatever is raised, and end the program at SystemExit."""
    try:
        function(*args)
    except BaseException as error:  # noqa: BLE001 - kept for the owner of the queue
        return error
    return None


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of ``data`` to a file, however long that takes; fit for a native thread."""
    while data:
        data = data[os.write(descriptor, data) :]
