"""Walking a module's statements: which run at import, which names they bind, what they load. Pure.

Blocks that an import never enters - for type checkers only, or for ``python FILE`` only - are left
out everywhere. The walk keeps its own stack, so long ``elif`` chains cost no recursion.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

_BLOCKS = (ast.stmt, ast.ExceptHandler, ast.match_case)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def top_level(tree: ast.Module) -> tuple[ast.stmt, ...]:
    """List the statements that an import runs, in source order, those inside blocks too."""
    return tuple(_walk(tree, into_scopes=False))


def bound_names(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that ``statement`` binds in its own scope."""
    if isinstance(statement, _SCOPES):
        yield statement.name
    elif isinstance(statement, ast.Import):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in statement.names)
    else:
        for target in _targets(statement):
            yield from (
                node.id
                for node in ast.walk(target)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            )


def imported_modules(tree: ast.Module, package: str) -> tuple[str, ...]:
    """List the absolute names of the modules that any import statement could load.

    Args:
        tree: The module.
        package: The package that relative imports start from; "" leaves them out.
    """
    found: dict[str, None] = {}
    for statement in _walk(tree, into_scopes=True):
        if isinstance(statement, ast.Import):
            found.update(dict.fromkeys(_with_parents(alias.name for alias in statement.names)))
        elif isinstance(statement, ast.ImportFrom):
            found.update(dict.fromkeys(_from_import(statement, package)))
    return tuple(found)


def _walk(tree: ast.Module, *, into_scopes: bool) -> Iterator[ast.stmt]:
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.stmt):
            yield node
        if into_scopes or not isinstance(node, _SCOPES):
            pending.extend(reversed(_blocks(node)))


def _blocks(node: ast.AST) -> Sequence[ast.AST]:
    if isinstance(node, ast.If):
        test, inverted = node.test, False
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test, inverted = test.operand, True
        if _is_false_at_import(test):
            return node.body if inverted else node.orelse
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, _BLOCKS)]


def _is_false_at_import(test: ast.expr) -> bool:
    text = ast.unparse(test) if isinstance(test, ast.Name | ast.Attribute | ast.Compare) else ""
    return text.rpartition(".")[2] == "TYPE_CHECKING" or text == "__name__ == '__main__'"


def _targets(statement: ast.stmt) -> Sequence[ast.expr]:
    match statement:
        case ast.Assign():
            return statement.targets
        case ast.AnnAssign(value=None):
            return ()
        case ast.AnnAssign() | ast.AugAssign() | ast.For():
            return (statement.target,)
        case ast.With():
            return [item.optional_vars for item in statement.items if item.optional_vars]
        case _:
            return ()


def _from_import(statement: ast.ImportFrom, package: str) -> Iterator[str]:
    base = _absolute(statement, package)
    if base:
        yield from _with_parents([base])
        yield from (f"{base}.{alias.name}" for alias in statement.names if alias.name != "*")


def _absolute(statement: ast.ImportFrom, package: str) -> str:
    module = statement.module or ""
    if not statement.level:
        return module
    parts = package.split(".")
    kept = len(parts) - (statement.level - 1)
    if not package or kept < 1:
        return ""
    return ".".join([*parts[:kept], *([module] if module else [])])


def _with_parents(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield from accumulate(name.split("."), "{}.{}".format)
