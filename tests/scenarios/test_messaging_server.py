import contextlib
import json
import signal
import socket
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import messaging_server
import pytest
from messaging_frames import Frames

pytestmark = pytest.mark.integration

PROGRAM = Path(__file__).parents[2] / "scenarios" / "messaging_server.py"
PATIENCE = 10


class Server:
    """The program in a process of its own."""

    def __init__(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "--port", "0", *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.ready: dict[str, Any] = json.loads(self.process.stdout.readline())

    @property
    def address(self) -> tuple[str, int]:
        return self.ready["host"], self.ready["port"]

    def stop(self) -> dict[str, int]:
        """Stop it and return its counters; it must have nothing to complain about."""
        self.process.send_signal(signal.SIGTERM)
        return self.last_words()

    def last_words(self) -> dict[str, int]:
        output, errors = self.process.communicate(timeout=PATIENCE)
        assert (self.process.returncode, errors) == (0, "")
        counts: dict[str, int] = json.loads(output)
        return counts

    def kill(self) -> None:
        self.process.kill()
        if self.process.stdout and not self.process.stdout.closed:
            self.process.communicate()


class Client:
    """A connection to the server that reads whole objects."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.frames = Frames()
        self.inbox: deque[bytes] = deque()

    def send(self, data: bytes | dict[str, Any]) -> None:
        self.sock.sendall(data if isinstance(data, bytes) else json.dumps(data).encode())

    def read(self) -> bytes:
        """Return the next object, byte for byte; fail at the end of the stream."""
        while not self.inbox:
            data = self.sock.recv(65536)
            assert data, "the server closed the connection"
            self.inbox += self.frames.feed(data)
        return self.inbox.popleft()

    def ask(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.send(payload)
        answer: dict[str, Any] = json.loads(self.read())
        return answer

    def is_closed(self) -> bool:
        """Tell whether the server closes without sending anything more."""
        try:
            return not self.inbox and self.sock.recv(65536) == b""
        except (ConnectionResetError, BrokenPipeError):
            return True

    def hears_nothing(self, user_id: object) -> bool:
        """Tell whether nothing has come, by what the server handles last."""
        own = {"from": user_id, "to": user_id, "text": "is there more?"}
        return self.ask(own) == own

    def leave(self) -> None:
        """Leave so that the server is known to have noticed."""
        self.sock.shutdown(socket.SHUT_WR)
        assert self.is_closed()


class Connect(Protocol):
    def __call__(self, user_id: object = None, **options: int) -> Client: ...


@pytest.fixture
def server() -> Iterator[Server]:
    with _running() as server:
        yield server


@contextmanager
def _running(*arguments: str, stdin: int = subprocess.DEVNULL) -> Iterator[Server]:
    server = Server(*arguments, stdin=stdin)
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def connect(server: Server) -> Iterator[Connect]:
    with ExitStack() as sockets:

        def connect(user_id: object = None, **options: int) -> Client:
            sock = sockets.enter_context(socket.socket())
            sock.settimeout(PATIENCE)
            if "receive_buffer" in options:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options["receive_buffer"])
            sock.connect(server.address)
            client = Client(sock)
            if user_id is not None:
                assert client.ask({"connect": user_id}) == {"connected": user_id}
            return client

        yield connect


def _counts(**changed: int) -> dict[str, int]:
    names = ("connections", "rejected", "routed", "dropped", "closed_malformed", "closed_slow")
    return dict.fromkeys(names, 0) | changed


# Connecting


@pytest.mark.parametrize("user_id", [1, 0, -5, 10**30, "ann", "", "Ünal 🐦"])
def test_a_user_is_let_in(user_id: object, connect: Connect) -> None:
    assert connect().ask({"connect": user_id}) == {"connected": user_id}


def test_a_number_and_its_text_are_two_users(connect: Connect) -> None:
    connect(1)

    assert connect().ask({"connect": "1"}) == {"connected": "1"}


def test_a_taken_id_is_rejected_and_its_holder_undisturbed(connect: Connect) -> None:
    holder, late = connect(1), connect()

    assert late.ask({"connect": 1}) == {"rejected": "duplicate"}
    assert late.is_closed()
    assert holder.hears_nothing(1)


@pytest.mark.parametrize("wanted", [None, True, 1.0, 1.5, [], [1], {}, {"id": 1}])
def test_what_is_no_id_is_rejected(wanted: object, connect: Connect) -> None:
    client = connect()

    assert client.ask({"connect": wanted}) == {"rejected": "invalid id"}
    assert client.is_closed()


@pytest.mark.parametrize(("again", "reason"), [(1, "duplicate"), (2, "already connected")])
def test_a_second_connect_ends_the_connection(again: int, reason: str, connect: Connect) -> None:
    client = connect(1)

    assert client.ask({"connect": again}) == {"rejected": reason}
    assert client.is_closed()
    assert connect().ask({"connect": 1}) == {"connected": 1}


def test_what_follows_a_rejection_is_not_served(server: Server, connect: Connect) -> None:
    connect(1)
    late = connect()

    late.send(b'{"connect":1}{"connect":2}{"from":2,"to":1}')

    assert json.loads(late.read()) == {"rejected": "duplicate"}
    assert late.is_closed()
    assert server.stop() == _counts(connections=2, rejected=1)


def test_leaving_frees_the_id(connect: Connect) -> None:
    connect(1).leave()

    assert connect().ask({"connect": 1}) == {"connected": 1}


def test_a_reset_frees_the_id(connect: Connect) -> None:
    client = connect(1)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sock.close()

    assert connect().ask({"connect": 1}) == {"connected": 1}


# Routing


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b'{"from":1,"to":2}', id="bare"),
        pytest.param(b'{ "to" : 2 ,\r\n\t"x":[1.50,1E5,{}], "from":1 }', id="spaced, other order"),
        pytest.param('{"from":1,"to":2,"text":"Ünal 🐦"}'.encode(), id="characters of many bytes"),
        pytest.param(rb'{"from":1,"to":2,"text":"\u00fc\/\"}{"}', id="escapes"),
        pytest.param(b'{"from":9,"from":1,"to":2}', id="the last of two counts"),
    ],
)
def test_a_message_arrives_byte_for_byte(message: bytes, connect: Connect) -> None:
    sender, receiver = connect(1), connect(2)

    sender.send(b" " + message + b"\n")

    assert receiver.read() == message


def test_a_message_in_single_bytes_arrives(connect: Connect) -> None:
    sender, receiver = connect(1), connect(2)
    message = '{"from":1,"to":2,"text":"é}"}'.encode()

    for place in range(len(message)):
        sender.send(message[place : place + 1])

    assert receiver.read() == message


def test_many_messages_in_one_segment_arrive_in_order(connect: Connect) -> None:
    sender, receiver = connect(1), connect(2)
    messages = [b'{"from":1,"to":2,"n":%d}' % number for number in range(1000)]

    sender.send(b"".join(messages))

    assert [receiver.read() for _ in messages] == messages


def test_an_object_of_64_kib_arrives(connect: Connect) -> None:
    sender, receiver = connect(1), connect(2)
    message = b'{"from":1,"to":2,"text":"%s"}'
    message %= b"x" * (65536 - len(message) + 2)

    sender.send(message)

    assert receiver.read() == message
    assert len(message) == 65536


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"{}", id="empty"),
        pytest.param(b'{"from":3,"to":2}', id="somebody else's id"),
        pytest.param(b'{"from":2,"to":2}', id="the receiver's id"),
        pytest.param(b'{"from":"1","to":2}', id="own id as text"),
        pytest.param(b'{"from":true,"to":2}', id="true is not 1"),
        pytest.param(b'{"from":1.0,"to":2}', id="1.0 is not 1"),
        pytest.param(b'{"from":[1],"to":2}', id="from a list"),
        pytest.param(b'{"to":2}', id="no sender"),
        pytest.param(b'{"from":1}', id="no receiver"),
        pytest.param(b'{"from":1,"to":3}', id="receiver not connected"),
        pytest.param(b'{"from":1,"to":"2"}', id="receiver as text"),
        pytest.param(b'{"from":1,"to":2.0}', id="receiver as float"),
        pytest.param(b'{"from":1,"to":[2]}', id="to a list"),
        pytest.param(b'{"from":1,"to":null}', id="to nobody"),
    ],
)
def test_what_cannot_be_routed_is_dropped(message: bytes, server: Server, connect: Connect) -> None:
    sender, receiver = connect(1), connect(2)

    sender.send(message)

    assert sender.hears_nothing(1)
    assert receiver.hears_nothing(2)
    assert server.stop() == _counts(connections=2, routed=2, dropped=1)


@pytest.mark.parametrize("sender", [b"1", b"2", b"null"])
def test_what_is_sent_before_connecting_is_dropped(
    sender: bytes, server: Server, connect: Connect
) -> None:
    receiver, early = connect(2), connect()

    early.send(b'{"from":%s,"to":2}' % sender)

    assert early.ask({"connect": 1}) == {"connected": 1}
    assert receiver.hears_nothing(2)
    assert server.stop() == _counts(connections=2, routed=1, dropped=1)


def test_a_message_to_one_who_left_is_dropped(server: Server, connect: Connect) -> None:
    sender, receiver = connect(1), connect(2)
    receiver.leave()

    sender.send({"from": 1, "to": 2})

    assert sender.hears_nothing(1)
    assert server.stop() == _counts(connections=2, routed=1, dropped=1)


# Breaking the rules


@pytest.mark.parametrize(
    "junk",
    [
        pytest.param(b"[]", id="list"),
        pytest.param(b"17 ", id="number"),
        pytest.param(b'"text"', id="text"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="another protocol"),
        pytest.param(b"}", id="closing brace"),
        pytest.param(b'{"from":1,}', id="trailing comma"),
        pytest.param(b'{"from":NaN}', id="NaN"),
        pytest.param(b'{"text":"\xff"}', id="no UTF-8"),
        pytest.param(b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}", id="too deep"),
        pytest.param(b'{"text":"' + b"x" * 65536 + b'"}', id="too large"),
        pytest.param(b'{"text":"' + b"x" * 65536, id="too large and unfinished"),
        pytest.param(b'{"text":"' + b"x" * 10_000_000, id="far too large"),
    ],
)
def test_malformed_data_ends_that_connection_alone(
    junk: bytes, server: Server, connect: Connect
) -> None:
    witness, client = connect(1), connect(2)

    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        client.send(junk)

    assert client.is_closed()
    assert connect().ask({"connect": 2}) == {"connected": 2}
    assert witness.hears_nothing(1)
    assert server.stop() == _counts(connections=3, routed=1, closed_malformed=1)


def test_what_came_whole_before_malformed_data_is_served(connect: Connect) -> None:
    sender, receiver = connect(1), connect(2)

    sender.send(b'{"from":1,"to":2}]{"from":1,"to":2}')

    assert receiver.read() == b'{"from":1,"to":2}'
    assert sender.is_closed()
    assert receiver.hears_nothing(2)


def test_leaving_in_the_middle_of_an_object_is_just_leaving(
    server: Server, connect: Connect
) -> None:
    client = connect(1)

    client.send(b'{"from":1,')

    client.leave()
    assert server.stop() == _counts(connections=1)


def test_who_does_not_read_is_disconnected(server: Server, connect: Connect) -> None:
    sender, _reader = connect(1), connect(2, receive_buffer=4096)
    message = json.dumps({"from": 1, "to": 2, "text": "x" * 60_000}).encode()

    for _ in range(400):  # 24 MB, more than the system buffers for a connection
        sender.send(message)

    assert sender.hears_nothing(1)
    assert connect().ask({"connect": 2}) == {"connected": 2}
    counts = server.stop()
    assert counts["closed_slow"] == 1
    assert counts["dropped"] > 0
    assert counts["routed"] + counts["dropped"] == 401


# The program


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it(number: signal.Signals, server: Server, connect: Connect) -> None:
    client = connect(1)

    server.process.send_signal(number)

    assert server.last_words() == _counts(connections=1)
    assert client.is_closed()


def test_the_end_of_its_input_stops_it_if_it_is_told_so() -> None:
    with _running("--until-stdin-closes", stdin=subprocess.PIPE) as server:
        assert server.last_words() == _counts()  # communicate closes it


def test_it_ignores_what_comes_on_its_input() -> None:
    with _running("--until-stdin-closes", stdin=subprocess.PIPE) as server:
        assert server.process.stdin is not None
        server.process.stdin.write("a line\n")
        server.process.stdin.flush()

        socket.create_connection(server.address, PATIENCE).close()
        assert server.stop()["closed_malformed"] == 0


def test_nobody_left_to_read_its_counters_is_no_error() -> None:
    with _running("--until-stdin-closes", stdin=subprocess.PIPE) as server:
        for stream in (server.process.stdout, server.process.stdin):
            assert stream is not None
            stream.close()

        assert server.process.wait(PATIENCE) == 0
        assert server.process.stderr is not None
        with server.process.stderr as errors:
            assert errors.read() == ""


def test_it_says_where_it_listens() -> None:
    with _running("--host", "localhost") as server:
        assert server.ready["host"] in ("127.0.0.1", "::1")
        socket.create_connection(server.address, PATIENCE).close()


def test_it_counts(server: Server, connect: Connect) -> None:
    first, second, third = connect(1), connect(2), connect()
    first.send(b'{"from":1,"to":2}{"from":1,"to":3}')
    second.read()
    third.ask({"connect": 2})
    second.send(b"?")
    assert second.is_closed()

    assert server.stop() == _counts(
        connections=3, rejected=1, routed=1, dropped=1, closed_malformed=1
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--port", "65536"], "'65536' is not a number from 0 to 65535"),
        (["--port", "-1"], "'-1' is not a number from 0 to 65535"),
        (["--port", "http"], "'http' is not a number from 0 to 65535"),
        (["--port"], "expected one argument"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1 port 0: "),
    ],
)
def test_bad_arguments_are_refused_in_one_line(arguments: list[str], complaint: str) -> None:
    _assert_refused(["--port", "0", *arguments], complaint)


def test_a_port_in_use_is_refused_in_one_line(server: Server) -> None:
    port = server.address[1]

    _assert_refused(["--port", str(port)], f"cannot listen on 127.0.0.1 port {port}: ")


def _assert_refused(arguments: list[str], complaint: str) -> None:
    command = [sys.executable, str(PROGRAM), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("messaging_server.py: error: ")
    assert complaint in ended.stderr
    assert ended.stderr.count("\n") == 1


# Starting it from a program


def test_launch_and_end_return_address_and_counters() -> None:
    process, address = messaging_server.launch(PATIENCE)
    socket.create_connection((address["host"], address["port"]), PATIENCE).close()

    assert messaging_server.end(process, PATIENCE).keys() == _counts().keys()


def test_end_reports_a_server_that_died() -> None:
    process, _ = messaging_server.launch(PATIENCE)
    process.kill()

    with pytest.raises(RuntimeError, match="exit code -9"):
        messaging_server.end(process, PATIENCE)


def test_end_kills_a_server_that_does_not_end() -> None:
    process, _ = messaging_server.launch(PATIENCE)
    process.send_signal(signal.SIGSTOP)

    with pytest.raises(RuntimeError, match="exit code -9"):
        messaging_server.end(process, 0.1)


def test_launch_reports_a_server_that_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('broken')")
    monkeypatch.setattr(messaging_server, "__file__", str(broken))

    with pytest.raises(RuntimeError, match="does not listen"):
        messaging_server.launch(PATIENCE)
