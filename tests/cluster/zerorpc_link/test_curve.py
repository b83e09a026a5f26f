"""Who is let in: the keys of clients, those of servers, and the names that keys are bound to."""

import logging
from collections.abc import Callable, Iterator

import gevent
import pytest
import zmq
from zerorpc import Context
from zmq.utils import z85

from crowsg.clock import MonotonicClock
from crowsg.cluster.limited_log import LimitedLog
from crowsg.cluster.link import Link, Origin
from crowsg.cluster.zerorpc_link import Curve, ZerorpcLink
from crowsg.cluster.zerorpc_link.curve import DOMAIN, GATE, Gatekeeper
from crowsg.errors import NotPackable, Refused, Unreachable
from tests.cluster.zerorpc_link.nets import HOST, keys, wait_until

LOGGER = logging.getLogger("crowsg")
SERVER, CLIENT, STRANGER = keys(), keys(), keys()

Start = Callable[[Curve | None], Link]


def curve(
    own: tuple[bytes, bytes],
    allowed: dict[bytes, str] | None = None,
    server_key: bytes = SERVER[0],
    server_secret: bytes = b"",
) -> Curve:
    """Return keys of which ``allowed`` lets in those with a name."""
    names = {key.decode(): name for key, name in (allowed or {}).items()}
    return Curve(
        public=own[0],
        secret=own[1],
        server_secret=server_secret or own[1],
        allowed=names.get,
        server_key_of=lambda address: server_key,
    )


@pytest.fixture
def start() -> Iterator[Start]:
    links: list[ZerorpcLink] = []

    def started(curve: Curve | None) -> Link:
        links.append(ZerorpcLink(HOST, 0, curve=curve))
        return links[-1]

    yield started
    for link in links:
        link.close()


@pytest.fixture
def origins() -> list[Origin]:
    return []


@pytest.fixture
def server(start: Start, origins: list[Origin]) -> Link:
    link = start(curve(SERVER, {CLIENT[0]: "w1@host", SERVER[0]: ""}))
    take = lambda origin, payload: origins.append(origin)  # noqa: E731
    link.open({"who": take}, {"who": take})
    return link


def test_a_key_that_is_allowed_is_told_with_its_name(
    start: Start, server: Link, origins: list[Origin]
) -> None:
    start(curve(CLIENT)).call(server.address, "who", None, 5)

    assert origins == [Origin(CLIENT[0].decode(), "w1@host")]


def test_a_key_for_any_name_is_told_without_one(
    start: Start, server: Link, origins: list[Origin]
) -> None:
    start(curve(SERVER)).call(server.address, "who", None, 5)

    assert origins == [Origin(SERVER[0].decode(), "")]


def test_a_notice_tells_the_key_as_well(start: Start, server: Link, origins: list[Origin]) -> None:
    start(curve(CLIENT)).tell(server.address, "who", None)
    wait_until(lambda: bool(origins))

    assert origins == [Origin(CLIENT[0].decode(), "w1@host")]


def test_a_node_may_serve_with_another_key_than_it_calls_with(
    start: Start, origins: list[Origin]
) -> None:
    link = start(curve(CLIENT, {CLIENT[0]: ""}, server_secret=SERVER[1]))
    link.open({"who": lambda origin, payload: origins.append(origin)}, {})

    link.call(link.address, "who", None, 5)

    assert origins == [Origin(CLIENT[0].decode(), "")]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        pytest.param(None, "asks for a key, and this node has none", id="no key"),
        pytest.param(curve(STRANGER), "does not allow the key", id="foreign key"),
        pytest.param(
            curve(CLIENT, server_key=STRANGER[0]), "another key than this", id="wrong server key"
        ),
        pytest.param(
            curve((CLIENT[0], STRANGER[1])), "another key than this", id="stolen public key"
        ),
    ],
)
class TestRefused:
    """Sad: whoever has not the right keys."""

    def test_the_caller_is_told_why(
        self, start: Start, server: Link, origins: list[Origin], keys: Curve | None, told: str
    ) -> None:
        with pytest.raises(Refused, match=told) as caught:
            start(keys).call(server.address, "who", None, 5)

        assert (caught.value.kind, origins) == ("wrong_key", [])

    def test_no_notice_comes_through(
        self,
        start: Start,
        server: Link,
        origins: list[Origin],
        keys: Curve | None,
        told: str,
    ) -> None:
        start(keys).tell(server.address, "who", None)
        start(curve(CLIENT)).call(server.address, "who", None, 5)

        assert [origin.key for origin in origins] == [CLIENT[0].decode()]

    def test_others_are_served_meanwhile(
        self, start: Start, server: Link, origins: list[Origin], keys: Curve | None, told: str
    ) -> None:
        client = start(curve(CLIENT))
        client.call(server.address, "who", None, 5)
        for _ in range(3):
            with pytest.raises((Refused, Unreachable)):
                start(keys).call(server.address, "who", None, 0.05)

        client.call(server.address, "who", None, 5)

        assert len(origins) == 2


def test_a_node_with_keys_talks_to_none_without(start: Start) -> None:
    plain = start(None)
    plain.open({}, {})

    with pytest.raises(Refused, match=r"uses no keys|or none"):
        start(curve(CLIENT)).call(plain.address, "who", None, 5)


def test_a_key_that_is_taken_back_is_of_no_more_use(start: Start) -> None:
    names = {CLIENT[0].decode(): "w1@host"}
    served: list[object] = []
    link = start(Curve(SERVER[0], SERVER[1], SERVER[1], names.get, lambda _: SERVER[0]))
    link.open({"take": lambda origin, payload: served.append(payload)}, {})
    client = start(curve(CLIENT))
    client.call(link.address, "take", 1, 5)

    names.clear()

    with pytest.raises(Unreachable):
        client.call(link.address, "take", 2, 0.1)
    assert served == [1]


def test_an_address_whose_key_is_not_known_is_unreachable(start: Start, server: Link) -> None:
    def unknown(address: str) -> bytes:
        raise LookupError(address)

    client = start(Curve(CLIENT[0], CLIENT[1], CLIENT[1], str, unknown))

    with pytest.raises(Unreachable):
        client.call(server.address, "who", None, 5)


def test_what_cannot_travel_is_told_before_who_may_not(start: Start, server: Link) -> None:
    with pytest.raises(NotPackable):
        start(curve(STRANGER)).call(server.address, "who", object(), 5)


def test_the_secret_is_not_shown() -> None:
    assert CLIENT[1].decode() not in repr(curve(CLIENT))


class Gate:
    """A gatekeeper whose socket fails when it is told to, and a client that asks it."""

    def __init__(self, context: Context) -> None:
        self.gatekeeper = Gatekeeper(
            curve(SERVER, {CLIENT[0]: "w1@host"}), context, LimitedLog(LOGGER, MonotonicClock())
        )
        self._client = context.socket(zmq.REQ)
        self._client.setsockopt(zmq.LINGER, 0)
        self._client.setsockopt(zmq.REQ_RELAXED, 1)
        self._client.connect(GATE)
        self._running = gevent.spawn(self.gatekeeper.run)

    def fail_once(self, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
        """Let the next ``recv`` or ``send`` of the gatekeeper fail."""
        socket = self.gatekeeper._socket

        def fail(*args: object, **options: object) -> object:
            monkeypatch.undo()
            raise zmq.ZMQError(zmq.EFSM)

        monkeypatch.setattr(socket, call, fail)

    def ask(self, *frames: bytes) -> None:
        self._client.send_multipart(frames)

    def answer(self) -> list[bytes]:
        with gevent.Timeout(5, AssertionError("no answer")):
            answer: list[bytes] = self._client.recv_multipart()
        return answer

    def close(self) -> None:
        self._running.kill()
        self.gatekeeper.close()
        self._client.close()


@pytest.fixture
def gate() -> Iterator[Gate]:
    context = Context()
    gate = Gate(context)
    yield gate
    gate.close()
    context.destroy(linger=0)


ASKED = [b"1.0", b"7", DOMAIN, b"::1", b"", b"CURVE", z85.decode(CLIENT[0])]


class TestGatekeeper:
    """Sad: what goes wrong in front of it."""

    @pytest.mark.parametrize("call", ["recv", "send"])
    def test_it_goes_on_when_its_socket_fails(
        self, gate: Gate, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        gate.fail_once(monkeypatch, call)
        gate.ask(*ASKED)
        gate.ask(*ASKED)

        assert gate.answer() == [b"1.0", b"7", b"200", b"", CLIENT[0], b""]

    @pytest.mark.parametrize("frames", [[b""], [b"1.0", b"7"], ASKED[:5]])
    def test_it_goes_on_after_what_is_no_request(self, gate: Gate, frames: list[bytes]) -> None:
        gate.ask(*frames)

        gate.ask(*ASKED)

        assert gate.answer()[2] == b"200"
