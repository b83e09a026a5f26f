"""Whether a value is good for a variable: every answer a verification can give."""

from collections.abc import Callable
from typing import Any

import gevent
import pytest

from crowsg.config.variable import MISSING, Declared
from crowsg.config.verification import Verdict, verify
from crowsg.text import MAX_LINE


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class BrokenContainer:
    def __contains__(self, value: object) -> bool:
        raise RuntimeError


def judged(check: Any, value: Any, default: Any = MISSING) -> Verdict:
    return verify(Declared("port", "a port", "chat", default, check, False, False), value)


def answer(result: object) -> Callable[[object], object]:
    return lambda value: result


def throw(error: BaseException) -> Callable[[object], object]:
    def check(value: object) -> object:
        raise error

    return check


def test_every_value_is_good_where_nothing_verifies() -> None:
    value = object()

    assert judged(None, value) == Verdict(value)


@pytest.mark.parametrize(
    ("result", "stored"),
    [
        pytest.param(True, "8", id="True keeps the value"),
        pytest.param((True, 8), 8, id="a new value"),
        pytest.param((True, None), None, id="None as the new value"),
        pytest.param((True, False), False, id="False as the new value"),
        pytest.param([True, 8], 8, id="a list as the pair"),
    ],
)
def test_a_good_value_is_kept_or_replaced(result: object, stored: object) -> None:
    """amoc case 55."""
    assert judged(answer(result), "8") == Verdict(stored)


@pytest.mark.parametrize(
    ("check", "why"),
    [
        pytest.param(answer(False), "verification failed", id="False"),
        pytest.param(answer((False, "too high")), "too high", id="a reason"),
        pytest.param(answer((False, 17)), "17", id="a reason that is no text"),
        pytest.param(answer((False, "")), "verification failed", id="an empty reason"),
        pytest.param(answer((False, " \n")), "verification failed", id="a blank reason"),
        pytest.param(answer((False, Unprintable())), "<unprintable>", id="an unprintable reason"),
        pytest.param(throw(ValueError("too high")), "too high", id="ValueError"),
        pytest.param(throw(ValueError()), "verification failed", id="ValueError without text"),
        pytest.param(throw(ValueError("a\nb\0c")), "a b c", id="a reason of two lines"),
        pytest.param([1, 2], "not one of [1, 2]", id="list"),
        pytest.param(range(1, 3), "not one of range(1, 3)", id="range"),
    ],
)
def test_a_bad_value_is_refused_with_its_reason(check: Any, why: str) -> None:
    verdict = judged(check, 8)

    assert (verdict.why, verdict.misbehaved) == (why, False)


@pytest.mark.parametrize(
    "result",
    [None, 1, 0, "yes", "", (), (True,), (True, 1, 2), (1, 8), (False,), {True: 8}, object()],
    ids=repr,
)
def test_nonsense_is_a_refusal_and_a_misbehaviour(result: object) -> None:
    verdict = judged(answer(result), 8)

    assert verdict.misbehaved
    assert verdict.why.endswith("neither bool nor pair")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        pytest.param(KeyError("port"), "verification raised KeyError: 'port'", id="Exception"),
        pytest.param(SystemExit(3), "verification raised SystemExit: 3", id="SystemExit"),
        pytest.param(RecursionError(), "verification raised RecursionError: ", id="RecursionError"),
        pytest.param(Unprintable(), "verification raised Unprintable: <unprintable>", id="no text"),
    ],
)
def test_whatever_a_verification_raises_is_a_refusal(error: BaseException, why: str) -> None:
    """amoc case 58: the nearest to a crash while the settings are made."""
    assert judged(throw(error), 8) == Verdict(8, why, misbehaved=True)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), gevent.GreenletExit(), gevent.Timeout()])
def test_what_is_meant_for_the_caller_passes_through(error: BaseException) -> None:
    with pytest.raises(type(error)):
        judged(throw(error), 8)


@pytest.mark.parametrize(
    ("allowed", "value"),
    [
        pytest.param([1, [2]], [2], id="list"),
        pytest.param({1, 2}, 2, id="set"),
        pytest.param(range(1, 65536), 65535, id="range"),
        pytest.param({"one": 1}, "one", id="dict"),
    ],
)
def test_a_value_of_the_container_is_good(allowed: Any, value: object) -> None:
    """amoc case 47."""
    assert judged(allowed, value) == Verdict(value)


@pytest.mark.parametrize(
    ("allowed", "value"),
    [
        pytest.param({1, 2}, [1], id="an unhashable value"),
        pytest.param({1, 2}, "1", id="text for a number"),
        pytest.param(range(1, 65536), 65536, id="beyond the range"),
        pytest.param(range(1, 65536), 0, id="below the range"),
        pytest.param(range(1, 65536), 1.5, id="between two numbers"),
        pytest.param(range(1, 65536), float("nan"), id="NaN"),
        pytest.param(range(1, 65536), 10**30, id="10**30"),
        pytest.param(range(1, 65536), None, id="None for a required value"),
        pytest.param(BrokenContainer(), 1, id="a container that raises"),
    ],
)
def test_a_value_outside_the_container_is_bad(allowed: Any, value: object) -> None:
    verdict = judged(allowed, value)

    assert verdict.why.startswith("not one of ")
    assert not verdict.misbehaved


@pytest.mark.parametrize("check", [[1], throw(KeyError()), answer(False)])
def test_an_optional_variable_without_a_value_is_not_verified(check: Any) -> None:
    assert judged(check, None, default=None) == Verdict(None)


def test_an_optional_variable_with_a_value_is_verified() -> None:
    assert judged([1], 2, default=None).why == "not one of [1]"


def test_a_variable_without_value_and_default_is_refused() -> None:
    assert judged(None, MISSING).why == "no value given and no default declared"


def test_a_reason_of_a_megabyte_is_cut() -> None:
    assert len(judged(answer((False, "x" * 1_000_000)), 8).why) == MAX_LINE


def test_a_long_list_of_allowed_values_is_cut() -> None:
    assert len(judged(list(range(100_000)), -1).why) < 200
