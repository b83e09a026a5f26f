"""Reading ``Variable(...)`` declarations from statements. Pure.

Understood: list and tuple displays of ``Variable`` calls under any alias, names of such variables
and lists, ``*unpacking``, ``+``, ``+=``, ``... if ... else ...``. Where the text leaves open which
of several assignments wins, all count: showing a variable too many is better than hiding one.
"""

import ast
import copy
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from crowsg.source.model import DeclaredVariable, Expression
from crowsg.source.statements import bound_names

_PARAMETERS = ("name", "description", "default", "verify", "update", "secret")


@dataclass(slots=True)
class _Known:
    """What the statements read so far have established."""

    constants: dict[str, object] = field(default_factory=dict)
    lists: dict[str, tuple[DeclaredVariable, ...]] = field(default_factory=dict)
    aliases: set[str] = field(default_factory=lambda: {"Variable"})


def declared_lists(statements: Sequence[ast.stmt]) -> Mapping[str, tuple[DeclaredVariable, ...]]:
    """Read every list of variables that ``statements`` assign to a name.

    Returns:
        The variables by name of the list; a name that holds none is absent.
    """
    known = _Known()
    times_bound = Counter(name for statement in statements for name in bound_names(statement))
    for statement in statements:
        known.aliases.update(_aliases(statement))
        for name, value in _assignments(statement):
            _learn(known, name, value, is_constant=times_bound[name] == 1)
    return known.lists


def _aliases(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.ImportFrom):
        yield from (a.asname or a.name for a in statement.names if a.name == "Variable")


def _assignments(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    match statement:
        case ast.Assign(targets=targets, value=value):
            yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))
        case (
            ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            | ast.AugAssign(target=ast.Name(id=name), value=value)
        ):
            yield name, value


def _learn(known: _Known, name: str, value: ast.expr, *, is_constant: bool) -> None:
    if _is_variable_class(value, known):
        known.aliases.add(name)
    elif found := _declared(value, known):
        known.lists[name] = _once(known.lists.get(name, ()) + found)
    elif is_constant:
        constant = _value(value, known)
        if not isinstance(constant, Expression):
            known.constants[name] = constant


def _is_variable_class(node: ast.expr, known: _Known) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "Variable"
    return isinstance(node, ast.Name) and node.id in known.aliases


def _declared(node: ast.expr, known: _Known) -> tuple[DeclaredVariable, ...]:
    match node:
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return _once(variable for part in parts for variable in _declared(part, known))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _once(_declared(left, known) + _declared(right, known))
        case ast.IfExp(body=left, orelse=right):
            return _once(_declared(left, known) + _declared(right, known))
        case ast.Starred(value=value):
            return _declared(value, known)
        case ast.Name(id=name):
            return known.lists.get(name, ())
        case ast.Call() if _is_variable_class(node.func, known):
            return _variable(node, known)
        case _:
            return ()


def _once(variables: Iterable[DeclaredVariable]) -> tuple[DeclaredVariable, ...]:
    # By identity: two equal declarations are a mistake worth showing.
    return tuple({id(variable): variable for variable in variables}.values())


def _variable(call: ast.Call, known: _Known) -> tuple[DeclaredVariable, ...]:
    written = _arguments(call)
    if "name" not in written:
        return ()
    given = {name: _value(node, known) for name, node in written.items()}
    unseen = _unpacked(call)
    return (
        DeclaredVariable(
            name=str(given["name"]),
            description=str(given.get("description", "")),
            default=given.get("default", unseen),
            has_default="default" in given or unseen is not None,
            verify=_text(given.get("verify"), written.get("verify")),
            update=_text(given.get("update") or None, written.get("update")),
            secret=bool(given.get("secret", unseen is not None)),
            line=call.lineno,
        ),
    )


def _arguments(call: ast.Call) -> dict[str, ast.expr]:
    seen = takewhile(lambda argument: not isinstance(argument, ast.Starred), call.args)
    given = dict(zip(_PARAMETERS, seen, strict=False))
    return given | {word.arg: word.value for word in call.keywords if word.arg}


def _unpacked(call: ast.Call) -> Expression | None:
    """Return the text of the arguments that stay unseen behind ``*`` and ``**``, if any."""
    unseen = [ast.unparse(node) for node in call.args if isinstance(node, ast.Starred)]
    unseen += [f"**{ast.unparse(word.value)}" for word in call.keywords if word.arg is None]
    return Expression(", ".join(unseen)) if unseen else None


def _text(value: object, node: ast.expr | None) -> str:
    if value is None or node is None:
        return ""
    return value if isinstance(value, str) else ast.unparse(node)


def _value(node: ast.expr, known: _Known) -> object:
    try:
        return ast.literal_eval(_with_constants(node, known.constants))
    except (ValueError, TypeError):
        return Expression(ast.unparse(node))


def _with_constants(node: ast.expr, constants: Mapping[str, object]) -> ast.expr:
    used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    if used.isdisjoint(constants):
        return node
    result = _Substitution(constants).visit(copy.deepcopy(node))
    assert isinstance(result, ast.expr)
    return result


class _Substitution(ast.NodeTransformer):
    """Replaces the names of constants by their values."""

    def __init__(self, constants: Mapping[str, object]) -> None:
        self._constants = constants

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self._constants:
            return node
        # literal_eval takes whatever a constant holds, lists too.
        return ast.Constant(self._constants[node.id])  # type: ignore[arg-type]
