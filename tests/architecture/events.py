"""The telemetry events of the package: those its code emits, and those its guide lists."""

import ast
from collections.abc import Iterator
from itertools import product

from tests.architecture.package import Function, Module

ROOTS = ("crowsg", "telemetry")
SPAN = "SpanEvents"
EMITTERS = ("event", "execute", SPAN)

# Where the words of an event are chosen by callers, no chain of calls is longer than this.
_MAX_CALLS = 5


class Emitted:
    """Finds the events that modules emit, following names to what callers put in for them."""

    def __init__(self, package: tuple[Module, ...]) -> None:
        self._package = package
        self._constants = dict(_constants(package))
        self._calls = [call for module in package for call in _calls(module)]

    def found(self) -> dict[str, str]:
        """Return where each event is emitted, by its name as the guide spells it."""
        events: dict[str, str] = {}
        for module, function, call in self._calls:
            if _called(call) in EMITTERS:
                suffix = ["*"] if _called(call) == SPAN else []
                for event in self._events(call, function):
                    events[", ".join([*event, *suffix])] = module.at(call.lineno)
        return events

    def _events(self, call: ast.Call, function: Function | None) -> Iterator[tuple[str, ...]]:
        for argument in call.args:
            name = argument.id if isinstance(argument, ast.Name) else ""
            parts = event_parts(self._constants.get(name, argument))
            words = [self._words(part, function) or [f"<{ast.unparse(part)}>"] for part in parts]
            if words:
                yield from product(*words)

    def _words(self, node: ast.expr, function: Function | None, calls: int = 0) -> list[str]:
        """Return the words an expression can stand for; none when that cannot be told."""
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) and node.value else []
        if isinstance(node, ast.IfExp):
            branches = (node.body, node.orelse)
            return [word for each in branches for word in self._words(each, function, calls)]
        if not isinstance(node, ast.Name) or function is None or calls > _MAX_CALLS:
            return []
        return [
            word
            for value, where in (*_assigned(node.id, function), *self._passed(node.id, function))
            for word in self._words(value, where, calls + 1)
        ]

    def _passed(self, name: str, function: Function) -> Iterator[tuple[ast.expr, Function | None]]:
        """Yield what callers of ``function`` pass for its parameter ``name``."""
        names = [each.arg for each in function.args.args if each.arg != "self"]
        for _, caller, call in self._calls:
            if name in names and _called(call) == function.name:
                yield from ((each.value, caller) for each in call.keywords if each.arg == name)
                yield from ((each, caller) for each in call.args[names.index(name) :][:1])


def _assigned(name: str, function: Function) -> Iterator[tuple[ast.expr, Function]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets):
            yield node.value, function


def _constants(package: tuple[Module, ...]) -> Iterator[tuple[str, ast.expr]]:
    for module in package:
        for node in module.tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                yield ast.unparse(target), node.value


def _calls(module: Module) -> Iterator[tuple[Module, Function | None, ast.Call]]:
    inside: dict[ast.AST, Function] = {}
    for node in ast.walk(module.tree):
        # Inner functions come later and take over what is theirs.
        if isinstance(node, Function):
            inside.update((child, node) for child in ast.walk(node))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield module, inside.get(node), node


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def event_parts(node: ast.AST) -> list[ast.expr]:
    """Return the words of an event of ours written as a tuple, none for anything else."""
    parts = node.elts if isinstance(node, ast.Tuple) else []
    first = parts[0] if parts else None
    return parts if isinstance(first, ast.Constant) and first.value in ROOTS else []


def written(package: tuple[Module, ...]) -> dict[str, str]:
    """Return where each event that stands somewhere word for word does so, emitted or not."""
    return {
        ", ".join(str(part.value) for part in parts if isinstance(part, ast.Constant)): place
        for module in package
        for node in ast.walk(module.tree)
        if (parts := event_parts(node)) and all(isinstance(part, ast.Constant) for part in parts)
        for place in [module.at(parts[0].lineno)]
    }


def listed(guide: str) -> list[str]:
    """Return the events of the table in ``guide``, as they are spelled there."""
    lines = guide.splitlines()
    rulers = [number for number, line in enumerate(lines) if line.startswith("=====")]
    width = len(lines[rulers[0]].partition(" ")[0])
    return [line[:width].strip() for line in lines[rulers[1] + 1 : rulers[2]]]
