"""Importing crowsg has no effect, and what scenarios import from it is there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.package import ROOT, modules, refuse

pytestmark = pytest.mark.integration

PROBE = Path(__file__).with_name("import_probe.py")
EVERYTHING = [module.name for module in modules() if module.name != "crowsg.__main__"]
PUBLIC = "Variable, config, metrics, users, telemetry, controller, code"


def python(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a fresh interpreter in which every warning is an error."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )


def effects_of(*names: str) -> list[str]:
    done = python(str(PROBE), *names)
    assert done.returncode == 0, f"importing it failed or warned:\n{done.stderr}"
    return list(map(str, json.loads(done.stdout)))


@pytest.mark.parametrize(
    "names", [pytest.param(["crowsg"], id="crowsg"), pytest.param(EVERYTHING, id="every-module")]
)
def test_importing_has_no_effect(names: list[str]) -> None:
    refuse(
        effects_of(*names),
        "An import must change nothing around it: do this where a node or a command starts, not "
        "when a module is loaded:",
    )


def test_an_effect_is_seen() -> None:
    assert effects_of("gevent.threadpool", "crowsg.__main__")


def test_the_public_names_are_importable_in_a_fresh_process() -> None:
    done = python("-c", f"import crowsg\nfrom crowsg import {PUBLIC}")

    assert done.returncode == 0, f"every scenario imports these:\n{done.stderr}"


def test_the_command_starts_without_a_warning() -> None:
    done = python("-m", "crowsg", "--version")

    assert (done.returncode, done.stderr) == (0, ""), f"make it start silently:\n{done.stderr}"
    assert "crowsg" in done.stdout
