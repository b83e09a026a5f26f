"""One render at a time, shared by all who ask, with others running in between."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gevent
import pytest
from gevent.event import Event

from crowsg.clock import SECOND
from crowsg.exporter.page import FRESH_S, Page
from crowsg.testing import ManualClock


class Desk:
    """A page whose renders are numbered and can be held up."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.is_over = False
        self.begun = 0
        self.going_on = 0
        self.most_at_once = 0
        self.go_on = Event()
        self.go_on.set()
        self.trouble: BaseException | None = None
        self.page = Page(self.clock, self.pieces, lambda: self.is_over)

    def pieces(self) -> Iterator[str]:
        self.begun += 1
        self.going_on += 1
        self.most_at_once = max(self.most_at_once, self.going_on)
        try:
            yield f"render {self.begun}"
            self.go_on.wait()
            if self.trouble is not None:
                raise self.trouble
            yield " is done"
        finally:
            self.going_on -= 1

    def ask(self, times: int = 1) -> list[Any]:
        """Let so many ask at once, each on its own greenlet, and return these."""
        asking = [gevent.spawn(self.page.text) for _ in range(times)]
        gevent.idle()
        return asking


@pytest.fixture
def desk() -> Desk:
    return Desk()


def answers(asking: Iterable[Any]) -> list[str]:
    return [greenlet.get().decode() for greenlet in asking]


def test_the_pieces_make_one_text(desk: Desk) -> None:
    assert desk.page.text() == b"render 1 is done"


def test_all_who_ask_at_once_share_one_render(desk: Desk) -> None:
    desk.go_on.clear()
    asking = desk.ask(10)
    desk.go_on.set()

    assert answers(asking) == ["render 1 is done"] * 10


def test_a_text_serves_for_a_second(desk: Desk) -> None:
    desk.page.text()
    desk.clock.advance(FRESH_S - 1e-9)

    assert desk.page.text() == b"render 1 is done"


def test_after_a_second_it_is_rendered_anew(desk: Desk) -> None:
    desk.page.text()
    desk.clock.advance(FRESH_S)

    assert desk.page.text() == b"render 2 is done"


def test_the_second_counts_from_the_beginning_of_the_render(desk: Desk) -> None:
    desk.go_on.clear()
    first = desk.ask()
    desk.clock.advance(FRESH_S)
    desk.go_on.set()
    gevent.joinall(first)

    assert desk.page.text() == b"render 2 is done"


def test_when_the_run_is_over_it_is_rendered_anew_at_once(desk: Desk) -> None:
    desk.page.text()

    desk.is_over = True

    assert desk.page.text() == b"render 2 is done"


def test_a_run_that_ends_while_a_text_is_rendered_is_told_to_its_end(desk: Desk) -> None:
    desk.go_on.clear()
    first = desk.ask()
    desk.is_over = True
    later = desk.ask()
    desk.go_on.set()

    assert answers([*first, *later]) == ["render 1 is done", "render 2 is done"]


def test_all_who_ask_during_the_last_render_of_a_run_share_the_next(desk: Desk) -> None:
    desk.is_over = True
    desk.go_on.clear()
    first, later = desk.ask(), desk.ask(10)
    desk.go_on.set()

    assert answers([*first, *later]) == ["render 1 is done"] + ["render 2 is done"] * 10


@pytest.mark.parametrize("is_over", [False, True], ids=["running", "over"])
def test_never_are_two_rendered_at_once(desk: Desk, is_over: bool) -> None:
    desk.is_over = is_over
    desk.go_on.clear()

    asking = [*desk.ask(5), *desk.ask(5)]
    desk.go_on.set()
    gevent.joinall(asking)

    assert desk.most_at_once == 1


def fail(desk: Desk, how: BaseException) -> None:
    """Let the next render end like that."""
    desk.trouble = how
    with pytest.raises(type(how)):
        desk.page.text()
    desk.trouble = None


@pytest.mark.parametrize(
    "error", [ValueError(), gevent.GreenletExit(), gevent.Timeout(1)], ids=repr
)
def test_a_render_that_fails_leaves_the_next_one_possible(desk: Desk, error: BaseException) -> None:
    fail(desk, error)

    assert desk.page.text() == b"render 2 is done"


def test_a_render_that_fails_does_not_bring_an_old_text_back(desk: Desk) -> None:
    desk.page.text()
    desk.clock.advance(60)
    fail(desk, ValueError())

    assert desk.page.text() == b"render 3 is done"


def test_those_who_wait_for_a_render_that_fails_get_one_of_their_own(desk: Desk) -> None:
    desk.go_on.clear()
    first, later = desk.ask(), desk.ask(3)
    first[0].kill(block=False)
    gevent.idle()
    desk.go_on.set()

    assert answers(later) == ["render 2 is done"] * 3


@pytest.mark.parametrize("text", ["bad \ud800 text", "\udcff"], ids=ascii)
def test_no_text_makes_a_render_fail(text: str) -> None:
    page = Page(ManualClock(), lambda: [text], lambda: False)

    assert page.text() == text.encode(errors="replace")


class HardClock(ManualClock):
    """A clock by which every look at it takes a millisecond of work."""

    def now_ns(self) -> int:
        self._now_ns += SECOND // 1000
        return self._now_ns


def render_beside(other: Callable[[], object], clock: ManualClock, pieces: int) -> None:
    """Render so many pieces while another greenlet does something as often as it can."""

    def go_on_for_ever() -> None:
        while True:
            other()
            gevent.sleep(0)

    greenlet = gevent.spawn(go_on_for_ever)
    Page(clock, lambda: ["piece"] * pieces, lambda: False).text()
    greenlet.kill()


def test_others_run_between_the_pieces_of_a_long_text() -> None:
    turns: list[None] = []

    render_beside(lambda: turns.append(None), HardClock(), pieces=100)

    assert len(turns) >= 30


def test_a_short_text_is_rendered_in_one_go() -> None:
    turns: list[None] = []

    render_beside(lambda: turns.append(None), ManualClock(), pieces=100)

    assert turns == []
