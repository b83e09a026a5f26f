"""Where a scenario and the values of its settings are found."""

from pathlib import Path
from typing import Any

import pytest

from crowsg.code.server import CodeServer
from crowsg.errors import CrowsgError, InvalidSource, NoSuchScenario
from crowsg.preparing import Preparing
from tests.support.nodes import make_scenario

SCENE = "def init(): pass\ndef start(user_id): pass\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scene.py").write_text(SCENE)
    (tmp_path / "one.toml").write_text("size = 1\nkind = 'file'\n")
    (tmp_path / "two.toml").write_text("size = 2\n")
    return tmp_path


def preparing(
    folder: Path, file: str | None = None, environment: dict[str, str] | None = None
) -> Preparing:
    return Preparing(CodeServer([folder]), environment or {}, folder / file if file else None)


def test_a_module_is_taken_as_it_is(folder: Path) -> None:
    scenario, _ = preparing(folder).prepare(make_scenario(name="made"), {}, {})

    assert scenario.name == "made"


@pytest.mark.parametrize("kind", ["name", "file", "path"])
def test_a_scenario_is_found_however_it_is_called(folder: Path, kind: str) -> None:
    path = folder / "scene.py"
    reference: Any = {"name": "scene", "file": str(path), "path": path}[kind]

    scenario, _ = preparing(folder).prepare(reference, {}, {})

    assert scenario.name == "scene"


def test_the_file_of_the_caller_comes_before_that_of_the_environment(folder: Path) -> None:
    environment = {"CROWSG_CONFIG": str(folder / "one.toml")}

    _, own = preparing(folder, "two.toml", environment).prepare("scene", {}, {})
    _, other = preparing(folder, None, environment).prepare("scene", {}, {})

    assert (own.file, other.file) == ({"size": 2}, {"size": 1, "kind": "file"})


def test_a_file_comes_before_the_defaults_of_the_caller(folder: Path) -> None:
    _, values = preparing(folder, "one.toml").prepare("scene", {"a": 1}, {"size": 3, "b": 4})

    assert values.given == {"a": 1}
    assert values.file == {"size": 1, "kind": "file", "b": 4}


@pytest.mark.parametrize(
    ("reference", "environment", "error"),
    [
        pytest.param("nowhere", {}, NoSuchScenario, id="no-scenario"),
        pytest.param("scene", {"CROWSG_CONFIG": "/no/such.toml"}, CrowsgError, id="no-file"),
        pytest.param("scene", {"CROWSG_CONFIG_PARSER": "no"}, InvalidSource, id="no-parser"),
    ],
)
def test_what_is_not_there_is_refused(
    folder: Path, reference: str, environment: dict[str, str], error: type[CrowsgError]
) -> None:
    with pytest.raises(error):
        preparing(folder, None, environment).prepare(reference, {}, {})
