"""From a file to a scenario that can be called: imported anew, its callbacks checked."""

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from crowsg.config.settings import Declarations
from crowsg.config.variable import takes
from crowsg.errors import CrowsgError, InvalidScenario, NameTaken
from crowsg.metrics.failures import describe
from crowsg.scenario import dependencies
from crowsg.source import Source, closure, is_installed, locate, read

Callback = Callable[..., Any]

# The numbers of arguments a callback may take, the preferred first.
_ARGUMENTS = {"init": (0,), "start": (2, 1), "terminate": (1, 0), "setup": (0,), "teardown": (0,)}
_REQUIRED = ("init", "start")
# Stands in modules that were loaded here: the next scenario of that name may take their place.
_MARK = "__crowsg_scenario__"


class Place(str):
    """An entry of ``sys.path`` that is there for a scenario, and no part of the installation."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A loaded scenario.

    Attributes:
        name: The module's name.
        declarations: Its own, then those of the modules it imports.
        init, start, terminate, setup, teardown: Its callbacks, each ready to be called with
            everything it could want: ``start(user_id, state)``, ``terminate(state)``; None for
            an optional one that is missing.
    """

    name: str
    declarations: tuple[Declarations, ...]
    init: Callback
    start: Callback
    terminate: Callback | None
    setup: Callback | None
    teardown: Callback | None


def load(path: Path, folders: Sequence[Path]) -> Scenario:
    """Import the scenario in ``path`` afresh, with the modules that it brings, and check it.

    Its dependencies are checked before any of its code runs. Its folder and ``folders`` join the
    import path behind everything installed, so nothing in them shadows an installed module, and
    before the folders of earlier scenarios. Modules that were imported from such folders are
    imported again where this scenario imports them too: it gets its own version of each, and
    whoever has the former keeps it.

    Raises:
        InvalidScenario: It cannot be parsed or imported, or callbacks are missing or wrong.
        UnmetDependencies: Packages it asks for are missing.
        NameTaken: Its name belongs to another module.
    """
    path = path.resolve()
    source = read(path)
    dependencies.check(path)
    places = [path.parent, *folders]
    earlier = [entry for entry in sys.path if isinstance(entry, Place)]
    _extend_import_path(places, earlier)
    _forget_modules(source, places, earlier)
    return from_module(_import(source.name, path), places)


def from_module(module: ModuleType, folders: Sequence[Path] = ()) -> Scenario:
    """Check a module that is loaded already and make a scenario of it.

    Args:
        module: The scenario.
        folders: Where the modules it imports are looked for besides ``sys.path``.

    Raises:
        InvalidScenario: Callbacks are missing or wrong; all of them are named.
    """
    callbacks = {name: getattr(module, name, None) for name in _ARGUMENTS}
    problems = [f"{name} is missing" for name in _REQUIRED if callbacks[name] is None]
    ready: dict[str, Callback | None] = {}
    for name, callback in callbacks.items():
        ready[name], problem = _ready(name, callback)
        problems += [problem] if problem else []
    if problems:
        raise InvalidScenario(module.__name__, problems)
    assert ready["init"] is not None
    assert ready["start"] is not None
    helpers = [_declarations(helper) for helper in _helpers(module, folders)]
    return Scenario(
        module.__name__,
        (_declarations(module, overrides=True), *helpers),
        ready["init"],
        ready["start"],
        ready["terminate"],
        ready["setup"],
        ready["teardown"],
    )


def _extend_import_path(places: Sequence[Path], earlier: Sequence[Place]) -> None:
    installed = [entry for entry in sys.path if not isinstance(entry, Place)]
    new = [Place(folder) for folder in places if str(folder) not in installed]
    # Code that was distributed to the node goes with its folder.
    kept = [entry for entry in earlier if os.path.isdir(entry)]
    for entry in set(earlier).difference(kept):
        sys.path_importer_cache.pop(entry, None)
    sys.path[:] = [*installed, *dict.fromkeys([*new, *kept])]
    for place in new:
        sys.path_importer_cache[place] = FileFinder(place, *_LOADERS)


def _forget_modules(source: Source, places: Sequence[Path], earlier: Sequence[Place]) -> None:
    """Take out of ``sys.modules`` what a scenario must import anew, and what has lost its file."""
    wanted = {found.name.partition(".")[0] for found in closure(source, places)[1:]}
    homes = {*earlier, *(entry for entry in sys.path if isinstance(entry, Place))}
    for name, file in list(_files_of_modules()):
        is_stale = name.partition(".")[0] in wanted or not os.path.exists(file)
        if is_stale and any(_is_from(home, name, file) for home in homes):
            del sys.modules[name]


def _files_of_modules() -> Iterator[tuple[str, str]]:
    for name, module in sys.modules.items():
        # Asking a module of another type for anything might load it.
        file = vars(module).get("__file__") if type(module) is ModuleType else None
        if isinstance(file, str):
            yield name, file


def _is_from(home: str, name: str, file: str) -> bool:
    """Whether a module was imported with ``home`` on the path; what is installed may lie below."""
    stem = os.path.join(home, *name.split("."))
    return file in (f"{stem}.py", os.path.join(stem, "__init__.py"))


def _ready(name: str, callback: Any) -> tuple[Callback | None, str]:
    """Return ``callback`` in its fullest form, and what is wrong with it."""
    if callback is None:
        return None, ""
    if not callable(callback):
        return None, f"{name} is no function"
    if _is_deferred(callback) or _is_deferred(type(callback).__call__):
        return None, f"{name} is asynchronous or a generator; scenarios are plain blocking code"
    allowed = _ARGUMENTS[name]
    wanted = next((number for number in allowed if takes(callback, number)), None)
    if wanted is None:
        numbers = " or ".join(str(number) for number in sorted(allowed))
        return None, f"{name} must take {numbers} argument(s)"
    return _fullest(callback, wanted, allowed[0]), ""


def _is_deferred(function: Any) -> bool:
    """Whether a call only makes an object that somebody else would have to run."""
    return (
        inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    )


def _fullest(callback: Callback, wanted: int, given: int) -> Callback:
    if wanted == given:
        return callback
    if wanted == 1:
        # Spelled out: packing the arguments would cost every user 600 bytes.
        return lambda user_id, state: callback(user_id)
    return lambda *args: callback()


def _helpers(module: ModuleType, folders: Sequence[Path]) -> Iterator[ModuleType]:
    """Yield the modules with variables that a scenario imports, at its top or later."""
    path = Path(getattr(module, "__file__", None) or "")
    if not path.is_file():
        return
    for found in closure(read(path), [path.parent, *folders])[1:]:
        if found.variables:
            # A scenario may do without a module that cannot be imported.
            with suppress(ImportError):
                helper = importlib.import_module(found.name)
                _refuse_another(helper, found.path)
                yield helper


def _refuse_another(helper: ModuleType, path: Path) -> None:
    """Refuse a helper of the same name from elsewhere, imported for another scenario."""
    origin = getattr(helper, "__file__", None)
    if origin and Path(origin).resolve() != path.resolve():
        raise NameTaken(f"the helper {path} is hidden by {origin} of the same name; rename it")


def _declarations(module: ModuleType, overrides: bool = False) -> Declarations:
    return Declarations(
        module.__name__,
        _listed(module, "required_variables"),
        _listed(module, "override_variables") if overrides else (),
        vars(module).get,
    )


def _listed(module: ModuleType, name: str) -> tuple[object, ...]:
    value = getattr(module, name, ())
    # Anything else is one faulty declaration, reported with all the others.
    return tuple(value) if isinstance(value, list | tuple) else (value,)


class _Afresh(SourceFileLoader):
    """Compiles a file at every load: cached bytecode tells versions apart by whole seconds."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


# As an import has them, but for the caching.
_LOADERS = (
    (ExtensionFileLoader, EXTENSION_SUFFIXES),
    (_Afresh, SOURCE_SUFFIXES),
    (SourcelessFileLoader, BYTECODE_SUFFIXES),
)


def _import(name: str, path: Path) -> ModuleType:
    _refuse_taken(name, path)
    loader = _Afresh(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None or path.suffix not in SOURCE_SUFFIXES:
        raise InvalidScenario(name, [f"{path} is no Python file"])
    module = importlib.util.module_from_spec(spec)
    vars(module)[_MARK] = True
    before = sys.modules.get(name)
    # Dataclasses and pickling look a module up by its name while it is being imported.
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException as error:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        if not isinstance(error, Exception | SystemExit) or isinstance(error, CrowsgError):
            raise
        raise InvalidScenario(name, [f"importing it raised {describe(error)}"]) from error
    return module


def _refuse_taken(name: str, path: Path) -> None:
    owner = _owner(name, path)
    if owner:
        raise NameTaken(f"the name {name!r} of {path} is taken by {owner}; rename the file")


def _owner(name: str, path: Path) -> str:
    """Return who else has a claim on a module's name, "" for nobody."""
    if name in sys.stdlib_module_names:
        return "the standard library"
    loaded = sys.modules.get(name)
    if loaded is not None:
        origin = getattr(loaded, "__file__", None) or "a module that is no file"
        is_ours = _MARK in vars(loaded) or Path(origin).resolve() == path
        return "" if is_ours else origin
    origin_path = locate(name, ())
    return str(origin_path) if origin_path and is_installed(origin_path) else ""
