"""Everything public says what it is, and every function what it takes and returns."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.package import Function, Module, definitions, modules, refuse


def public(node: ast.Module | ast.ClassDef) -> Iterator[Function | ast.ClassDef]:
    """Yield the public functions and classes of a module, and those of its public classes."""
    for child in node.body:
        if isinstance(child, Function | ast.ClassDef) and not child.name.startswith("_"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from public(child)


def undocumented(module: Module) -> Iterator[tuple[str, int]]:
    if not ast.get_docstring(module.tree):
        yield "the module", 1
    for node in public(module.tree):
        if not ast.get_docstring(node):
            yield node.name, node.lineno


def unannotated(module: Module) -> Iterator[tuple[str, int]]:
    """Yield (name, line) of functions, private and nested ones too, that lack annotations."""
    for node in definitions(module):
        if isinstance(node, Function):
            given = node.args
            arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
            arguments += [each for each in (given.vararg, given.kwarg) if each is not None]
            bare = [each.arg for each in arguments if each.annotation is None]
            missing = [name for name in bare if name not in ("self", "cls")]
            missing += [] if node.returns else ["return"]
            if missing:
                yield f"{node.name}: {', '.join(missing)}", node.lineno


def test_everything_public_has_a_docstring() -> None:
    refuse(
        (
            f"{module.at(line)}: {name}"
            for module in modules()
            for name, line in undocumented(module)
        ),
        "Write a docstring for these, or make them private with a leading underscore:",
    )


def test_every_function_is_annotated() -> None:
    refuse(
        (
            f"{module.at(line)}: {name}"
            for module in modules()
            for name, line in unannotated(module)
        ),
        "Annotate these parameters and returns:",
    )


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("def f(): pass", 2, id="module-and-function"),
        pytest.param("'Doc.'\nclass A:\n    'Doc.'\n    def f(self): pass", 1, id="method"),
        pytest.param("'Doc.'\ndef _f(): pass\nclass _A:\n    def f(self): pass", 0, id="private"),
        pytest.param("'Doc.'\ndef f():\n    'Doc.'\n    def g(): pass", 0, id="nested"),
    ],
)
def test_missing_docstrings_are_seen(text: str, count: int) -> None:
    assert len(list(undocumented(Module.of(text)))) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("def f(a) -> None: pass", 1, id="argument"),
        pytest.param("def f(a: int): pass", 1, id="return"),
        pytest.param("def f(*a, b: int, **c) -> None: pass", 1, id="starred"),
        pytest.param("class A:\n    def f(self, a: int) -> None: pass", 0, id="complete"),
    ],
)
def test_missing_annotations_are_seen(text: str, count: int) -> None:
    assert len(list(unannotated(Module.of(text)))) == count
