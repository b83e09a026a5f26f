"""What a bundle consists of, without the contents: what is offered, compared and checked. Pure."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

from crowsg.code import names
from crowsg.errors import CodeRefused
from crowsg.text import line_of, shown

MAX_FILES = 2000
MAX_SOURCE_BYTES = 1 << 20
MAX_FILE_BYTES = 32 << 20
MAX_BUNDLE_BYTES = 64 << 20

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One file.

    Attributes:
        path: Where it lies below the bundle's folder, between ``/``.
        size: Its length in bytes.
        sha256: The digest of its contents, in hexadecimal.
    """

    path: str
    size: int
    sha256: str

    @classmethod
    def of(cls, path: str, content: bytes) -> Self:
        """Describe a file."""
        return cls(path, len(content), sha256(content).hexdigest())


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a bundle.

    Attributes:
        name: What it is called: its module, package or folder.
        entries: Its files, ordered by path.
        digest: SHA-256 over the paths, sizes and digests of the files in this order. Blank lines
            and comments change it, as they change what a traceback shows; amoc compares compiled
            code, which they leave as it is.
    """

    name: str
    entries: tuple[Entry, ...]
    digest: str

    @classmethod
    def of(cls, name: str, entries: Iterable[Entry]) -> Self:
        """Describe the bundle that consists of these files."""
        ordered = tuple(sorted(entries))
        return cls(name, ordered, _digest_of(ordered))

    @classmethod
    def from_plain(cls, plain: Any) -> Self:
        """Read what ``plain`` made on another node.

        Raises:
            CodeRefused: It is nothing of the kind.
        """
        match plain:
            case {"name": str(name), "digest": str(digest), "files": [*files]} if (
                _DIGEST.fullmatch(digest) and len(files) <= MAX_FILES
            ):
                return cls(name, tuple(_entry(name, file) for file in files), digest)
        raise CodeRefused("a bundle", ["this offer is none"])

    def plain(self) -> dict[str, Any]:
        """Return it as values that may travel."""
        files = [[entry.path, entry.size, entry.sha256] for entry in self.entries]
        return {"name": self.name, "digest": self.digest, "files": files}

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(entry.size for entry in self.entries)

    @property
    def paths(self) -> tuple[str, ...]:
        """Where the files lie, in order."""
        return tuple(entry.path for entry in self.entries)

    @property
    def modules(self) -> tuple[str, ...]:
        """The top-level modules and packages that it makes importable."""
        return names.modules(self.paths)

    def check(self) -> None:
        """Refuse what may not be installed anywhere.

        Raises:
            CodeRefused: With everything that is wrong: names, paths, sizes, digest.
        """
        problem = names.name_problem(self.name)
        refuse(
            self.name,
            [
                *([problem] if problem else []),
                *names.path_problems(self.paths),
                *names.module_problems(self.paths),
                *self._size_problems(),
                *self._digest_problems(),
            ],
        )

    def _size_problems(self) -> Iterator[str]:
        if not self.entries:
            yield "it has no files"
        if len(self.entries) > MAX_FILES:
            yield f"it has more than {MAX_FILES} files"
        for entry in self.entries:
            if entry.size > limit_of(entry.path):
                yield f"{shown(entry.path, 70)} is larger than {limit_of(entry.path) >> 20} MiB"
        if self.size > MAX_BUNDLE_BYTES:
            yield f"it is larger than {MAX_BUNDLE_BYTES >> 20} MiB"

    def _digest_problems(self) -> Iterator[str]:
        if list(self.entries) != sorted(self.entries):
            yield "its files are not in order"
        if self.digest != _digest_of(self.entries):
            yield f"its digest is not {self.digest[:12]}"


def limit_of(path: str) -> int:
    """Return how many bytes a file may have."""
    return MAX_SOURCE_BYTES if path.endswith(".py") else MAX_FILE_BYTES


def refuse(name: str, problems: Iterable[str]) -> None:
    """Refuse code if there are problems.

    Raises:
        CodeRefused: With the problems; the first twenty of them, and how many there are.
    """
    found = list(problems)
    if found:
        more = [f"and {len(found) - 20} more"] if len(found) > 20 else []
        raise CodeRefused(line_of(name, 64), [*found[:20], *more])


def _entry(name: str, plain: Any) -> Entry:
    match plain:
        case [str(path), int(size), str(digest)] if (
            type(size) is int and size >= 0 and _DIGEST.fullmatch(digest)
        ):
            return Entry(path, size, digest)
    raise CodeRefused(line_of(name, 64), [f"{shown(plain, 70)} is no file"])


def _digest_of(entries: Iterable[Entry]) -> str:
    listed = [[entry.path, entry.size, entry.sha256] for entry in entries]
    return sha256(json.dumps(listed).encode()).hexdigest()
