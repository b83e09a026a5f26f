"""What is remembered of commands."""

from crowsg.clock import SECOND
from crowsg.cluster.envelope import Envelope
from crowsg.cluster.once import Once
from crowsg.testing import ManualClock


def command(number: int, deadline_s: int) -> Envelope:
    return Envelope("a@here", 11, "here:9400", "", number, deadline_s * SECOND, None)


def test_an_answer_is_kept_until_its_deadline_is_over() -> None:
    clock = ManualClock(SECOND)
    once = Once(clock, "cut off")
    acts: list[int] = []

    def answered(number: int, deadline_s: int) -> int:
        once.answer(command(number, deadline_s), lambda: acts.append(number))
        return len(acts)

    assert [answered(1, 5), answered(2, 0), answered(1, 5)] == [1, 2, 2]
    clock.advance(4)
    # Nothing repeated that late gets here: its envelope is refused before.
    assert [answered(3, 0), answered(1, 5)] == [3, 4]


def test_an_answer_without_a_deadline_is_kept() -> None:
    clock = ManualClock(SECOND)
    once = Once(clock, "cut off")
    once.answer(command(1, 0), lambda: "first")
    clock.advance(1000)
    once.answer(command(2, 0), lambda: "other")

    assert once.answer(command(1, 0), lambda: "second") == "first"
