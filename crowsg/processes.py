"""Nodes in processes of their own on this machine, which never outlive the one that started them.

They are started by exec: a process that is only forked after gevent or ZeroMQ have begun hangs.

How a child learns that its parent is gone: the kernel kills it (``PR_SET_PDEATHSIG``), and it
holds a pipe as its stdin, of which only the parent has the other end. Either works where the other
does not - under another kernel, or before the child could ask for it - and neither waits for the
child's event loop. A child without its parent has nobody to hand anything in to: it ends at once.
"""

import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import gevent
from gevent import subprocess
from gevent.threadpool import ThreadPool

from crowsg.errors import NodeError
from crowsg.text import line_of

AUTO = "auto"

OWN_OF_EACH = frozenset(
    f"CROWSG_{name}" for name in ("API_PORT", "BIND", "KEYS", "NAME", "NODES", "PROMETHEUS_PORT")
)
"""What one process is told by its environment, and a second one on the machine must not be."""

_PR_SET_PDEATHSIG = 1
_LAST_LINES = 5
_MAX_LINE = 4096
_KILLED_WITHIN_S = 5.0
# What a process said last is in the pipe when it ends; who still holds that is a child of its own.
_DRAINED_WITHIN_S = 0.5

Command = Callable[[str], Sequence[str]]
"""Given the name of a worker: the command line that runs it."""


@dataclass(frozen=True, slots=True)
class WorkerExit:
    """A worker process that has ended.

    Attributes:
        name: The worker's.
        returncode: Its exit code, or the number of the signal that ended it, negated.
        last_lines: What it printed last, five lines at most; none at the moment of its end.
        was_asked: Whether ``stop`` had asked it to.
    """

    name: str
    returncode: int
    last_lines: tuple[str, ...]
    was_asked: bool

    def __str__(self) -> str:
        said = f": {' / '.join(self.last_lines)}" if self.last_lines else " and said nothing"
        return f"{self.cause}{said}"

    @property
    def cause(self) -> str:
        """What ended it, without what it said."""
        return f"{self.name} ended with {_code(self.returncode)}"


def worker_names(count: int | str, host: str) -> list[str]:
    """Return ``worker1@host`` and so on.

    Args:
        count: How many; ``"auto"`` for one on each core that this process may use.
        host: What stands behind the ``@``.
    """
    number = usable_cores() if count == AUTO else int(count)
    return [f"worker{each}@{host}" for each in range(1, number + 1)]


def usable_cores() -> int:
    """Return how many cores this process may run on, at least 1."""
    return max(1, len(os.sched_getaffinity(0)))


def node_command(
    name: str,
    master: str,
    cluster: str,
    host: str = "127.0.0.1",
    keys: Path | None = None,
    more: Sequence[str] = (),
) -> list[str]:
    """Return the command line of a worker that belongs to this process.

    Args:
        name: The worker's, ``name@host``.
        master: The address of the node to join, ``host:port``.
        cluster: The name of the cluster.
        host: Where it listens, on any free port.
        keys: Folder of its keys; None for a cluster without.
        more: What else stands on the command line.
    """
    command = [sys.executable, "-m", "crowsg", "node", "--name", name]
    command += ["--bind", f"{host}:0", "--join", master, "--cluster", cluster]
    command += ["--parent", str(os.getpid()), *more]
    return command if keys is None else [*command, "--keys", str(keys)]


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a worker: this process's without what is its own."""
    return {name: value for name, value in environment.items() if name not in OWN_OF_EACH}


class Workers:
    """Worker processes; a context manager that starts and stops them, for once.

    Must be used from the program's main thread: the kernel takes the end of the thread that started
    a child for the end of its parent.

    Args:
        names: One for each process.
        command: Makes the command line of each.
        say: Takes what they print, stdout and stderr alike, a line at a time with the worker's name
            before it; must not block.
        on_exit: Takes each exit, asked for or not, with the last lines; must not block.
        on_end: Takes it the moment it happens, when those may be still to come; must not block.
        environment: That of the processes; None for this one's without ``OWN_OF_EACH``.
    """

    def __init__(
        self,
        names: Iterable[str],
        command: Command,
        say: Callable[[str], object],
        on_exit: Callable[[WorkerExit], object] = lambda _: None,
        environment: Mapping[str, str] | None = None,
        on_end: Callable[[WorkerExit], object] = lambda _: None,
    ) -> None:
        self._names = tuple(names)
        self._command = command
        self._say = say
        self._on_exit = on_exit
        self._on_end = on_end
        given = worker_environment(os.environ) if environment is None else dict(environment)
        self._environment = given
        self._workers: list[_Worker] = []
        self._is_over = False

    def __enter__(self) -> "Workers":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def running(self) -> list[str]:
        """The names of those that have not ended."""
        return [each.name for each in self._workers if not each.has_ended]

    @property
    def exits(self) -> list[WorkerExit]:
        """Those that have ended, and said their last."""
        return [each.exit for each in self._workers if each.exit is not None]

    def start(self) -> None:
        """Start all of them; they join when they can.

        Raises:
            NodeError: One could not be started; those before it are stopped.
        """
        for name in self._names:
            try:
                self.start_again(name)
            except NodeError:
                self.stop(0)
                raise

    def start_again(self, name: str) -> None:
        """Start another process for a worker whose process has ended; once stopped, none is.

        Raises:
            NodeError: It could not be started.
        """
        try:
            worker = _Worker(
                name,
                self._command(name),
                self._environment,
                self._say,
                self._on_exit,
                self._on_end,
            )
        except OSError as error:
            raise NodeError(f"{name} cannot be started: {error}") from error
        self._workers.append(worker)
        if self._is_over:
            worker.end(signal.SIGKILL)

    def kill(self, name: str) -> None:
        """Kill a process, and its own children; it then counts as one that nobody asked to end."""
        for each in self._workers:
            if each.name == name:
                each.kill()

    def wait_exits(self, timeout: float | None = None) -> bool:
        """Wait until all have ended; returns whether they have.

        Args:
            timeout: Seconds to wait at the most; None for as long as it takes.

        Blocks: until then.
        """
        gevent.joinall([each.watcher for each in self._workers], timeout)
        return not self.running

    def stop(self, timeout: float = 10.0) -> list[str]:
        """Ask all to end, and kill those that have not in time, their own children included.

        Args:
            timeout: Seconds from asking to killing; 0 to kill at once.

        Returns:
            The names of those that were killed.

        Blocks: until all have ended, five seconds longer at the most.
        """
        self._is_over = True
        for each in self._workers:
            each.end(signal.SIGTERM if timeout > 0 else signal.SIGKILL)
        self.wait_exits(timeout)
        killed = [each for each in self._workers if not each.has_ended]
        for each in killed:
            each.end(signal.SIGKILL)
        self.wait_exits(_KILLED_WITHIN_S)
        return [each.name for each in killed]


class _Worker:
    """One process, what it says, and how it ends."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        say: Callable[[str], object],
        on_exit: Callable[[WorkerExit], object],
        on_end: Callable[[WorkerExit], object],
    ) -> None:
        self.name = name
        self.has_ended = False
        self.exit: WorkerExit | None = None
        self._say = say
        self._on_exit = on_exit
        self._on_end = on_end
        self._was_asked = False
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._process = _start(command, environment)
        self._relay = gevent.spawn(self._relay_lines)
        self.watcher = gevent.spawn(self._watch)

    def end(self, number: signal.Signals) -> None:
        """Send a signal; SIGKILL goes to the children of the process, too."""
        if self._process.poll() is None:
            self._was_asked = True
            if number == signal.SIGKILL:
                self.kill()
            else:
                with suppress(ProcessLookupError):
                    self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it and its children, as if it had ended by itself."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _watch(self) -> None:
        returncode = self._process.wait()
        self.has_ended = True
        end = WorkerExit(self.name, returncode, (), self._was_asked)
        self._on_end(end)
        self._relay.join(_DRAINED_WITHIN_S)
        self._relay.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            pipe.close()
        self.exit = replace(end, last_lines=tuple(self._last_lines))
        self._on_exit(self.exit)

    def _relay_lines(self) -> None:
        while raw := self._process.stdout.readline(_MAX_LINE):
            line = line_of(raw.decode("utf-8", "replace").rstrip(), _MAX_LINE)
            if line:
                self._last_lines.append(line)
                self._say(f"{self.name}: {line}")
            # Whoever prints without end must not keep the loop from all others.
            gevent.sleep(0)


def end_with_parent(parent: int, descriptor: int = 0) -> None:
    """Let this process, started by ``Workers``, end the moment its parent does.

    Called first thing by the child, in its main thread. Its stdin is empty afterwards.

    Args:
        parent: The process id of the parent.
        descriptor: The end of a pipe that only the parent can write to.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # It was gone before the kernel was asked.
        _end()
    watched = os.dup(descriptor)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, descriptor)
    os.close(nothing)
    ThreadPool(1).spawn(_end_at_eof, watched)


def _end_at_eof(descriptor: int) -> None:
    with suppress(OSError):
        while os.read(descriptor, _MAX_LINE):
            pass
    _end()


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _start(command: Sequence[str], environment: Mapping[str, str]) -> Any:
    return subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        # Ctrl-C in a terminal goes to the parent alone, which knows how to end all in order.
        start_new_session=True,
    )


def _code(returncode: int) -> str:
    if returncode >= 0:
        return str(returncode)
    with suppress(ValueError):
        return signal.Signals(-returncode).name
    return f"signal {-returncode}"
