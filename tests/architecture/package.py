"""The package as text: its modules, what each imports and refers to. Nothing is imported here."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LOOK_UPS = {f"crowsg.context.current_{what}" for what in ("node", "scope", "user")}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name: ``from a import b as c`` has the target ``a.b`` and binds ``c`` to it."""

    target: str
    bound: str
    line: int
    type_only: bool = False
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Module:
    """One module of the package."""

    name: str
    tree: ast.Module
    file: str
    text: str
    is_room: bool = False

    @classmethod
    def of(cls, text: str, name: str = "crowsg.example") -> "Module":
        """Make a module of a text, for tests of the tests."""
        return cls(name, ast.parse(text), f"{name}.py", text)

    @property
    def room(self) -> str:
        """The top-level module or package it belongs to; ``crowsg`` for the package's own."""
        return self.name.split(".")[1] if "." in self.name else self.name

    def at(self, line: int) -> str:
        """Name a line for people."""
        return f"{self.file}:{line}"


@cache
def modules() -> tuple[Module, ...]:
    """Return every module of crowsg."""
    return tuple(_read(path) for path in sorted((ROOT / "crowsg").rglob("*.py")))


def _read(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    is_room = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_room else parts)
    text = path.read_text(encoding="utf-8")
    file = str(path.relative_to(ROOT))
    return Module(name, ast.parse(text), file, text, is_room)


def imports(module: Module) -> list[Import]:
    """Return all imports, those inside functions and under ``TYPE_CHECKING`` included."""
    collector = _Imports()
    collector.visit(module.tree)
    return collector.found


class _Imports(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: list[Import] = []
        self._type_only = False

    def visit_If(self, node: ast.If) -> None:
        before = self._type_only
        self._type_only = before or ast.unparse(node.test).endswith("TYPE_CHECKING")
        for child in node.body:
            self.visit(child)
        self._type_only = before
        for child in node.orelse:
            self.visit(child)

    def visit_Import(self, node: ast.Import) -> None:
        for name in node.names:
            self._add(name.name, name.asname or name.name.partition(".")[0], node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for name in node.names:
            target = f"{node.module or ''}.{name.name}"
            self._add(target, name.asname or name.name, node.lineno, relative=node.level > 0)

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        names = [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)]
        if ast.unparse(node.func).endswith(("import_module", "__import__")):
            for name in names:
                self._add(str(name), "", node.lineno)

    def _add(self, target: str, bound: str, line: int, relative: bool = False) -> None:
        self.found.append(Import(target, bound, line, self._type_only, relative))


def imported(target: str, known: Iterable[str]) -> str | None:
    """Return which of the ``known`` modules an import of ``target`` loads, None for no one."""
    names = frozenset(known)
    while target and target not in names:
        target = target.rpartition(".")[0]
    return target or None


def references(module: Module) -> Iterator[tuple[str, int]]:
    """Yield (dotted name, line) of all that is imported or named, import aliases resolved."""
    found = imports(module)
    meaning = {
        each.bound: each.bound if each.target.startswith(f"{each.bound}.") else each.target
        for each in found
    }
    for each in found:
        yield each.target, each.line
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name | ast.Attribute):
            first, dot, rest = ast.unparse(node).partition(".")
            yield meaning.get(first, first) + dot + rest, node.lineno


def definitions(module: Module) -> Iterator[Definition]:
    """Yield every function and class, nested ones too."""
    for node in ast.walk(module.tree):
        if isinstance(node, Definition):
            yield node


def looks_the_node_up(module: Module) -> bool:
    """Tell whether a module asks for the node or the user of the running greenlet."""
    return any(name in LOOK_UPS for name, _ in references(module))


def refuse(problems: Iterable[str], remedy: str) -> None:
    """Fail when there are problems, naming all of them below what to do."""
    found = sorted(problems)
    if found:
        pytest.fail("\n  ".join([remedy, *found]), pytrace=False)
