"""A process that cannot go on says why and ends, whatever holds it."""

import subprocess
import sys
import time

import pytest

from tests.support.full_pipe import full_pipe

PATIENCE_S = 20.0

END = """
from gevent import monkey
monkey.patch_all()
import gevent
from crowsg.ending import end_process
"""

CASES = {
    "main": "end_process('beat has died')",
    "greenlet": "gevent.spawn(end_process, 'beat has died').join()",
    "native-thread": """
monkey.get_original('_thread', 'start_new_thread')(end_process, ('beat has died',))
while True: pass
""",
    "cleaning-up": """
try:
    end_process('beat has died')
finally:
    print('cleaned up')
""",
}


def run(code: str, **options: object) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-c", END + code], timeout=PATIENCE_S, check=False, **options
    )


@pytest.mark.parametrize("code", CASES.values(), ids=CASES)
def test_the_reason_is_said_and_the_code_is_5(code: str) -> None:
    ended = run(code, capture_output=True)

    assert (ended.returncode, ended.stdout) == (5, b"")
    assert ended.stderr == b"error: beat has died\n"


@pytest.mark.wall_clock
def test_a_stderr_that_nobody_reads_does_not_hold_it() -> None:
    began = time.monotonic()

    with full_pipe() as writer:
        ended = run("end_process('x')", stderr=writer)

    assert ended.returncode == 5
    assert time.monotonic() - began < PATIENCE_S / 2


def test_without_a_stderr_it_just_ends() -> None:
    ended = run("import os, sys; sys.__stderr__ = None; end_process('x')", capture_output=True)

    assert (ended.returncode, ended.stderr) == (5, b"")


@pytest.mark.wall_clock
def test_a_node_that_cannot_keep_a_loop_running_ends_its_process() -> None:
    """R37."""
    ended = run(
        """
import crowsg
with crowsg.Node() as node:
    node.keep("beat", lambda: 1 / 0)
    gevent.sleep(15)
""",
        capture_output=True,
    )

    assert ended.returncode == 5
    assert ended.stderr.count(b"the loop beat has died: ZeroDivisionError") == 3
    assert ended.stderr.splitlines()[-1] == (
        b"error: beat has died 3 times within 60 s, the last time: "
        b"ZeroDivisionError: division by zero"
    )
