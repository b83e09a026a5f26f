"""On the real clock: timeouts come, and nothing keeps a process alive behind the last request."""

import subprocess
import sys
import time

import pytest

from crowsg.node import Node
from crowsg.protocols import http
from tests.protocols.http.peers import OK, always, silent, talking

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

PROGRAM = """
from gevent import monkey
monkey.patch_all()
import gevent
from gevent.server import StreamServer
import crowsg
from crowsg.protocols import http

def serve(sock, address):
    while sock.recv(65536):
        sock.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")

server = StreamServer(("127.0.0.1", 0), serve)
server.start()
with crowsg.Node():
    with http.Session(f"http://127.0.0.1:{server.server_port}", timeout=600) as session:
        assert session.get("/").ok
server.stop()
gevent.get_hub().join()
print("done")
"""


def test_a_timeout_comes_in_time() -> None:
    with Node(environment={}), talking(silent) as (_, session):
        began = time.monotonic()
        response = session.get("/", timeout=0.2)
        took = time.monotonic() - began

    assert response.error == "timeout"
    assert 0.2 <= response.elapsed <= took < 0.6


def test_a_request_in_time_is_not_interrupted_later() -> None:
    with Node(environment={}), talking(always(OK)) as (_, session):
        assert session.get("/", timeout=0.05).ok
        time.sleep(0.2)  # noqa: TID251 - what would come, comes now
        assert session.get("/").ok


def test_a_process_ends_behind_its_last_request() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=False
    )

    assert (done.returncode, done.stdout.strip()) == (0, "done"), done.stderr


def test_elapsed_is_what_the_operation_took() -> None:
    with Node(environment={}) as node, talking(always(OK)) as (_, session):
        response: http.Response = session.get("/", operation="op")
        recorded = node.recorder.operations["op"].ok.max_ns / 1e9

    assert 0 < response.elapsed <= recorded < response.elapsed + 0.01
