"""The server outside of all nodes that stamps every hit."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from time import monotonic, monotonic_ns
from typing import Any

import gevent
import pytest

from crowsg.errors import NodeError
from crowsg.testing.oracle import FILE, Hits, Oracle, connect, read_hits
from tests.architecture.package import ROOT

pytestmark = pytest.mark.integration

WITHIN_S = 10.0


@pytest.fixture
def oracle(tmp_path: Path) -> Iterator[Oracle]:
    with Oracle(tmp_path) as oracle:
        yield oracle


@pytest.fixture
def hits(oracle: Oracle) -> Iterator[Hits]:
    connected = connect(oracle.address)
    yield connected
    connected.close()


def wait_for(condition: Callable[[], bool]) -> None:
    limit_s = monotonic() + WITHIN_S
    while not condition() and monotonic() < limit_s:
        gevent.sleep(0.01)
    assert condition()


def seen(oracle: Oracle, count: int) -> list[dict[str, Any]]:
    """Wait until the oracle has seen so many hits, and return all."""
    wait_for(lambda: len(oracle.hits()) >= count)
    return oracle.hits()


def test_a_hit_says_what_who_and_when(oracle: Oracle, hits: Hits) -> None:
    before_ns = monotonic_ns()
    hits.hit("begin", user=7, throttle="t")

    (hit,) = seen(oracle, 1)
    assert before_ns <= hit.pop("at") <= hit.pop("t") <= monotonic_ns()
    assert hit == {"pid": os.getpid(), "event": "begin", "user": 7, "throttle": "t"}


def test_what_a_connection_always_tells_is_in_each_hit(oracle: Oracle) -> None:
    hits = connect(oracle.address, node="worker1@here")
    hits.hit("a")
    hits.hit("b", node="other@here")
    hits.close()

    assert [hit["node"] for hit in seen(oracle, 2)] == ["worker1@here", "other@here"]


def test_a_hit_is_in_the_file_within_50_ms(oracle: Oracle, hits: Hits) -> None:
    hits.hit("first")
    seen(oracle, 1)

    hits.hit("second")
    gevent.sleep(0.05)

    assert len(oracle.hits()) == 2


def test_hits_of_many_users_stay_whole_and_in_order(oracle: Oracle, hits: Hits) -> None:
    def user(number: int) -> None:
        for each in range(200):
            hits.hit("step", user=number, step=each, padding="x" * 500)
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(user, number) for number in range(50)], raise_error=True)

    told = seen(oracle, 10_000)
    assert len(told) == 10_000
    for number in range(50):
        assert [hit["step"] for hit in told if hit["user"] == number] == list(range(200))


def test_hits_go_on_when_the_oracle_has_stood_still(oracle: Oracle, hits: Hits) -> None:
    hits.hit("first")
    seen(oracle, 1)
    process = oracle._process
    process.send_signal(signal.SIGSTOP)
    try:
        for each in range(20_000):
            hits.hit("step", step=each, padding="x" * 500)
    finally:
        process.send_signal(signal.SIGCONT)

    told = seen(oracle, 20_001)
    assert [hit["step"] for hit in told[1:]] == list(range(20_000))


@pytest.mark.wall_clock
def test_it_takes_20_000_hits_a_second(oracle: Oracle, hits: Hits) -> None:
    for each in range(20_000):
        hits.hit("step", user=each, throttle="greetings")

    told = seen(oracle, 20_000)
    assert told[-1]["t"] - told[0]["at"] < 1_000_000_000


def test_stamps_never_run_backwards(oracle: Oracle, hits: Hits) -> None:
    other = connect(oracle.address)
    for _ in range(100):
        hits.hit("a")
        other.hit("b")
        gevent.sleep(0)
    other.close()

    stamps = [hit["t"] for hit in seen(oracle, 200)]
    assert all(before <= after for before, after in pairwise(stamps))


def test_what_is_on_its_way_at_the_end_is_taken(tmp_path: Path) -> None:
    with Oracle(tmp_path) as oracle:
        hits = connect(oracle.address)
        for _ in range(1000):
            hits.hit("a")

    assert len(oracle.hits()) == 1000
    hits.close()


def test_it_serves_from_the_command_line_until_sigterm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "crowsg.testing.oracle", "--out", str(tmp_path / FILE)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        hits = connect(process.stdout.readline().strip())
        hits.hit("a")
        process.terminate()
        assert process.wait(WITHIN_S) == 0
    hits.close()

    assert [hit["event"] for hit in read_hits(tmp_path / FILE)] == ["a"]


def test_an_oracle_ends_with_the_one_who_started_it(tmp_path: Path) -> None:
    code = (
        "import os\nfrom pathlib import Path\nfrom crowsg.testing.oracle import Oracle\n"
        f"oracle = Oracle(Path({str(tmp_path)!r})).__enter__()\n"
        "print(oracle._process.pid, flush=True)\nos._exit(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    wait_for(lambda: not Path(f"/proc/{done.stdout.strip()}").exists())


def test_a_file_that_is_being_written_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"t":1,"event":"a"}\n{"t":2,"ev')

    assert list(read_hits(tmp_path / FILE)) == [{"t": 1, "event": "a"}]


# Sad cases.


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="another-protocol"),
        pytest.param(b'{"event":"cut of', id="half-a-line"),
        pytest.param(b"\n\n{}\n[]\n", id="no-hits"),
        pytest.param(b"x" * 200_000, id="no-end-of-line"),
    ],
)
def test_what_is_no_hit_is_left_out_and_harms_nobody(
    oracle: Oracle, hits: Hits, sent: bytes
) -> None:
    host, _, port = oracle.address.rpartition(":")
    with socket.create_connection((host, int(port))) as stranger:
        stranger.sendall(sent)
    hits.hit("a")

    assert [hit["event"] for hit in seen(oracle, 1)] == ["a"]


def test_a_hit_says_that_the_oracle_is_gone(tmp_path: Path) -> None:
    with Oracle(tmp_path) as oracle:
        hits = connect(oracle.address)

    # The first may go out before the system has heard of it.
    with suppress(OSError):
        hits.hit("a")
    gevent.sleep(0.1)

    for _ in range(2):
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            hits.hit("again")
    hits.close()


def test_nobody_there_is_an_error(tmp_path: Path) -> None:
    with Oracle(tmp_path) as oracle:
        address = oracle.address

    with pytest.raises(ConnectionRefusedError):
        connect(address)


def test_a_folder_that_is_not_there_is_an_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NodeError, match="did not start"), Oracle(tmp_path / "missing"):
        pass

    assert "No such file" in capfd.readouterr().err
