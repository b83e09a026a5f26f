"""Where code lives that other nodes sent: a private folder of this process, gone when it ends."""

import os
import shutil
import tempfile
from pathlib import Path

from crowsg.code.bundle import Bundle
from crowsg.errors import CodeRefused


class Store:
    """Keeps bundles in folders that are named by their digests; a folder is there whole or not.

    Args:
        parent: Where the private folder is made, once it is needed; None for the system's folder
            of temporary files.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self._parent = parent
        self._root: Path | None = None
        self._bundles: dict[str, Bundle] = {}
        self._digests: dict[str, str] = {}

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folder of each bundle that is in force, the latest first."""
        digests = dict.fromkeys(reversed(self._digests.values()))
        return tuple(self._folder(digest) for digest in digests)

    def folders_for(self, name: str) -> tuple[Path, ...]:
        """Return the folders in which a module is looked for: first that of its own bundle."""
        version = self.version(name)
        own = (self._folder(version),) if version else ()
        return tuple(dict.fromkeys([*own, *self.folders]))

    def has(self, digest: str) -> bool:
        """Whether the files of this version are here."""
        return digest in self._bundles

    def version(self, name: str) -> str:
        """Return the digest that is in force for a name, "" for a name that is not known."""
        return self._digests.get(name, "")

    def bundle(self, name: str) -> Bundle | None:
        """Return the bundle of a name."""
        return self._bundles.get(self.version(name))

    def holding(self, path: Path) -> Bundle | None:
        """Return the bundle that a file belongs to."""
        for name in self._digests:
            if self._folder(self.version(name)) in path.parents:
                return self.bundle(name)
        return None

    def install(self, bundle: Bundle) -> None:
        """Keep a bundle, in place of the former version of its name.

        Args:
            bundle: Checked: nothing is asked of its names here.

        Raises:
            CodeRefused: It cannot be written; nothing of it is left.
        """
        if not self.has(bundle.digest):
            self._write(bundle)
            self._bundles[bundle.digest] = bundle
        self._digests.pop(bundle.name, None)
        self._digests[bundle.name] = bundle.digest
        self._remove_unused()

    def drop(self, name: str) -> None:
        """Forget a name; that it is not known is no fault."""
        self._digests.pop(name, None)
        self._remove_unused()

    def close(self) -> None:
        """Remove everything."""
        self._bundles.clear()
        self._digests.clear()
        if self._root:
            shutil.rmtree(self._root, ignore_errors=True)
        self._root = None

    def _remove_unused(self) -> None:
        for digest in set(self._bundles) - set(self._digests.values()):
            del self._bundles[digest]
            shutil.rmtree(self._folder(digest), ignore_errors=True)

    def _folder(self, digest: str) -> Path:
        assert self._root is not None
        return self._root / digest

    def _write(self, bundle: Bundle) -> None:
        try:
            if self._root is None:
                # Only its owner may enter.
                made = tempfile.mkdtemp(prefix="crowsg-code-", dir=self._parent)
                self._root = Path(made).resolve()
            with tempfile.TemporaryDirectory(prefix="partial-", dir=self._root) as partial:
                whole = Path(partial, bundle.digest)
                _write_files(bundle, whole)
                whole.rename(self._folder(bundle.digest))
        except OSError as error:
            raise CodeRefused(bundle.name, [f"it cannot be written: {error}"]) from error


def _write_files(bundle: Bundle, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for relative, data in bundle.files:
        path = folder / relative
        # Not by mkdir(parents=True), which gives parents the mode of the umask.
        for parent in reversed(path.relative_to(folder).parents):
            (folder / parent).mkdir(mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(data)
