"""A scene for each test."""

from pathlib import Path

import pytest

from tests.support.journals import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Give an empty scene."""
    return Scene(tmp_path)
