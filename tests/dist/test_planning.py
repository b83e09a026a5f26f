"""What a master decides before it looks for workers."""

from pathlib import Path
from typing import Any

import pytest

from crowsg.code.server import CodeServer
from crowsg.config.settings import Text
from crowsg.dist.planning import Planning
from crowsg.dist.recruiting import Plan
from crowsg.dist.run_settings import unpacked
from crowsg.errors import (
    CodeVersionChanged,
    CrowsgError,
    NoSuchScenario,
    NotSendable,
    SettingsRejected,
)
from crowsg.node import Node
from crowsg.preparing import Preparing

SCENE = """
from crowsg import Variable
required_variables = [Variable("size", "how large", default=1, verify=range(1, 10)),
                      Variable("kind", "of what kind", default="a")]
def init(): pass
def start(user_id): pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scene.py").write_text(SCENE)
    (tmp_path / "own.toml").write_text("size = 2\nkind = 'file'\n")
    return tmp_path


def plan(
    folder: Path,
    settings: dict[str, Any],
    name: str = "scene",
    code: CodeServer | None = None,
    **environment: str,
) -> Plan:
    node = Node(environment={})
    code = code or CodeServer([folder])
    prepare = Preparing(code, environment, folder / "own.toml").prepare
    return Planning(code, prepare, node.life, node.settings).plan("run-1", name, settings)


def test_the_plan_names_the_run_and_brings_the_code(folder: Path) -> None:
    made = plan(folder, {})

    assert (made.run, made.scenario, made.bundle.name) == ("run-1", "scene", "scene")


def test_the_code_cannot_change_before_the_run_is_over(folder: Path) -> None:
    code = CodeServer([folder])
    plan(folder, {}, code=code)
    (folder / "scene.py").write_text(SCENE + "# new\n")

    with pytest.raises(CodeVersionChanged):
        code.pin_own(code.bundle_of("scene"), "run-2")


def test_what_was_handed_in_goes_above_what_workers_have(folder: Path) -> None:
    assert unpacked(plan(folder, {"size": 5}).settings) == {"size": 5}


def test_the_own_file_and_environment_go_below(folder: Path) -> None:
    made = plan(folder, {}, CROWSG_SIZE="7")

    assert unpacked(made.settings) == {}
    assert unpacked(made.defaults) == {"size": Text("7"), "kind": "file"}


@pytest.mark.parametrize(
    ("name", "settings", "error"),
    [
        pytest.param("nowhere", {}, NoSuchScenario, id="no-scenario"),
        pytest.param("scene", {"size": 10}, SettingsRejected, id="rejected"),
        pytest.param("scene", {"kind": object()}, NotSendable, id="cannot-travel"),
    ],
)
def test_a_run_that_cannot_be_is_refused(
    folder: Path, name: str, settings: dict[str, Any], error: type[CrowsgError]
) -> None:
    with pytest.raises(error):
        plan(folder, settings, name)
