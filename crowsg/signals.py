"""Signals that end a run: gracefully, at once, and at last whatever it takes."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent

Signals = tuple[signal.Signals, ...]


@contextmanager
def ended_by(
    signals: Signals, interrupt: Callable[[], object], last_resort: Callable[[], object]
) -> Iterator[None]:
    """Let signals end what goes on inside the block; the handlers before come back after it.

    Python calls a handler wherever the main thread stands, in the middle of a user too: what it
    does there must not be taken for the user's own doing.

    Args:
        signals: Which ones; the program must be in its main thread.
        interrupt: Called in the loop for each signal: the first is to end gracefully what goes on,
            the second at once.
        last_resort: What the third does, right there: the loop may be blocked by a user.
    """
    loop = gevent.get_hub().loop
    received = 0

    def receive(*_: object) -> None:
        nonlocal received
        received += 1
        if received > 2:
            last_resort()
        loop.run_callback_threadsafe(interrupt)

    before = {number: signal.signal(number, receive) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
