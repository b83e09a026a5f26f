"""Names are bounded, and nothing recorded is lost with them."""

import logging

import pytest

from crowsg.metrics.names import MAX_NAMES, OTHER, Named, key_of, spelled


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


@pytest.mark.parametrize("name", [None, 7, "", ("a",), b"a"], ids=repr)
def test_a_name_that_is_no_text_is_refused(name: object) -> None:
    with pytest.raises(TypeError, match="things are named by text"):
        Named("things", list)[name]  # type: ignore[index]


def test_labels_are_part_of_a_name_in_any_order() -> None:
    assert key_of("a", {"x": 1, "y": 2}) == key_of("a", {"y": 2, "x": 1})
    assert key_of("a", {}) == "a"


def test_a_name_is_spelled_with_its_labels() -> None:
    assert spelled(key_of("a", {"y": 2, "x": "one"})) == 'a{x="one",y="2"}'
    assert spelled("a") == "a"
