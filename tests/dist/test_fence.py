"""A worker ends its part of a run before its master writes it off."""

from collections.abc import Callable, Iterator

import gevent
import pytest

from crowsg.clock import SECOND
from crowsg.cluster.membership import DEAD_S
from crowsg.dist.fence import AGE_S, Fence
from crowsg.testing import ManualClock


class Watched:
    """A fence, what it is told, and when it closed."""

    def __init__(self) -> None:
        self.clock = ManualClock(SECOND)
        self.confirmed_ns: int | None = self.clock.now_ns()
        self.closed_ns: list[int] = []
        self.began_ns = self.clock.now_ns()
        fence = Fence(self.clock, self._ask, lambda: self.closed_ns.append(self.clock.now_ns()))
        self.on_asked: Callable[[], object] = lambda: None
        self.greenlet = gevent.spawn(fence.watch)
        gevent.idle()

    def _ask(self) -> int | None:
        self.on_asked()
        return self.confirmed_ns

    @property
    def closed_s(self) -> list[float]:
        return [(each - self.began_ns) / SECOND for each in self.closed_ns]

    def hear(self) -> None:
        self.confirmed_ns = self.clock.now_ns()


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.greenlet.kill()


def test_it_closes_eight_seconds_after_the_last_word_that_was_heard(watched: Watched) -> None:
    """R3: a node that its master cannot hear ends its load by itself."""
    watched.clock.advance(AGE_S - 0.2)
    assert watched.closed_ns == []

    watched.clock.advance(0.3)

    assert watched.closed_s[0] == pytest.approx(AGE_S, abs=0.11)


def test_it_closes_before_the_master_gives_anything_away() -> None:
    """I11: fenced first, dead then."""
    assert AGE_S + 1 < DEAD_S


def test_it_stays_open_while_its_word_is_confirmed(watched: Watched) -> None:
    for _ in range(60):
        watched.clock.advance(1)
        watched.hear()

    assert watched.closed_ns == []


def test_who_works_for_nobody_has_no_fence(watched: Watched) -> None:
    watched.confirmed_ns = None

    watched.clock.advance(100)

    assert watched.closed_ns == []


def test_it_closes_again_and_again_while_nothing_is_confirmed(watched: Watched) -> None:
    watched.clock.advance(AGE_S + 1)

    assert len(watched.closed_ns) >= 5


def test_a_process_that_stood_still_closes_at_once(watched: Watched) -> None:
    """R2: one that was frozen for longer than the fence takes no further step."""
    watched.clock.jump(15)

    watched.clock.advance(0.1)

    assert watched.closed_s
    assert watched.closed_s[0] <= 15.1


def test_a_loop_that_was_blocked_first_reads_what_came_meanwhile(watched: Watched) -> None:
    looks = 0

    def arrive_at_the_second_look() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            watched.hear()

    watched.clock.jump(15)
    watched.on_asked = arrive_at_the_second_look

    watched.clock.advance(1)

    assert watched.closed_ns == []
