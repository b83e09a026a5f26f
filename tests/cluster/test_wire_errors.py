"""Exceptions as plain values."""

import random
from typing import Any

import gevent
import pytest

from crowsg import errors
from crowsg.cluster.packing import check, pack, unpack
from crowsg.cluster.wire_errors import MAX_TEXT, from_wire, to_wire
from crowsg.errors import (
    BadNodes,
    CrowsgError,
    HttpError,
    InvalidRange,
    NoSuchScenario,
    PartialFailure,
    Refused,
    RemoteFault,
    ScenarioFailed,
    SettingsRejected,
    StartRefused,
    Unreachable,
)

EXAMPLES: list[CrowsgError] = [
    NoSuchScenario("chat", ["here", "there"]),
    SettingsRejected([("port", "0", "too low"), ("host", "''", "empty")]),
    InvalidRange(5, 1, 10),
    HttpError("GET /", "status_404", 404),
    Unreachable("a@b", "hello", 2.0),
    Refused("name_taken", "the name a@b belongs to somebody"),
    BadNodes(["x@y"], ["a@b"]),
    ScenarioFailed("init", "ValueError: no"),
    PartialFailure("add", {"a@b": [1, (2, 3)]}, {"c@d": InvalidRange(5, 1, 10)}),
    StartRefused({"c@d": PartialFailure("add", {}, {"e@f": Refused("stale", "over")})}),
]


def travelled(error: BaseException) -> CrowsgError:
    return from_wire(unpack(pack(to_wire(error))))


def shape(value: Any) -> Any:
    """Return what two equal exceptions have in common."""
    if isinstance(value, BaseException):
        return type(value), str(value), shape(vars(value))
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return value


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_arrives_as_it_was_raised(error: CrowsgError) -> None:
    arrived = travelled(error)

    assert shape(arrived) == shape(error)
    assert arrived.reason == error.reason


TREE = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, CrowsgError)
]


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_class_of_the_tree_arrives_as_itself(kind: type[CrowsgError]) -> None:
    error = kind.__new__(kind)
    error.args = ("why",)

    arrived = travelled(error)

    assert type(arrived) is kind
    assert str(arrived) == "why"


def test_another_exception_is_a_remote_fault_that_names_it() -> None:
    arrived = travelled(ZeroDivisionError("division\nby zero"))

    assert type(arrived) is RemoteFault
    assert str(arrived) == "ZeroDivisionError: division by zero"


def test_an_exception_that_only_is_called_like_one_of_the_tree_is_a_remote_fault() -> None:
    class Refused(Exception):
        pass

    assert type(travelled(Refused("x"))) is RemoteFault


def test_the_cause_stays_behind() -> None:
    error = ScenarioFailed("init", "ValueError: no")
    error.__cause__ = ValueError("secret")

    assert travelled(error).__cause__ is None
    assert "secret" not in repr(to_wire(error))


def test_a_failure_within_a_partial_one_that_is_not_of_the_tree_is_a_remote_fault() -> None:
    arrived = travelled(PartialFailure("add", {}, {"c@d": KeyError("x")}))

    assert isinstance(arrived, PartialFailure)
    assert type(arrived.failures["c@d"]) is RemoteFault


class Odd(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


class TestSad:
    @pytest.mark.parametrize(
        "value",
        [object(), {1: 2}, float("nan"), 1 << 70, "\ud800", {"\ud800": 1}, [object()], {1, 2}],
        ids=lambda value: ascii(value)[:20],
    )
    def test_an_attribute_that_is_no_plain_value_stays_behind(self, value: object) -> None:
        error = Refused("stale", "why")
        error.detail = value  # type: ignore[attr-defined]

        assert vars(travelled(error)) == {"kind": "stale"}

    @pytest.mark.parametrize("name", ["_secret", "__notes__", "args"])
    def test_what_is_private_to_an_exception_stays_behind(self, name: str) -> None:
        error = Refused("stale", "why")
        setattr(error, name, ("why",))

        assert list(to_wire(error)["attributes"]) == ["kind"]

    def test_an_attribute_that_holds_itself_stays_behind(self) -> None:
        loop: list[Any] = []
        loop.append(loop)
        error = Refused("stale", "why")
        error.loop = loop  # type: ignore[attr-defined]

        assert vars(travelled(error)) == {"kind": "stale"}

    def test_a_text_that_no_wire_takes_is_made_one(self) -> None:
        assert str(travelled(Refused("stale", "a\ud800b"))) == "a?b"

    def test_a_text_without_end_is_cut(self) -> None:
        assert len(str(travelled(Refused("stale", "x" * 10_000_000)))) == MAX_TEXT

    @pytest.mark.parametrize("error", [Odd(), gevent.GreenletExit("x"), SystemExit(3)], ids=repr)
    def test_no_exception_is_too_odd_to_tell_of(self, error: BaseException) -> None:
        arrived = travelled(error)

        assert type(arrived) is RemoteFault
        assert str(arrived).startswith(type(error).__name__)

    @pytest.mark.parametrize(
        "wire",
        [
            None,
            "Refused",
            [],
            {},
            {"class": "Refused"},
            {"class": "Refused", "text": 1, "attributes": {}},
            {"class": "Refused", "text": "x", "attributes": []},
            {"class": ["Refused"], "text": "x", "attributes": {}},
            {"class": "SystemExit", "text": "x", "attributes": {}},
            {"class": "Iterable", "text": "x", "attributes": {}},
            {"class": "os.system", "text": "x", "attributes": {}},
            {"class": "Refused", "text": "x", "attributes": {"__class__": {"plain": 1}}},
            {"class": "Refused", "text": "x", "attributes": {"args": {"plain": 1}}},
            {"class": "Refused", "text": "x", "attributes": {"reason": {"plain": 1}}},
            {"class": "Refused", "text": "x", "attributes": {"with_traceback": {"plain": 1}}},
            {"class": "Refused", "text": "x", "attributes": {"a b": {"plain": 1}}},
            {"class": "Refused", "text": "x", "attributes": {1: {"plain": 1}}},
            {"class": "Refused", "text": "x", "attributes": {"kind": 1}},
            {"class": "Refused", "text": "x", "attributes": {"kind": {}}},
            {"class": "Refused", "text": "x", "attributes": {"kind": {"plain": 1, "list": []}}},
            {"class": "Refused", "text": "x", "attributes": {"kind": {"set": []}}},
            {"class": "Refused", "text": "x", "attributes": {"kind": {"tuple": 1}}},
            {"class": "Refused", "text": "x", "attributes": {"kind": {"error": 1}}},
            {"class": "Refused", "text": "x", "attributes": {f"a{i}": 1 for i in range(100)}},
        ],
        ids=lambda wire: ascii(wire)[:80],
    )
    def test_what_is_no_error_is_a_remote_fault(self, wire: Any) -> None:
        assert type(from_wire(wire)) is RemoteFault

    def test_errors_inside_errors_without_end_are_a_remote_fault(self) -> None:
        wire: Any = {"class": "Refused", "text": "x", "attributes": {}}
        for _ in range(10_000):
            wire = {"class": "Refused", "text": "x", "attributes": {"kind": {"error": wire}}}

        assert type(from_wire(wire)) is RemoteFault

    def test_no_mutation_of_a_wire_form_raises_anything(self) -> None:
        chance = random.Random(3)
        for _ in range(2000):
            wire = to_wire(chance.choice(EXAMPLES))
            assert isinstance(from_wire(mutated(wire, chance)), CrowsgError)

    def test_what_is_sent_is_always_plain(self) -> None:
        for error in EXAMPLES:
            check(to_wire(error))


def mutated(value: Any, chance: random.Random) -> Any:
    """Return ``value`` with some of its parts replaced."""
    if chance.random() < 0.1:
        return chance.choice([None, 0, "", "x", [], {}, {"error": None}, b"", {"plain": 1}, 1.5])
    if isinstance(value, dict):
        return {key: mutated(each, chance) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [mutated(each, chance) for each in value]
    return value
