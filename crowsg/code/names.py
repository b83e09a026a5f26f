"""What modules and files may be called that come from another node. Pure."""

import keyword
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES
from pathlib import PurePosixPath

from crowsg.text import shown

MAX_PATH = 200
"""Characters of the path of a file."""

_MODULE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_COMPILED = (*BYTECODE_SUFFIXES, *EXTENSION_SUFFIXES, ".pyo", ".pyd", ".so", ".dll")
# Some systems open a device under these names, whatever the suffix.
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}
)


def name_problem(name: str) -> str:
    """Say what is wrong with the name of a bundle, "" for nothing."""
    if _MODULE.fullmatch(name):
        return ""
    return f"{shown(name, 70)} is no name of at most 64 of a-z, 0-9 and _ that begins with a letter"


def module_problems(paths: Sequence[str]) -> list[str]:
    """Say which modules may not be called so: they would shadow others, or are no modules."""
    return [problem for name in modules(paths) if (problem := _module_problem(name))]


def modules(paths: Sequence[str]) -> tuple[str, ...]:
    """List the top-level modules and packages that the files make importable, by name."""
    found = {_top(path) for path in paths if path.endswith(".py")}
    return tuple(sorted(found))


def belongs(path: str, module: str) -> bool:
    """Whether a file is a top-level module, or lies in the package of that name."""
    return path == f"{module}.py" or path.startswith(f"{module}/")


def path_problems(paths: Sequence[str]) -> list[str]:
    """Say which paths could leave their folder or mean another file elsewhere, else which clash."""
    problems = [f"{shown(path, 70)} {why}" for path in paths if (why := _path_problem(path))]
    return problems or list(_clashes(paths))


def is_left_out(part: str) -> bool:
    """Whether a file or folder of this name is no part of a bundle: hidden, or a cache."""
    return part.startswith(".") or part == "__pycache__" or part.endswith((".pyc", ".pyo"))


def _module_problem(name: str) -> str:
    if problem := name_problem(name):
        return problem
    if keyword.iskeyword(name):
        return f"{name} is a keyword"
    if name in sys.stdlib_module_names:
        return f"{name} is a module of the standard library"
    if name.startswith("crowsg"):
        return f"{name} begins with crowsg, which is for crowsg itself"
    return ""


def _top(path: str) -> str:
    first, _, rest = path.partition("/")
    return first if rest else first.removesuffix(".py")


def _path_problem(path: str) -> str:
    if not 0 < len(path) <= MAX_PATH:
        return f"is not between 1 and {MAX_PATH} characters long"
    if not path.isprintable() or unicodedata.normalize("NFKC", path) != path:
        return "has characters that are no plain text"
    if any(char in path for char in '\\:*?"<>|'):
        return 'has one of \\ : * ? " < > |'
    if path.endswith(_COMPILED):
        return "is compiled code"
    reasons = (_part_problem(part) for part in path.split("/"))
    return next((reason for reason in reasons if reason), "")


def _part_problem(part: str) -> str:
    if not part or part == "..":
        return "is no path below its folder"
    if is_left_out(part):
        return "is hidden, or a cache"
    if part[-1] in ". " or part[0] == " " or part.partition(".")[0].lower() in _DEVICES:
        return "means something else on some systems"
    return ""


def _clashes(paths: Sequence[str]) -> Iterator[str]:
    folders = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    spelled = {folder.casefold(): folder for folder in folders}
    for path in [*sorted(folders), *paths]:
        other = spelled.setdefault(path.casefold(), path)
        if other != path:
            yield f"{shown(path, 70)} and {shown(other, 70)} differ only in case"
    if len(set(paths)) < len(paths):
        yield "there are paths that come twice"
    yield from (f"{shown(path, 70)} is both a file and a folder" for path in folders & set(paths))
