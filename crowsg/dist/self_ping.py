"""A node that calls itself: one that gets no answer is deaf to all others too."""

import logging
from collections.abc import Callable
from typing import Any, NoReturn

from crowsg.clock import Clock
from crowsg.cluster.exchange import Exchange, Peer
from crowsg.cluster.link import Link
from crowsg.errors import CrowsgError, Unreachable
from crowsg.supervision import Keep, Kept
from crowsg.telemetry.bus import Bus

EVERY_S = 5.0
"""Seconds from one call to the next."""

LOOK_S = 0.1
LOOKS = 20
"""So many looks for the answer are made, which takes 2 s. Who blocks the loop delays the looks as
well as the answer, so a node that is busy is never taken for deaf."""

DEAF = 2
"""So many calls in a row without an answer mean that the server is deaf."""

_CALL_S = 60.0

_LOGGER = logging.getLogger("crowsg")


class SelfPing:
    """Calls its own node over the network now and then, and rebuilds a server that is deaf.

    A node that never reached itself is left alone: others may reach it where it cannot.

    Args:
        exchange: Carries the calls; not open yet.
        link: Whose server it is.
        telemetry: Where ``deaf`` goes.
        clock: Tells and waits.
        spawn: Starts a function on a greenlet of the node.
        keep: Keeps a loop of the node running.
    """

    def __init__(
        self,
        exchange: Exchange,
        link: Link,
        telemetry: Bus,
        clock: Clock,
        spawn: Callable[..., Any],
        keep: Keep,
    ) -> None:
        self._exchange = exchange
        self._link = link
        self._telemetry = telemetry
        self._clock = clock
        self._spawn = spawn
        self._keep = keep
        self._kept: Kept | None = None
        self._has_answered = False
        self._missed = 0
        exchange.answer("ping", lambda sender, body: None)

    def start(self) -> None:
        """Begin to call; the exchange is open."""
        self._kept = self._keep("self ping", self._run)

    def stop(self) -> None:
        """Call no more."""
        if self._kept is not None:
            self._kept.stop()

    def _run(self) -> NoReturn:
        # Where a server cannot be rebuilt, that ends this loop, and soon the process.
        while True:
            self._clock.sleep(EVERY_S)
            self._look()

    def _look(self) -> None:
        if self._is_answered():
            self._has_answered, self._missed = True, 0
        elif self._has_answered:
            self._missed += 1
        if self._missed >= DEAF:
            self._rebuild()

    def _is_answered(self) -> bool:
        calling = self._spawn(self._call)
        try:
            for _ in range(LOOKS):
                self._clock.sleep(LOOK_S)
                if calling.ready():
                    break
            return calling.value is True
        finally:
            calling.kill(block=False)

    def _call(self) -> bool:
        own = self._exchange.identity
        # Not where others reach it: what stands between may fail, and is not to be rebuilt here.
        itself = Peer(own.name, self._link.own_address, own.incarnation, 0)
        try:
            self._exchange.call(itself, "ping", None, _CALL_S)
        except Unreachable:
            return False
        except CrowsgError:
            # A refusal is an answer.
            return True
        return True

    def _rebuild(self) -> None:
        own = self._exchange.identity
        address = self._link.own_address
        _LOGGER.critical("%s does not hear itself at %s: it listens anew", own.name, address)
        self._telemetry.execute(
            ("crowsg", "cluster", "deaf"), {"count": 1}, {"nodes": [own.name], "state": "up"}
        )
        self._link.reopen()
        self._exchange.forget(address)
        self._missed = 0
