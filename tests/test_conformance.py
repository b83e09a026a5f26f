"""Every numbered case of amoc's suites is a test or a line of ``conformance.md``."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
CASES = range(1, 178)
NOT_YET = (*range(103, 111), *range(126, 178))


def numbers(text: str) -> Iterator[int]:
    """Read ``3, 23 and 24``, ``30 to 33`` and ``14-17``."""
    for first, last in re.findall(r"(\d+)(?:(?: to |-)(\d+))?", text):
        yield from range(int(first), int(last or first) + 1)


def named_by_tests() -> set[int]:
    found: set[int] = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            doc = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
            match = re.match(r"amoc cases? ([\d, andto-]+)", doc or "")
            found.update(numbers(match[1]) if match else ())
    return found


def explained() -> set[int]:
    text = (TESTS / "conformance.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d, -]+)", text, re.MULTILINE)
    return {number for row in rows for number in numbers(row)}


def test_every_case_is_tested_or_explained() -> None:
    assert set(CASES) - named_by_tests() - explained() == set()


def test_every_case_of_what_exists_is_tested() -> None:
    assert set(CASES) - set(NOT_YET) - named_by_tests() == set()
