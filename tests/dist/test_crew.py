from typing import Any

import pytest

from crowsg.dist.crew import Crew


def beat(
    asked: int, waiting: int, running: int, state: str = "running", unkillable: bool = False
) -> dict[str, Any]:
    users = [asked, waiting, running, waiting + running]
    return {"users": users, "state": state, "unkillable": unkillable}


@pytest.fixture
def crew() -> Crew:
    crew = Crew()
    crew.take_in("b", 1)
    crew.take_in("c", 2)
    return crew


def hear(crew: Crew, name: str, *told: Any) -> None:
    hand = crew.hand(name)
    assert hand is not None
    hand.hear(beat(*told))


def give(crew: Crew, name: str, count: int) -> None:
    hand = crew.hand(name)
    assert hand is not None
    hand.asked += count


class TestBeingDone:
    def test_nobody_was_given_any_users(self, crew: Crew) -> None:
        assert crew.is_done

    def test_not_before_the_users_are_known_of(self, crew: Crew) -> None:
        give(crew, "b", 2)
        hear(crew, "b", 0, 0, 0)

        assert not crew.is_done

    @pytest.mark.parametrize(("waiting", "running"), [(1, 0), (0, 1)])
    def test_not_while_users_are_there(self, crew: Crew, waiting: int, running: int) -> None:
        give(crew, "b", 2)
        hear(crew, "b", 2, waiting, running)

        assert not crew.is_done

    def test_when_they_have_ended(self, crew: Crew) -> None:
        give(crew, "b", 2)
        hear(crew, "b", 2, 0, 0)

        assert crew.is_done

    def test_not_while_others_have_some(self, crew: Crew) -> None:
        hear(crew, "c", 3, 0, 3)

        assert not crew.is_done


class TestHavingEnded:
    def test_not_before_the_first_beat(self, crew: Crew) -> None:
        assert not crew.has_ended
        assert crew.at_work() == ("b", "c")

    @pytest.mark.parametrize("state", ["starting", "running", "terminating"])
    def test_not_while_one_is_at_work(self, crew: Crew, state: str) -> None:
        hear(crew, "b", 0, 0, 0, "finished")
        hear(crew, "c", 0, 0, 0, state)

        assert not crew.has_ended
        assert crew.at_work() == ("c",)

    def test_when_all_have(self, crew: Crew) -> None:
        hear(crew, "b", 0, 0, 0, "finished")
        hear(crew, "c", 0, 0, 1, "error", True)

        assert crew.has_ended
        assert crew.has_unkillable
        assert crew.states() == {"b": "finished", "c": "error"}

    def test_nobody_is_left(self, crew: Crew) -> None:
        crew.clear()

        assert crew.has_ended
        assert crew.is_done


class TestKnowing:
    def test_lives_are_those_of_workers_only(self, crew: Crew) -> None:
        assert crew.incarnations(["b", "x"]) == {"b": 1}

    def test_strangers_are_found(self, crew: Crew) -> None:
        assert crew.strangers(["x", "b"]) == ["x"]

    def test_one_that_is_let_go_is_none_any_more(self, crew: Crew) -> None:
        assert (crew.let_go("b"), crew.let_go("b")) == (True, False)
        assert crew.names() == ("c",)


class TestSad:
    @pytest.mark.parametrize(
        "told",
        [
            {},
            None,
            {"users": [1, 2, 3], "state": "running", "unkillable": False},
            {"users": [1, -2, 3, 4], "state": "running", "unkillable": False},
            {"users": [1, 2, "3", 4], "state": "running", "unkillable": False},
            {"users": [1, 2, 3, True], "state": "running", "unkillable": False},
            {"users": [1, 2, 3, 4], "unkillable": False},
            {"users": [1, 2, 3, 4], "state": "running"},
        ],
        ids=repr,
    )
    def test_what_is_no_beat_changes_nothing(self, crew: Crew, told: Any) -> None:
        hear(crew, "b", 5, 2, 3)
        hand = crew.hand("b")
        assert hand is not None

        with pytest.raises((ValueError, TypeError, KeyError)):
            hand.hear(told)

        assert (hand.beat_asked, hand.waiting, hand.running, hand.state) == (5, 2, 3, "running")


def test_users_that_could_not_be_killed_are_so_when_their_node_has_gone() -> None:
    crew = Crew()
    crew.take_in("b", 1)
    hear(crew, "b", 2, 0, 1, "error", True)

    crew.let_go("b")
    assert crew.has_unkillable

    crew.clear()
    assert not crew.has_unkillable
