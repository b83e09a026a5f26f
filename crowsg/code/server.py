"""The scenario and helper modules of this node, its own and those it got; none is imported."""

import ast
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from crowsg.code import transfer
from crowsg.code.bundle import Bundle, from_path
from crowsg.code.names import name_problem
from crowsg.code.own import collisions
from crowsg.code.pins import Pins
from crowsg.code.reception import Reception
from crowsg.code.store import Store
from crowsg.code.transfer import Call, Plain
from crowsg.errors import CodePathError, CodeRefused, InvalidScenario, NameTaken, NoSuchScenario
from crowsg.source import Expression, Source, closure, declarations, read
from crowsg.text import MASK

DEFAULT_FOLDER = Path("scenarios")
"""Searched after all others, where the working folder has it."""

Reference = str | Path | ModuleType
"""A path, recognised by ``.py`` or a separator, the name of a module, or a module."""


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

    It also gives code to other nodes and takes theirs. What it took is found before its own code:
    first what came under the very name that is looked for, then what came with something else. It
    can differ from it by nothing: a bundle is refused whose modules exist here as others, and
    where all its files are here already, they stay in use.

    Args:
        folders: Where to look. A name that is in several belongs to the first.
        store: Where code lives that other nodes send; nothing is made before some came.

    Source: amoc_code_server.
    """

    def __init__(self, folders: Sequence[Path], store: Store | None = None) -> None:
        self._own = tuple(folders)
        self._store = store or Store()
        self._pins = Pins()
        self._reception = Reception(self._store, self._pins, lambda: self._own)
        self._marked: dict[str, Bundle] = {}

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that are searched, in their order: those of received code, then its own."""
        return (*self._store.folders, *self._own)

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
            candidates = self._candidates(name_or_path)
            searched = [str(folder) for folder in self.folders]
        for path in candidates:
            if path.is_file():
                return path
        raise NoSuchScenario(name_or_path, searched)

    def add_module(self, reference: Reference) -> str:
        """Mark code for distribution: a module with the local modules it imports, or a folder.

        What is sent later is as it is now: mark it again when it has changed. The folder it lies
        in joins the code paths of this node, behind the others.

        Args:
            reference: A path, recognised by ``.py`` or a separator, the name of a module on the
                code paths, or a module. A folder counts with all files below it.

        Returns:
            The name it is distributed under.

        Raises:
            NoSuchScenario: There is no such file.
            CodeRefused: It has no file, or may not be sent; everything that is wrong is named.
            NameTaken: The code paths, or what is installed, have another module of its name.
            CodeVersionChanged: A run uses another version.

        Blocks: while its files are read.
        Source: amoc_code_server:add_module/1.
        """
        received = self._received(reference)
        bundle = received or self._made_of(self._locate(reference))
        self._pins.check(bundle.name, bundle.digest)
        self._marked[bundle.name] = bundle
        if received is None:
            self._own = tuple(dict.fromkeys([*self._own, _home(self._locate(reference))]))
        return bundle.name

    def bundle_of(self, reference: Reference) -> Bundle:
        """Return what another node needs to run a scenario, as it is now.

        Args:
            reference: As for ``add_module``. Of code that came from another node it is the whole
                bundle that came, which may be called by its name too.

        Raises:
            NoSuchScenario: There is no such file.
            CodeRefused: It has no file, or may not be sent.
            NameTaken: The code paths, or what is installed, have another module of its name.
        """
        return self._received(reference) or self._made_of(self._locate(reference))

    def send(self, call: Call, bundle: Bundle) -> str:
        """Bring one bundle to another node; see ``transfer.send``."""
        return transfer.send(call, bundle)

    def distribute_to(self, call: Call, names: Iterable[str] | None = None) -> dict[str, str]:
        """Bring code, and nothing but what is asked for, to another node; may be repeated.

        Args:
            call: Calls a method of that node with a body, and returns its answer.
            names: Which: as it was marked, else as ``bundle_of`` finds it; None for all that is
                marked.

        Returns:
            "sent" or, if the node has it already, "known", by name.

        Raises:
            NoSuchScenario: A name is neither marked nor on the code paths; nothing was sent.
            NameTaken: One cannot be sent; nothing was.
            CodeRefused: One cannot be sent, or the node does not want it; those before it are
                there.

        Blocks: as long as the calls do.
        Source: amoc_code_server:distribute_modules/1.
        """
        wanted = self._marked if names is None else dict.fromkeys(names)
        bundles = {name: self._marked.get(name) or self.bundle_of(name) for name in wanted}
        return {name: transfer.send(call, bundle) for name, bundle in bundles.items()}

    def offered(self, plain: Any) -> Plain:
        """Answer another node that offers a bundle.

        Returns:
            ``{"answer": "known"}``: it is here, now in force, and need not be sent; or "send".

        Raises:
            CodeRefused: Its names, paths, sizes or digest are wrong, or it collides with code of
                this node.
            CodeVersionChanged: A run uses another version of it.
        """
        return self._reception.offered(plain)

    def received(self, plain: Any) -> Plain:
        """Take a chunk of a bundle that was offered; the same one may come twice.

        Raises:
            CodeRefused: It is no chunk of a bundle that is under way.
        """
        return self._reception.received(plain)

    def installed(self, plain: Any, sender: str = "another node") -> Plain:
        """Put a bundle in force that is here completely; nothing of it could be imported before.

        Args:
            plain: Its name and digest.
            sender: Who brings it, for the log.

        Raises:
            CodeRefused: Something is missing, not what was offered, or no Python. It must be
                offered again.
            CodeVersionChanged: A run uses another version of it.
        """
        return self._reception.installed(plain, sender)

    def pin(self, digests: Mapping[str, str], run: str) -> None:
        """Keep versions in force until ``release(run)``, and refuse others.

        Args:
            digests: The versions that a run uses, by name. What came from other nodes must be
                here in this version.
            run: Its id.

        Raises:
            CodeVersionChanged: Another run uses another version; nothing was pinned.
            CodeRefused: This node has another version; nothing was pinned.
        """
        for name, digest in digests.items():
            self._reception.verify(name, digest)
        self._pins.pin(digests, run)

    def pin_own(self, bundle: Bundle, run: str) -> None:
        """Keep in force what this node leads a run with, as ``bundle_of`` has just returned it.

        It may be another version than what came from other nodes, or was known before: it is run
        from where it lies.

        Raises:
            CodeVersionChanged: Another run uses another version; nothing was pinned.
        """
        self._pins.pin({bundle.name: bundle.digest}, run)

    def release(self, run: str) -> None:
        """Let new versions take the place of what a run used; that it used nothing is no fault."""
        self._pins.release(run)

    def close(self) -> None:
        """Remove all code that came from other nodes."""
        self._reception.close()
        self._store.close()

    def _received(self, reference: Reference) -> Bundle | None:
        named = self._store.bundle(reference) if isinstance(reference, str) else None
        return named or self._store.holding(self._locate(reference))

    def _made_of(self, path: Path) -> Bundle:
        bundle = from_path(path, self.folders)
        others = list(collisions(bundle.manifest, self._own))
        if others:
            raise NameTaken(f"{path} cannot be distributed: " + "; ".join(others))
        return bundle

    def _locate(self, reference: Reference) -> Path:
        if isinstance(reference, ModuleType):
            file = getattr(reference, "__file__", None)
            if not file:
                raise CodeRefused(reference.__name__, ["it has no file"])
            return Path(file).absolute()
        text = str(reference)
        is_path = isinstance(reference, Path) or text.endswith(".py") or _has_separator(text)
        if is_path or text in (".", ".."):
            candidates, searched = [Path(text)], []
        else:
            files = (f"{text}.py", *(() if name_problem(text) else (text,)))
            candidates = [folder / file for file in files for folder in self.folders]
            searched = [str(folder) for folder in self.folders]
        for path in candidates:
            if path.exists():
                return path.absolute()
        raise NoSuchScenario(text, searched)

    def _sources(self) -> Iterator[Source]:
        judged = (_read(path) for path in self._files())
        return (found for found in judged if isinstance(found, Source))

    def _files(self) -> list[Path]:
        paths = {path for folder in self.folders for path in folder.glob("*.py")}
        paths = {path for path in paths if _may_be_module(path)}
        names = sorted({path.stem for path in paths})
        return [next(path for path in self._candidates(name) if path in paths) for name in names]

    def _candidates(self, name: str) -> list[Path]:
        """Return where the file of a module may be, in the order in which it is looked for."""
        return [folder / f"{name}.py" for folder in [*self._store.folders_for(name), *self._own]]


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


def _home(path: Path) -> Path:
    """Return the folder that makes a module, a package or a folder of modules importable."""
    return path if path.is_dir() and not (path / "__init__.py").exists() else path.parent


def _may_be_module(path: Path) -> bool:
    return not path.name.startswith((".", "__init__.")) and not path.is_dir()


def _plain(default: object) -> object:
    return default.text if isinstance(default, Expression) else default


def _has_separator(text: str) -> bool:
    return any(separator in text for separator in (os.sep, os.altsep) if separator)


def _read(path: Path) -> Source | str:
    try:
        return read(path)
    except InvalidScenario as error:
        return "; ".join(error.problems)
