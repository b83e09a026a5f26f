"""Users write to their neighbours and answer what they are written, as in amoc's messaging demo.

It starts ``messaging_server.py`` by itself, on the loopback interface; for nodes on several
machines start that by hand and give ``host`` and ``port``.

Not every message arrives, and the summary says why. The server drops what is for a neighbour that
has not connected yet or has left: messages_sent + answers_sent = server_routed + server_dropped.
It may route to a user that is just leaving: messages_received + answers_received <= server_routed.

Two operations are timed: ``connect``, until the server has let the user in, and ``delivery``, from
the sending of a message to its receipt - by the monotonic clock, so sender and receiver must be on
one machine.
"""

import json
import random
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from messaging_frames import Frames
from messaging_server import Process, end, launch

from crowsg import Variable, config, metrics

PATIENCE = 10  # s for the server to answer, while thousands of users may be connecting
QUIET = 3  # s without a message after which a user that has sent all of its own leaves


def at_least_one(value: object) -> bool:
    """Tell whether a setting is a number of neighbours."""
    return type(value) is int and value >= 1


required_variables = [
    Variable("host", "the messaging server; without it one is started", default=None),
    Variable("port", "its TCP port; counts only with host", 8888, range(1, 65536)),
    Variable("number_of_neighbours", "on either side of a user", 2, at_least_one),
]

COUNTERS = {
    "messages_sent": "Messages that users wrote of their own.",
    "messages_received": "Such messages that arrived.",
    "answers_sent": "Answers to such messages.",
    "answers_received": "Answers that arrived.",
    "server_routed": "Messages and answers the server passed on.",
    "server_dropped": "Messages and answers for users that were not connected.",
}

own_server: list[Process] = []  # at most one, from setup to teardown


def setup() -> Mapping[str, Any] | None:
    """Start a server in a process of its own, unless one is given."""
    if config.get("host") is not None:
        return None
    process, address = launch(PATIENCE)
    own_server.append(process)
    return address


def teardown() -> None:
    """End the server that ``setup`` started and count what it counted."""
    while own_server:
        counts = end(own_server.pop(), PATIENCE)
        metrics.count("server_routed", counts["routed"])
        metrics.count("server_dropped", counts["dropped"])


def init() -> tuple[str, int]:
    """Declare, once per node, what is counted, and look up where the server is."""
    for name, help in COUNTERS.items():
        metrics.declare("counter", name, help)
    return config.get("host"), config.get("port")


def start(user_id: int, address: tuple[str, int]) -> None:
    """Be one user, from connecting to leaving."""
    reach = config.get("number_of_neighbours")
    around = range(max(1, user_id - reach), user_id + reach + 1)
    with connected(user_id, address) as peer:
        converse(peer, user_id, [neighbour for neighbour in around if neighbour != user_id])


def converse(peer: "Peer", user_id: int, neighbours: list[int]) -> None:
    """Write 21 to 30 messages, about one a second, and answer until nobody writes any more."""
    left = random.randint(21, 30)
    beat = leave_at = time.monotonic() + random.random()
    while left or time.monotonic() < leave_at:
        if left and time.monotonic() >= beat:
            peer.send({"from": user_id, "to": random.choice(neighbours), "text": "how are you?"})
            metrics.count("messages_sent")
            left -= 1
            beat += random.uniform(0.8, 1.2)  # so that users do not march in step
            leave_at = time.monotonic() + QUIET
        if message := peer.receive(until=beat if left else leave_at):
            react(peer, message)
            leave_at = time.monotonic() + QUIET


def react(peer: "Peer", message: dict[str, Any]) -> None:
    """Answer a message, unless it is an answer."""
    metrics.observe("delivery", time.monotonic() - message["sent"])
    if message.get("answer"):
        metrics.count("answers_received")
    else:
        metrics.count("messages_received")
        peer.send({"from": message["to"], "to": message["from"], "text": "fine", "answer": True})
        metrics.count("answers_sent")


class Peer:
    """The server, as one user sees it: JSON objects over a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.frames = Frames()
        self.inbox: deque[dict[str, Any]] = deque()

    def send(self, payload: dict[str, Any]) -> None:
        """Send one object, stamped with the time; blocks at most PATIENCE."""
        self.sock.settimeout(PATIENCE)
        self.sock.sendall(json.dumps({**payload, "sent": time.monotonic()}).encode())

    def receive(self, until: float) -> dict[str, Any] | None:
        """Return the next object, None if none came ``until`` then (s, monotonic)."""
        while not self.inbox and (left := until - time.monotonic()) > 0:
            self.sock.settimeout(left)
            with suppress(TimeoutError):
                data = self.sock.recv(65536)
                if not data:
                    raise ConnectionError("the server closed the connection")
                self.inbox += [json.loads(frame) for frame in self.frames.feed(data)]
        return self.inbox.popleft() if self.inbox else None


@contextmanager
def connected(user_id: int, address: tuple[str, int]) -> Iterator[Peer]:
    """Connect and be let in by the server; leave in order, also when the user is stopped."""
    with ExitStack() as cleanup:
        with metrics.time("connect"):
            sock = cleanup.enter_context(socket.create_connection(address, timeout=PATIENCE))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(sock)
            peer.send({"connect": user_id})
            answer = peer.receive(until=time.monotonic() + PATIENCE)
            if answer != {"connected": user_id}:
                raise ConnectionError(f"user {user_id} was not let in: {answer or 'no answer'}")
        cleanup.callback(leave, sock)
        yield peer


def leave(sock: socket.socket) -> None:
    """Close after the server has read all: with something unread a close may undo what was sent."""
    with suppress(OSError):
        sock.settimeout(1)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
