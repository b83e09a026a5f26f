"""Code that other nodes bring: judged when offered, checked when complete, then in force."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from crowsg.code.manifest import Manifest, refuse
from crowsg.code.own import collisions, has_all
from crowsg.code.pins import Pins
from crowsg.code.store import Store
from crowsg.code.transfer import Plain, Receivings
from crowsg.errors import CodeRefused

KNOWN: Plain = {"answer": "known"}
SEND: Plain = {"answer": "send"}
TAKEN: Plain = {"answer": "taken"}
INSTALLED: Plain = {"answer": "installed"}

_LOGGER = logging.getLogger("crowsg")


class Reception:
    """Answers the calls of ``transfer.send``; each may come twice.

    Args:
        store: Where code goes that is complete.
        pins: Which versions may not be replaced now.
        own_folders: Returns the folders of code that this node did not get from others.
    """

    def __init__(self, store: Store, pins: Pins, own_folders: Callable[[], Sequence[Path]]) -> None:
        self._store = store
        self._pins = pins
        self._own_folders = own_folders
        self._receivings = Receivings()
        self._kept: dict[str, Manifest] = {}

    def offered(self, plain: Any) -> Plain:
        """Judge an offer; see ``CodeServer.offered``."""
        manifest = Manifest.from_plain(plain)
        manifest.check()
        self._pins.check(manifest.name, manifest.digest)
        if self._is_known(manifest):
            return KNOWN
        self._refuse_collisions(manifest)
        self._receivings.open(manifest)
        return SEND

    def received(self, plain: Any) -> Plain:
        """Take a chunk; see ``CodeServer.received``."""
        match plain:
            case {"name": str(name), "digest": str(digest), "index": index, "data": data}:
                if self._store.version(name) != digest:
                    self._receivings.of(name, digest).take(index, data)
                return TAKEN
        raise CodeRefused("a bundle", ["this chunk is none"])

    def installed(self, plain: Any, sender: str) -> Plain:
        """Put a bundle in force; see ``CodeServer.installed``."""
        match plain:
            case {"name": str(name), "digest": str(digest)}:
                if self._store.version(name) != digest:
                    self._install(name, digest)
                    _LOGGER.info("version %s of %s came from %s", digest[:12], name, sender)
                return INSTALLED
        raise CodeRefused("a bundle", ["this end is none"])

    def verify(self, name: str, digest: str) -> None:
        """Refuse to run a version that is not the one in force here.

        Raises:
            CodeRefused: There is another one, or the node's own files have changed since.
        """
        version = self._store.version(name)
        if version and version != digest:
            raise CodeRefused(name, [f"this node has version {version[:12]}, not {digest[:12]}"])
        kept = self._kept.get(name)
        if kept and not (kept.digest == digest and has_all(kept, self._own_folders())):
            raise CodeRefused(name, [f"this node's own files are not version {digest[:12]} now"])

    def close(self) -> None:
        """Forget what is under way."""
        self._receivings.clear()
        self._kept.clear()

    def _is_known(self, manifest: Manifest) -> bool:
        if self._store.version(manifest.name) == manifest.digest:
            return True
        if not has_all(manifest, self._own_folders()):
            return False
        # Its own version stays where it is; found first is what was sent.
        self._store.drop(manifest.name)
        self._kept[manifest.name] = manifest
        return True

    def _install(self, name: str, digest: str) -> None:
        receiving = self._receivings.of(name, digest)
        try:
            # A run may have begun, or a file come, since the offer.
            self._pins.check(name, digest)
            self._refuse_collisions(receiving.manifest)
            self._store.install(receiving.finish())
            self._kept.pop(name, None)
        finally:
            self._receivings.close(name, digest)

    def _refuse_collisions(self, manifest: Manifest) -> None:
        refuse(manifest.name, collisions(manifest, self._own_folders()))
