"""Exceptions that nobody caught in a greenlet of a node.

gevent prints a traceback for each and, for ``SystemExit`` and ``KeyboardInterrupt``, ends the
program: 100 000 tracebacks, or one ``sys.exit()`` in a scenario, must not end a node.
"""

from collections.abc import Callable
from typing import Any

import gevent

Owns = Callable[[Any], bool]
Record = Callable[[BaseException], object]


class StrayErrors:
    """Records what escapes from greenlets of its node; everything else goes where it always went.

    Args:
        owns: Whether a greenlet belongs to the node.
        record: Takes the exception.
    """

    def __init__(self, owns: Owns, record: Record) -> None:
        self._owns = owns
        self._record = record
        self._hub: Any = None
        self._pass_on: Any = None

    def start(self) -> None:
        """Take over the error handling of this thread's hub."""
        if self._hub is None:
            self._hub = gevent.get_hub()
            self._pass_on = self._hub.handle_error
            self._hub.handle_error = self._handle

    def stop(self) -> None:
        """Give it back. Behind a node that started later, only step aside."""
        if self._hub is not None:
            if self._hub.handle_error == self._handle:
                self._hub.handle_error = self._pass_on
            self._hub = None

    def _handle(self, context: Any, kind: Any, value: Any, trace: Any) -> None:
        ours = self._hub is not None and self._owns(context)
        if ours and isinstance(value, BaseException):
            self._record(value)
        else:
            self._pass_on(context, kind, value, trace)
