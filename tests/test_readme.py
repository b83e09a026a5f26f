"""The README's Python blocks run, and what it shows is what there is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_the_scenario_shown_is_the_one_in_the_repository() -> None:
    assert (ROOT / "scenarios" / "crows.py").read_text(encoding="utf-8") in BLOCKS


def test_both_first_commands_are_one_line_each() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

    assert [block.count("\n") for block in blocks[:2]] == [1, 1]
    assert "crowsg run" in blocks[0]
    assert "pytest" in blocks[1]
