"""What a scenario asks of the installation, and whether it is met; nothing is installed.

A scenario names its dependencies in inline script metadata (PEP 723) and in a ``requirements.txt``
beside it. Both count, and all that is unmet is reported at once.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from crowsg.errors import UnmetDependencies
from crowsg.source import read_text

# The reference expression of PEP 723: an unclosed block is no block.
_BLOCK = re.compile(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
_INCLUDE = re.compile(r"(?:-r\s*|--requirement[\s=]+)(?P<file>.+)")
_COMMENT = re.compile(r"(?:^|\s+)#.*$")
_LINE_OPTION = re.compile(r"\s--[a-z].*$")
_PYTHON = ".".join(str(part) for part in sys.version_info[:3])


@dataclass(slots=True)
class Dependencies:
    """The dependencies of one scenario.

    Attributes:
        requirements: Every readable requirement that applies to this machine, as text.
        requires_python: The versions of Python it asks for, "" for any.
        problems: What is unmet or unreadable, a line each; empty when all is well.
        unmet: Those of ``requirements`` that an installation would meet.
    """

    requirements: list[str] = field(default_factory=list)
    requires_python: str = ""
    problems: list[str] = field(default_factory=list)
    unmet: list[str] = field(default_factory=list)


def examine(path: Path) -> Dependencies:
    """Read the dependencies of the scenario in ``path`` and compare them with what is installed.

    Raises:
        InvalidScenario: The file cannot be read as text.
    """
    result = Dependencies()
    script = _of_script(read_text(path), result)
    listed = _of_file(path.parent / "requirements.txt", result, set())
    for place, text in [*script, *listed]:
        _examine_requirement(place, text, result)
    return result


def check(path: Path) -> None:
    """Refuse a scenario whose dependencies are not all met.

    Raises:
        UnmetDependencies: With every problem found.
        InvalidScenario: The file cannot be read as text.
    """
    found = examine(path)
    if found.problems:
        raise UnmetDependencies(path.stem, found.problems, found.unmet)


def _of_script(text: str, result: Dependencies) -> Iterator[tuple[str, str]]:
    blocks = [match["content"] for match in _BLOCK.finditer(text)]
    if len(blocks) > 1:
        result.problems.append("the file has more than one script block")
    for block in blocks[:1]:
        # A comment line is "# text" or a bare "#".
        lines = [line[2:] for line in block.splitlines()]
        try:
            table = tomllib.loads("\n".join(lines))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            result.problems.append(f"the script block is no TOML: {error}")
            continue
        _examine_python(table.get("requires-python", ""), result)
        yield from _listed(table.get("dependencies", []), result)


def _listed(value: object, result: Dependencies) -> Iterator[tuple[str, str]]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        yield from (("script block", item) for item in value)
    else:
        result.problems.append("script block: dependencies is no list of texts")


def _examine_python(value: object, result: Dependencies) -> None:
    try:
        wanted = SpecifierSet(value if isinstance(value, str) else repr(value))
    except InvalidSpecifier:
        result.problems.append(f"script block: requires-python is no version range: {value!r}")
        return
    result.requires_python = str(wanted)
    if not wanted.contains(_PYTHON, prereleases=True):
        result.problems.append(f"Python {wanted}: this is {_PYTHON}")


def _of_file(path: Path, result: Dependencies, opened: set[Path]) -> Iterator[tuple[str, str]]:
    if path.resolve() in opened or (not opened and not path.is_file()):
        return
    opened.add(path.resolve())
    for number, line in _lines(_text_of(path, result)):
        if include := _INCLUDE.match(line):
            yield from _of_file(path.parent / include["file"], result, opened)
        elif not line.startswith("-"):
            yield f"{path.name} line {number}", _LINE_OPTION.sub("", line)


def _text_of(path: Path, result: Dependencies) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        result.problems.append(f"cannot read {path.name}: {error.strerror}")
    except UnicodeDecodeError:
        result.problems.append(f"{path.name} is no valid utf-8")
    return ""


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that say something, comments cut and continuations joined."""
    pending, first = "", 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        first = first if pending else number
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            pending += line[:-1]
            continue
        joined = _COMMENT.sub("", pending + (" " if is_comment else "") + line).strip()
        pending = ""
        if joined:
            yield first, joined


def _examine_requirement(place: str, text: str, result: Dependencies) -> None:
    wanted = _parsed(text)
    if wanted is None:
        result.problems.append(f"{place}: {text!r} is no requirement that can be checked")
    elif _applies(wanted) and str(wanted) not in result.requirements:
        result.requirements.append(str(wanted))
        problems = list(dict.fromkeys(_unmet(wanted, frozenset())))
        result.problems += problems
        result.unmet += [str(wanted)] if problems else []


def _parsed(text: str) -> Requirement | None:
    try:
        wanted = Requirement(text)
        _applies(wanted)
    except (InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName):
        return None
    return wanted


def _applies(wanted: Requirement, extra: str = "") -> bool:
    return wanted.marker is None or wanted.marker.evaluate({"extra": extra})


def _unmet(wanted: Requirement, checked: frozenset[tuple[str, str]]) -> Iterator[str]:
    shown = f"{wanted.name}{wanted.specifier}"
    try:
        # None where the record of the installation is damaged.
        installed: str | None = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        yield f"{shown} is not installed"
        return
    if not _fits(installed, wanted.specifier):
        yield f"{shown}: installed {installed or 'in an unknown version'}"
    for extra in sorted(wanted.extras):
        key = (canonicalize_name(wanted.name), canonicalize_name(extra))
        if key not in checked:
            for needed in _of_extra(*key):
                yield from _unmet(needed, checked | {key})


def _fits(installed: str | None, wanted: SpecifierSet) -> bool:
    try:
        return wanted.contains(Version(installed or ""), prereleases=True)
    except InvalidVersion:
        return False


def _of_extra(name: str, extra: str) -> Iterator[Requirement]:
    for text in metadata.requires(name) or ():
        needed = _parsed(text)
        # Without the extra it is a plain dependency, and the installer's business.
        if needed and _applies(needed, extra) and not _applies(needed):
            yield needed
