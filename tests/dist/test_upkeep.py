"""Which worker processes are replaced, which are killed, and what is left alone."""

from dataclasses import replace

import gevent
import pytest

from crowsg.clock import SECOND
from crowsg.cluster.membership import Member, State
from crowsg.dist.upkeep import Upkeep
from crowsg.errors import NodeError
from crowsg.processes import WorkerExit
from crowsg.testing import ManualClock
from crowsg.testing.manual_clock import settle

ONE, TWO = "worker1@here", "worker2@here"


class Run:
    """A run with two worker processes, and what is done about them in their order."""

    def __init__(self, stall_timeout_s: float = 5.0) -> None:
        self.clock = ManualClock(100 * SECOND)
        self.done: list[str] = []
        self.awaited: set[str] = set()
        self.said: list[str] = []
        self.running = [ONE, TWO]
        self._lives = 20
        self.goes_on = True
        self.cannot_start = False
        self.nodes = {ONE: self._life(ONE, 11), TWO: self._life(TWO, 12)}
        self.upkeep = Upkeep(
            self,
            lambda: self.nodes.values(),
            self,
            lambda: self.goes_on,
            stall_timeout_s,
            self.clock,
            self.said.append,
        )

    def start_again(self, name: str) -> None:
        if self.cannot_start:
            raise NodeError(f"{name} cannot be started: no memory")
        self.done.append(f"start {name}")
        self.running.append(name)

    def kill(self, name: str) -> None:
        self.done.append(f"kill {name}")

    def await_worker(self, name: str) -> None:
        self.awaited.add(name)

    def await_no_more(self, name: str) -> None:
        self.awaited.discard(name)
        self.done.append(f"give up {name}")

    def end(self, name: str = ONE, *, was_asked: bool = False) -> None:
        """Let a process end; that its worker is lost is not known yet."""
        self.running.remove(name)
        self.upkeep.note_end(WorkerExit(name, -9, (), was_asked))

    def lose(self, name: str = ONE) -> None:
        """Let it be known that a worker is lost."""
        del self.nodes[name]

    def replace(self, name: str = ONE) -> None:
        """Let a worker end, be lost, and come again where it was started again."""
        self.end(name)
        self.lose(name)
        self.upkeep.look()
        if name in self.running:
            self._lives += 1
            self.join(name, self._lives)

    def see(self, state: State, name: str = ONE, place: str = "") -> None:
        """Let a node be seen in a state from now on."""
        self.nodes[name] = replace(self.nodes[name], state=state, place=place)

    def hear(self, *names: str) -> None:
        """Let nodes be heard now."""
        for name in names:
            self.nodes[name] = replace(self.nodes[name], heard_ns=self.clock.now_ns())

    def join(self, name: str, incarnation: int) -> None:
        """Let a new life of a node join."""
        self.nodes[name] = self._life(name, incarnation)

    def look_for(self, seconds: float, *heard: str) -> None:
        """Look each tenth of a second, while some nodes are heard."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            self.hear(*heard)
            self.upkeep.look()

    def _life(self, name: str, incarnation: int) -> Member:
        now_ns = self.clock.now_ns()
        return Member(name, incarnation, "127.0.0.1:1", "up", "node", now_ns, 0, now_ns)


@pytest.fixture
def run() -> Run:
    return Run()


def test_a_worker_that_ended_is_started_again_when_its_loss_is_known(run: Run) -> None:
    run.end()
    run.upkeep.look()
    before = list(run.done)

    run.lose()
    run.upkeep.look()

    assert (before, run.done) == ([], [f"start {ONE}"])


def test_a_worker_is_started_again_once(run: Run) -> None:
    run.end()
    run.lose()

    run.look_for(60, TWO)

    assert run.done == [f"start {ONE}"]


def test_a_worker_that_ended_is_awaited_at_once(run: Run) -> None:
    """Its loss may be known in the next moment, and nobody may take the run for deserted then."""
    run.end()

    assert run.awaited == {ONE}


def test_workers_are_awaited_before_they_end(run: Run) -> None:
    """Their loss may be known before the end of their process is."""
    run.upkeep.look()

    assert run.awaited == {ONE, TWO}


def test_a_worker_that_lives_but_is_lost_is_awaited_no_longer_than_before(run: Run) -> None:
    run.lose()

    run.upkeep.look()

    assert run.awaited == {TWO}


def test_nodes_from_elsewhere_are_not_awaited(run: Run) -> None:
    run.join("guest@there", 31)

    run.upkeep.look()

    assert "guest@there" not in run.awaited


def test_it_is_said_what_ended_a_worker_and_that_it_is_started_again(run: Run) -> None:
    run.end()
    before = list(run.said)

    run.lose()
    run.upkeep.look()

    assert before == [f"{ONE} ended with SIGKILL"]
    assert run.said == [*before, f"{ONE} is started again"]


def test_a_worker_that_was_asked_to_end_is_not_started_again(run: Run) -> None:
    run.end(was_asked=True)
    run.lose()
    run.upkeep.look()

    assert (run.done, run.said) == ([], [])
    assert ONE not in run.awaited


def test_a_run_that_ends_needs_no_workers_any_more(run: Run) -> None:
    run.goes_on = False

    run.end()
    run.lose()
    run.upkeep.look()

    assert (run.done, run.said) == ([], [f"{ONE} ended with SIGKILL"])


def test_a_run_that_ends_for_the_loss_of_a_worker_does_not_get_it_back(run: Run) -> None:
    """The end of the process may be known before its loss, from which all else follows."""
    run.end()
    run.upkeep.look()

    run.lose()
    run.goes_on = False
    run.upkeep.look()

    assert run.done == []


def test_a_worker_that_ended_while_the_run_was_started_is_started_again(run: Run) -> None:
    run.goes_on = False
    run.end()
    run.lose()
    run.upkeep.look()
    before = list(run.done)

    run.goes_on = True
    run.upkeep.look()

    assert (before, run.done) == ([], [f"start {ONE}"])


def test_a_worker_is_given_up_when_it_ends_for_the_fourth_time_in_a_minute(run: Run) -> None:
    for _ in range(4):
        run.replace()
        run.clock.advance(19)

    assert run.done == [*[f"start {ONE}"] * 3, f"give up {ONE}"]
    assert run.said[-1] == f"error: {ONE} has ended too often to be started again"


def test_a_worker_that_was_given_up_is_awaited_no_more(run: Run) -> None:
    for _ in range(4):
        run.replace()

    run.look_for(5, TWO)

    assert run.awaited == {TWO}


def test_a_worker_that_ends_seldom_is_always_started_again(run: Run) -> None:
    for _ in range(10):
        run.replace()
        run.clock.advance(20)

    assert run.done.count(f"start {ONE}") == 10


def test_each_worker_has_chances_of_its_own(run: Run) -> None:
    for _ in range(3):
        run.replace(ONE)
        run.replace(TWO)

    assert [each for each in run.done if each.startswith("give up")] == []


def test_a_worker_that_cannot_be_started_again_is_given_up(run: Run) -> None:
    run.cannot_start = True

    run.replace()

    assert run.done == [f"give up {ONE}"]
    assert run.said[-1] == f"error: {ONE} cannot be started: no memory"


def test_workers_that_are_well_are_left_alone(run: Run) -> None:
    run.look_for(60, ONE, TWO)

    assert run.done == []


def test_a_worker_is_killed_that_is_blocked_for_longer_than_it_may_take(run: Run) -> None:
    run.see("stalled", place="start (chat.py:7)")

    run.look_for(8, ONE, TWO)
    before = list(run.done)
    run.look_for(0.2, ONE, TWO)

    assert before == []
    assert run.done == [f"kill {ONE}"]
    assert run.said == [f"{ONE} is killed: for 8.1 s it was blocked by start (chat.py:7)"]


def test_a_worker_that_breaks_what_blocks_it_is_left_alone(run: Run) -> None:
    for _ in range(3):
        run.see("stalled")
        run.look_for(7, ONE, TWO)
        run.see("up")
        run.look_for(1, ONE, TWO)

    assert run.done == []


@pytest.mark.parametrize("state", ["suspect", "dead"])
def test_a_worker_is_killed_that_is_silent_for_too_long(run: Run, state: State) -> None:
    run.see(state)

    run.look_for(8, TWO)
    before = list(run.done)
    run.look_for(0.2, TWO)

    assert before == []
    assert run.done == [f"kill {ONE}"]
    assert run.said == [f"{ONE} is killed: for 8.1 s it was silent"]


def test_a_worker_is_killed_once(run: Run) -> None:
    run.see("dead")

    run.look_for(60, TWO)

    assert run.done == [f"kill {ONE}"]


def test_a_worker_that_was_killed_is_started_again(run: Run) -> None:
    run.see("dead")
    run.look_for(8.2, TWO)

    run.replace()

    assert run.done == [f"kill {ONE}", f"start {ONE}"]


def test_a_process_that_was_started_again_can_be_killed_too(run: Run) -> None:
    run.replace()
    run.see("suspect")

    run.look_for(8.2, TWO)

    assert run.done[-1] == f"kill {ONE}"


def test_nodes_from_elsewhere_are_nothing_to_kill(run: Run) -> None:
    run.join("guest@there", 31)
    run.see("suspect", "guest@there")

    run.look_for(60, ONE, TWO)

    assert run.done == []


def test_nobody_is_killed_in_a_run_that_ends(run: Run) -> None:
    run.see("suspect")
    run.goes_on = False

    run.look_for(60, TWO)

    assert run.done == []


def test_where_nothing_is_broken_nobody_is_killed() -> None:
    run = Run(stall_timeout_s=0)
    run.see("suspect", ONE)
    run.see("stalled", TWO)

    run.look_for(60)

    assert run.done == []


def test_it_is_looked_twice_a_second(run: Run, request: pytest.FixtureRequest) -> None:
    watching = gevent.spawn(run.upkeep.watch)
    request.addfinalizer(watching.kill)
    settle()
    run.see("suspect")

    run.clock.advance(8.0)
    before = list(run.done)
    run.clock.advance(0.6)

    assert (before, run.done) == ([], [f"kill {ONE}"])
