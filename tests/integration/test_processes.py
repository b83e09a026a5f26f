"""Worker processes for real: what they say, how they end, and that none is ever left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest

from crowsg.errors import NodeError
from crowsg.processes import WorkerExit, Workers

pytestmark = [pytest.mark.integration, pytest.mark.wall_clock]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0
GONE_WITHIN_S = 2.0

PATCHED = "from gevent import monkey; monkey.patch_all()\n"
# What `crowsg node --parent` does first.
BOUND = f"""{PATCHED}
import gc, os, sys, gevent
from crowsg.processes import end_with_parent
end_with_parent(int(sys.argv[1]))
gc.collect()
print("ready", os.getpid(), flush=True)
"""
SLEEPING = BOUND + "gevent.sleep(1000)"
SPINNING = BOUND + "while True: pass"
# One of the two ends of its pipe is the test's: only the kernel can tell a child of this one.
PARENT_OF_ONE = f"""
import os, subprocess, sys
subprocess.run([sys.executable, "-c", {SLEEPING!r}, str(os.getpid())])
"""
PARENT_OF_MANY = f"""{PATCHED}
import os, sys
from crowsg.processes import Workers
workers = Workers(
    ["w1@h", "w2@h"], lambda name: [sys.executable, "-c", {SLEEPING!r}, str(os.getpid())],
    lambda line: print(line, flush=True),
)
workers.start()
workers.wait_exits()
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code, str(os.getpid())]


def process(code: str, stdin: int = subprocess.PIPE) -> "subprocess.Popen[str]":
    return subprocess.Popen(python(code), cwd=ROOT, stdin=stdin, stdout=subprocess.PIPE, text=True)


def next_pid(parent: "subprocess.Popen[str]") -> int:
    """Wait for a child to say that it is ready."""
    assert parent.stdout is not None
    return int(parent.stdout.readline().split()[-1])


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # Whoever inherits orphans need not ask for their exit codes at once.
    return status.rpartition(")")[2].split()[0] != "Z"


def until(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    end_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_s, f"not so in {seconds} s"
        gevent.sleep(0.02)


def close(parent: "subprocess.Popen[str]") -> None:
    parent.kill()
    parent.wait(PATIENCE_S)
    for pipe in (parent.stdin, parent.stdout):
        if pipe is not None:
            pipe.close()


class Flock:
    """Starts workers that run code given by name, and keeps what they say and how they end."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.exits: list[WorkerExit] = []
        self.ends: list[WorkerExit] = []
        self.started: list[Workers] = []

    def start(self, environment: dict[str, str] | None = None, **codes: str) -> Workers:
        workers = Workers(
            codes,
            lambda name: python(codes[name]),
            self.said.append,
            self.exits.append,
            environment,
            self.ends.append,
        )
        self.started.append(workers)
        workers.start()
        return workers

    def until_said(self, words: str) -> None:
        until(lambda: any(words in line for line in self.said))


@pytest.fixture
def flock() -> Iterator[Flock]:
    flock = Flock()
    yield flock
    for workers in flock.started:
        workers.stop(0)


def test_a_child_is_gone_when_its_parent_is_killed() -> None:
    """R35: within 2 s."""
    parent = process(PARENT_OF_MANY)
    try:
        children = [next_pid(parent), next_pid(parent)]
        assert all(map(is_alive, children))

        parent.kill()

        until(lambda: not any(map(is_alive, children)), GONE_WITHIN_S)
    finally:
        close(parent)


@pytest.mark.parametrize("code", [SLEEPING, SPINNING], ids=["idle", "blocked-loop"])
def test_the_end_of_its_stdin_ends_a_child_whatever_its_loop_does(code: str) -> None:
    """R35: where the kernel does not tell."""
    child = process(code)
    try:
        next_pid(child)
        assert child.stdin is not None

        child.stdin.close()

        assert child.wait(GONE_WITHIN_S) == -signal.SIGKILL
    finally:
        close(child)


def test_the_kernel_ends_a_child_even_while_somebody_holds_its_stdin_open() -> None:
    """R35: where its stdin does not tell."""
    reader, writer = os.pipe()
    parent = process(PARENT_OF_ONE, stdin=reader)
    try:
        child = next_pid(parent)

        parent.kill()

        until(lambda: not is_alive(child), GONE_WITHIN_S)
    finally:
        close(parent)
        os.close(reader)
        os.close(writer)


def test_a_child_whose_parent_was_gone_before_it_could_ask_ends_at_once() -> None:
    """R35: it is too late to be told."""
    code = BOUND.replace("int(sys.argv[1])", "int(sys.argv[1]) + 1")
    child = process(code)
    try:
        assert child.wait(PATIENCE_S) == -signal.SIGKILL
    finally:
        close(child)


def test_a_child_that_is_done_is_not_held_back_by_watching_its_parent() -> None:
    child = process(BOUND)
    try:
        assert child.wait(PATIENCE_S) == 0
    finally:
        close(child)


def test_the_code_of_a_child_finds_its_stdin_empty() -> None:
    child = process(BOUND + "print(repr(sys.stdin.read()), flush=True)")
    try:
        next_pid(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "''\n"
    finally:
        close(child)


def test_what_workers_print_is_relayed_with_their_names(flock: Flock) -> None:
    code = "import sys; print('{0}', file=sys.{0})"

    flock.start(a=code.format("stderr"), b=code.format("stdout")).wait_exits(PATIENCE_S)

    assert sorted(flock.said) == ["a: stderr", "b: stdout"]


def test_what_workers_print_cannot_move_the_cursor(flock: Flock) -> None:
    flock.start(a=r"print('\x1b[2Jcaw\a')").wait_exits(PATIENCE_S)

    assert flock.said == ["a:  [2Jcaw "]


def test_a_line_without_end_is_relayed_in_pieces(flock: Flock) -> None:
    flock.start(a="print('x' * 10_000)").wait_exits(PATIENCE_S)

    assert [len(line) for line in flock.said] == [3 + 4096, 3 + 4096, 3 + 10_000 - 2 * 4096]


# Not quite without end, so that the test has one when it fails.
FLOODING = """
import os, time
end = time.monotonic() + 5
while time.monotonic() < end:
    os.write(1, b"caw\\n" * 10_000)
"""


def test_whoever_prints_without_end_does_not_keep_the_loop_from_others(flock: Flock) -> None:
    flock.start(a=FLOODING)
    flock.until_said("caw")
    began = time.monotonic()

    for _ in range(100):
        gevent.sleep(0)

    assert time.monotonic() - began < 1
    assert flock.started[0].running == ["a"]


def test_a_crash_is_reported_with_the_last_lines(flock: Flock) -> None:
    flock.start(a="import sys; print('one'); sys.exit('error: no such thing')")

    until(lambda: bool(flock.exits))
    (exit_,) = flock.exits
    assert (exit_.name, exit_.returncode, exit_.was_asked) == ("a", 1, False)
    assert sorted(exit_.last_lines) == ["error: no such thing", "one"]


def test_only_the_last_five_lines_are_kept(flock: Flock) -> None:
    workers = flock.start(a="for number in range(9): print(number)")
    workers.wait_exits(PATIENCE_S)

    assert workers.exits[0].last_lines == ("4", "5", "6", "7", "8")


def test_a_child_of_a_worker_that_lives_on_does_not_delay_the_report(flock: Flock) -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
    workers = flock.start(a=f"{code}; raise SystemExit(3)")

    assert workers.wait_exits(PATIENCE_S)

    os.kill(int(flock.said[0].split()[-1]), signal.SIGKILL)
    assert workers.exits[0].returncode == 3


def test_a_child_of_a_worker_that_lives_on_does_not_delay_the_word_of_its_end(flock: Flock) -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
    workers = flock.start(a=f"{code}; raise SystemExit(3)")

    until(lambda: bool(flock.ends))
    told, exits, running = list(flock.ends), list(flock.exits), workers.running

    assert workers.wait_exits(PATIENCE_S)
    os.kill(int(flock.said[0].split()[-1]), signal.SIGKILL)
    assert (told, exits, running) == ([WorkerExit("a", 3, (), was_asked=False)], [], [])


def test_a_worker_can_be_started_again_the_moment_it_has_ended(flock: Flock) -> None:
    workers = flock.start(a="print('caw')")
    until(lambda: bool(flock.ends))

    workers.start_again("a")

    assert workers.running == ["a"]
    assert workers.wait_exits(PATIENCE_S)
    assert [exit_.last_lines for exit_ in flock.exits] == [("caw",)] * 2


def test_the_others_go_on_when_one_ends(flock: Flock) -> None:
    workers = flock.start(a="", b=SLEEPING)
    flock.until_said("b: ready")

    until(lambda: workers.running == ["b"])
    assert not workers.wait_exits(0)


GRACEFUL = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("bye")))
print("ready", flush=True)
time.sleep(1000)
"""
STUBBORN = """
import signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", subprocess.Popen(["sleep", "60"]).pid, flush=True)
time.sleep(1000)
"""


def test_workers_that_are_stopped_end_in_their_own_way(flock: Flock) -> None:
    workers = flock.start(a=GRACEFUL)
    flock.until_said("ready")

    assert workers.stop(PATIENCE_S) == []

    assert flock.exits == [WorkerExit("a", 0, ("ready", "bye"), was_asked=True)]


def test_a_worker_that_does_not_end_in_time_is_killed_with_its_children(flock: Flock) -> None:
    workers = flock.start(a=STUBBORN, b=GRACEFUL)
    until(lambda: len(flock.said) == 2)
    line = next(line for line in flock.said if line.startswith("a: "))

    assert workers.stop(0.5) == ["a"]

    assert {exit_.name: exit_.returncode for exit_ in flock.exits} == {"a": -9, "b": 0}
    until(lambda: not is_alive(int(line.split()[-1])), GONE_WITHIN_S)


def test_leaving_the_block_stops_them() -> None:
    said: list[str] = []
    with Workers(["a"], lambda _: python(GRACEFUL), said.append) as workers:
        until(lambda: said == ["a: ready"])

    assert (workers.running, [exit_.returncode for exit_ in workers.exits]) == ([], [0])


def test_stopping_twice_is_stopping_once(flock: Flock) -> None:
    workers = flock.start(a=GRACEFUL)
    flock.until_said("ready")
    workers.stop(PATIENCE_S)

    assert workers.stop(PATIENCE_S) == []
    assert len(flock.exits) == 1


def test_a_worker_that_has_ended_is_started_again_under_its_name(flock: Flock) -> None:
    workers = flock.start(a="print('caw')")
    workers.wait_exits(PATIENCE_S)

    workers.start_again("a")

    assert workers.wait_exits(PATIENCE_S)
    assert flock.said == ["a: caw", "a: caw"]
    assert [exit_.name for exit_ in flock.exits] == ["a", "a"]


def test_a_worker_that_is_killed_counts_as_one_that_nobody_asked_to_end(flock: Flock) -> None:
    workers = flock.start(a=STUBBORN, b=SLEEPING)
    until(lambda: len(flock.said) == 2)
    line = next(line for line in flock.said if line.startswith("a: "))

    workers.kill("a")

    until(lambda: bool(flock.exits))
    (exit_,) = flock.exits
    assert (exit_.name, exit_.returncode, exit_.was_asked) == ("a", -signal.SIGKILL, False)
    until(lambda: not is_alive(int(line.split()[-1])), GONE_WITHIN_S)
    assert workers.running == ["b"]


def test_workers_that_were_stopped_are_not_started_again(flock: Flock) -> None:
    workers = flock.start(a=GRACEFUL)
    flock.until_said("ready")
    workers.stop(PATIENCE_S)

    workers.start_again("a")

    assert workers.wait_exits(PATIENCE_S)
    assert flock.exits[-1].was_asked


def test_a_worker_that_cannot_be_started_again_leaves_the_others_alone(flock: Flock) -> None:
    commands = {"a": python(SLEEPING), "b": python("")}
    workers = Workers(commands, commands.__getitem__, flock.said.append, flock.exits.append)
    flock.started.append(workers)
    workers.start()
    until(lambda: bool(flock.exits))
    commands["b"] = ["/no/such/program"]

    with pytest.raises(NodeError, match=r"^b cannot be started: "):
        workers.start_again("b")

    assert workers.running == ["a"]


def test_a_worker_that_cannot_be_started_stops_those_before_it() -> None:
    exits: list[WorkerExit] = []
    commands = {"a": python("input()"), "b": ["/no/such/program"]}
    workers = Workers(commands, commands.__getitem__, print, exits.append)

    with pytest.raises(NodeError, match=r"^b cannot be started: .*No such file"):
        workers.start()

    assert [exit_.name for exit_ in exits] == ["a"]


def test_workers_get_the_environment_without_what_is_the_parents_own(
    flock: Flock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROWSG_PROMETHEUS_PORT", "9464")
    monkeypatch.setenv("CROWSG_SIZE", "7")

    code = "import os; print(sorted(name for name in os.environ if name.startswith('CROWSG_')))"
    flock.start(a=code).wait_exits(PATIENCE_S)

    assert "CROWSG_SIZE" in flock.said[0]
    assert "CROWSG_PROMETHEUS_PORT" not in flock.said[0]


def test_an_interrupt_from_the_terminal_does_not_reach_the_workers(flock: Flock) -> None:
    flock.start(a="import os; print(os.getsid(0))").wait_exits(PATIENCE_S)

    assert int(flock.said[0].split()[-1]) != os.getsid(0)
