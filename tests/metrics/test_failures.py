"""What went wrong is grouped, bounded, counted to the last, and safe to show."""

import logging
import random
import types
from collections.abc import Callable

import gevent
import pytest

from crowsg.metrics.failures import (
    MAX_GROUPS,
    FailureGroup,
    FailureLog,
    describe,
    log_first,
)
from crowsg.metrics.names import OTHER
from crowsg.testing import ManualClock
from crowsg.text import MAX_LINE


class Unprintable(Exception):
    """An exception that cannot be printed."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


class Deadly(Exception):
    """An exception that tries to end the program when it is looked at."""

    def __str__(self) -> str:
        raise SystemExit

    __repr__ = __str__


class Textless(Exception):
    """An exception whose text is no text."""

    def __str__(self) -> str:
        return None  # type: ignore[return-value]


class Kit:
    """A log, its clock, and what was told of first failures."""

    def __init__(self) -> None:
        self.clock = ManualClock(start_ns=7)
        self.told: list[tuple[FailureGroup, BaseException]] = []
        self.log = FailureLog(self.clock, lambda *first: self.told.append(first))

    def only(self) -> FailureGroup:
        (group,) = self.log.groups()
        return group


@pytest.fixture
def kit() -> Kit:
    return Kit()


def raised(function: Callable[[], object]) -> BaseException:
    """Return what ``function`` raises."""
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever it is
        function()
    return caught.value


ODD_ERRORS = [
    pytest.param(Unprintable(), id="unprintable"),
    pytest.param(Deadly(), id="deadly"),
    pytest.param(Textless(), id="text that is no text"),
    pytest.param(ValueError("x" * 10_000_000), id="10 MB"),
    pytest.param(ValueError("\udcff" * 600), id="lone surrogates"),
    pytest.param(ValueError("a\0b\x1b[31m\r\n\u202e"), id="control characters"),
    pytest.param(ValueError("'" * 100_000), id="quotes"),
    pytest.param(ValueError(b"\xff", object()), id="bytes and objects"),
    pytest.param(type("N" * 1_000_000, (Exception,), {})("x"), id="a name of 1 MB"),
    pytest.param(type("two\nlines", (Exception,), {})("x"), id="a name of two lines"),
    pytest.param(ExceptionGroup("many", [ValueError()] * 1000), id="ExceptionGroup"),
    pytest.param(SystemExit(1), id="SystemExit"),
    pytest.param(KeyboardInterrupt(), id="KeyboardInterrupt"),
    pytest.param(gevent.GreenletExit(), id="GreenletExit"),
    pytest.param(gevent.Timeout(1), id="Timeout"),
]


@pytest.mark.parametrize(
    ("text", "template"),
    [
        pytest.param("refused", "refused", id="nothing varies"),
        pytest.param("", "", id="no text"),
        pytest.param("user 17 of 100", "user * of *", id="numbers"),
        pytest.param("took 1.5 s", "took *.* s", id="fractions"),
        pytest.param("no file 'a b.txt'", "no file *", id="quoted"),
        pytest.param('no "x" in "y"', "no * in *", id="quoted twice"),
        pytest.param("at 0x7f3a", "at *", id="address"),
        pytest.param("id 5f2b1c9e-1d2e-4f6a-8b7c-0a1b2c3d4e5f", "id *", id="uuid"),
        pytest.param("digest d41d8cd98f00b204e9800998ecf8427e", "digest *", id="digest"),
        pytest.param("10.0.0.1:8888 refused", "*.*.*.*:* refused", id="address of a peer"),
        pytest.param("a feed of words", "a feed of words", id="words of hexadecimal letters"),
    ],
)
def test_what_varies_in_a_text_is_left_out_of_its_group(kit: Kit, text: str, template: str) -> None:
    kit.log.record(ValueError(text))

    assert kit.only().template == template


def test_failures_of_one_kind_and_template_are_one_group(kit: Kit) -> None:
    for number in range(5):
        kit.log.record(ValueError(f"user {number} got 'text {number}'"))

    assert (kit.only().kind, kit.only().count) == ("ValueError", 5)


def test_another_kind_or_template_is_another_group(kit: Kit) -> None:
    for error in (ValueError("a"), KeyError("a"), ValueError("b")):
        kit.log.record(error)

    assert len(kit.log.groups()) == 3


def test_a_group_keeps_the_first_text_and_where_it_came_from(kit: Kit) -> None:
    def fail(number: int) -> None:
        raise ValueError(f"number {number}")

    for number in (1, 2):
        kit.log.record(raised(lambda number=number: fail(number)))  # type: ignore[misc]

    assert kit.only().sample.startswith("ValueError: number 1 (test_failures.py:")
    assert kit.only().sample.endswith(" in fail)")


def test_a_group_tells_when_the_first_and_the_last_came(kit: Kit) -> None:
    for seconds in (1, 2, 4):
        kit.clock.advance(seconds)
        kit.log.record(ValueError())

    assert (kit.only().first_s, kit.only().last_s) == (1.0, 7.0)


def test_the_most_frequent_group_comes_first(kit: Kit) -> None:
    for kind in (ValueError, KeyError, KeyError, TypeError, KeyError, TypeError):
        kit.log.record(kind())

    assert [group.kind for group in kit.log.groups()] == ["KeyError", "TypeError", "ValueError"]


def test_the_first_of_each_group_is_told_once(kit: Kit) -> None:
    errors = [ValueError("user 1"), ValueError("user 2"), KeyError("x"), ValueError("user 3")]

    for error in errors:
        kit.log.record(error)

    assert [error for _, error in kit.told] == [errors[0], errors[2]]
    assert [group.kind for group, _ in kit.told] == ["ValueError", "KeyError"]


def test_groups_are_bounded_and_counts_conserved(kit: Kit) -> None:
    for number in range(3 * MAX_GROUPS):
        kit.log.record(type(f"Kind{number}", (Exception,), {})("same"))

    groups = kit.log.groups()
    assert len(groups) == MAX_GROUPS + 1
    assert sum(group.count for group in groups) == 3 * MAX_GROUPS
    assert (groups[0].kind, groups[0].template, groups[0].count) == (OTHER, OTHER, 2 * MAX_GROUPS)


@pytest.mark.parametrize("seed", range(20))
def test_every_failure_is_in_exactly_one_group(kit: Kit, seed: int) -> None:
    rng = random.Random(seed)
    total = rng.randrange(2000)

    for _ in range(total):
        words = "".join(rng.choices("abc '\"0", k=rng.randrange(8)))
        kit.log.record(rng.choice([ValueError, KeyError, OSError])(words))

    assert sum(group.count for group in kit.log.groups()) == total
    assert len(kit.told) == len(kit.log.groups()) <= MAX_GROUPS + 1


def test_a_known_group_goes_on_when_there_is_no_room_for_new_ones(kit: Kit) -> None:
    for number in range(MAX_GROUPS + 1):
        kit.log.record(type(f"Kind{number}", (Exception,), {})())

    kit.log.record(type("Kind0", (Exception,), {})())

    assert kit.log.groups()[0].kind == "Kind0"


def test_the_rest_is_told_once(kit: Kit) -> None:
    for number in range(MAX_GROUPS + 5):
        kit.log.record(type(f"Kind{number}", (Exception,), {})())

    assert [group.kind for group, _ in kit.told].count(OTHER) == 1


def test_a_reset_forgets_and_begins_a_new_time(kit: Kit) -> None:
    kit.log.record(ValueError())
    kit.clock.advance(5)

    kit.log.reset()
    kit.clock.advance(1)
    kit.log.record(ValueError())

    assert (kit.only().count, kit.only().first_s) == (1, 1.0)
    assert len(kit.told) == 2


def test_nothing_went_wrong_at_first(kit: Kit) -> None:
    assert kit.log.groups() == ()


@pytest.mark.parametrize("error", ODD_ERRORS)
def test_any_exception_is_counted(kit: Kit, error: BaseException) -> None:
    kit.log.record(error)
    kit.log.record(error)

    assert kit.only().count == 2


@pytest.mark.parametrize("error", ODD_ERRORS)
def test_a_group_is_bounded_and_printable_whatever_was_raised(
    kit: Kit, error: BaseException
) -> None:
    kit.log.record(error)

    for text in (kit.only().kind, kit.only().template, kit.only().sample):
        assert len(text) <= 3 * MAX_LINE
        assert text.isprintable()


def test_the_first_failure_of_a_kind_can_be_logged(caplog: pytest.LogCaptureFixture) -> None:
    group = FailureGroup("ValueError", "no luck", 1, 0.0, 0.0, "ValueError: no luck")

    with caplog.at_level(logging.WARNING):
        log_first(group, ValueError())

    assert caplog.messages == ["first failure of its kind: ValueError: no luck"]


def test_an_exception_that_was_never_raised_is_described_without_a_place() -> None:
    assert describe(ValueError("bad")) == "ValueError: bad"


def test_an_exception_without_text_is_described_by_its_kind() -> None:
    assert describe(ValueError()) == "ValueError"


def test_an_exception_is_described_with_where_it_was_raised() -> None:
    assert describe(raised(lambda: 1 // 0)).startswith(
        "ZeroDivisionError: integer division or modulo by zero (test_failures.py:"
    )


def test_a_place_of_two_lines_is_described_in_one() -> None:
    code = compile("1 / 0", "no\nfile", "exec")

    described = describe(raised(types.FunctionType(code, {})))

    assert described == "ZeroDivisionError: division by zero (no file:1 in <module>)"
