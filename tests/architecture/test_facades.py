"""A facade's function is called exactly like the method it forwards to."""

import ast
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import crowsg
from crowsg import code, config, controller, dist, metrics, telemetry, throttle, users
from crowsg.clock import Clock
from crowsg.code.server import CodeServer
from crowsg.config.settings import Settings
from crowsg.controller.machine import Controller
from crowsg.dist.service import Dist
from crowsg.local import Local
from crowsg.metrics.recorder import Recorder
from crowsg.telemetry.bus import Bus
from crowsg.throttle.service import Throttles
from crowsg.users.user import User
from tests.architecture.package import definitions, looks_the_node_up, modules, refuse

FORWARDERS: dict[Callable[..., Any], Callable[..., Any]] = {
    crowsg.do: Local.do,
    crowsg.add: Local.add,
    crowsg.remove: Local.remove,
    crowsg.stop: Local.stop,
    crowsg.reset: Local.reset,
    crowsg.status: Local.status,
    crowsg.update_settings: Local.update_settings,
    controller.start_scenario: Controller.start_scenario,
    controller.add_users: Controller.add_users,
    controller.remove_users: Controller.remove_users,
    controller.stop_scenario: Controller.stop_scenario,
    controller.status: Controller.status,
    config.get: Settings.get,
    config.current: Settings.current,
    config.defaults: CodeServer.defaults,
    code.add_module: CodeServer.add_module,
    code.distribute: Dist.distribute_code,
    code.scenarios: CodeServer.scenarios,
    code.configurable: CodeServer.configurable,
    dist.do: Dist.do,
    dist.add: Dist.add,
    dist.remove: Dist.remove,
    dist.update_settings: Dist.update_settings,
    dist.stop: Dist.stop,
    dist.state: Dist.state,
    dist.nodes: Dist.nodes,
    telemetry.attach: Bus.attach,
    telemetry.attach_many: Bus.attach_many,
    telemetry.detach: Bus.detach,
    telemetry.execute: Bus.execute,
    throttle.start: Throttles.start,
    throttle.wait: Throttles.wait,
    throttle.change_rate: Throttles.change_rate,
    throttle.ramp: Throttles.ramp,
    throttle.pause: Throttles.pause,
    throttle.resume: Throttles.resume,
    throttle.unlock: Throttles.unlock,
    throttle.stop: Throttles.stop,
    throttle.info: Throttles.info,
    metrics.check: Recorder.check,
    metrics.declare: Recorder.declare,
    users.receive: User.receive,
    users.pace: User.pace,
    users.spawn: User.spawn,
    users.sleep: Clock.sleep,
}

# Functions of facades that do more than forward; those of metrics turn labels into a mapping.
OWN_WORK: set[Callable[..., Any]] = {
    crowsg.run,
    metrics.count,
    metrics.gauge,
    metrics.observe,
    metrics.time,
    telemetry.span,
    throttle.arrivals,
    throttle.run,
    throttle.send,
    users.current,
    users.stop,
}


def name_of(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def parameters(function: Callable[..., Any], *, of_a_method: bool = False) -> str:
    """Return how a function is called, as text: names, kinds, defaults, annotations."""
    signature = inspect.signature(function)
    own = list(signature.parameters.values())[int(of_a_method) :]
    return str(signature.replace(parameters=own))


def facade_functions() -> Iterator[str]:
    for module in modules():
        if module.is_room and looks_the_node_up(module):
            for node in definitions(module):
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    yield f"{module.name}.{node.name}"


@pytest.mark.parametrize("function", [pytest.param(each, id=name_of(each)) for each in FORWARDERS])
def test_a_facade_is_called_like_its_service(function: Callable[..., Any]) -> None:
    method = FORWARDERS[function]
    facade, service = parameters(function), parameters(method, of_a_method=True)

    assert facade == service, (
        f"make the two signatures equal: {name_of(function)} is called {facade}, "
        f"but {name_of(method)} is called {service}"
    )


def test_every_facade_function_is_compared() -> None:
    compared = {name_of(function) for function in (*FORWARDERS, *OWN_WORK)}

    refuse(
        set(facade_functions()) - compared,
        "New facade functions: name the method each forwards to in FORWARDERS of this file.",
    )


def test_only_facades_look_the_node_up() -> None:
    refuse(
        (module.file for module in modules() if looks_the_node_up(module) and not module.is_room),
        "Services get their collaborators by constructor; only the __init__ of a room may ask "
        "crowsg.context for the current node or user:",
    )
