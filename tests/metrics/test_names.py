"""Names are bounded, and nothing recorded is lost with them."""

import logging

import pytest

from crowsg.metrics.names import MAX_NAMES, OTHER, Key, Named, key_of, parts_of, spelled


def fill(named: "Named[list[int]]") -> None:
    for number in range(MAX_NAMES):
        named[f"name {number}"].append(number)


def test_a_name_is_made_once() -> None:
    named: Named[list[int]] = Named("things", list)

    named["a"].append(1)
    named["a"].append(2)

    assert named == {"a": [1, 2]}


def test_what_comes_after_two_hundred_names_is_kept_together() -> None:
    named: Named[list[int]] = Named("things", list)
    fill(named)

    named["one"].append(1)
    named["two"].append(2)
    named["name 7"].append(7)

    assert (len(named), named[OTHER], named["name 7"]) == (201, [1, 2], [7, 7])


def test_the_leak_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    named: Named[list[int]] = Named("things", list)
    fill(named)

    with caplog.at_level(logging.WARNING, "crowsg"):
        for number in range(5):
            named[f"more {number}"].append(number)

    (message,) = caplog.messages
    assert "more than 200 names of things" in message


@pytest.mark.parametrize(
    "name",
    [None, 7, "", b"a", ("a",), ("a", 1), ("a", ()), ("", (("x", "1"),)), (None, (("x", "1"),))],
    ids=repr,
)
def test_a_name_that_is_no_text_is_refused(name: object) -> None:
    with pytest.raises(TypeError, match="things are named by text"):
        Named("things", list)[name]  # type: ignore[index]


def test_labels_are_part_of_a_name_in_any_order() -> None:
    assert key_of("a", {"x": 1, "y": 2}) == key_of("a", {"y": 2, "x": 1})
    assert key_of("a", {}) == "a"


def test_a_name_is_spelled_with_its_labels() -> None:
    assert spelled(key_of("a", {"y": 2, "x": "one"})) == 'a{x="one",y="2"}'
    assert spelled("a") == "a"


@pytest.mark.parametrize("key", ["a", ("a", (("x", "1"), ("y", "2")))], ids=spelled)
def test_the_parts_of_a_key_make_it_again(key: Key) -> None:
    name, labels = parts_of(key)

    assert key_of(name, dict(labels)) == key


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        pytest.param("one", "one", id="text"),
        pytest.param(200, "200", id="number"),
        pytest.param(None, "None", id="None"),
        pytest.param("", "", id="empty"),
        pytest.param("two\nlines", "two lines", id="two lines"),
        pytest.param("\x1b[31mred", " [31mred", id="control characters"),
        pytest.param("\udcff", "?", id="lone surrogate"),
        pytest.param(["x" * 1000], "['" + 510 * "x", id="long"),
    ],
)
def test_the_value_of_a_label_is_kept_as_one_line_of_text(value: object, kept: str) -> None:
    assert key_of("a", {"x": value}) == ("a", (("x", kept),))


class Refusing:
    """A check that refuses one name, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def __call__(self, name: str, labels: tuple[str, ...]) -> None:
        self.asked.append((name, labels))
        if name == "bad":
            raise LookupError(name)


def test_a_key_is_checked_when_it_comes_for_the_first_time() -> None:
    check = Refusing()
    named: Named[list[int]] = Named("things", list, check)

    for _ in range(2):
        named[key_of("a", {"y": 1, "x": 2})].append(1)
        named["b"].append(1)

    assert check.asked == [("a", ("x", "y")), ("b", ())]


def test_a_key_that_is_refused_leaves_nothing() -> None:
    named: Named[list[int]] = Named("things", list, Refusing())

    with pytest.raises(LookupError, match="bad"):
        named["bad"].append(1)

    assert named == {}


def test_what_is_refused_once_is_refused_again() -> None:
    check = Refusing()
    named: Named[list[int]] = Named("things", list, check)

    for _ in range(2):
        with pytest.raises(LookupError, match="bad"):
            named["bad"].append(1)

    assert len(check.asked) == 2


def test_two_hundred_names_with_labels_are_kept_too(caplog: pytest.LogCaptureFixture) -> None:
    named: Named[list[int]] = Named("things", list)

    for number in range(MAX_NAMES + 3):
        named[key_of("a", {"id": number})].append(number)

    assert (len(named), named[OTHER]) == (MAX_NAMES + 1, [200, 201, 202])
    assert len(caplog.messages) == 1
