"""Which versions of code runs use; no other may take their place until the run has ended. Pure."""

from collections.abc import Mapping

from crowsg.errors import CodeVersionChanged


class Pins:
    """The digests in use, by run and name."""

    def __init__(self) -> None:
        self._runs: dict[str, dict[str, str]] = {}

    def check(self, name: str, digest: str) -> None:
        """Refuse another version of a name in use.

        Raises:
            CodeVersionChanged: A run uses another one.
        """
        for digests in self._runs.values():
            used = digests.get(name, digest)
            if used != digest:
                raise CodeVersionChanged(name, used, digest)

    def pin(self, digests: Mapping[str, str], run: str) -> None:
        """Note what a run uses, besides what it used before.

        Raises:
            CodeVersionChanged: Another version is in use; nothing was noted.
        """
        for name, digest in digests.items():
            self.check(name, digest)
        self._runs.setdefault(run, {}).update(digests)

    def release(self, run: str) -> None:
        """Forget what a run used; that it used nothing is no fault."""
        self._runs.pop(run, None)
