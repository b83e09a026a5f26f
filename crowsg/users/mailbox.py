"""Messages that wait for a user, and the user that waits for messages."""

import math
from collections import deque
from typing import Any

from gevent.event import AsyncResult

from crowsg.clock import Clock, to_ns


class Mailbox:
    """First in, first out; several greenlets may wait, the first of them is served first."""

    __slots__ = ("_clock", "_messages", "_readers")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._messages: deque[Any] = deque()
        self._readers: deque[AsyncResult[tuple[Any, ...]]] = deque()

    def put(self, message: Any) -> None:
        """Deliver a message; never blocks."""
        if self._readers:
            self._readers.popleft().set((message,))
        else:
            self._messages.append(message)

    def take(self, timeout: float | None) -> Any:
        """Return the next message.

        Args:
            timeout: Seconds to wait at the most; None waits for ever, 0 not at all.

        Raises:
            TimeoutError: None came.
        """
        if self._messages:
            return self._messages.popleft()
        if timeout is not None and timeout <= 0:
            raise TimeoutError("no message")
        return self._wait(timeout)

    def _wait(self, timeout: float | None) -> Any:
        reader: AsyncResult[tuple[Any, ...]] = AsyncResult()
        timer = None
        if timeout is not None and timeout != math.inf:
            timer = self._clock.call_later(to_ns(timeout), lambda: self._expire(reader))
        self._readers.append(reader)
        try:
            message = reader.get()
        except BaseException:
            self._give_up(reader)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if not message:
            raise TimeoutError(f"no message within {timeout:g} s")
        return message[0]

    def _expire(self, reader: "AsyncResult[tuple[Any, ...]]") -> None:
        if not reader.ready():
            self._readers.remove(reader)
            # Not an exception: kept in the reader, it would refer to the frame that holds it.
            reader.set(())

    def _give_up(self, reader: "AsyncResult[tuple[Any, ...]]") -> None:
        """Leave nothing behind when the reader was stopped while it waited."""
        if reader in self._readers:
            self._readers.remove(reader)
        elif reader.value and self._readers:
            self._readers.popleft().set(reader.value)
        elif reader.value:
            self._messages.appendleft(reader.value[0])
