"""Imports go down only; rooms of one layer do not import one another."""

from collections.abc import Iterator

import pytest

from tests.architecture.package import Import, Module, imported, imports, modules, refuse

# From the bottom to the top. A room is a top-level module or package of crowsg; ``crowsg`` stands
# for the package's own ``__init__``, with the public names.
LAYERS = (
    ("errors", "text", "stderr"),
    ("clock", "source", "background", "signals", "processes", "ending", "failpoints"),
    ("rate", "supervision", "journal"),
    ("context",),
    ("telemetry",),
    ("config", "metrics", "cluster"),
    ("scenario", "health"),
    ("throttle", "users", "code"),
    ("controller", "preparing"),
    ("local", "summary", "exporter"),
    ("record",),
    ("one_run", "results"),
    ("local_runner", "dist"),
    ("node",),
    ("report", "testing", "protocols"),
    ("crowsg",),
    ("cli",),
    ("__main__",),
)

# Imports for type checkers alone that may go up: the room, and where to.
TYPE_ONLY_UPWARD = {"context": {"node", "users"}}

LAYER_OF = {room: layer for layer, rooms in enumerate(LAYERS) for room in rooms}
KNOWN = {module.name for module in modules()}
ROOM_OF = {module.name: module.room for module in modules()}


def upward(module: Module) -> Iterator[tuple[Import, str]]:
    """Yield the imports of rooms that do not lie below, each with that room."""
    for each in imports(module):
        target = imported(each.target, KNOWN)
        room = ROOM_OF[target] if target else module.room
        if room != module.room and LAYER_OF[room] >= LAYER_OF[module.room]:
            yield each, room


def is_allowed(module: Module, each: Import, room: str) -> bool:
    return each.type_only and room in TYPE_ONLY_UPWARD.get(module.room, ())


def test_every_room_has_a_layer() -> None:
    rooms = {module.room for module in modules()}

    refuse(
        rooms - set(LAYER_OF),
        "New rooms: put each into LAYERS of this file, above all it imports, and into design.md.",
    )
    refuse(set(LAYER_OF) - rooms, "Rooms that are gone: take them out of LAYERS in this file.")


def test_imports_go_down_only() -> None:
    refuse(
        (
            f"{module.at(each.line)}: {module.room} imports {each.target}"
            for module in modules()
            for each, room in upward(module)
            if not is_allowed(module, each, room)
        ),
        "A room imports only rooms of layers below its own (LAYERS in this file). Hand the thing "
        "in by constructor, pass a callback, or move what both need further down:",
    )


def test_every_type_only_way_up_is_still_used() -> None:
    used = {(module.room, room) for module in modules() for _, room in upward(module)}
    granted = {(room, target) for room, targets in TYPE_ONLY_UPWARD.items() for target in targets}

    refuse(
        (f"{room} -> {target}" for room, target in granted - used),
        "Nobody needs these any more: take them out of TYPE_ONLY_UPWARD in this file.",
    )


def test_imports_are_absolute() -> None:
    refuse(
        (module.at(each.line) for module in modules() for each in imports(module) if each.relative),
        "Write the whole name: from crowsg.room.module import ...",
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("from crowsg.node import Node", id="name"),
        pytest.param("from crowsg import node", id="module"),
        pytest.param("import crowsg.node", id="plain"),
        pytest.param("from crowsg import Variable", id="public-name"),
        pytest.param("def f():\n    from crowsg.node import Node", id="lazy"),
        pytest.param("import_module('crowsg.node')", id="dynamic"),
        pytest.param("from crowsg.source import read", id="same-layer"),
        pytest.param("if TYPE_CHECKING:\n    from crowsg.node import Node", id="type-only"),
    ],
)
def test_an_upward_import_is_seen(text: str) -> None:
    module = Module.of(text, "crowsg.clock")

    assert [each for each, room in upward(module) if not is_allowed(module, each, room)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("crowsg.clock", "from crowsg.errors import CrowsgError", id="down"),
        pytest.param("crowsg.users.crowd", "from crowsg.users.user import User", id="own-room"),
        pytest.param("crowsg.clock", "import time, gevent", id="foreign"),
    ],
)
def test_a_proper_import_is_let_through(name: str, text: str) -> None:
    assert not list(upward(Module.of(text, name)))
