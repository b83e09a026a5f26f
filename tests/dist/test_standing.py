"""How a run over workers stands, as events that others wait for."""

import gevent
import pytest

from crowsg.clock import SECOND
from crowsg.dist.crew import Crew, Hand
from crowsg.dist.losses import NONE_LEFT, Loss, Losses, Policy
from crowsg.dist.standing import Standing
from crowsg.testing import ManualClock

ONE, TWO = "one@here", "two@here"


class Run:
    """A run of two workers that goes on, and what was started anew for it."""

    def __init__(self, policy: Policy = "keep") -> None:
        self.clock = ManualClock(SECOND)
        self.crew, self.losses = Crew(), Losses()
        self.losses.begin("run-1", policy)
        self.is_running = True
        self.standing = Standing(self.crew, self.losses, lambda: self.is_running, self.clock)
        self.refills = 0
        self.standing.on_owed(self._refill)
        for name in (ONE, TWO):
            self.crew.take_in(name, 1)
            self.tell(name, running=5)

    def _refill(self) -> None:
        self.refills += 1

    def hand(self, name: str) -> Hand:
        hand = self.crew.hand(name)
        assert hand is not None
        return hand

    def tell(
        self, name: str, *, running: int, unkillable: bool = False, state: str = "running"
    ) -> None:
        users = [5, 0, running, running]
        beat = {"users": users, "state": state, "unkillable": unkillable}
        self.hand(name).hear(beat)
        self.standing.look()

    def lose(self, name: str) -> None:
        users = self.hand(name).missing
        self.crew.let_go(name)
        self.standing.lose(Loss(name, users, users))


@pytest.fixture
def run() -> Run:
    return Run()


def test_it_is_idle_when_all_users_have_ended(run: Run) -> None:
    run.tell(ONE, running=0)
    assert not run.standing.idle.is_set()

    run.tell(TWO, running=0)

    assert run.standing.idle.is_set()


def test_it_is_unkillable_where_one_is(run: Run) -> None:
    run.tell(ONE, running=1, unkillable=True)

    assert run.standing.unkillable.is_set()


def test_what_passes_is_taken_back(run: Run) -> None:
    run.tell(ONE, running=1, unkillable=True)

    run.tell(ONE, running=0)

    assert not run.standing.unkillable.is_set()


def test_it_is_deserted_when_nobody_is_left(run: Run) -> None:
    run.lose(ONE)
    assert not run.standing.deserted.is_set()

    run.lose(TWO)

    assert run.standing.deserted.is_set()
    assert run.standing.desertion == NONE_LEFT


def test_a_run_that_is_over_is_not_deserted(run: Run) -> None:
    run.is_running = False

    run.lose(ONE)
    run.lose(TWO)

    assert not run.standing.deserted.is_set()


def test_a_run_that_may_lose_nobody_is_deserted_by_one() -> None:
    run = Run("abort")

    run.lose(ONE)

    assert run.standing.desertion == f"{ONE} was lost with 5 users"


class TestRefill:
    def test_it_asks_for_those_that_are_owed(self) -> None:
        run = Run("refill")

        run.lose(ONE)

        assert (run.refills, run.losses.owed) == (1, 5)

    def test_it_asks_again_while_some_are(self) -> None:
        run = Run("refill")
        run.lose(ONE)

        run.tell(TWO, running=5)
        run.losses.settle("run-1", 5)
        run.tell(TWO, running=5)

        assert run.refills == 2

    def test_it_is_not_idle_meanwhile(self) -> None:
        run = Run("refill")
        run.lose(ONE)
        run.tell(TWO, running=0)
        assert not run.standing.idle.is_set()

        run.losses.settle("run-1", 5)
        run.standing.look()

        assert run.standing.idle.is_set()

    def test_it_asks_nobody_where_no_worker_is_left(self) -> None:
        run = Run("refill")
        run.standing.await_worker(ONE)
        run.lose(ONE)
        asked = run.refills

        run.lose(TWO)

        assert run.refills == asked
        assert not run.standing.deserted.is_set()

    def test_it_is_deserted_when_nobody_comes(self) -> None:
        run = Run("refill")
        run.standing.await_worker(ONE)
        run.lose(ONE)
        run.lose(TWO)

        run.standing.await_no_more(ONE)

        assert run.standing.deserted.is_set()


class TestWaiting:
    def test_it_waits_for_the_end_everywhere(self, run: Run) -> None:
        waiting = gevent.spawn(run.standing.wait_for_the_end, 10)
        run.clock.advance(1)
        run.tell(ONE, running=0, state="finished")
        gevent.idle()
        assert not waiting.ready()

        run.tell(TWO, running=0, state="finished")
        gevent.idle()

        assert waiting.ready()

    def test_it_waits_so_long_at_the_most(self, run: Run) -> None:
        waiting = gevent.spawn(run.standing.wait_for_the_end, 10)

        run.clock.advance(10)

        assert waiting.ready()

    def test_one_that_is_awaited_must_come_in_a_minute(self) -> None:
        run = Run("refill")
        run.standing.await_worker(ONE)
        run.lose(ONE)
        run.lose(TWO)
        run.clock.advance(59)
        assert not run.standing.deserted.is_set()

        run.clock.advance(1)

        assert run.standing.deserted.is_set()

    def test_the_minute_begins_anew_where_another_one_is_awaited(self) -> None:
        run = Run("refill")
        run.standing.await_worker(ONE)
        run.lose(ONE)
        run.lose(TWO)
        run.clock.advance(40)
        run.standing.await_worker(ONE)

        run.clock.advance(40)

        assert not run.standing.deserted.is_set()


def test_whoever_spreads_what_there_is_hears_of_each_change(run: Run) -> None:
    changes: list[str] = []
    run.standing.on_change(lambda: changes.append("changed"))

    run.lose(ONE)
    run.standing.await_no_more(ONE)

    assert changes == ["changed"] * 2
