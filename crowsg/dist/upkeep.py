"""Keeps the worker processes of a run alive: one that ends unasked, or hangs, is replaced.

Whether a run goes on without a worker is seen only when its loss is known, which may be a moment
after the end of its process, or before it. So who waits for workers hears beforehand that this one
would come again, and its process is started when the loss was taken in and the run still goes on.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import NoReturn, Protocol

from crowsg.clock import SECOND, Clock, to_ns
from crowsg.cluster.membership import Member
from crowsg.errors import NodeError
from crowsg.processes import WorkerExit

REPLACEMENTS = 3
WITHIN_S = 60.0
"""So many times in so many seconds a worker is started again; then it is given up."""

PATIENCE_S = 3.0
"""Seconds beyond the stall timeout in which a process may break by itself what blocks it."""

LOOK_S = 0.5

_SILENT = ("suspect", "dead")


class Awaiting(Protocol):
    """Who is told that workers are on their way; see ``crowsg.dist.standing``."""

    def await_worker(self, name: str) -> None:
        """Note that a worker comes in place of the one that ends, or has ended."""

    def await_no_more(self, name: str) -> None:
        """Note that it never will come."""


class Hands(Protocol):
    """Starts and kills worker processes; see ``crowsg.processes.Workers``."""

    @property
    def running(self) -> list[str]:
        """The names of those that have not ended."""

    def start_again(self, name: str) -> None:
        """Start another process for a worker whose process has ended."""

    def kill(self, name: str) -> None:
        """Kill a process that is to be replaced."""


class Upkeep:
    """Replaces worker processes while they are wanted.

    Args:
        hands: Starts and kills processes.
        workers: Returns the nodes that are workers of the run, as this one sees them.
        awaiting: Told that workers are on their way, or given up.
        is_wanted: Whether a run goes on, so that it needs its workers.
        stall_timeout_s: Seconds after which a node breaks what blocks it; 0: never, and then no
            process is killed for being blocked or silent.
        clock: Tells and waits.
        say: Takes a line.
    """

    def __init__(
        self,
        hands: Hands,
        workers: Callable[[], Iterable[Member]],
        awaiting: Awaiting,
        is_wanted: Callable[[], bool],
        stall_timeout_s: float,
        clock: Clock,
        say: Callable[[str], object],
    ) -> None:
        self._hands = hands
        self._workers = workers
        self._awaiting = awaiting
        self._is_wanted = is_wanted
        self._limit_ns = to_ns(stall_timeout_s + PATIENCE_S) if stall_timeout_s else 0
        self._clock = clock
        self._say = say
        self._replaced_ns: dict[str, deque[int]] = {}
        self._stalled_ns: dict[int, int] = {}
        self._killed: set[int] = set()
        self._missing: set[str] = set()

    def note_end(self, worker: WorkerExit) -> None:
        """Take in that a process has ended; it is replaced if nobody had asked it to.

        To be called at once, also before the run has started.
        """
        if not worker.was_asked:
            self._say(worker.cause)
            self._missing.add(worker.name)
            self._awaiting.await_worker(worker.name)

    def watch(self) -> NoReturn:
        """Look twice a second.

        Blocks: for ever.
        """
        while True:
            self.look()
            self._clock.sleep(LOOK_S)

    def look(self) -> None:
        """Start processes again that have ended, kill those blocked, or silent, for too long."""
        if not self._is_wanted():
            return
        workers = tuple(self._workers())
        for name in sorted(self._missing.difference(each.name for each in workers)):
            self._missing.discard(name)
            self._replace(name)
        running = self._hands.running
        for worker in workers:
            if worker.name in running and worker.incarnation not in self._killed:
                self._awaiting.await_worker(worker.name)
                self._kill_if_hung(worker)

    def _replace(self, name: str) -> None:
        if self._has_had_its_chances(name):
            self._give_up(name, f"{name} has ended too often to be started again")
            return
        self._say(f"{name} is started again")
        try:
            self._hands.start_again(name)
        except NodeError as error:
            self._give_up(name, str(error))

    def _kill_if_hung(self, worker: Member) -> None:
        now_ns = self._clock.now_ns()
        hung_ns = now_ns - self._well_ns(worker, now_ns)
        if self._limit_ns and hung_ns > self._limit_ns:
            why = f"blocked by {worker.place}" if worker.state == "stalled" else "silent"
            self._say(f"{worker.name} is killed: for {hung_ns / SECOND:.1f} s it was {why}")
            self._killed.add(worker.incarnation)
            self._hands.kill(worker.name)

    def _well_ns(self, member: Member, now_ns: int) -> int:
        """Return when a node was well last."""
        if member.state == "stalled":
            return self._stalled_ns.setdefault(member.incarnation, now_ns)
        self._stalled_ns.pop(member.incarnation, None)
        return member.heard_ns if member.state in _SILENT else now_ns

    def _has_had_its_chances(self, name: str) -> bool:
        """Whether it was replaced too often of late; if not, note that it is now."""
        now_ns = self._clock.now_ns()
        moments = self._replaced_ns.setdefault(name, deque(maxlen=REPLACEMENTS))
        if len(moments) == REPLACEMENTS and now_ns - moments[0] < to_ns(WITHIN_S):
            return True
        moments.append(now_ns)
        return False

    def _give_up(self, name: str, why: str) -> None:
        self._say(f"error: {why}")
        self._awaiting.await_no_more(name)
