"""The scenario and helper modules in the folders of this node; none of them is imported."""

import ast
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from crowsg.errors import CodePathError, InvalidScenario, NoSuchScenario
from crowsg.source import Expression, Source, closure, declarations, read
from crowsg.text import MASK

DEFAULT_FOLDER = Path("scenarios")
"""Searched after all others, where the working folder has it."""


def code_paths(text: str) -> tuple[Path, ...]:
    """Read the folders of ``CROWSG_EXTRA_CODE_PATHS`` and add ``./scenarios`` if there is one.

    Args:
        text: Paths between ``os.pathsep``, or a Python list of texts; ``~`` is the home folder.

    Returns:
        Each folder once, absolute, in the order in which they are searched.

    Raises:
        CodePathError: The text begins like a list and is none.
    """
    folders = [Path(item).expanduser() for item in _items(text.strip())]
    if DEFAULT_FOLDER.is_dir():
        folders.append(DEFAULT_FOLDER)
    return tuple(dict.fromkeys(folder.absolute() for folder in folders))


class CodeServer:
    """Knows the ``*.py`` files directly inside some folders; looks anew at every call.

    Args:
        folders: Where to look. A name that is in several belongs to the first.

    Source: amoc_code_server, the local part.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)

    def check(self) -> None:
        """Refuse folders that are none.

        Raises:
            CodePathError: Every one of them is named.
        """
        wrong = [
            f"{folder} is no folder" if folder.exists() else f"{folder} does not exist"
            for folder in self.folders
            if not folder.is_dir()
        ]
        if wrong:
            raise CodePathError("wrong code paths: " + "; ".join(wrong))

    def scenarios(self) -> tuple[Source, ...]:
        """List the scenarios by name.

        Source: amoc_code_server:list_scenario_modules/0.
        """
        return tuple(source for source in self._sources() if source.kind == "scenario")

    def configurable(self) -> tuple[Source, ...]:
        """List by name the helpers that declare variables.

        Source: amoc_code_server:list_configurable_modules/0.
        """
        return tuple(source for source in self._sources() if source.kind == "helper")

    def unreadable(self) -> tuple[tuple[Path, str], ...]:
        """List the files that the other listings leave out, each with the reason."""
        judged = ((path, _read(path)) for path in self._files())
        return tuple((path, found) for path, found in judged if isinstance(found, str))

    def defaults(self, scenario: str) -> dict[str, Any]:
        """Return the declared defaults of a scenario and its helpers; see ``config.defaults``."""
        source = read(self.find(scenario))
        sources = closure(source, [source.path.parent, *self.folders])
        variables = (declaration.variable for declaration in declarations(sources))
        return {
            variable.name: MASK if variable.secret else _plain(variable.default)
            for variable in variables
            if variable.has_default
        }

    def find(self, name_or_path: str) -> Path:
        """Find the file of a scenario.

        Args:
            name_or_path: A path, recognised by ``.py`` or a separator, or the name of a module.

        Raises:
            NoSuchScenario: There is no such file.
        """
        if name_or_path.endswith(".py") or _has_separator(name_or_path):
            candidates, searched = [Path(name_or_path)], []
        else:
            candidates = [folder / f"{name_or_path}.py" for folder in self.folders]
            searched = [str(folder) for folder in self.folders]
        for path in candidates:
            if path.is_file():
                return path
        raise NoSuchScenario(name_or_path, searched)

    def _sources(self) -> Iterator[Source]:
        judged = (_read(path) for path in self._files())
        return (found for found in judged if isinstance(found, Source))

    def _files(self) -> list[Path]:
        first: dict[str, Path] = {}
        for folder in self.folders:
            for path in folder.glob("*.py"):
                if not path.name.startswith((".", "__init__.")) and not path.is_dir():
                    first.setdefault(path.stem, path)
        return [first[name] for name in sorted(first)]


def _items(text: str) -> list[str]:
    if not text.startswith("["):
        return [item for item in text.split(os.pathsep) if item]
    try:
        items = ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        items = None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise CodePathError(f"CROWSG_EXTRA_CODE_PATHS is no list of texts: {text}")
    return [item for item in items if item]


def _plain(default: object) -> object:
    return default.text if isinstance(default, Expression) else default


def _has_separator(text: str) -> bool:
    return any(separator in text for separator in (os.sep, os.altsep) if separator)


def _read(path: Path) -> Source | str:
    try:
        return read(path)
    except InvalidScenario as error:
        return "; ".join(error.problems)
