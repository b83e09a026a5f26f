"""Responses that are used in a ``with`` block, and recorded when it ends."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from crowsg.errors import NotJudged
from crowsg.metrics.operation import Holder, Moment, Operation, Timing
from crowsg.protocols.http.engine import Engine
from crowsg.protocols.http.request import Request
from crowsg.protocols.http.response import Response


class Stopwatch:
    """A clock that stands still from the end of a response on: judging it is no service time."""

    __slots__ = ("_now_ns", "ended_ns")

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self.ended_ns: int | None = None

    def __call__(self) -> int:
        """Return the moment, in nanoseconds."""
        return self._now_ns() if self.ended_ns is None else self.ended_ns

    def stop(self) -> None:
        """Stand still."""
        self.ended_ns = self()


@dataclass(frozen=True, slots=True)
class Sending:
    """A request that is about to be sent.

    Args:
        engine: Sends it.
        request: It.
        timeout_ns: How long all of it may take.
        operation: Where it is recorded.
        since: The intended moment, None for none.
        holder: Whose stop waits for the end.
    """

    engine: Engine
    request: Request
    timeout_ns: int
    operation: Operation
    since: Moment | None
    holder: Holder | None

    def timing(self, watch: Stopwatch) -> Timing:
        """Return what takes its sample."""
        return Timing(self.operation, watch, self.since, self.holder)

    def send(self, response: Response, watch: Stopwatch) -> None:
        """Send it, and fill the response; the watch stops where unpacking begins."""
        watch.ended_ns = self.engine.perform(self.request, response, self.timeout_ns)
        self.engine.unpack(response)

    def send_and_record(self) -> Response:
        """Send it, and return the response when it is recorded."""
        response, watch = Response(self.request.name), Stopwatch(self.engine.now_ns)
        with self.timing(watch) as timing:
            self.send(response, watch)
            if response.error:
                timing.fail(response.error)
        return response


class _BlockResponse(Response):
    """A response whose sample is taken while a block runs."""

    __slots__ = ("_is_sent", "_sending", "_timing", "_watch")

    def __init__(self, sending: Sending) -> None:
        # Nothing else is set: whoever reads it without the block learns so by __getattr__.
        self.request = sending.request.name
        self._sending = sending
        self._timing: Timing | None = None
        self._is_sent = False

    def __getattr__(self, name: str) -> NoReturn:
        raise NotJudged(f"no {name!r} yet: {self.request} is sent when its `with` block begins")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} to {self.request}>"

    def __enter__(self) -> Self:
        """Send the request.

        Blocks: until there is a response, or none.
        """
        if self._is_sent:
            raise NotJudged(f"{self.request} was sent already: ask for another response")
        self._watch = Stopwatch(self._sending.engine.now_ns)
        timing = self._sending.timing(self._watch)
        timing.__enter__()
        super().__init__(self.request)
        self._timing, self._is_sent = timing, True
        try:
            self._begin()
        except BaseException:
            timing.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: Any) -> None:
        """Record it."""
        timing, self._timing = self._timing, None
        if timing is not None:
            self._end()
            if self.error:
                timing.fail(self.error)
            timing.__exit__(kind, error, trace)

    def fail(self, kind: str) -> None:
        """Let the request count as failed; see ``Response.fail``."""
        if self._timing is None:
            super().fail(kind)
        self.error = kind or "failed"

    def _begin(self) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        """Nothing is left to do."""


class JudgedResponse(_BlockResponse):
    """A whole response, on which the block decides."""

    __slots__ = ()

    def _begin(self) -> None:
        self._sending.send(self, self._watch)


class StreamedResponse(_BlockResponse):
    """A response whose body comes in pieces; the block ends before or after the last of them."""

    __slots__ = ("_began_ns", "_connection")

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it comes, in pieces of any size.

        It just ends where the request fails; ``error`` then tells, and ``raise_for_status`` raises.

        Blocks: until the next piece is there.
        """
        engine, due_ns = self._sending.engine, self._began_ns + self._sending.timeout_ns
        while self._connection is not None and self._watch.ended_ns is None:
            piece = engine.advance(self, self._connection, due_ns)
            if piece:
                yield piece
            else:
                self._stop()

    def _begin(self) -> None:
        sending = self._sending
        self._began_ns = self._watch()
        due_ns = self._began_ns + sending.timeout_ns
        self._connection = sending.engine.open(sending.request, self, due_ns)
        if self._connection is None:
            self._stop()

    def _stop(self) -> None:
        self._watch.stop()
        self.took(self._watch() - self._began_ns)

    def _end(self) -> None:
        if self._watch.ended_ns is None:
            self._stop()
        connection, self._connection = self._connection, None
        if connection is not None:
            self._sending.engine.finish(self, connection)
