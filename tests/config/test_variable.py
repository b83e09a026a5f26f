"""Declarations: what makes one sound, and how everything that is wrong is told at once."""

from collections.abc import Callable
from typing import Any

import pytest

from crowsg.config.variable import MISSING, RESERVED_NAMES, Declared, Variable, judge


def check(value: object) -> bool:
    return True


def apply(name: str, value: object) -> None: ...


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError


FUNCTIONS = {"check": check, "apply": apply, "limit": 17}


def declare(**options: Any) -> Declared:
    """Return a sound declaration."""
    declared, problems = judge(Variable("port", "a port", **options), "chat", FUNCTIONS.get)
    assert declared is not None, problems
    return declared


def problems_of(variable: object) -> list[str]:
    """Return what is wrong with a declaration, which must not be sound as well."""
    declared, problems = judge(variable, "chat", FUNCTIONS.get)
    assert declared is None
    return problems


def test_what_is_left_out_is_required_unverified_and_read_only() -> None:
    """amoc case 44; a variable without any value is refused here, so it has no default at all."""
    declared = declare()

    assert (declared.default, declared.verify, declared.update) == (MISSING, None, False)
    assert (declared.module, declared.secret) == ("chat", False)


def test_a_function_and_its_name_declare_the_same() -> None:
    """amoc case 44."""
    by_function = declare(verify=check, update=apply)

    assert declare(verify="check", update="apply") == by_function


@pytest.mark.parametrize("description", ["a port", "порт", "ポート", "🐦‍⬛ crow", "two\nlines"])
def test_a_description_is_kept_as_it_is_written(description: str) -> None:
    """amoc case 45."""
    declared, _ = judge(Variable("port", description), "chat", FUNCTIONS.get)

    assert declared is not None
    assert declared.description == description


@pytest.mark.parametrize(
    "verify",
    [
        pytest.param([1, 2], id="list"),
        pytest.param((1, 2), id="tuple"),
        pytest.param({1, 2}, id="set"),
        pytest.param(frozenset({1}), id="frozenset"),
        pytest.param(range(1, 65536), id="range"),
        pytest.param(range(10**30), id="a range whose length fits no C integer"),
        pytest.param({"one": 1}, id="dict"),
    ],
)
def test_a_container_is_a_verification(verify: Any) -> None:
    """amoc case 47: there it becomes a closure, here it stays the container."""
    assert declare(verify=verify).verify is verify


@pytest.mark.parametrize("update", [True, False])
def test_update_says_whether_the_value_may_change(update: bool) -> None:
    assert declare(update=update).update is update


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda value: True, id="lambda"),
        pytest.param(lambda value, strict=False: True, id="an argument too many, with a default"),
        pytest.param(lambda *values: True, id="any number"),
        pytest.param(bool, id="class"),
        pytest.param({1}.__contains__, id="method of a built-in"),
    ],
)
def test_whatever_takes_one_argument_can_verify(function: Callable[..., object]) -> None:
    assert declare(verify=function).verify is function


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("", "no identifier", id="empty"),
        pytest.param("two words", "no identifier", id="two words"),
        pytest.param("1st", "no identifier", id="digit first"),
        pytest.param("a-b", "no identifier", id="hyphen"),
        pytest.param("class", "no identifier", id="keyword"),
        pytest.param("a\0", "no identifier", id="NUL"),
        pytest.param(None, "no identifier", id="None"),
        pytest.param(7, "no identifier", id="number"),
        pytest.param(b"port", "no identifier", id="bytes"),
        pytest.param("Port", "lower-case ASCII", id="capital"),
        pytest.param("größe", "lower-case ASCII", id="beyond ASCII"),
    ],
)
def test_a_bad_name_is_refused(name: Any, said: str) -> None:
    (problem,) = problems_of(Variable(name, "a port"))

    assert said in problem


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_a_name_that_crowsg_uses_is_refused(name: str) -> None:
    assert problems_of(Variable(name, "mine")) == [
        f"chat: variable {name!r}: crowsg uses this name itself"
    ]


@pytest.mark.parametrize("description", ["", " \n", None, 17, b"a port", "\ud800"])
def test_a_bad_description_is_refused(description: Any) -> None:
    (problem,) = problems_of(Variable("port", description))

    assert "the description is" in problem


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"verify": "missing"}, "verify names no function", id="verify: no such name"),
        pytest.param({"verify": "limit"}, "verify names no function", id="verify: no function"),
        pytest.param({"verify": "apply"}, "verify must take 1 argument", id="verify: arguments"),
        pytest.param({"verify": lambda: 1}, "verify must take 1 argument", id="verify: lambda"),
        pytest.param({"verify": 17}, "neither function, name nor container", id="verify: number"),
        pytest.param({"verify": []}, "verify allows no value at all", id="verify: empty list"),
        pytest.param({"verify": range(0)}, "allows no value at all", id="verify: empty range"),
        pytest.param({"update": "missing"}, "update names no function", id="update: no such name"),
        pytest.param({"update": "check"}, "update must take 2 argument", id="update: arguments"),
        pytest.param({"update": check}, "update must take 2 argument", id="update: function"),
        pytest.param({"update": None}, "neither bool, function nor name", id="update: None"),
        pytest.param({"update": 1}, "neither bool, function nor name", id="update: number"),
    ],
)
def test_a_bad_function_is_refused(options: dict[str, Any], said: str) -> None:
    (problem,) = problems_of(Variable("port", "a port", **options))

    assert said in problem
    assert problem.startswith("chat: variable 'port': ")


def test_everything_wrong_with_a_declaration_is_told_at_once() -> None:
    """amoc case 46."""
    no_update: Any = 17

    assert len(problems_of(Variable("a b", "", verify="missing", update=no_update))) == 4


@pytest.mark.parametrize(
    "thing", [None, 17, "port", {"name": "port", "description": "a port"}, Variable, Unprintable()]
)
def test_what_is_no_variable_is_refused(thing: object) -> None:
    (problem,) = problems_of(thing)

    assert problem.endswith("is no Variable")


def test_a_name_of_a_megabyte_makes_a_short_problem() -> None:
    (problem,) = problems_of(Variable("x " * 500_000, "a port"))

    assert len(problem) < 200


def test_the_text_of_a_declaration_shows_no_default() -> None:
    variable = Variable("password", "a secret", default="hunter2", secret=True)
    declared, _ = judge(variable, "chat", FUNCTIONS.get)

    assert "hunter2" not in f"{variable!r} {declared!r}"


def test_a_declaration_in_a_dictionary_is_refused_without_its_secret() -> None:
    (problem,) = problems_of({Variable("p", "d", "hunter2", secret=True)})

    assert "hunter2" not in problem


def test_a_secret_is_never_shown() -> None:
    assert declare(secret=True).present("hunter2") == "***"


def test_a_long_value_is_shown_cut() -> None:
    assert len(declare().present("x" * 1_000_000)) < 300
