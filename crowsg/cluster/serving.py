"""What a node does with what others send it: runs the handlers of calls, takes notices.

Every link hands over to this, so a fault of a handler looks the same wherever it came from.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import gevent

from crowsg.clock import Clock
from crowsg.cluster.limited_log import LimitedLog
from crowsg.cluster.link import CallHandler, NoticeHandler, Origin, Payload
from crowsg.errors import RemoteFault
from crowsg.text import line_of, shown

MAX_CALLS = 1000
"""Calls being answered at once; further ones are refused."""

CLOSE_S = 1.0
"""Seconds that greenlets may take to end when their link closes."""

Answer = dict[str, Payload]
Reply = Callable[[Answer], object]

_LOGGER = logging.getLogger("crowsg")


class Serving:
    """The methods and topics of one node.

    Args:
        spawn: Starts the greenlet of a handler.
        clock: Tells the time, to the log.
        max_calls: Calls being answered at once.
    """

    def __init__(self, spawn: Callable[..., Any], clock: Clock, max_calls: int = MAX_CALLS) -> None:
        self._spawn = spawn
        self._max_calls = max_calls
        self._calls: Mapping[str, CallHandler] = {}
        self._notices: Mapping[str, NoticeHandler] = {}
        self._running: set[Any] = set()
        self._closed = False
        self._log = LimitedLog(_LOGGER, clock)

    def begin(self, calls: Mapping[str, CallHandler], notices: Mapping[str, NoticeHandler]) -> None:
        """Serve exactly these from now on."""
        self._calls, self._notices = dict(calls), dict(notices)

    def answer(self, method: str, origin: Origin, payload: Payload, reply: Reply) -> None:
        """Run the handler of a call on a greenlet of its own; ``reply`` gets its answer.

        ``reply`` must not block; when it raises ``NotPackable`` it is called again, with that.
        """
        handler = self._calls.get(method)
        if handler is None:
            reply(fault("NameError", f"no method {shown(method, 80)}"))
        elif len(self._running) >= self._max_calls:
            reply(fault("Busy", f"{self._max_calls} calls are being answered already"))
        else:
            greenlet = self._spawn(self._run, method, handler, origin, payload, reply)
            self._running.add(greenlet)
            greenlet.rawlink(self._running.discard)

    def take(self, topic: str, origin: Origin, payload: Payload) -> None:
        """Hand a notice over; whatever its handler raises is logged."""
        handler = self._notices.get(topic)
        if handler is None:
            return
        try:
            handler(origin, payload)
        except BaseException:  # noqa: BLE001 - even an exit ends neither the dispatcher nor the node
            self._log.write(logging.ERROR, "a notice of %s failed", topic, trace=True)

    def close(self) -> None:
        """End the handlers that still run; their answers go nowhere.

        Blocks: until they have ended, for a second at the most.
        """
        self._closed = True
        self._calls, self._notices = {}, {}
        end_all(self._running)

    def _run(
        self, method: str, handler: CallHandler, origin: Origin, payload: Payload, reply: Reply
    ) -> None:
        # An exit raised in here would end the process, and a kill is the end of this greenlet.
        try:
            reply({"ok": handler(origin, payload)})
        except BaseException as error:  # noqa: BLE001
            if self._closed:
                return
            self._log.write(logging.ERROR, "the call %s failed", method, trace=True)
            reply(fault(type(error).__name__, line_of(error)))


def end_all(greenlets: Iterable[Any]) -> None:
    """End greenlets of a link that closes; not the one that closes it, should it be one of them.

    Blocks: until they have ended, for a second at the most.
    """
    others = [each for each in greenlets if each is not gevent.getcurrent()]
    gevent.killall(others, timeout=CLOSE_S)


def fault(kind: str, text: str) -> Answer:
    """Return the answer to a call that failed."""
    return {"fault": f"{kind}: {text}"}


def value_of(answer: Payload) -> Payload:
    """Return what a handler returned.

    Raises:
        RemoteFault: It raised, or this is no answer.
    """
    if isinstance(answer, dict) and "ok" in answer:
        return answer["ok"]
    told = answer.get("fault") if isinstance(answer, dict) else None
    raise RemoteFault(line_of(told) if isinstance(told, str) else "BadAnswer: it cannot be read")
