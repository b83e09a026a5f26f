"""Faults on order: ``CROWSG_FAILPOINTS``."""

import ast
import os
import signal
import subprocess
import sys
from time import monotonic

import pytest

from crowsg.errors import EXIT_USAGE, NodeError
from crowsg.failpoints import NAMES, VARIABLE, check_failpoints, failpoint, read_faults
from crowsg.node import Node
from tests.architecture.package import ROOT, modules


def happen(text: str, name: str = "before_beat") -> None:
    read_faults(text)[name].happen()


def child(faults: str, code: str) -> "subprocess.CompletedProcess[str]":
    """Run code in a process with faults on order."""
    return subprocess.run(
        [sys.executable, "-c", f"from crowsg.failpoints import failpoint\n{code}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, VARIABLE: faults},
        timeout=60,
    )


def places() -> list[str]:
    """Return the name in each call of ``failpoint`` in the package."""
    return [
        ast.literal_eval(node.args[0])
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "failpoint"
    ]


def test_every_place_in_the_code_can_be_ordered_and_every_name_has_one_place() -> None:
    assert sorted(places()) == sorted(NAMES)


def test_nothing_happens_where_nothing_is_ordered() -> None:
    failpoint("before_beat")


def test_nothing_is_ordered_by_an_empty_text() -> None:
    assert not read_faults(" ; ")


def test_each_place_has_its_own_fault() -> None:
    faults = read_faults("before_beat=raise(a); after_begin = raise(b)")

    with pytest.raises(RuntimeError, match="b"):
        faults["after_begin"].happen()


def test_a_fault_happens_each_time() -> None:
    fault = read_faults("before_beat=raise(no luck)")["before_beat"]

    for _ in range(3):
        with pytest.raises(RuntimeError, match="no luck"):
            fault.happen()


def test_a_counted_fault_happens_so_often_and_no_more() -> None:
    fault = read_faults("before_beat=2*raise(no luck)")["before_beat"]

    for _ in range(2):
        with pytest.raises(RuntimeError):
            fault.happen()
    fault.happen()


def test_sleep_takes_its_time() -> None:
    began_s = monotonic()

    happen("before_beat=sleep(0.01)")

    assert monotonic() - began_s >= 0.01


def test_a_text_may_hold_brackets_and_signs() -> None:
    with pytest.raises(RuntimeError) as raised:
        happen("before_beat=raise(a(b)=c*)")

    assert str(raised.value) == "a(b)=c*"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("action", "returncode"),
    [
        pytest.param("exit(9)", 9, id="exit"),
        pytest.param("kill", -signal.SIGKILL, id="kill"),
        pytest.param("3*exit(0)", 0, id="counted"),
    ],
)
def test_a_process_is_ended(action: str, returncode: int) -> None:
    done = child(f"before_beat={action}", "failpoint('before_beat')\nprint('still there')")

    assert (done.returncode, done.stdout) == (returncode, "")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("action", "others_run"),
    [pytest.param("block(0.2)", False, id="block"), pytest.param("sleep(0.2)", True, id="sleep")],
)
def test_block_stops_the_loop_and_sleep_does_not(action: str, others_run: bool) -> None:
    code = "\n".join(
        (
            "import gevent",
            "ran = []",
            "gevent.spawn(lambda: [ran.append(gevent.sleep(0.01)) for _ in range(5)])",
            "gevent.sleep(0)",
            "failpoint('before_beat')",
            "print(len(ran) >= 3)",
        )
    )

    assert child(f"before_beat={action}", code).stdout.strip() == str(others_run)


@pytest.mark.integration
def test_hang_keeps_its_greenlet_for_ever() -> None:
    code = "\n".join(
        (
            "import gevent",
            "hanging = gevent.spawn(failpoint, 'before_beat')",
            "gevent.sleep(0.1)",
            "print(hanging.ready())",
        )
    )

    assert child("before_beat=hang", code).stdout.strip() == "False"


@pytest.mark.integration
def test_the_command_says_what_is_wrong_and_runs_nothing() -> None:
    command = [sys.executable, "-m", "crowsg", "run", "scenarios/crows.py"]
    environment = {**os.environ, VARIABLE: "before_lunch=kill"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment, timeout=60
    )

    assert done.returncode == EXIT_USAGE
    assert "there is no failpoint before_lunch" in done.stderr


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("before_beat", "is no failpoint: try", id="no-action"),
        pytest.param("=kill", "is no failpoint: try", id="no-name"),
        pytest.param("before_beat=", "is no failpoint: try", id="empty-action"),
        pytest.param("before_beat=-1*kill", "is no failpoint: try", id="negative-count"),
        pytest.param("before_lunch=kill", "there is no failpoint before_lunch", id="unknown-name"),
        pytest.param("before_beat=dance", "there are block, exit", id="unknown-action"),
        pytest.param("before_beat=sleep", "it takes seconds", id="no-seconds"),
        pytest.param("before_beat=sleep(soon)", "it takes seconds", id="word-for-seconds"),
        pytest.param("before_beat=block(-1)", "it takes seconds", id="negative-seconds"),
        pytest.param("before_beat=sleep(nan)", "it takes seconds", id="nan"),
        pytest.param("before_beat=sleep(1e9)", "it takes seconds", id="too-long"),
        pytest.param("before_beat=exit", "it takes an exit code", id="no-code"),
        pytest.param("before_beat=exit(256)", "it takes an exit code", id="code-too-high"),
        pytest.param("before_beat=exit(a)", "it takes an exit code", id="word-for-code"),
        pytest.param("before_beat=raise", "it takes a text", id="no-text"),
        pytest.param("before_beat=kill(9)", "it takes nothing", id="kill-with-argument"),
        pytest.param("before_beat=hang(9)", "it takes nothing", id="hang-with-argument"),
        pytest.param("before_beat=kill;oops", "'oops' is no failpoint", id="second-part"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused(text: str, why: str) -> None:
    with pytest.raises(NodeError, match=why):
        read_faults(text)


def test_a_node_refuses_to_start_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "before_lunch=kill")

    with pytest.raises(NodeError, match="before_lunch"):
        Node().start()


def test_what_can_be_read_passes_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "before_beat=kill")

    check_failpoints()
