"""Numbers of hosts for a native thread: a look-up that hangs delays nothing but itself."""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from gevent.monkey import get_original  # noqa: TID251 - what is not patched, for a native thread


class Numbers:
    """Looks hosts up, each on a native thread of its own; an answer is good for one question.

    Args:
        resolve: As ``socket.getaddrinfo``, but for native threads; None for that of the system.
    """

    def __init__(self, resolve: Callable[..., Any] | None = None) -> None:
        self._resolve = resolve or get_original("socket", "getaddrinfo")
        self._start: Callable[..., object] = get_original("_thread", "start_new_thread")
        self._known: dict[str, str] = {}
        self._looked_up: set[str] = set()

    def of(self, host: str) -> str | None:
        """Return the number of a host; None as long as it is not known.

        Blocks: never; what is not known is looked up, and there the next time.
        """
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            number = self._known.pop(host, None)
        if number is None and host not in self._looked_up:
            self._looked_up.add(host)
            try:
                self._start(self._look_up, (host,))
            except RuntimeError:
                # There can be no more threads for now.
                self._looked_up.discard(host)
        return number

    def _look_up(self, host: str) -> None:
        try:
            found = self._resolve(host, None, type=socket.SOCK_STREAM)
            self._known[host] = str(found[0][4][0])
        except Exception:  # noqa: BLE001 - a thread that dies would be reported where nobody listens
            # Asked for again, it is looked up again.
            pass
        finally:
            self._looked_up.discard(host)
