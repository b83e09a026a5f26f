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
        self._link: _Link | None = None

    def start(self) -> None:
        """Take over the error handling of this thread's hub."""
        if self._link is None:
            self._hub = gevent.get_hub()
            self._link = _Link(self._owns, self._record, self._hub.handle_error)
            self._hub.handle_error = self._link

    def stop(self) -> None:
        """Give it back. Behind a node that started later, only step aside."""
        if self._link is not None:
            self._link.is_open = False
            while isinstance(self._hub.handle_error, _Link) and not self._hub.handle_error.is_open:
                self._hub.handle_error = self._hub.handle_error.pass_on
            self._link = None


class _Link:
    """One of the handlers before the hub's own, made anew at each start, so no circle closes."""

    __slots__ = ("_owns", "_record", "is_open", "pass_on")

    def __init__(self, owns: Owns, record: Record, pass_on: Any) -> None:
        self._owns = owns
        self._record = record
        self.pass_on = pass_on
        self.is_open = True

    def __call__(self, context: Any, kind: Any, value: Any, trace: Any) -> None:
        if self.is_open and isinstance(value, BaseException) and self._owns(context):
            self._record(value)
        else:
            self.pass_on(context, kind, value, trace)
