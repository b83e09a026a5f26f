"""Functions fit on a screen, files in a head."""

import ast
from collections.abc import Iterator

from tests.architecture.package import Function, Module, definitions, modules, refuse

MAX_FUNCTION = 40
"""Lines from ``def`` to the end; decorators and the docstring are not counted."""

MAX_FILE = 400


def length(node: Function) -> int:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is None:
        return lines
    docstring = node.body[0]
    return lines - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def long_functions(module: Module) -> Iterator[tuple[str, int, int]]:
    for node in definitions(module):
        if isinstance(node, Function) and length(node) > MAX_FUNCTION:
            yield node.name, node.lineno, length(node)


def test_functions_are_short() -> None:
    refuse(
        (
            f"{module.at(line)}: {name} has {lines} lines"
            for module in modules()
            for name, line, lines in long_functions(module)
        ),
        f"Split functions of more than {MAX_FUNCTION} lines along what they do:",
    )


def test_files_are_short() -> None:
    refuse(
        (
            f"{module.file} has {lines} lines"
            for module in modules()
            if (lines := len(module.text.splitlines())) > MAX_FILE
        ),
        f"Split files of more than {MAX_FILE} lines along what they are responsible for:",
    )


def test_a_docstring_does_not_make_a_function_long() -> None:
    docstring = "    '''" + "\n" * MAX_FUNCTION + "    '''\n"

    assert not list(long_functions(Module.of(f"def f():\n{docstring}")))


def test_a_long_function_is_seen() -> None:
    assert list(long_functions(Module.of("def f():\n" + "    pass\n" * MAX_FUNCTION)))
