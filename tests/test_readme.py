"""The README's Python blocks run, and what it shows is what there is."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.nodes import Bench, make_scenario

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_python_block_runs(number: int) -> None:
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", BLOCKS[number]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (process.returncode, process.stderr) == (0, "")


def module_of(words: str) -> ModuleType:
    """Return the block that contains these words as a scenario, completed where it is none."""
    (block,) = [block for block in BLOCKS if words in block]
    module = make_scenario(lambda user_id: None)
    exec(block, vars(module))
    return module


def test_the_settings_shown_are_sound_and_verify(bench: Bench) -> None:
    module = module_of("def check_host")

    bench.do(module, 1, host="Example.org", token="t")

    assert bench.node.settings.get("host") == "example.org"
    assert bench.node.settings.current()["token"] == "***"


def test_the_handler_shown_notes_every_user(bench: Bench) -> None:
    module = module_of("telemetry.attach_many")

    bench.do(module, 3)
    bench.node.local.stop()

    assert [row[::2] for row in module.durations] == [(1, "stop"), (2, "stop"), (3, "stop")]


def test_the_scenario_shown_is_the_one_in_the_repository() -> None:
    assert (ROOT / "scenarios" / "crows.py").read_text(encoding="utf-8") in BLOCKS


def test_both_first_commands_are_one_line_each() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

    assert [block.count("\n") for block in blocks[:2]] == [1, 1]
    assert "crowsg run" in blocks[0]
    assert "pytest" in blocks[1]
