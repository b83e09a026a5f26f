"""Addresses of hosts: asked for on a thread, by one for all who want to know, and remembered."""

import _socket
from collections.abc import Callable
from typing import Any

import gevent

from crowsg.clock import SECOND, Clock
from crowsg.protocols.http.failure import DNS, Failure
from crowsg.protocols.http.transport import Address

FRESH_NS = 10 * SECOND
"""How long an answer is believed."""

FAILED_NS = SECOND
"""How long a failure is."""

_MOST = 1000
"""Redirects may lead anywhere; answers for more hosts are not kept."""

Lookup = Callable[[str], list[Address]]
"""Returns addresses with port 0, or raises OSError."""

_Answer = list[Address] | OSError


class Names:
    """The hosts that were asked for.

    Args:
        clock: Tells how old an answer is.
        lookup: Finds the addresses of a host; may block the greenlet it is called on.
    """

    def __init__(self, clock: Clock, lookup: Lookup | None = None) -> None:
        self._clock = clock
        self._lookup = lookup or look_up
        self._known: dict[str, tuple[int, _Answer]] = {}
        self._asking: dict[str, Any] = {}

    def addresses(self, host: str, port: int) -> list[Address]:
        """Return where a host listens, in the order to try.

        Raises:
            Failure: Nobody knows.

        Blocks: until it is known; others never.
        """
        answer = self._fresh(host)
        if answer is None:
            answer = self._ask(host)
        if isinstance(answer, OSError):
            raise Failure(DNS, str(answer))
        return [(family, (where[0], port, *where[2:])) for family, where in answer]

    def _fresh(self, host: str) -> _Answer | None:
        until_ns, answer = self._known.get(host, (0, None))
        return answer if self._clock.now_ns() < until_ns else None

    def _ask(self, host: str) -> _Answer:
        # A greenlet of its own: who asks first may be stopped while others wait for the answer.
        asking = self._asking.get(host)
        if asking is None:
            asking = self._asking[host] = gevent.spawn(self._find, host)
        answer: _Answer = asking.get()
        return answer

    def _find(self, host: str) -> _Answer:
        answer: _Answer
        try:
            answer = self._lookup(host)
            lasts_ns = FRESH_NS
        except OSError as error:
            answer, lasts_ns = error, FAILED_NS
        except UnicodeError:
            answer, lasts_ns = OSError(f"no name of a host: {host}"), FAILED_NS
        finally:
            del self._asking[host]
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[host] = (self._clock.now_ns() + lasts_ns, answer)
        return answer


def look_up(host: str) -> list[Address]:
    """Ask the system, on one of gevent's threads."""
    found = gevent.get_hub().resolver.getaddrinfo(host, 0, 0, _socket.SOCK_STREAM)
    return [(family, where) for family, _, _, _, where in found]
