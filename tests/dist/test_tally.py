"""What is taken of workers while others leave, fall silent, or another run begins."""

from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest

from crowsg.cluster.identity import Identity
from crowsg.dist.asking import Answers
from crowsg.dist.crew import Crew
from crowsg.dist.tally import Tally
from crowsg.errors import NotPackable, Unreachable
from crowsg.testing import ManualClock
from crowsg.users.counts import UserCounts
from tests.dist.recorders import Recording

B, C = "b@test", "c@test"


class Asked:
    """Stands for the workers, and for all that a tally is told by."""

    def __init__(self) -> None:
        self.identity = Identity("a@test", 1, "cluster", "10.0.0.1:4000")
        self.workers = {name: Recording() for name in (B, C)}
        for each in self.workers.values():
            each.users = UserCounts(asked=3, running=3)
        self.garbled: set[str] = set()
        self.silent: set[str] = set()
        self.asked: list[tuple[str, ...]] = []
        self.meanwhile: Callable[[], object] = bool

    def give_all(self, run: str, names: Iterable[str], order_for: Any, timeout_s: float) -> Any:
        self.asked.append(tuple(names))
        answers: Answers[Any] = Answers()
        for name in self.asked[-1]:
            if name in self.silent:
                answers.failures[name] = Unreachable(name, "snapshot", timeout_s)
            else:
                taken = self.workers[name].take(order_for(name)[1]["lives_from"])
                answers.results[name] = {} if name in self.garbled else taken
        self.meanwhile()
        return answers


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def crew() -> Crew:
    crew = Crew()
    for name in (B, C):
        crew.take_in(name, 5)
    return crew


@pytest.fixture
def tally(asked: Asked) -> Tally:
    tally = Tally(cast(Any, asked), cast(Any, asked), Recording().snapshots, ManualClock())
    tally.begin()
    return tally


def states(tally: Tally) -> dict[str, str]:
    return {each.name: each.state for each in tally.totals.nodes(0)}


def test_the_last_is_asked_for_once_where_it_comes(asked: Asked, crew: Crew, tally: Tally) -> None:
    tally.pull_last("run", crew)

    assert asked.asked[0] == (B, C)
    assert not any(asked.asked[1:])
    assert tally.totals.users().running == 6


def test_one_that_stays_silent_is_lost(asked: Asked, crew: Crew, tally: Tally) -> None:
    asked.silent.add(C)
    tally.pull_last("run", crew)

    assert asked.asked == [(B, C), (C,), (C,)]
    assert (states(tally)[B], states(tally)[C]) == ("running", "dead")


def test_one_that_leaves_meanwhile_is_neither_asked_again_nor_lost(
    asked: Asked, crew: Crew, tally: Tally
) -> None:
    asked.silent.add(C)
    asked.meanwhile = lambda: crew.let_go(C)
    tally.pull_last("run", crew)

    assert [each for each in asked.asked if each] == [(B, C)]
    assert C not in states(tally)


def test_one_whose_last_cannot_be_read_is_lost(asked: Asked, crew: Crew, tally: Tally) -> None:
    tally.pull("run", {B: 5, C: 5})
    asked.garbled.add(C)
    tally.pull_last("run", crew)

    assert states(tally)[C] == "dead"
    assert (tally.totals.users().running, tally.totals.users().lost) == (3, 3)


def test_what_cannot_be_read_is_a_failure_like_silence(asked: Asked, tally: Tally) -> None:
    asked.garbled.add(B)
    asked.silent.add(C)

    failures = tally.pull("run", {B: 5, C: 5})

    assert {name: type(error) for name, error in failures.items()} == {
        B: NotPackable,
        C: Unreachable,
    }


def test_what_comes_when_another_run_has_begun_is_not_counted_for_it(
    asked: Asked, tally: Tally
) -> None:
    asked.meanwhile = tally.begin
    tally.pull("run", {B: 5, C: 5})

    assert states(tally).keys() == {"a@test"}
