"""Keeps the worker processes of a run alive: one that ends unasked, or hangs, is replaced."""

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
        """Note that a worker in place of one that ended is on its way."""

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
        members: Returns the nodes of the cluster, as this one sees them.
        awaiting: Told that workers are on their way, or given up.
        is_wanted: Whether the run goes on, so that it needs its workers.
        stall_timeout_s: Seconds after which a node breaks what blocks it; 0: never, and then no
            process is killed for being blocked or silent.
        clock: Tells and waits.
        say: Takes a line.
    """

    def __init__(
        self,
        hands: Hands,
        members: Callable[[], Iterable[Member]],
        awaiting: Awaiting,
        is_wanted: Callable[[], bool],
        stall_timeout_s: float,
        clock: Clock,
        say: Callable[[str], object],
    ) -> None:
        self._hands = hands
        self._members = members
        self._awaiting = awaiting
        self._is_wanted = is_wanted
        self._limit_ns = to_ns(stall_timeout_s + PATIENCE_S) if stall_timeout_s else 0
        self._clock = clock
        self._say = say
        self._replaced_ns: dict[str, deque[int]] = {}
        self._stalled_ns: dict[int, int] = {}
        self._ended: set[int] = set()

    def note_exit(self, worker: WorkerExit) -> None:
        """Replace a process that has ended, if nobody had asked it to and it is wanted."""
        name = worker.name
        # Until another life is there, what is known of the member is known of the dead one.
        self._ended.update(each.incarnation for each in self._members() if each.name == name)
        if worker.was_asked or not self._is_wanted():
            return
        if self._has_had_its_chances(name):
            self._give_up(name, f"{worker.cause} too often to be started again")
            return
        self._awaiting.await_worker(name)
        self._say(f"{worker.cause}; started again")
        try:
            self._hands.start_again(name)
        except NodeError as error:
            self._give_up(name, str(error))

    def watch(self) -> NoReturn:
        """Look twice a second.

        Blocks: for ever.
        """
        while True:
            self.look()
            self._clock.sleep(LOOK_S)

    def look(self) -> None:
        """Kill the processes that have been blocked, or silent, for too long."""
        if not (self._limit_ns and self._is_wanted()):
            return
        running, now_ns = self._hands.running, self._clock.now_ns()
        for member in self._members():
            if member.name in running and member.incarnation not in self._ended:
                hung_ns = now_ns - self._well_ns(member, now_ns)
                if hung_ns > self._limit_ns:
                    self._kill(member, hung_ns)

    def _well_ns(self, member: Member, now_ns: int) -> int:
        """Return when a node was well last."""
        if member.state == "stalled":
            return self._stalled_ns.setdefault(member.incarnation, now_ns)
        self._stalled_ns.pop(member.incarnation, None)
        return member.heard_ns if member.state in _SILENT else now_ns

    def _kill(self, member: Member, hung_ns: int) -> None:
        why = f"blocked by {member.place}" if member.state == "stalled" else "silent"
        self._say(f"{member.name} is killed: for {hung_ns / SECOND:.1f} s it was {why}")
        self._ended.add(member.incarnation)
        self._hands.kill(member.name)

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
