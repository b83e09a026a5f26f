"""What is promised when things break is shown by tests that name the promise: ``faults.md``."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FAULTS = (*range(1, 24), 26, 27, 28, 30, 31, 35, 37)
NOT_YET = "not yet"


def rows() -> dict[int, str]:
    """Return what the table says of each fault, by its number."""
    text = (TESTS / "faults.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| R(\d+) \|[^|]*\|(.*)\|$", text, re.MULTILINE)
    return {int(number): cell.strip() for number, cell in found}


def shown() -> Iterator[tuple[int, str, str]]:
    """Yield (number, file, test) of each test in the table."""
    for number, cell in rows().items():
        for file, tests in re.findall(r"`([\w/]+\.py)` ([^<|]*)", cell):
            for test in re.findall(r"`(\w+)`", tests):
                yield number, file, test


def claims_of(file: str) -> dict[str, str]:
    """Return what each test of a file says of itself: its name and docstring."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {
        node.name: f"{node.name} {ast.get_docstring(node) or ''}"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def names(number: int, text: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9])[Rr]{number}(?!\d)", text) is not None


def test_every_fault_has_a_row() -> None:
    assert set(rows()) == set(FAULTS)


@pytest.mark.parametrize("number", FAULTS)
def test_a_fault_is_shown_or_not_yet(number: int) -> None:
    assert (NOT_YET in rows()[number]) != any(each == number for each, _, _ in shown())


@pytest.mark.parametrize(("number", "file", "test"), list(shown()))
def test_a_test_of_the_table_exists_and_names_its_fault(number: int, file: str, test: str) -> None:
    found = claims_of(file)

    assert test in found
    assert names(number, found[test])


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("test_it: R1.", True),
        ("test_it_r1", True),
        ("R11, R1", True),
        ("R11", False),
        ("HR1", False),
    ],
)
def test_a_number_is_named_where_it_stands_alone(text: str, is_named: bool) -> None:
    assert names(1, text) == is_named
