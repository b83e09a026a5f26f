import gevent
import pytest
from gevent.event import Event

from crowsg.dist.asking import Answers, ask_all
from crowsg.errors import PartialFailure as Partial
from crowsg.errors import Refused, Unreachable


def refuse(node: str) -> str:
    raise Refused("unknown", "no")


def answer(node: str) -> str:
    if node == "b":
        raise Unreachable(node, "it", 1.0)
    return node.upper()


class TestAsking:
    def test_every_answer_and_every_failure_is_kept(self) -> None:
        answers = ask_all(gevent.spawn, ["a", "b", "c"], answer)

        assert answers.results == {"a": "A", "c": "C"}
        assert {name: type(error) for name, error in answers.failures.items()} == {"b": Unreachable}

    def test_answers_are_in_the_order_of_the_nodes(self) -> None:
        def slowly(node: str) -> None:
            gevent.sleep({"a": 0.002, "b": 0.001, "c": 0}[node])

        assert list(ask_all(gevent.spawn, ["a", "b", "c"], slowly).results) == ["a", "b", "c"]

    def test_all_are_asked_at_the_same_time(self) -> None:
        asked: list[str] = []

        def ask(node: str) -> list[str]:
            asked.append(node)
            gevent.sleep(0)
            return list(asked)

        answers = ask_all(gevent.spawn, ["a", "b"], ask)

        assert answers.results == {"a": ["a", "b"], "b": ["a", "b"]}

    def test_whoever_is_killed_asks_nobody_any_more(self) -> None:
        may_go, asked = Event(), []

        def ask(node: str) -> None:
            may_go.wait()
            asked.append(node)

        asking = gevent.spawn(ask_all, gevent.spawn, ["a", "b"], ask)
        gevent.idle()
        asking.kill()
        may_go.set()
        gevent.idle()

        assert asked == []

    def test_nobody_is_no_fault(self) -> None:
        assert ask_all(gevent.spawn, [], answer) == Answers()


class TestRequiring:
    def test_all_results_are_returned(self) -> None:
        assert Answers({"a": 1, "b": 2}).required("add") == {"a": 1, "b": 2}

    def test_a_partial_failure_carries_both_halves(self) -> None:
        with pytest.raises(Partial) as failed:
            ask_all(gevent.spawn, ["a", "b", "c"], answer).required("add")

        assert failed.value.results == {"a": "A", "c": "C"}
        assert list(failed.value.failures) == ["b"]
        assert str(failed.value).startswith("add failed on 1 of 3 nodes: b: ")

    def test_what_all_failed_of_is_raised_itself(self) -> None:
        with pytest.raises(Refused):
            ask_all(gevent.spawn, ["a", "b"], refuse).required("add")

    def test_different_failures_are_all_told(self) -> None:
        failures: dict[str, Exception] = {name: Refused("unknown", name) for name in ("a", "b")}

        with pytest.raises(Partial) as failed:
            Answers({}, failures).required("add")

        assert failed.value.failures == failures

    def test_a_fault_of_ours_does_not_pass_for_an_answer(self) -> None:
        with pytest.raises(Partial):
            Answers({}, {"a": KeyError("x")}).required("add")

    def test_other_words_are_told_of_those_that_answered(self) -> None:
        error = Refused("unknown", "x")
        answers = Answers({"a": None}, {"b": error}).saying({"a": 3, "b": 4})

        assert answers == Answers({"a": 3}, {"b": error})
