"""Whether a node has the code of a bundle of its own, or other code under the same names."""

import os
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from crowsg.code.manifest import Entry, Manifest
from crowsg.code.names import belongs
from crowsg.scenario.loading import Place


def has_all(manifest: Manifest, folders: Sequence[Path]) -> bool:
    """Whether each file lies, with just these contents, in the first folder that has its path."""
    return all(_is_in_first(entry, folders) for entry in manifest.entries)


def collisions(manifest: Manifest, folders: Sequence[Path]) -> Iterator[str]:
    """Yield what this node imports under the names of a bundle, where it is something else.

    Args:
        manifest: The bundle.
        folders: The node's own code; what is installed is looked at too, what was distributed to
            it is not.
    """
    # A finder trusts the folder's time stamp, which two quick changes may share.
    PathFinder.invalidate_caches()
    search = [entry for entry in sys.path if not isinstance(entry, Place)]
    search += [str(folder) for folder in folders]
    for name in manifest.modules:
        spec = PathFinder.find_spec(name, search)
        if spec and spec.origin and not _is_same(name, spec, manifest):
            yield f"{name} is another module on this node, {spec.origin}"
        elif not spec and _is_made_by_hand(name):
            yield f"{name} is another module on this node, which is no file"


def _is_in_first(entry: Entry, folders: Sequence[Path]) -> bool:
    candidates = (folder / entry.path for folder in folders)
    path = next((path for path in candidates if os.path.lexists(path)), None)
    return path is not None and _holds(path, entry)


def _is_same(name: str, spec: ModuleSpec, manifest: Manifest) -> bool:
    """Whether the module found has the files that the manifest has for it."""
    origin = Path(spec.origin or "")
    home = origin.parent.parent if spec.submodule_search_locations is not None else origin.parent
    entries = [entry for entry in manifest.entries if belongs(entry.path, name)]
    is_among = any(home / entry.path == origin for entry in entries)
    return is_among and all(_holds(home / entry.path, entry) for entry in entries)


def _holds(path: Path, entry: Entry) -> bool:
    try:
        if not path.is_file() or path.stat().st_size != entry.size:
            return False
        return sha256(path.read_bytes()).hexdigest() == entry.sha256
    except OSError:
        return False


def _is_made_by_hand(name: str) -> bool:
    loaded = sys.modules.get(name)
    # A package without __init__.py has a path and no file.
    return loaded is not None and not {"__file__", "__path__"} & set(dir(loaded))
