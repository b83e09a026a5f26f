"""Who may use what: every library with a trap in it has its rooms, and nobody else has it."""

import ast
from collections.abc import Iterator
from functools import cache

import pytest

from tests.architecture.package import Module, modules, references, refuse

CLI = ("crowsg.cli",)
LINK = ("crowsg.cluster.zerorpc_link",)
NOBODY: tuple[str, ...] = ()

# A dotted name, what lies below it included, and the modules or rooms that may refer to it;
# ``crowsg`` is the package's own ``__init__`` alone.
ALLOWED = {
    "gevent.monkey": (
        "crowsg",
        "crowsg.__main__",
        "crowsg.testing.pytest_plugin",
        "crowsg.health.watchdog",
        "crowsg.cluster.zerorpc_link.numbers",
        "crowsg.cluster.zerorpc_link.pulse",
        "crowsg.failpoints",
        "crowsg.stderr",
    ),
    "click": CLI,
    "rich": (*CLI, "crowsg.report"),
    "packaging": ("crowsg.scenario.dependencies",),
    "pytest": ("crowsg.testing.pytest_plugin",),
    "time": ("crowsg.clock",),
    "sys.exit": (*CLI, "crowsg.testing.invariants.__main__"),
    "os._exit": (*CLI, "crowsg.ending", "crowsg.failpoints"),
    "SystemExit()": NOBODY,
    "datetime.datetime.now": NOBODY,
    "datetime.datetime.utcnow": NOBODY,
    "asyncio": NOBODY,
    "zerorpc": LINK,
    "zmq": (*LINK, "crowsg.cluster.keys", "crowsg.cluster.key_text"),
    "msgpack": (*LINK, "crowsg.cluster.packing", "crowsg.users.wire"),
    "prometheus_client": ("crowsg.exporter.node_series", "crowsg.exporter.cluster_series"),
    "pickle": NOBODY,
    "marshal": NOBODY,
    "shelve": NOBODY,
    "eval": NOBODY,
    "exec": NOBODY,
    "exit": NOBODY,
    "quit": NOBODY,
}

# The package itself only asks whether somebody else has patched.
ONLY_ASKED = "gevent.monkey.is_module_patched"


def uses(module: Module) -> Iterator[tuple[str, int]]:
    """Yield (dotted name, line) of all that is referred to; raising SystemExit is one more."""
    yield from references(module)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            yield ast.unparse(raised) + "()", node.lineno


def is_below(name: str, top: str) -> bool:
    return name == top or name.startswith(f"{top}.")


def is_part(module: str, who: str) -> bool:
    return module == who if who == "crowsg" else is_below(module, who)


def may_use(module: Module, name: str) -> bool:
    return any(is_part(module.name, who) for who in ALLOWED[name])


@cache
def all_uses() -> list[tuple[Module, str, int]]:
    """Return (module, dotted name, line) of all that is referred to anywhere."""
    return [(module, used, line) for module in modules() for used, line in uses(module)]


def users_of(name: str) -> Iterator[tuple[Module, int]]:
    return ((module, line) for module, used, line in all_uses() if is_below(used, name))


@pytest.mark.parametrize("name", ALLOWED)
def test_nobody_else_uses_it(name: str) -> None:
    only = ", ".join(ALLOWED[name]) or "nobody"

    refuse(
        {module.at(line) for module, line in users_of(name) if not may_use(module, name)},
        f"{name} is for {only}. Use what that room offers, or change ALLOWED in this file "
        "with a good reason:",
    )


@pytest.mark.parametrize("name", ALLOWED)
def test_who_may_use_it_does(name: str) -> None:
    found = {module.name for module, _ in users_of(name)}

    refuse(
        (who for who in ALLOWED[name] if not any(is_part(user, who) for user in found)),
        f"These no longer use {name}: take them out of ALLOWED in this file.",
    )


def test_the_package_only_asks_whether_it_is_patched() -> None:
    package = next(module for module in modules() if module.name == "crowsg")

    refuse(
        (
            f"{package.at(line)}: {name}"
            for name, line in references(package)
            if is_below(name, "gevent.monkey") and name not in ("gevent.monkey", ONLY_ASKED)
        ),
        "Importing crowsg has no effect; only __main__ and the pytest plugin patch:",
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("gevent.monkey", "from gevent import monkey", id="from"),
        pytest.param("gevent.monkey", "import gevent.monkey as m", id="renamed"),
        pytest.param("gevent.monkey", "import gevent\ngevent.monkey.patch_all()", id="attribute"),
        pytest.param("gevent.monkey", "import gevent as g\ng.monkey.patch_all()", id="alias"),
        pytest.param("time", "def f():\n    from time import time", id="lazy"),
        pytest.param("datetime.datetime.now", "import datetime as d\nd.datetime.now()", id="deep"),
        pytest.param("sys.exit", "import sys as system\nsystem.exit(1)", id="exit"),
        pytest.param("SystemExit()", "raise SystemExit(1)", id="raised"),
        pytest.param("eval", "x = eval('1')", id="built-in"),
        pytest.param("pickle", "importlib.import_module('pickle')", id="dynamic"),
    ],
)
def test_a_use_is_seen(name: str, text: str) -> None:
    assert any(is_below(used, name) for used, _ in uses(Module.of(text)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("exec", "spec.loader.exec_module(module)", id="method"),
        pytest.param("eval", "ast.literal_eval('1')", id="literal"),
        pytest.param("SystemExit()", "isinstance(error, SystemExit)", id="not-raised"),
        pytest.param("time", "import timeit", id="longer-name"),
    ],
)
def test_no_use_is_seen_where_there_is_none(name: str, text: str) -> None:
    assert not any(is_below(used, name) for used, _ in uses(Module.of(text)))
