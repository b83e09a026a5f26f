"""No module keeps state: a node owns everything that changes, so two live in one process."""

import ast
from collections.abc import Callable, Iterator

import pytest

from tests.architecture.package import Function, Module, definitions, modules, refuse

DISPLAYS = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp

MUTABLE = frozenset({
    "list", "dict", "set", "bytearray", "deque", "defaultdict", "Counter", "OrderedDict",
    "ChainMap", "count", "cycle", "iter", "WeakSet", "WeakKeyDictionary", "WeakValueDictionary",
    "SimpleNamespace", "local", "ContextVar", "StringIO", "BytesIO", "Event", "AsyncResult", "Lock",
    "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Queue", "SimpleQueue", "LifoQueue",
    "PriorityQueue", "Pool", "Group", "CollectorRegistry", "Random",
})  # fmt: skip
MUTATORS = frozenset({
    "append", "appendleft", "add", "clear", "discard", "extend", "extendleft", "insert",
    "move_to_end", "pop", "popitem", "popleft", "remove", "reverse", "rotate", "setdefault", "sort",
    "subtract", "update", "difference_update", "intersection_update", "symmetric_difference_update",
})  # fmt: skip
CACHES = frozenset({"cache", "lru_cache", "cached"})


def last_name(node: ast.expr) -> str:
    """Return ``c`` of ``a.b.c``, ``a.b.c()`` and ``c[...]``."""
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return ast.unparse(node).rpartition(".")[2]


def is_constant(name: str) -> bool:
    return name.isupper() or name == "__all__"


def is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return last_name(value) in MUTABLE
    return isinstance(value, DISPLAYS | ast.GeneratorExp)


def outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs when the module is imported: blocks and the bodies of classes too."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.Lambda):
            yield child
            yield from outside_functions(child)


def kept(module: Module) -> Iterator[tuple[str, int]]:
    """Yield (name, line) of mutable values that a module or a class keeps under a variable."""
    for node in outside_functions(module.tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and is_mutable(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if not is_constant(last_name(target)):
                    yield ast.unparse(target), node.lineno


def changed(module: Module) -> Iterator[tuple[str, int]]:
    """Yield (name, line) of constants that are changed, whichever module they come from."""
    for node in ast.walk(module.tree):
        target = change_of(node)
        if target is not None and is_constant(last_name(target)):
            yield last_name(target), target.lineno


def change_of(node: ast.AST) -> ast.expr | None:
    """Return what a call of a method, an item or an augmented assignment would change."""
    match node:
        case ast.Attribute(value=target, attr=name) if name in MUTATORS:
            return target
        case ast.Subscript(value=target, ctx=ast.Store() | ast.Del()):
            return target
        case ast.AugAssign(target=target):
            return target
    return None


def cached(module: Module) -> Iterator[tuple[str, int]]:
    """Yield (name, line) of functions that remember results in their module or class."""
    for node in definitions(module):
        if any(last_name(decorator) in CACHES for decorator in node.decorator_list):
            yield node.name, node.lineno


def rebound(module: Module) -> Iterator[tuple[str, int]]:
    """Yield (names, line) of ``global`` statements."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Global):
            yield "global " + ", ".join(node.names), node.lineno


Check = Callable[[Module], Iterator[tuple[str, int]]]

CHECKS: dict[str, tuple[Check, str]] = {
    "kept": (
        kept,
        "A module keeps no mutable value: let a service of the node own it, or, if nothing ever "
        "changes it, make it a tuple or frozenset, or name it in UPPER CASE:",
    ),
    "changed": (changed, "A constant is never changed: let a service of the node own the value:"),
    "cached": (cached, "A cache on a function is state of its module: let a service own it:"),
    "rebound": (rebound, "No global statement: let a service of the node own the value:"),
}


@pytest.mark.parametrize("name", CHECKS)
def test_no_module_has_state(name: str) -> None:
    check, remedy = CHECKS[name]

    refuse(
        (f"{module.at(line)}: {what}" for module in modules() for what, line in check(module)),
        remedy,
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("kept", "nodes = []", id="list"),
        pytest.param("kept", "nodes: dict[str, int] = {}", id="annotated"),
        pytest.param("kept", "nodes = {name: 1 for name in 'ab'}", id="comprehension"),
        pytest.param("kept", "queue = collections.deque()", id="call"),
        pytest.param("kept", "nodes = defaultdict[str, int](int)", id="generic-call"),
        pytest.param("kept", "if True:\n    nodes = set()", id="block"),
        pytest.param("kept", "class Node:\n    nodes = []", id="class"),
        pytest.param("changed", "def f():\n    NODES.append(1)", id="method"),
        pytest.param("changed", "def f():\n    bus._NODES['a'] = 1", id="item"),
        pytest.param("changed", "def f():\n    del NODES['a']", id="deleted-item"),
        pytest.param("changed", "def f(x):\n    x.NODES |= {1}", id="augmented"),
        pytest.param("cached", "@functools.lru_cache(maxsize=9)\ndef f(): pass", id="cache"),
        pytest.param("rebound", "def f():\n    global x\n    x = 1", id="global"),
    ],
)
def test_state_is_seen(name: str, text: str) -> None:
    check, _ = CHECKS[name]

    assert list(check(Module.of(text)))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("__all__ = ['a']", id="public-names"),
        pytest.param("_UNITS = {'s': 1}", id="constant"),
        pytest.param("words = ('a', 'b')", id="tuple"),
        pytest.param("def f():\n    nodes = []\n    nodes.append(1)", id="local"),
        pytest.param("class A:\n    nodes: list[int] = field(default_factory=list)", id="field"),
    ],
)
def test_no_state_is_seen_where_there_is_none(text: str) -> None:
    assert not [found for check, _ in CHECKS.values() for found in check(Module.of(text))]
