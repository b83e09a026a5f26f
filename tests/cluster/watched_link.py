"""A link that notes what is sent through it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from crowsg.cluster.link import Beat, Beats, CallHandler, Link, NoticeHandler, Payload


class Sent(NamedTuple):
    """One message: where from and to, the method or topic, and what."""

    source: str
    target: str
    what: str
    payload: Any


class WatchedLink:
    """Hands everything on to ``link``.

    ``sent`` gets each message, ``forgotten`` each address; the fields in ``altered`` take the
    place of those in every message.
    """

    def __init__(self, link: Link, source: str, sent: list[Sent]) -> None:
        self._link = link
        self._source = source
        self._sent = sent
        self.forgotten: list[str] = []
        self.altered: dict[str, Any] = {}

    @property
    def address(self) -> str:
        return self._link.address

    @property
    def own_address(self) -> str:
        return self._link.own_address

    def open(self, calls: Mapping[str, CallHandler], notices: Mapping[str, NoticeHandler]) -> None:
        self._link.open(calls, notices)

    def call(self, address: str, method: str, payload: Payload, timeout_s: float) -> Payload:
        self._sent.append(Sent(self._source, address, method, payload))
        return self._link.call(address, method, payload | self.altered, timeout_s)

    def tell(self, address: str, topic: str, payload: Payload) -> None:
        self._sent.append(Sent(self._source, address, topic, payload))
        self._link.tell(address, topic, payload | self.altered)

    def pulse(self, beats: Beats, on_closed: Callable[[str], object]) -> None:
        self._link.pulse(lambda: self._noted(beats()), on_closed)

    def refuses(self, address: str) -> bool:
        return self._link.refuses(address)

    def reopen(self) -> None:
        self._link.reopen()

    def forget(self, address: str) -> None:
        self.forgotten.append(address)
        self._link.forget(address)

    def close(self) -> None:
        self._link.close()

    def _noted(self, beats: Iterable[Beat]) -> Iterable[Beat]:
        for address, topic, payload in beats:
            self._sent.append(Sent(self._source, address, topic, payload))
            yield address, topic, payload | self.altered
