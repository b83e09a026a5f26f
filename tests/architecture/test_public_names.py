"""What ``__all__`` promises is there, and what a facade offers is promised."""

import importlib

import pytest

from tests.architecture.package import Function, Module, looks_the_node_up, modules, refuse

# Importing __main__ patches; test_import_effects.py runs it in a process of its own.
NAMES = [module.name for module in modules() if module.name != "crowsg.__main__"]
FACADES = [module for module in modules() if module.is_room and looks_the_node_up(module)]


@pytest.mark.parametrize("name", NAMES)
def test_promised_names_resolve(name: str) -> None:
    module = importlib.import_module(name)
    promised = getattr(module, "__all__", [])

    refuse(
        (each for each in promised if not hasattr(module, each)),
        f"__all__ of {name} promises names that are not there:",
    )
    in_order = sorted(set(promised), key=lambda each: (not each.isupper(), each))
    assert promised == in_order, f"sort __all__ of {name}, each name once"


@pytest.mark.parametrize("room", [pytest.param(room, id=room.name) for room in FACADES])
def test_facades_promise_what_they_define(room: Module) -> None:
    promised = getattr(importlib.import_module(room.name), "__all__", [])
    defined = [node.name for node in room.tree.body if isinstance(node, Function)]

    refuse(
        {name for name in defined if not name.startswith("_")} - set(promised),
        f"Add these to __all__ of {room.name}, or make them private with a leading underscore:",
    )
