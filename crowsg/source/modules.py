"""The modules that belong to a scenario: found on disk, read, never imported."""

import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path

from crowsg.errors import InvalidScenario
from crowsg.source.model import DeclaredVariable, Source
from crowsg.source.reading import read

_PACKAGE_FOLDERS = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True, slots=True)
class Declaration:
    """A variable of a run.

    Attributes:
        module: The module that declares it.
        variable: The declaration in force.
        overridden: Whether the scenario's ``override_variables`` replaced the module's own.
    """

    module: str
    variable: DeclaredVariable
    overridden: bool


def locate(name: str, folders: Sequence[Path]) -> Path | None:
    """Find the file of a module, on ``sys.path``, then in ``folders``, importing nothing.

    Args:
        name: An absolute, dotted name.
        folders: Folders that hold top-level modules.

    Returns:
        Its Python file; None for a module that does not exist or has none (built in, compiled, or
        a folder without ``__init__.py``).
    """
    # A finder trusts the folder's time stamp, which two quick changes may share.
    PathFinder.invalidate_caches()
    return _locate(name, folders)


def closure(source: Source, folders: Sequence[Path]) -> tuple[Source, ...]:
    """Read the modules that ``source`` imports, and those they import, without importing any.

    The standard library is left out; of installed packages and of crowsg itself only modules that
    declare variables count. A module that cannot be read is left to the import to complain about.

    Args:
        source: Where to begin.
        folders: As for ``locate``.

    Returns:
        ``source`` first, then every module once, in the order in which an import comes upon them.
    """
    PathFinder.invalidate_caches()
    found = {source.path.resolve(): source}
    tried: set[str] = set()
    pending = list(reversed(source.imports))
    while pending:
        name = pending.pop()
        module = None if name in tried else _imported(name, folders)
        tried.add(name)
        if module and module.path.resolve() not in found:
            found[module.path.resolve()] = module
            pending.extend(reversed(module.imports))
    return tuple(found.values())


def declarations(sources: Sequence[Source]) -> tuple[Declaration, ...]:
    """Put together the variables of a run.

    Args:
        sources: The scenario first, then its ``closure``; only the scenario overrides.

    Returns:
        Every declaration in the order of ``sources``. An override takes the place of the
        declarations of its name, or joins the scenario's own where there is none.
    """
    overrides = {variable.name: variable for source in sources[:1] for variable in source.overrides}
    known = {variable.name for source in sources for variable in source.variables}
    result: list[Declaration] = []
    for source in sources:
        alone = [variable for name, variable in overrides.items() if name not in known]
        known.update(overrides)
        result += [
            Declaration(
                source.name, overrides.get(declared.name, declared), declared.name in overrides
            )
            for declared in [*source.variables, *alone]
        ]
    return tuple(result)


def _locate(name: str, folders: Sequence[Path]) -> Path | None:
    parts = name.split(".")
    if not all(parts) or parts[0] in sys.builtin_module_names:
        return None
    # Finders of relative folders would outlive a change of the working folder.
    search: list[str] = [*sys.path, *(str(folder.absolute()) for folder in folders)]
    spec: ModuleSpec | None = None
    for part in parts:
        # The bare part, not the dotted name: that one asks for the imported parent.
        spec = PathFinder.find_spec(part, search)
        if spec is None:
            return None
        search = list(spec.submodule_search_locations or ())
    if spec is None or spec.origin is None or not isinstance(spec.loader, SourceFileLoader):
        return None
    return Path(spec.origin)


def _imported(name: str, folders: Sequence[Path]) -> Source | None:
    top = name.partition(".")[0]
    path = None if top in sys.stdlib_module_names else _locate(name, folders)
    if path is None:
        return None
    is_foreign = top == "crowsg" or is_installed(path)
    source = _read_if_sound(path, name, only_declaring=is_foreign)
    return None if is_foreign and source and not source.variables else source


def is_installed(path: Path) -> bool:
    """Whether a file belongs to an installed package."""
    homes = {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}
    return not homes.isdisjoint(path.parents) or not _PACKAGE_FOLDERS.isdisjoint(path.parts)


def _read_if_sound(path: Path, name: str, *, only_declaring: bool) -> Source | None:
    try:
        if only_declaring and b"required_variables" not in path.read_bytes():
            return None
        return read(path, name)
    except (OSError, InvalidScenario):
        return None
