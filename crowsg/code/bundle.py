"""Code as it travels: the files of a module, a package or a folder, under one digest."""

import ast
import os
import stat
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from crowsg.code.manifest import MAX_BUNDLE_BYTES, MAX_FILES, Entry, Manifest, limit_of, refuse
from crowsg.code.names import is_left_out
from crowsg.errors import CodeRefused, InvalidScenario
from crowsg.source import is_installed, locate, read


@dataclass(frozen=True, slots=True)
class Bundle:
    """Files that belong together.

    Attributes:
        manifest: What they are.
        contents: What is in them, in the order of the manifest.
    """

    manifest: Manifest
    contents: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def of(cls, name: str, files: Mapping[str, bytes]) -> Self:
        """Put files together, by their paths.

        Raises:
            CodeRefused: With everything that forbids to send them, syntax errors too.
        """
        manifest = Manifest.of(name, (Entry.of(path, data) for path, data in files.items()))
        manifest.check()
        bundle = cls(manifest, tuple(files[path] for path in manifest.paths))
        bundle.check_syntax()
        return bundle

    @property
    def name(self) -> str:
        """Its module, package or folder."""
        return self.manifest.name

    @property
    def digest(self) -> str:
        """Its version."""
        return self.manifest.digest

    @property
    def files(self) -> tuple[tuple[str, bytes], ...]:
        """Path and contents of each file, by path."""
        return tuple(zip(self.manifest.paths, self.contents, strict=True))

    def check_syntax(self) -> None:
        """Refuse modules that are no Python.

        Raises:
            CodeRefused: Every one of them is named.
        """
        modules = ((path, data) for path, data in self.files if path.endswith(".py"))
        judged = ((path, _syntax_error(data)) for path, data in modules)
        refuse(self.name, (f"{path}: {error}" for path, error in judged if error))


def from_path(path: Path, folders: Sequence[Path] = ()) -> Bundle:
    """Put together what one module, package or folder needs on another node.

    Args:
        path: A module: then the local modules it imports belong to it, wherever an import
            statement names them, as long as they lie beside it or in ``folders``. Or a folder:
            then all files below it do, and where it is no package, its modules are top-level ones.
            Hidden files and caches are left out.
        folders: Where further local modules lie.

    Raises:
        CodeRefused: Its files may not be sent; everything that is wrong is named. Links are
            refused, as they may lead anywhere.
    """
    path = Path(os.path.abspath(path))
    if path.name == "__init__.py":
        path = path.parent
    if path.is_dir():
        return _from_folder(path)
    return Bundle.of(path.stem, _contents(path.stem, _local_files(path, folders)))


def _from_folder(folder: Path) -> Bundle:
    top = folder.parent if (folder / "__init__.py").exists() else folder
    files: dict[str, Path] = {}
    for path in _below(folder):
        files[path.relative_to(top).as_posix()] = path
        if len(files) > MAX_FILES:
            raise CodeRefused(folder.name, [f"it has more than {MAX_FILES} files"])
    return Bundle.of(folder.name, _contents(folder.name, files))


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=_refuse_folder):
        folders[:] = [name for name in folders if not is_left_out(name)]
        # Links to folders are listed among the folders, and not entered.
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        yield from (Path(parent, name) for name in [*links, *files] if not is_left_out(name))


def _refuse_folder(error: OSError) -> None:
    raise CodeRefused(Path(error.filename).name, [f"it cannot be read: {error.strerror}"])


def _local_files(module: Path, folders: Sequence[Path]) -> dict[str, Path]:
    """Find the modules to send, by path.

    Not by ``source.closure``, which looks where this process imports from: that includes the
    folders of scenarios that were loaded before.
    """
    found = {f"{module.stem}.py": module}
    pending = _imports(module, module.stem)
    tried: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in tried:
            tried.add(name)
            relative, path = _local(name, [module.parent, *folders])
            if path:
                found.setdefault(relative, path)
                pending += _imports(path, name)
    return found


def _local(name: str, folders: Sequence[Path]) -> tuple[str, Path | None]:
    """Find the file of a module, unless an import would get one that is installed."""
    top = name.partition(".")[0]
    origin = locate(top, ())
    if top in sys.stdlib_module_names or top == "crowsg" or (origin and is_installed(origin)):
        return "", None
    stem = name.replace(".", "/")
    for folder in folders:
        for relative in (f"{stem}/__init__.py", f"{stem}.py"):
            if os.path.lexists(folder / relative):
                return relative, folder / relative
    return "", None


def _imports(path: Path, name: str) -> list[str]:
    try:
        return list(read(path, name).imports)
    except InvalidScenario:
        # Whoever checks the syntax of the bundle says so.
        return []


def _contents(name: str, files: Mapping[str, Path]) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    problems: list[str] = []
    left = MAX_BUNDLE_BYTES
    for relative, path in files.items():
        try:
            contents[relative] = _read(path, min(limit_of(relative), left))
            left -= len(contents[relative])
        except OSError as error:
            problems.append(f"{relative}: {error.strerror}")
    refuse(name, problems)
    return contents


def _read(path: Path, limit: int) -> bytes:
    """Read a plain file, at most one byte beyond ``limit``, so that too large is seen as such."""
    if stat.S_ISLNK(os.lstat(path).st_mode):
        raise OSError(0, "is a link")
    # Opening a pipe would wait for its other end.
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(file, "rb") as opened:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(0, "is no plain file")
        return opened.read(limit + 1)


def _syntax_error(code: bytes) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}" if error.lineno else str(error.msg)
    except ValueError as error:
        return str(error)
    except (RecursionError, MemoryError):
        return "its code is nested too deeply"
    return ""
